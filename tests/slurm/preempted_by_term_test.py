"""A site without preempt_send_user_signal: Slurm preempts by SIGTERM to the ranks (srun) or their daemons (mpirun), and the
job ends in the bits of the run that was left alone.
  preempted_by_term_test.py srun|mpirun"""
import sys

from slurm_run import SHORT, Clock, Cluster, Folder, Job, final, train

launcher = sys.argv[1]
clock = Clock()
with Folder() as folder, Cluster(launcher, "--no-user-signal") as cluster:
    clock("data, and the cluster is up")
    train(folder.config("whole"), 2, *SHORT)
    clock("uninterrupted, by mpirun")

    job = Job(folder.config("stopped"), *SHORT).trains()
    clock("from sbatch to its second step")
    cluster.preempt(job)
    clock("preempted and back in the queue")
    status = job.status()
    print(f"        {status['state']}, exit code {status['exit_code']}: {status['message']}")
    assert "by SIGUSR1" not in status["message"], status
    job.ends()
    clock("from the queue to the end")
    assert job.restarts() == 1, job.facts()
    assert final(job.dir) == final(folder.path / "whole"), job.said()
print(f"{launcher}: preempted by SIGTERM, the same bits")

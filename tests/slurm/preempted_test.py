"""Three preemptions by a job of a higher partition and one time limit: the bits of the run that was left alone.
  preempted_test.py srun|mpirun"""
import sys

from slurm_run import BINARY, LONG, Clock, Cluster, Folder, Job, final, run, train

launcher = sys.argv[1]
clock = Clock()
with Folder() as folder, Cluster(launcher) as cluster:
    clock("data, and the cluster is up")
    whole = folder.config("whole")
    train(whole, 2, *LONG)
    clock("uninterrupted, by mpirun")

    cluster.wait_before_limits(12)
    clock("waited")
    job = Job(folder.config("stopped"), *LONG, options=["--nodes=2", "--ntasks-per-node=1", "--time=1", "--signal=B:USR1@55"])
    job.trains()
    clock("from sbatch to its second step")
    job.until(lambda: job.restarts() == 1, "back in the queue before the time limit")
    clock("to USR1 before the time limit, saved and back in the queue")
    assert job.status()["message"].startswith("saved step ") and job.status()["exit_code"] == 75, job.status()
    run(["scontrol", "update", f"jobid={job.id}", "timelimit=60"])

    for number in (2, 3, 4):
        before = job.steps()
        job.trains(number)
        clock("from the queue to its second step")
        assert job.steps() > before
        cluster.preempt(job)
        clock("preempted, saved and back in the queue")
        assert job.status()["exit_code"] == 75, job.status()
        assert f"saved step {job.steps()}, asked to stop by SIGUSR1" in job.status()["message"], job.status()

    job.ends()
    clock("from the queue to the end")
    assert job.restarts() == 4 and job.attempts() == 5, job.said()
    assert launcher + " " in job.said().splitlines()[0], job.said()
    assert final(job.dir) == final(folder.path / "whole"), job.said()
    run([BINARY, "verify", job.dir])
print(f"{launcher}: three preemptions and a time limit, the same bits")

"""scancel ends a run that another job can go on with, to the bits of the run that was left alone.
  scancel_test.py srun|mpirun"""
import sys

from slurm_run import BINARY, SHORT, Clock, Cluster, Folder, Job, final, run, train

launcher = sys.argv[1]
clock = Clock()
with Folder() as folder, Cluster(launcher):
    clock("data, and the cluster is up")
    train(folder.config("whole"), 2, *SHORT)
    clock("uninterrupted, by mpirun")

    config = folder.config("cancelled")
    job = Job(config, *SHORT).trains()
    clock("from sbatch to its second step")
    job.until(lambda: job.steps() > 250, "a checkpoint")
    clock("to a checkpoint")
    run(["scancel", job.id])
    job.ends("CANCELLED")
    job.until(lambda: not run(["squeue", "--noheader", f"--jobs={job.id}"]).stdout, "gone")
    clock("from scancel to the end of the job")
    status, last = job.status(), job.steps()
    print(f"        step {last}: {status['state']}, exit code {status['exit_code']}: {status['message']}")
    assert job.restarts() == 0 and job.attempts() == 1, job.said()

    again = Job(config, *SHORT).ends()
    clock("the rest of it, by a new job")
    assert again.attempts() == 2 and "going on after step" in again.said(), again.said()
    assert final(job.dir) == final(folder.path / "whole"), again.said()
    run([BINARY, "verify", job.dir])
print(f"{launcher}: cancelled and submitted again, the same bits")

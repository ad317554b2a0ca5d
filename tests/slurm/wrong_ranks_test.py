"""Ranks that are not one job, or too many for the configuration: refused by one line that says what to type, before
anything is written."""
from slurm_run import BINARY, ENVIRONMENT, Clock, Cluster, Folder, Job, run


def refused(config, command, *phrases, code):
    said = run([*command, BINARY, "train", "--config", config], code=code).stderr
    errors = [line for line in said.splitlines() if line.startswith("bsft: error: ")]
    assert len(errors) == 1 and all(phrase in errors[0] for phrase in phrases), said
    assert not config.with_suffix("").exists(), list(config.with_suffix("").iterdir())
    print(errors[0])


clock = Clock()
with Folder() as folder:
    config = folder.config("refused")
    three = ["srun", "--nodes=3", "--ntasks-per-node=1"]
    alone = ["MPI sees 1 rank where the launcher started 3", "type srun --mpi=pmix bsft train", "mpirun -np 3 bsft train"]
    for launcher, plugins in (("srun", ["none", "pmi2"]), ("mpirun", ["none", "pmi2"])):
        with Cluster(launcher):
            for plugin in plugins:
                refused(config, [*three, f"--mpi={plugin}"], *alone, "SLURM_STEP_NUM_TASKS=3", code=69)
                clock(f"srun --mpi={plugin}, {launcher} being right")
            if launcher == "srun":
                refused(config, [*three, "--mpi=pmix"], "3", "parallel.lanes", code=64)
                clock("three ranks for four lanes")

            job = Job(config, options=["--nodes=3", "--ntasks-per-node=1"]).ends("FAILED")
            clock("three ranks for four lanes, by sbatch")
            assert job.facts()["ExitCode"] == "64:0" and job.restarts() == 0 and job.attempts() == 1, job.facts()
            assert job.said().count("bsft: error: ") == 1 and "parallel.lanes" in job.said(), job.said()
            assert not job.dir.exists()
print("wrong ranks are named")

"""Ranks that are not one job, or too many for the configuration: refused by one line that says what to type, before
anything is written."""
from slurm_run import BINARY, Clock, Cluster, Folder, Job, run


def refused(config, command, *phrases, code):
    said = run([*command, BINARY, "train", "--config", config], code=code).stderr
    errors = [line for line in said.splitlines() if line.startswith("bsft: error: ")]
    assert len(set(errors)) == 1 and all(phrase in errors[0] for phrase in phrases), said
    assert not config.with_suffix("").exists(), list(config.with_suffix("").iterdir())
    print(errors[0])


THREE = ["--nodes=3", "--ntasks-per-node=1"]
ALONE = [["MPI sees 1 rank where the launcher started 3", "SLURM_STEP_NUM_TASKS=3", "type srun --mpi=pmix bsft train",
          "mpirun -np 3 bsft train"],
         ["MPI sees 1 rank where the launcher started 3", "PMI_SIZE=3", "mpirun -np 3 bsft train"]]
# Open MPI 4 ends by itself where srun gives it no PMI; as another library, which starts jobs of one rank, without this:
ANOTHER_MPI = ["env", "--unset=SLURM_NODELIST"]

clock = Clock()
with Folder() as folder:
    for launcher in ("srun", "mpirun"):
        config = folder.config(f"refused_by_{launcher}")
        with Cluster(launcher):
            for plugin in ("none", "pmi2") if launcher == "srun" else ():
                said = run(["srun", *THREE, f"--mpi={plugin}", BINARY, "train", "--config", config], code=1).stderr
                assert "direct launched using \"srun\"" in said and not config.with_suffix("").exists(), said
                refused(config, ["srun", *THREE, f"--mpi={plugin}", *ANOTHER_MPI], *ALONE[plugin == "pmi2"], code=69)
                clock(f"srun --mpi={plugin}")

            job = Job(config, options=THREE).ends("FAILED")
            clock(f"three ranks for four lanes, {launcher} by sbatch")
            assert job.facts()["ExitCode"] == "78:0" and job.restarts() == 0 and job.attempts() == 1, job.said()
            assert job.said().count("bsft: error: ") == 1 and "parallel.lanes" in job.said(), job.said()
            assert not job.dir.exists()
print("wrong ranks are named")

"""bsft submit on a real Slurm: what it refuses is not in the queue; a job it submits ends with its results, its evaluator
rank on a node of its own; submitted again there is nothing left to do.  The environment of each attempt is kept.  A
checkpoint is scored by a job of slurm/evaluate.sbatch."""
import json
import subprocess
import time

from slurm_run import BINARY, ENVIRONMENT, Cluster, Clock, Folder, final, run, train

SCORED = ["--set", "evaluate.suites=[full]", "--set", "evaluate.max_records=40"]


def submitted(config, *words):
    """Its id, once it has left the queue."""
    said = run([BINARY, "submit", config, *words]).stdout
    job = said.split()[1].rstrip(":")
    while subprocess.run(["squeue", "-h", "-j", job], env=ENVIRONMENT, capture_output=True, text=True).stdout:
        time.sleep(0.2)
    return job


with Cluster("srun"), Folder() as folder:
    clock = Clock()
    config = folder.config("alone")
    for code, words in ((64, ["--partition", "nope"]), (64, ["--nodes", "4"]), (78, ["--tasks-per-node", "3"]),
                        (74, ["--set", "run.dir=/proc/x"]), (78, ["--set", "run.sed=1"])):
        refused = run([BINARY, "submit", config, *words], code=code)
        assert refused.stderr.count("\n") == 1 and refused.stderr.startswith("bsft: error: "), refused.stderr
    assert run(["squeue", "--noheader"]).stdout == ""
    assert not (folder.path / "alone").exists()
    clock("five refusals")

    whole = folder.config("whole")
    train(whole, 2)
    job = submitted(config, "--nodes", "2")
    run_dir = folder.path / "alone"
    log = (run_dir / f"tiny-{job}.out").read_text()
    assert "attempt 1: srun" in log and "--mpi=pmix" in log, log
    assert final(run_dir) == final(folder.path / "whole")
    kept = json.loads((run_dir / "environment.jsonl").read_text())["variables"]
    assert (kept["SLURM_JOB_ID"], kept["SLURM_JOB_NUM_NODES"]) == (job, "2") and "PATH" not in kept, kept
    clock("two ranks on two nodes: the bits of mpirun")

    submitted(config, "--nodes", "2")
    assert len((run_dir / "environment.jsonl").read_text().splitlines()) == 2
    assert final(run_dir) == final(folder.path / "whole")
    clock("submitted again")

    job = submitted(folder.config("apart"), "--tasks-per-node", "2", "--evaluator-node", *SCORED)
    run_dir = folder.path / "apart"
    ranks = json.loads((run_dir / "ranks.json").read_text())
    assert [rank["role"] for rank in ranks] == ["trainer", "trainer", "evaluator"], ranks
    assert ranks[0]["host"] == ranks[1]["host"] != ranks[2]["host"], ranks
    assert json.loads((run_dir / "status.json").read_text())["state"] == "done"
    assert json.loads((run_dir / "results.json").read_text())["final"]["step"] == 12
    clock("an evaluator rank on a node of its own")

    out = folder.path / "scored.json"
    run(["sbatch", "--wait", f"--output={folder.path}/scored.out", "slurm/evaluate.sbatch", "--model",
         run_dir / "checkpoints" / "step-00000012", "--data", folder.data, "--max-records", "40", "--out", out])
    assert json.loads(out.read_text())["suites"]["full"]
    clock("a checkpoint")
print("submitted, refused, apart, again")

"""README's section on clusters, line by line, on a real Slurm: a user's checkout with small configurations of the names
that stand there."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from slurm_run import BINARY, ENVIRONMENT, LATE, Clock, Cluster, Folder, run
from tiny_run import CONFIG

ROOT = pathlib.Path(__file__).parents[2]


def lines_of_readme():
    section = (ROOT / "README.md").read_text().split("\n## On a cluster\n")[1]
    return [line.split(" #")[0].strip() for line in section.split("```")[1].strip().splitlines()]


def small(name, data, more):
    text = CONFIG.format(run=f"runs/{name}", data=data).replace("name: tiny", f"name: {name}")
    for old, new in {"suites: []": "suites: [full], max_records: 40, policy: wait", **more}.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def checkout(folder):
    """The tree of a user who has built it, with data."""
    root = folder.path / "checkout"
    shutil.copytree(ROOT / "configs", root / "configs")
    shutil.copytree(ROOT / "slurm", root / "slurm")
    (root / "build/release").mkdir(parents=True)
    os.symlink(BINARY, root / "build/release/bsft")
    data = root / "runs/data"
    data.mkdir(parents=True)
    for name, words in (("quickstart", []), ("paper_table", ["--contrast"])):
        run([BINARY, "data", "generate", "--cases", 40, *words, "--out", data / f"{name}.jsonl"])
        run([BINARY, "data", "build", "--records", data / f"{name}.jsonl", "--model", "configs/tiny", "--out", data / f"{name}.h5"])
    evaluator = {"evaluator_ranks: 0": "evaluator_ranks: 1"}
    (root / "configs/my.yaml").write_text(small("my", "runs/data/quickstart.h5", evaluator))
    (root / "configs/quickstart.yaml").write_text(small("quickstart", "runs/data/quickstart.h5", evaluator))
    table = root / "configs/sweeps/paper_table.yaml"
    table.write_text(re.sub(r"train.max_steps: \[\d+\]", "train.max_steps: [12]", table.read_text()))
    return root


def jobs_end():
    deadline = time.monotonic() + 3 * LATE
    while subprocess.run(["squeue", "--noheader"], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout:
        assert time.monotonic() < deadline, "jobs are still in the queue"
        time.sleep(0.2)


def status_of(run_dir):
    return json.loads((run_dir / "status.json").read_text())["state"]


with Folder() as folder, Cluster("srun"):
    clock = Clock()
    root = checkout(folder)
    ENVIRONMENT.pop("BSFT")  # the checkout's own
    ENVIRONMENT["PATH"] = f"{root}/build/release:{ENVIRONMENT['PATH']}"
    clock("a checkout with data")

    def type_in(line):
        return run(["bash", "-c", line], cwd=root).stdout

    def states(sweep):
        return json.loads(type_in(f"bsft sweep status configs/sweeps/{sweep}.yaml --json"))["counts"]

    seen = []
    for line in lines_of_readme():
        words = line.split()
        what = words[0] if words[0] == "sbatch" else " ".join(words[1:3] if words[1] == "sweep" else words[1:2])
        if what == "sweep submit":  # there is something left
            done = sorted((root / "runs/loss_weight").glob("*/results.json"))
            assert len(done) == 8, done
            for results in done[:2]:
                shutil.rmtree(results.parent)
        if what == "sweep report":
            type_in(line.split("report")[0] + "run " + words[3] + " --ranks 3")
        out = type_in(line)
        jobs_end()
        if line.endswith("--print"):
            assert out.startswith("#!/usr/bin/env bash\n"), out
        elif what in ("submit", "sbatch"):
            assert out.startswith("job " if what == "submit" else "Submitted batch job "), out
            assert status_of(root / "runs/my") == "done", line
        elif what == "sweep plan":
            assert "8 runs: 8 waiting" in out, out
        elif what in ("sweep run", "sweep submit"):
            assert states("loss_weight") == {"waiting": 0, "running": 0, "done": 8, "failed": 0}, out
            assert what == "sweep run" or ": 2 runs, 4 at a time" in out, out
        elif what == "sweep status":
            assert "8 runs: 0 waiting, 0 running, 8 done, 0 failed" in out, out
        elif what == "sweep report":
            assert "against" in out and (root / "runs/paper_table/report.html").exists(), out
        else:
            raise AssertionError(f"nothing is looked at after: {line}")
        seen.append(what)
        clock(line)
    assert {"submit", "sbatch", "sweep plan", "sweep run", "sweep submit", "sweep status", "sweep report"} == set(seen), seen
print(f"{len(seen)} lines of README")

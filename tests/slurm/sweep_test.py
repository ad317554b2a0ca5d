"""The paper's table as an array on a real Slurm: killed in the middle and submitted again, nothing is run twice, nothing is missing;
preempted and requeued tasks go on; the report comes last; what would not start is refused before it is submitted.
  sweep_test.py srun|mpirun"""
import json
import os
import pathlib
import shlex
import sys
import time

from slurm_run import BINARY, LATE, Clock, Cluster, Folder, json_lines, run

launcher = sys.argv[1]
clock = Clock()
STEPS, RUNS = 60, 12  # of four arms, three seeds


def facts(job):
    text = run(["scontrol", "--oneliner", "show", "job", job]).stdout
    return [dict(word.split("=", 1) for word in shlex.split(line) if "=" in word) for line in text.splitlines() if line]


def until(holds, what):
    deadline = time.monotonic() + 3 * LATE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


with Folder() as folder, Cluster(launcher) as cluster:
    os.environ.pop("BSFT", None)
    root = folder.path
    records, data = root / "contrast.jsonl", root / "contrast.h5"
    run([BINARY, "data", "generate", "--out", records, "--cases", 30, "--contrast"])
    run([BINARY, "data", "build", "--records", records, "--model", "configs/tiny", "--out", data])
    base = folder.config("base").read_text().replace("suites: []", "suites: [full], every: 100")
    (root / "base.yaml").write_text(base.replace("configs/tiny", os.path.abspath("configs/tiny")))
    sweep = root / "table.yaml"
    # The paper's table as it is committed, with small runs.
    text = (pathlib.Path("configs/sweeps/paper_table.yaml").read_text()
            .replace("../quickstart.yaml", "base.yaml").replace("runs/data/paper_table.h5", str(data))
            .replace("train.max_steps: [1500]", f"train.max_steps: [{STEPS}]"))
    assert str(data) in text and f"[{STEPS}]" in text and "base: base.yaml" in text, text
    first = text.count("\n", 0, text.index("\nseeds:")) + 2
    text += "slurm: {partition: low, tasks_per_node: 2, array_parallelism: 2, time: '00:10:00', signal_seconds: 30}\n"
    sweep.write_text(text)

    def bsft(*words, code=0):
        return run([BINARY, "sweep", *words], code=code, cwd=root)

    def status():
        return json.loads(bsft("status", "table.yaml", "--json").stdout)

    def attempts(one, event):
        return [line for line in json_lines(root / "runs/table/arms" / f"{one}.jsonl") if line["event"] == event]

    def refused(change, line, code):
        sweep.write_text(change(text))
        errors = bsft("submit", "table.yaml", code=code).stderr
        assert errors.count("bsft: error: ") == 1 and line in errors, errors
        assert not run(["squeue", "--noheader"]).stdout, "it was submitted"
        sweep.write_text(text)

    clock("data, and the cluster is up")
    refused(lambda t: t.replace("partition: low", "partition: gpu"), "Slurm refuses the job", 64)
    refused(lambda t: t.replace("\nseeds:", "\nsedes:"), f"table.yaml:{first}:1: unknown key sedes", 78)
    refused(lambda t: t.replace("tasks_per_node: 2", "tasks_per_node: 3"), "3 trainer ranks cannot share 4 lanes", 78)
    refused(lambda t: t.replace("partition: low", "setup: [true]"), "setup (it runs programs, which a sweep may not)", 78)
    clock("refused")

    def submit():
        lines = bsft("submit", "table.yaml").stdout.splitlines()
        return [line.split()[1].rstrip(":") for line in lines if line.startswith("job ")], lines

    (array, report), said = submit()
    assert said[0] == f"job {array}: {RUNS} runs, 2 at a time", said
    until(lambda: status()["counts"]["done"] >= 1 and status()["counts"]["running"] >= 1, "one is done, one runs")
    assert sum(one["JobState"] == "RUNNING" for one in facts(array)) <= 2
    run(["scancel", array, report])
    until(lambda: not run(["squeue", "--noheader"]).stdout, "all is cancelled")
    clock("killed in the middle")
    before = status()
    done = {one["id"] for one in before["runs"] if one["state"] == "done"}
    assert 0 < len(done) < RUNS, before

    (array, report), said = submit()
    assert said[0] == f"job {array}: {RUNS - len(done)} runs, 2 at a time", said
    until(lambda: any(one["JobState"] == "RUNNING" for one in facts(array)) and status()["counts"]["running"] >= 1, "running again")
    restarts = sum(int(one["Restarts"]) for one in facts(array))
    run(["srun", "--partition=high", "--nodes=3", "--exclusive", "true"])
    until(lambda: sum(int(one["Restarts"]) for one in facts(array)) > restarts, "preempted and back in the queue")
    clock("preempted")
    until(lambda: (root / "runs/table/comparison.full.json").exists(), "the report")
    clock("to the report")

    after = status()
    assert after["counts"] == {"waiting": 0, "running": 0, "done": RUNS, "failed": 0}, after
    for one in after["runs"]:
        steps = [line["step"] for line in json_lines(root / one["folder"] / "metrics.jsonl")]
        assert steps == list(range(1, STEPS + 1)), (one["id"], steps)
        ends = [line["exit_code"] for line in attempts(one["id"], "ended")]
        assert ends.count(0) == 1 and ends[-1] == 0 and set(ends) <= {0, 75}, (one["id"], ends)
    for one in before["runs"]:
        if one["id"] in done:
            assert len(attempts(one["id"], "ended")) == 1, one
    assert "selection against sft: " in next((root / "runs/table").glob("table-report-*.out")).read_text()
    assert "nothing is left to submit" in bsft("submit", "table.yaml").stdout
print(f"{launcher}: an array of {RUNS} runs, killed, submitted again, preempted: nothing twice, nothing missing")

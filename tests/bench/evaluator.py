#!/usr/bin/env python3
"""What evaluators that are killed or stopped take of training's throughput; prints one JSON line.

  tests/bench/run.sh evaluator [--ranks N] [--steps N] [--every N] [--rounds N] [--cases N] [--only CASE…]

The same run in turns, by round: `alone` (nothing is scored before the end), `beside` (an evaluator rank that nobody
disturbs), `children` (every scoring child is killed while training goes on), `killed` (the evaluator rank is killed after
a few steps) and `stopped` (SIGSTOP, to the rank).  Steps a second are those of the wall clock between the first and the
last step; `of_beside` is a round's rate over its `beside`: the mean over the rounds and, from two rounds on, its 95 %
interval.  lost_steps counts steps that metrics.jsonl lacks or has twice; rows is whether each checkpoint has exactly one.
Where there are cores enough, each rank is bound to one and this program keeps to the evaluator's; else the figures say
how cores are shared.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import scipy.stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/launch"))
from live_run import json_lines, last_step  # noqa: E402

BSFT = ROOT / os.environ.get("BSFT_BUILD", "build/release") / "bsft"
CASES = ("alone", "beside", "children", "killed", "stopped")


def run(*words):
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words[:3]}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")


def children_of(pid):
    return [int(x) for x in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def once(given, folder, case):
    out = folder / case
    shutil.rmtree(out, ignore_errors=True)
    config = folder / f"{case}.yaml"
    evaluators = 0 if case == "alone" else 1
    config.write_text(f"""
run: {{name: evaluator, dir: {out}}}
model: {{path: {given.model}, init: random}}
data: {{file: {folder / 'data.h5'}, group_size: 8}}
train: {{global_batch_size: 32, max_steps: {given.steps}}}
parallel: {{lanes: 8, evaluator_ranks: {evaluators}, hang_seconds: {given.hang}}}
checkpoint: {{every: {given.every}}}
evaluate: {{suites: [full], max_records: 64, every: {1000000 if case == 'alone' else 1}}}
log: {{level: quiet}}
""")
    bound = {"OMPI_MCA_hwloc_base_binding_policy": "core"} if given.bound else {}
    process = subprocess.Popen(["mpirun", "-np", str(given.ranks + evaluators), str(BSFT), "train", "--config", str(config)],
                               cwd=ROOT, env={**os.environ, **bound}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, preexec_fn=lambda: os.sched_setaffinity(0, given.cores))
    seen, first, disturbed = 0, None, False
    times = {}
    while process.poll() is None:
        seen = last_step(out / "metrics.jsonl")
        if seen and seen not in times:
            times[seen] = time.monotonic()
        if case in ("children", "killed", "stopped") and 2 <= seen < given.steps:
            evaluator = json.loads((out / "ranks.json").read_text())[-1]["pid"]
            if case == "children":
                for child in children_of(evaluator):
                    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                        os.kill(child, signal.SIGKILL)
            elif not disturbed:
                os.kill(evaluator, signal.SIGKILL if case == "killed" else signal.SIGSTOP)
                disturbed = True
        time.sleep(0.02)
    status = json.loads((out / "status.json").read_text())
    if status["state"] not in ("done", "trained"):
        raise SystemExit(f"{case}: {status}\n{process.stderr.read()}")
    first, last = min(times), max(times)
    steps = [line["step"] for line in json_lines(out / "metrics.jsonl")]
    rows = [line["step"] for line in json_lines(out / "evaluations.jsonl")]
    return {"rate": (last - first) / (times[last] - times[first]),
            "lost_steps": len(set(range(1, given.steps + 1)) ^ set(steps)) + len(steps) - len(set(steps)),
            "rows": sorted(rows) == sorted({0, given.steps, *range(0, given.steps, given.every)})}


def interval(ratios):
    mean = statistics.mean(ratios)
    if len(ratios) < 2:
        return [round(mean, 4)]
    half = scipy.stats.t.ppf(0.975, len(ratios) - 1) * statistics.stdev(ratios) / len(ratios) ** 0.5
    return [round(x, 4) for x in (mean, mean - half, mean + half)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="configs/tiny")
    parser.add_argument("--ranks", type=int, default=2, help="that train")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hang", type=int, default=10, help="parallel.hang_seconds")
    parser.add_argument("--cases", type=int, default=60, help="of the data")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, help="of the cases, beside `beside`")
    given = parser.parse_args()
    cases = [case for case in CASES if case == "beside" or case in given.only]
    given.cores = sorted(os.sched_getaffinity(0))
    given.bound = given.ranks < len(given.cores)
    if given.bound:
        os.sched_setaffinity(0, {given.cores[given.ranks]})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bsft_evaluator_", dir=os.environ.get("TMPDIR", ROOT / "build")))
    try:
        run(BSFT, "data", "generate", "--out", folder / "records.jsonl", "--cases", given.cases)
        run(BSFT, "data", "build", "--records", folder / "records.jsonl", "--model", given.model, "--out", folder / "data.h5")
        found = [{case: once(given, folder, case) for case in cases} for _ in range(given.rounds)]
    finally:
        shutil.rmtree(folder)
    print(json.dumps({
        "benchmark": "evaluator", "ranks": given.ranks, "bound": given.bound, "steps": given.steps, "rounds": given.rounds,
        "steps_per_second": {c: round(statistics.median(r[c]["rate"] for r in found), 3) for c in cases},
        "of_beside": {c: interval([r[c]["rate"] / r["beside"]["rate"] for r in found]) for c in cases},
        "lost_steps": sum(r[c]["lost_steps"] for r in found for c in cases),
        "rows": all(r[c]["rows"] for r in found for c in cases)}))


if __name__ == "__main__":
    main()

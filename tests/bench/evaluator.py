#!/usr/bin/env python3
"""What evaluators that are killed or stopped take of training's time; prints one JSON line.

  tests/bench/run.sh evaluator [--ranks N] [--window N] [--pairs N] [--kills N] [--only CASE…]

A run is cut into windows of so many steps, each with one checkpoint, that come in pairs of neighbours, in random order:
in one of the two the evaluator is left alone, in the other it is not.
  children  every scoring child is killed
  stopped   the evaluator rank has SIGSTOP, until the window ends
  killed    the evaluator rank is killed: once a run, so a run is one pair, of windows four times as long (--kills runs)
cost: seconds a token disturbed over undisturbed less 1, the mean over pairs with its 95 % interval (Student's t); both
windows see the same machine, one after the other.  lost_steps counts steps that metrics.jsonl lacks or has twice; rows is whether
each checkpoint has exactly one.  Where there are cores enough, each rank is bound to one and this program keeps to the
evaluator's; `bound` says so.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
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
CASES = ("children", "stopped", "killed")
WARM = 2  # windows at the start that no pair has


def run(*words):
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words[:3]}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")


def children_of(pid):
    return [int(x) for x in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


class Evaluator:
    """The evaluator rank of a run, and what is done to it."""

    def __init__(self, run_dir, case):
        self.case = case
        self.pid = json.loads((run_dir / "ranks.json").read_text())[-1]["pid"]

    def signal(self, pid, number):
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, number)

    def begin(self):
        if self.case != "children":
            self.signal(self.pid, signal.SIGSTOP if self.case == "stopped" else signal.SIGKILL)

    def look(self):
        if self.case == "children":
            for child in children_of(self.pid):
                self.signal(child, signal.SIGKILL)

    def end(self):
        if self.case == "stopped":
            self.signal(self.pid, signal.SIGCONT)


def once(given, folder, case, disturbed):
    """disturbed: of each window, whether.  Seconds a token of each window, lost steps, whether the rows are right."""
    out = folder / case
    shutil.rmtree(out, ignore_errors=True)
    config = folder / f"{case}.yaml"
    steps = given.window * len(disturbed)
    config.write_text(f"""
run: {{name: evaluator, dir: {out}}}
model: {{path: {given.model}, init: random}}
data: {{file: {folder / 'data.h5'}, group_size: 8}}
train: {{global_batch_size: 32, max_steps: {steps}, num_epochs: 1000000}}
parallel: {{lanes: 8, evaluator_ranks: 1, hang_seconds: {given.hang}}}
checkpoint: {{every: {given.window}}}
evaluate: {{suites: [full], max_records: 64}}
log: {{level: quiet}}
""")
    bound = {"OMPI_MCA_hwloc_base_binding_policy": "core"} if given.bound else {}
    process = subprocess.Popen(["mpirun", "-np", str(given.ranks + 1), str(BSFT), "train", "--config", str(config)],
                               cwd=ROOT, env={**os.environ, **bound}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, preexec_fn=lambda: os.sched_setaffinity(0, given.cores))
    evaluator, window = None, 0
    ends = {}  # window: when its last step was seen
    while process.poll() is None:
        now = last_step(out / "metrics.jsonl") // given.window
        if now > 0 and evaluator is None:
            evaluator = Evaluator(out, case)
        for passed in range(window, now):
            ends[passed] = time.monotonic()
            if disturbed[passed] and (passed + 1 == len(disturbed) or not disturbed[passed + 1]):
                evaluator.end()
        if now != window and now < len(disturbed) and disturbed[now] and not disturbed[now - 1]:
            evaluator.begin()
        window = now
        if 0 < window < len(disturbed) and disturbed[window]:
            evaluator.look()
        time.sleep(0.005)
    status = json.loads((out / "status.json").read_text())
    if status["state"] not in ("done", "trained"):
        raise SystemExit(f"{case}: {status}\n{process.stderr.read()}")
    lines = json_lines(out / "metrics.jsonl")
    seen = [line["step"] for line in lines]
    tokens = [sum(line["unique_tokens"] for line in lines[w * given.window:(w + 1) * given.window])
              for w in range(len(disturbed))]
    rows = [line["step"] for line in json_lines(out / "evaluations.jsonl")]
    return {"seconds": {w: (ends[w] - ends[w - 1]) / tokens[w] for w in range(1, len(disturbed)) if w in ends and w - 1 in ends},
            "lost_steps": len(set(range(1, steps + 1)) ^ set(seen)) + len(seen) - len(set(seen)),
            "rows": sorted(rows) == list(range(0, steps + 1, given.window))}


def ratios(seconds, disturbed):
    """Of each pair of windows: disturbed over undisturbed."""
    result = []
    for first in range(WARM, len(disturbed) - 1, 2):
        pair = {disturbed[w]: seconds.get(w) for w in (first, first + 1)}
        if all(pair.values()):
            result.append(pair[True] / pair[False])
    return result


def interval(values):
    mean = statistics.mean(values)
    if len(values) < 2:
        return [round(mean, 4)]
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return [round(float(x), 4) for x in (mean, mean - half, mean + half)]


def measure(given, folder, case):
    calm = [False] * WARM
    if case == "killed":
        given = argparse.Namespace(**{**vars(given), "window": 4 * given.window})
        plans = [calm + [False, True]] * given.kills
    else:
        order = random.Random(given.seed)
        plans = [calm + [side for _ in range(given.pairs) for side in order.choice(((False, True), (True, False)))]]
    found, costs = [], []
    for number, plan in enumerate(plans):
        found.append(once(given, folder, case, plan))
        costs += [ratio - 1 for ratio in ratios(found[-1]["seconds"], plan)]
        print(f"evaluator: {case}: run {number + 1} of {len(plans)}, cost {interval(costs)}", file=sys.stderr)
    return {"cost": interval(costs), "pairs": len(costs), "lost_steps": sum(f["lost_steps"] for f in found),
            "rows": all(f["rows"] for f in found)}


def main():
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="configs/tiny")
    parser.add_argument("--ranks", type=int, default=max(1, len(cores) - 1), help="that train")
    parser.add_argument("--window", type=int, default=20, help="steps")
    parser.add_argument("--pairs", type=int, default=60, help="of windows, of children and stopped each")
    parser.add_argument("--kills", type=int, default=30, help="runs of killed")
    parser.add_argument("--hang", type=int, default=10, help="parallel.hang_seconds")
    parser.add_argument("--cases", type=int, default=60, help="of the data")
    parser.add_argument("--seed", type=int, default=1, help="of the order within pairs")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES)
    given = parser.parse_args()
    given.cores, given.bound = cores, given.ranks < len(cores)
    if given.bound:
        os.sched_setaffinity(0, {cores[given.ranks]})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bsft_evaluator_", dir=os.environ.get("TMPDIR", ROOT / "build")))
    try:
        run(BSFT, "data", "generate", "--out", folder / "records.jsonl", "--cases", given.cases)
        run(BSFT, "data", "build", "--records", folder / "records.jsonl", "--model", given.model, "--out", folder / "data.h5")
        found = {case: measure(given, folder, case) for case in given.only}
    finally:
        shutil.rmtree(folder)
    print(json.dumps({"benchmark": "evaluator", "ranks": given.ranks, "bound": given.bound, "window": given.window, **found}))


if __name__ == "__main__":
    main()

"""Whole mpirun jobs are killed at random moments, start-up and saves included, and resumed on a random number of ranks
and stage of ZeRO, until a run is through: no resume is a wrong one, that is, in the end the SHA-256 of every file is that
of a run that nobody killed, and each step was logged once.
  kills_test.py [--kills N] [--seed S] [--clock libclock_shift.so]       with --clock the ranks' clocks are ten years apart
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT, Folder, digests, metrics, steps_of, train, train_command

STEPS = 60
MORE = ["--set", f"train.max_steps={STEPS}", "--set", "checkpoint.every=1", "--set", "parallel.lanes=4",
        "--set", "train.max_tokens_per_pass=512"]  # a save a step: many kills meet one


def descendants(pid):
    """Of a process, which may be gone."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def kill_all(process):
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def last(run_dir):
    return run_dir / "checkpoints" / f"step-{STEPS:08d}"


def attempt(config, random_, seconds):
    """Starts or resumes the run and kills it after a random part of `seconds`.  Returns whether it was killed."""
    ranks, zero = random_.choice([1, 2, 4]), random_.choice([0, 1, 2, 3])
    process = subprocess.Popen(train_command(config, ranks, "--resume", "auto", "--set", f"parallel.zero={zero}", *MORE),
                               env=ENVIRONMENT, start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    try:
        _, errors = process.communicate(timeout=random_.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        kill_all(process)
        return True
    assert process.returncode == 0, f"exit {process.returncode} on {ranks} ranks: {errors}"
    return False


parser = argparse.ArgumentParser()
parser.add_argument("--kills", type=int, default=500)
parser.add_argument("--seed", type=int, default=int(time.time()))
parser.add_argument("--clock", help="the library that shifts the clocks")
arguments = parser.parse_args()
print("seed:", arguments.seed, flush=True)
random_ = random.Random(arguments.seed)

with Folder() as folder:
    whole = folder.config("whole")
    started = time.monotonic()
    train(whole, 2, *MORE)
    seconds = time.monotonic() - started
    want, logged = digests(last(folder.path / "whole")), metrics(folder.path / "whole")
    if arguments.clock:
        ENVIRONMENT.update(LD_PRELOAD=arguments.clock, CLOCK_SHIFT=str(10 * 365 * 86400))
    kills = runs = 0
    while kills < arguments.kills:
        config = folder.config("killed")
        while attempt(config, random_, seconds) and kills < arguments.kills:
            kills += 1
            if sys.stderr.isatty() or kills % 50 == 0:
                print(f"{kills} kills, {runs} runs through", file=sys.stderr, flush=True)
        if kills == arguments.kills:
            train(config, 2, "--resume", "auto", *MORE)
        run_dir = folder.path / "killed"
        assert digests(last(run_dir)) == want, f"after {kills} kills, seed {arguments.seed}"
        assert metrics(run_dir) == logged, f"after {kills} kills, seed {arguments.seed}"
        assert steps_of(run_dir)[-1] == STEPS
        runs += 1
        shutil.rmtree(run_dir)
print(f"{kills} kills of whole jobs, {runs} runs through: 0 wrong resumes")

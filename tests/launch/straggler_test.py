"""A rank that is stopped most of the time is a warning and an event that name it, within three windows of ten seconds or
so, and the job goes on."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT, Folder, train_command


def lines(file):
    return file.read_text().splitlines() if file.exists() else []


def stragglers(run_dir):
    events = [json.loads(line) for line in lines(run_dir / "events.jsonl")]
    return [event for event in events if event["event"] == "straggler"]


with Folder() as folder:
    run_dir = folder.path / "dragged"
    errors = folder.path / "errors"
    command = train_command(folder.config("dragged"), 2, "--set=train.max_steps=1000000", "--set=checkpoint.every=0")
    with errors.open("w") as stream:
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=stream)
    try:
        while len(lines(run_dir / "metrics.jsonl")) < 5:
            assert process.poll() is None, errors.read_text()
            time.sleep(0.05)
        pid = next(one["pid"] for one in json.loads((run_dir / "ranks.json").read_text()) if one["rank"] == 1)
        start = time.monotonic()
        while not stragglers(run_dir):
            assert process.poll() is None, errors.read_text()
            assert time.monotonic() - start < 150, errors.read_text()
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.03)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
        seconds = time.monotonic() - start
        steps = len(lines(run_dir / "metrics.jsonl"))
        while len(lines(run_dir / "metrics.jsonl")) < steps + 20:
            assert process.poll() is None, errors.read_text()
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait()
    event = stragglers(run_dir)[0]
    assert event["rank"] == 1 and event["score"] < 0.75, event
    said = errors.read_text()
    assert re.search(r"warning: trainer rank 1 on \S+ \(pid \d+\) works at 0\.\d\d of the fastest", said), said
    assert "bsft: error" not in said, said
    print(f"named after {seconds:.0f} s, score {event['score']:.2f}")

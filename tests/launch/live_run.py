"""A run that a test signals while it is under way: its steps, its ranks, how it ends."""
import json
import os
import subprocess
import sys
import time
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT, sha256

LATE = 60  # s, for a busy machine


def until(holds, what, process=None):
    deadline = time.monotonic() + LATE
    while not holds():
        assert process is None or process.poll() is None, f"it ended before: {what}"
        assert time.monotonic() < deadline, f"not within {LATE} s: {what}"
        time.sleep(0.005)


def json_lines(file):
    """Of a file that is being written: its last line may be half there, or all of it still to come."""
    return [json.loads(line) for line in file.read_text().split("\n")[:-1]] if file.exists() else []


def last_step(file):
    """Of a metrics.jsonl that is being written, 0 before its first line; cheaply, as it is asked all the time."""
    if not file.exists():
        return 0
    with file.open("rb") as lines:
        lines.seek(max(0, os.fstat(lines.fileno()).st_size - (16 << 10)))  # some lines
        whole = lines.read().split(b"\n")[:-1]
    return json.loads(whole[-1])["step"] if whole else 0


class LiveRun:
    """`command` in the background, which trains into `run_dir`."""

    def __init__(self, command, run_dir, log):
        self.dir = run_dir
        self.before = self.ranks_written()
        self.errors = log.open("w+")
        self.process = subprocess.Popen([str(word) for word in command], env=ENVIRONMENT, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors)

    def ranks_written(self):
        file = self.dir / "ranks.json"
        return file.stat().st_mtime_ns if file.exists() else 0

    def last_step(self):
        return last_step(self.dir / "metrics.jsonl")

    def trains(self, more=2):
        """Returns once this very attempt has done some steps."""
        until(lambda: self.ranks_written() != self.before, "ranks.json", self.process)
        first = self.last_step()
        until(lambda: self.last_step() >= first + more, f"{more} steps", self.process)
        return self

    def pid(self, rank):
        return next(one["pid"] for one in json.loads((self.dir / "ranks.json").read_text()) if one["rank"] == rank)

    def signal(self, number, *ranks):
        """To the launcher, or to these ranks alone."""
        for pid in [self.pid(rank) for rank in ranks] or [self.process.pid]:
            os.kill(pid, number)
        self.at = time.monotonic()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def ends(self, code=None):
        """Seconds since the signal."""
        try:
            found = self.process.wait(LATE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still there after {LATE} s:\n{self.said()}") from None
        assert code is None or found == code, (found, self.said())
        return time.monotonic() - self.at

    def status(self):
        return json.loads((self.dir / "status.json").read_text())

    def saved(self, name):
        """status.json, the checkpoint and the line agree."""
        status = self.status()
        assert (status["state"], status["exit_code"]) == ("stopped", 75), (status, self.said())
        step = status["step"]
        assert status["message"] == f"saved step {step}, asked to stop by {name}: start again with --resume auto", status
        assert f"bsft: {status['message']}\n" in self.said(), self.said()
        assert "bsft: error" not in self.said(), self.said()
        assert (self.dir / "checkpoints" / f"step-{step:08d}" / "manifest.json").exists()
        assert self.last_step() == step, (self.last_step(), step)


def digests(run_dir, step):
    """Of all that training decides in a checkpoint; its manifest and configuration name other run folders."""
    folder = run_dir / "checkpoints" / f"step-{step:08d}"
    names = {file.name for file in folder.iterdir()} - {"manifest.json", "training_config.yaml"}
    assert {"model.safetensors", "config.json"} < names, names
    return {name: sha256(folder / name) for name in sorted(names)}

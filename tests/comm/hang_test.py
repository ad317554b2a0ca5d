"""No silent hang: a rank that is stopped or killed is named by one line and in status.json, and the job ends with 87;
a job that is stopped as a whole, or ends well, is not accused."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT, Folder, train, train_command

HANG = 5  # seconds
LATE = 15  # more, for a busy machine


class Run:
    """Three trainers that would go on for hours."""

    def __init__(self, folder, name, *more):
        self.dir = folder.path / name
        config = folder.config(name)
        self.errors = (folder.path / f"{name}.err").open("w+")
        settings = [f"--set={key}" for key in ("train.max_steps=1000000", "checkpoint.every=0", "parallel.reduction=fast", "parallel.lanes=3",
                                               f"parallel.hang_seconds={HANG}", *more)]
        self.process = subprocess.Popen(train_command(config, 3, *settings), env=ENVIRONMENT, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=self.errors)
        self.wait_for(5)
        time.sleep(2)  # two heartbeats
        self.ranks = {one["rank"]: one for one in json.loads((self.dir / "ranks.json").read_text())}
        assert sorted(self.ranks) == [0, 1, 2], self.ranks

    def steps(self):
        file = self.dir / "metrics.jsonl"
        return file.read_text().count("\n") if file.exists() else 0

    def wait_for(self, steps):
        deadline = time.monotonic() + 120
        while self.steps() < steps:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "no step in two minutes"
            time.sleep(0.02)

    def signal(self, rank, number):
        os.kill(self.ranks[rank]["pid"], number)
        self.at = time.monotonic()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def ours(self):
        return [line for line in self.said().splitlines() if line.startswith("bsft: ")]

    def ends(self, within, code=87):
        try:
            found = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"still there after {within} s:\n{self.said()}")
        seconds = time.monotonic() - self.at
        assert found == code, (found, self.said())
        return seconds

    def end(self):
        self.process.kill()
        self.process.wait()

    def named(self, rank, pattern):
        """The one line, which names the rank, is in status.json."""
        assert len(self.ours()) == 1, self.said()
        line = self.ours()[0].removeprefix("bsft: error: ")
        one = self.ranks[rank]
        assert line.startswith(f"trainer rank {rank} on {one['host']} (pid {one['pid']}) {pattern}"), line
        assert re.search(r"(data|forward|backward|reduce|optimizer) of step \d+; last collective #\d+ \w+", line), line
        status = json.loads((self.dir / "status.json").read_text())
        assert (status["state"], status["exit_code"], status["message"]) == ("failed", 87, line), status
        assert status["step"] > 0, status


with Folder() as folder:
    took = {}
    for rank in (2, 0):
        run = Run(folder, f"stopped{rank}")
        run.signal(rank, signal.SIGSTOP)
        took[f"rank {rank} stopped"] = run.ends(HANG + 4 + LATE)
        run.named(rank, "has not been heard for ")
    for number, words in ((signal.SIGKILL, "often: out of memory"), (signal.SIGSEGV, "")):
        run = Run(folder, f"killed{int(number)}")
        run.signal(1, number)
        took[number.name] = run.ends(3 + LATE)
        run.named(1, f"was killed by signal {int(number)} (")
        assert words in run.ours()[0], run.ours()

    # All of a job may be stopped and go on.
    run = Run(folder, "paused")
    tree = [run.process.pid] + [one["pid"] for one in run.ranks.values()]
    for pid in tree:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(HANG + 3)
    before = run.steps()
    for pid in tree:
        os.kill(pid, signal.SIGCONT)
    run.wait_for(before + 5)
    time.sleep(3)
    assert run.process.poll() is None and run.ours() == [], run.said()

    # Who is asked to end is not accused.
    run.at = time.monotonic()
    run.process.terminate()
    run.process.wait(LATE)
    assert run.ours() == [], run.said()

    whole = train(folder.config("whole"), 2, "--set", "log.level=quiet")
    assert whole.stderr == "", whole.stderr
print(", ".join(f"{what}: {seconds:.1f} s" for what, seconds in took.items()))

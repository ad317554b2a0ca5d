"""No silent hang: a rank that is stopped or killed, skips a collective, waits for ever, leaves early or throws is named by
one line and in status.json, and the job ends with 87 or the error's own code; a job that is stopped as a whole, or ends
well, is not accused."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT, MPIRUN, Folder, train, train_command

PROBE = sys.argv[1]
HANG = 3  # seconds
LATE = 15  # more, for a busy machine


class Run:
    """Three ranks that would go on for hours."""

    def __init__(self, folder, name, *more):
        self.dir = folder.path / name
        config = folder.config(name)
        self.errors = (folder.path / f"{name}.err").open("w+")
        settings = [f"--set={key}" for key in ("train.max_steps=1000000", "parallel.reduction=fast", "parallel.lanes=6",
                                               f"parallel.hang_seconds={HANG}", *(more or ["checkpoint.every=0"]))]
        self.process = subprocess.Popen(train_command(config, 3, *settings), env=ENVIRONMENT, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=self.errors)
        self.wait_for(5)
        time.sleep(3)  # a heartbeat, also on a busy machine
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


# What a rank of the probe does, the exit code, the line after its name, and the seconds from its deed to the end.
DEEDS = {
    "skips": (87, r"called #\d+ \w+ of \d+ bytes where trainer rank \d on \S+ \(pid \d+\) called #\d+ \w+ of \d+ bytes", 3),
    "waits": (87, r"has not moved on for \d+ s \(data of step \d+; last collective #\d+ \w+ of \d+ bytes, done\)", HANG + 4),
    "leaves": (87, r"ends while trainer rank \d on \S+ \(pid \d+\) waits for it", HANG + 4),
    "breaks": (65, r", data of step \d+: chunk 7 of data\.h5 \(its checksum is wrong\) build it again", 5),
    "flips": (87, r"has other bits than most ranks in weights of model\.\S+( to \S+)? after step 100 "
                  r"\(its memory has changed; nothing of it was saved\) start again with --resume auto", 5),
    "throws": (70, r", data of step \d+: internal error \(a fault of the program\) please report this", 5),
}


def probe(folder, how, rank, code, pattern, within):
    run_dir = folder.path / how
    run_dir.mkdir()
    start = time.monotonic()
    done = subprocess.run([MPIRUN, "-np", "4", PROBE, how, str(rank), run_dir], env=ENVIRONMENT, capture_output=True,
                          text=True, timeout=within + 2 * LATE)
    seconds = time.monotonic() - start
    assert done.returncode == code, (done.returncode, done.stderr)
    ours = [line for line in done.stderr.splitlines() if line.startswith("bsft: ")]
    assert len(ours) == 1, done.stderr
    assert re.match(rf"bsft: error: trainer rank {rank} on \S+ \(pid \d+\) ?{pattern}", ours[0]), ours
    status = json.loads((run_dir / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("failed", code), status
    assert ours[0] == "bsft: error: " + status["message"], status
    assert seconds < within + LATE, seconds
    return seconds


def paused_then_stopped(folder):
    """All of a job may be stopped and go on; then rank 2 alone is stopped."""
    run = Run(folder, "stopped2")
    tree = [run.process.pid] + [one["pid"] for one in run.ranks.values()]
    for pid in tree:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(HANG + 3)
    before = run.steps()
    for pid in tree:
        os.kill(pid, signal.SIGCONT)
    run.wait_for(before + 5)
    time.sleep(2)
    assert run.process.poll() is None and run.ours() == [], run.said()
    run.signal(2, signal.SIGSTOP)
    seconds = run.ends(HANG + 4 + LATE)
    run.named(2, "has not been heard for ")
    return seconds


def judge_stopped(folder):
    run = Run(folder, "stopped0")
    run.signal(0, signal.SIGSTOP)
    seconds = run.ends(HANG + 4 + LATE)
    run.named(0, "has not been heard for ")
    return seconds


def killed(folder, number, words):
    run = Run(folder, f"killed{int(number)}")
    run.signal(1, number)
    seconds = run.ends(3 + LATE)
    run.named(1, f"was killed by signal {int(number)} (")
    assert words in run.ours()[0], run.ours()
    return seconds


def save_fails(folder):
    """What the trainers know and the evaluator does not ends the job all the same."""
    run = Run(folder, "unsaved", "checkpoint.every=200", "parallel.evaluator_ranks=1", "evaluate.suites=[full]",
              "evaluate.max_records=8")
    assert [run.ranks[r]["role"] for r in (0, 1, 2)] == ["trainer", "trainer", "evaluator"], run.ranks
    (run.dir / "checkpoints").rename(run.dir / "away")
    (run.dir / "checkpoints").write_text("not a folder")
    run.at = time.monotonic()
    seconds = run.ends(60 + LATE, 74)
    errors = [line for line in run.ours() if line.startswith("bsft: error: ")]
    assert len(errors) == 1 and "checkpoints" in errors[0], run.said()
    return seconds


def asked(folder):
    """Who is asked to end, or ends well, is not accused."""
    run = Run(folder, "asked")
    start = time.monotonic()
    run.process.terminate()
    run.process.wait(LATE)
    assert len(run.ours()) == 1 and re.match(r"bsft: saved step \d+, asked to stop by SIGTERM", run.ours()[0]), run.said()
    whole = train(folder.config("whole"), 2, "--set", "log.level=quiet")
    assert whole.stderr == "", whole.stderr
    return time.monotonic() - start


with Folder() as folder, concurrent.futures.ThreadPoolExecutor(2) as two:  # they mostly wait
    cases = {"rank 2 stopped": two.submit(paused_then_stopped, folder), "rank 0 stopped": two.submit(judge_stopped, folder),
             "killed": two.submit(killed, folder, signal.SIGKILL, "often: out of memory"),
             "crashed": two.submit(killed, folder, signal.SIGSEGV, ""), "save fails": two.submit(save_fails, folder),
             "asked": two.submit(asked, folder)}
    cases.update({how: two.submit(probe, folder, how, 2, *deed) for how, deed in DEEDS.items()})
    print(", ".join(f"{what}: {case.result():.1f} s" for what, case in cases.items()))

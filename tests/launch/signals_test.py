"""A signal to the launcher or to any rank: all ranks save after the same step and leave with 75, and the run goes on from
there to the bits of one that was left alone.  The second is ignored, the third TERM ends at once."""
import concurrent.futures
import json
import os
import pathlib
import signal
import time

from live_run import LiveRun, digests, until
from tiny_run import BINARY, Folder, steps_of, train, train_command

STEPS = 120
LONG = ["--set", f"train.max_steps={STEPS}"]
EVERY = ["--set", "checkpoint.every=40"]
EVALUATED = ["--set", "evaluate.suites=[full]", "--set", "evaluate.max_records=8"]


def attempt(folder, name, ranks, *more, every=EVERY):
    run_dir = folder.path / name
    number = len(list(folder.path.glob(f"{name}.*.err")))
    return LiveRun(train_command(folder.config(name), ranks, "--resume", "auto", *LONG, *every, *more), run_dir,
                   folder.path / f"{name}.{number}.err")


def scored(run_dir):
    lines = [json.loads(line) for line in (run_dir / "evaluations.jsonl").read_text().splitlines()]
    assert len(lines) == len({line["step"] for line in lines}), lines
    for line in lines:  # what was saved because it was asked to stop has its row, too
        assert line["status"] == ("skipped" if line["step"] % 40 else line["status"]) and line["status"] != "failed", line
    return sorted(line["step"] for line in lines if line["status"] == "scored")


def whole(folder):
    run_dir = folder.path / "whole"
    train(folder.config("whole"), 0, *LONG, *EVERY)
    return digests(run_dir, STEPS)


def with_evaluator(folder):
    """Two trainers and an evaluator, stopped four times."""
    more = ["--set", "parallel.evaluator_ranks=1", *EVALUATED]
    run = attempt(folder, "beside", 3, *more).trains()
    run.signal(signal.SIGUSR1)
    seconds = {"USR1 to mpirun": run.ends(75)}
    run.saved("SIGUSR1")

    run = attempt(folder, "beside", 3, *more).trains()
    run.signal(signal.SIGUSR2, 2)
    seconds["USR2 to the evaluator"] = run.ends(75)
    run.saved("SIGUSR2")

    run = attempt(folder, "beside", 3, *more).trains()
    run.signal(signal.SIGTERM)
    seconds["TERM to mpirun"] = run.ends()  # whose own code is 1
    run.saved("SIGTERM")

    # In a save, twice, to a trainer that does not write it.
    run = attempt(folder, "beside", 3, *more, every=["--set", "checkpoint.every=1", "--set", "evaluate.every=999"]).trains()
    until(lambda: list((run.dir / "checkpoints").glob(".tmp-*")), "a save", run.process)
    run.signal(signal.SIGTERM, 1)
    run.signal(signal.SIGTERM, 1)
    seconds["TERM to a trainer, in a save"] = run.ends(75)
    run.saved("SIGTERM")

    done = train(folder.config("beside"), 3, "--resume", "auto", *LONG, *EVERY, *more)
    assert json.loads((run.dir / "status.json").read_text())["state"] == "done", done.stderr
    assert set(scored(run.dir)) >= {0, 40, 80, STEPS}, scored(run.dir)
    assert len(scored(run.dir)) == len(set(scored(run.dir))), scored(run.dir)
    assert json.loads((run.dir / "results.json").read_text())["final"]["step"] == STEPS
    return run.dir, seconds


def in_turns(folder):
    """Two trainers that score in turns; asked while they score, and while they wait for the last scores."""
    run = attempt(folder, "turns", 2, *EVALUATED)
    until(lambda: list((run.dir / ".evaluations").glob("step-00000000.*.log")), "a score", run.process)
    run.signal(signal.SIGUSR1, 1)
    seconds = {"USR1 while rank 0 scores": run.ends(75)}
    run.saved("SIGUSR1")
    assert run.status()["step"] == 1 and scored(run.dir) == [], run.status()

    run = attempt(folder, "turns", 2, *EVALUATED)
    until(lambda: run.status()["state"] == "trained", "the last step", run.process)
    until(lambda: list((run.dir / ".evaluations").glob("step-*.log")), "a last score", run.process)
    run.signal(signal.SIGUSR1, 1)
    seconds["USR1 while the last is scored"] = run.ends(75)
    assert run.status()["message"].startswith("trained, and not all is evaluated, asked to stop by SIGUSR1"), run.status()

    train(folder.config("turns"), 2, "--resume", "auto", *LONG, *EVERY, *EVALUATED)
    assert scored(run.dir) == [0, 40, 80, STEPS], scored(run.dir)
    return run.dir, seconds


def alone(folder):
    """Ctrl-C, as a terminal gives it."""
    run = attempt(folder, "alone", 0).trains()
    run.signal(signal.SIGINT)
    seconds = {"INT to a lone rank": run.ends(75)}
    run.saved("SIGINT")
    assert "after this step comes a save" in run.said(), run.said()
    train(folder.config("alone"), 4, "--resume", "auto", *LONG, *EVERY)
    return run.dir, seconds


def third(folder):
    """No step ends any more, as a rank is stopped: three deeds, each seen by the rank and by its guardian, end it now."""
    run = attempt(folder, "third", 2).trains()
    os.kill(run.pid(1), signal.SIGSTOP)
    time.sleep(0.2)
    rank = run.pid(0)
    guardian = int(pathlib.Path(f"/proc/{rank}/stat").read_text().rsplit(")", 1)[1].split()[1])
    for deed in (1, 2, 3):
        assert os.path.exists(f"/proc/{rank}"), run.said()
        for pid in (rank, guardian):
            if deed < 3 or pid == rank:
                os.kill(pid, signal.SIGTERM)
                time.sleep(0.2)
    run.at = time.monotonic() - 0.2
    seconds = run.ends(128 + signal.SIGTERM)
    status = run.status()
    assert (status["state"], status["exit_code"]) == ("failed", 128 + signal.SIGTERM), status
    assert "ended at once" in status["message"] and run.said().count("bsft: ") == 1, (status, run.said())
    return {"the third TERM": seconds}


def starting(folder):
    """Before the first step: nothing is lost, and the code says so."""
    run = attempt(folder, "starting", 2, *EVALUATED)
    until(lambda: (run.dir / ".lock").exists(), "the folder", run.process)
    run.signal(signal.SIGUSR1)
    seconds = run.ends(75)
    status = run.status()
    assert (status["state"], status["exit_code"]) == ("stopped", 75), status
    return {"USR1 at the start": seconds}


with Folder() as folder, concurrent.futures.ThreadPoolExecutor(3) as three:  # they mostly start and end
    want = three.submit(whole, folder)
    chains = [three.submit(case, folder) for case in (with_evaluator, in_turns, alone)]
    others = [three.submit(case, folder) for case in (third, starting)]
    seconds = {}
    for chain in chains:
        run_dir, times = chain.result()
        assert digests(run_dir, STEPS) == want.result(), run_dir
        seconds.update(times)
    for other in others:
        seconds.update(other.result())
    print(", ".join(f"{what}: {s:.1f} s" for what, s in seconds.items()))

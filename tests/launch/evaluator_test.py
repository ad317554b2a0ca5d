"""Evaluator ranks and their scoring children are killed, stopped and helped: training does every step, with the same bits,
each checkpoint has one row, and results.json is that of a run that nobody disturbed.  Early stopping, `evaluate --attach`."""
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from live_run import LiveRun, digests, json_lines, until
from tiny_run import BINARY, ENVIRONMENT, Folder, run, steps_of, train, train_command

STEPS = 30
SETTINGS = ["--set", f"train.max_steps={STEPS}", "--set", "checkpoint.every=10", "--set", "checkpoint.keep=3",
            "--set", "evaluate.suites=[full]", "--set", "evaluate.max_records=8", "--set", "parallel.hang_seconds=6"]


def settings(ranks, *more):
    return [*SETTINGS, "--set", f"parallel.evaluator_ranks={ranks}", *more]


def attempt(folder, name, ranks, *more):
    return LiveRun(train_command(folder.config(name), ranks, *more), folder.path / name, folder.path / f"{name}.err")


def rows(run_dir):
    lines = [json.loads(line) for line in (run_dir / "evaluations.jsonl").read_text().splitlines()]
    assert len(lines) == len({line["step"] for line in lines}), lines
    return {line["step"]: line["status"] for line in lines}


def events(run_dir, kind):
    return [event for event in json_lines(run_dir / "events.jsonl") if event["event"] == kind]


def steps_done(run_dir):
    return [json.loads(line)["step"] for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def ended_well(live, whole):
    """In this one attempt, without a step more or less."""
    try:
        live.process.wait(120)
    except subprocess.TimeoutExpired:
        live.process.kill()
        raise AssertionError(f"still there: {live.status()}\n{live.said()}") from None
    status = live.status()
    assert (status["state"], status["exit_code"]) == ("done", 0), (status, live.said())
    assert steps_done(live.dir) == list(range(1, STEPS + 1)) and not events(live.dir, "resumed"), live.said()
    assert rows(live.dir) == {step: "scored" for step in range(0, STEPS + 1, 10)}, (rows(live.dir), live.said())
    assert digests(live.dir, STEPS) == digests(whole, STEPS)
    assert (live.dir / "results.json").read_bytes() == (whole / "results.json").read_bytes(), live.said()
    assert "bsft: error" not in live.said(), live.said()


def guardian_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def undisturbed(folder):
    train(folder.config("whole"), 0, *settings(0))
    return folder.path / "whole"


def killed(folder, whole):
    live = attempt(folder, "killed", 3, *settings(1)).trains()
    live.signal(signal.SIGKILL, 2)
    ended_well(live, whole.result())
    lost, = events(live.dir, "evaluator_lost")
    assert lost["rank"] == 2 and "was killed by signal 9" in lost["message"], lost
    assert live.said().count("training goes on without it") == 1, live.said()


def stopped(folder, whole):
    """One of two evaluators; its guardian ends it and has another process in its place."""
    live = attempt(folder, "stopped", 3, *settings(2)).trains()
    live.signal(signal.SIGSTOP, 2)
    ended_well(live, whole.result())
    lost, = events(live.dir, "evaluator_lost")
    assert lost["rank"] == 2 and "has not moved for 6 s" in lost["message"], lost


def silent(folder, whole):
    """The guardian is stopped, too, as a host that is gone: trainer rank 0 scores what is left."""
    live = attempt(folder, "silent", 3, *settings(1)).trains()
    evaluator = live.pid(2)
    guardian = guardian_of(evaluator)
    for pid in (guardian, evaluator, *children_of(evaluator)):
        os.kill(pid, signal.SIGSTOP)
    ended_well(live, whole.result())
    lost, = events(live.dir, "evaluator_lost")
    assert lost["message"].startswith("no evaluator has been heard for 6 s"), lost


def children_of(pid):
    return [int(child) for child in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def child_killed(folder, whole):
    """Once: it is tried again.  Then until a checkpoint is given up, whose row attach replaces afterwards."""
    live = attempt(folder, "child", 2, *settings(1)).trains()
    evaluator = live.pid(1)
    until(lambda: children_of(evaluator), "a child", live.process)
    for pid in children_of(evaluator):
        end(pid)
    until(lambda: (live.dir / "evaluations.jsonl").exists() or (live.dir / ".evaluations/rows").exists(), "a row", live.process)
    gone = set()

    def failed():
        for pid in set(children_of(evaluator)) - gone:
            end(pid)
            gone.add(pid)
        return (live.dir / "evaluations.jsonl").exists() and "failed" in rows(live.dir).values()
    until(failed, "a row that failed", live.process)
    live.process.wait(120)
    status = live.status()
    found = rows(live.dir)
    assert steps_done(live.dir) == list(range(1, STEPS + 1)) and status["state"] in ("done", "trained"), status
    assert list(found) == list(range(0, STEPS + 1, 10)) and "failed" in found.values(), found
    before = digests(live.dir, STEPS)
    again = subprocess.run([BINARY, "evaluate", "--attach", live.dir], env=ENVIRONMENT, capture_output=True, text=True)
    left = {step for step, status in found.items() if status == "failed" and step in steps_of(live.dir)}
    now = rows(live.dir)
    assert all(now[step] == "scored" for step in left), (now, again.stderr)
    assert before == digests(live.dir, STEPS) == digests(whole.result(), STEPS)
    assert live.status()["state"] == "done" and (live.dir / "results.json").exists(), (live.status(), again.stderr)


def attached(folder, whole):
    """Two processes beside a job and its evaluator; then after it, where rows and results are gone."""
    live = attempt(folder, "attached", 2, *settings(1)).trains()
    beside = [subprocess.Popen([BINARY, "evaluate", "--attach", live.dir, "--watch"], env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended_well(live, whole.result())
    for process in beside:
        assert process.wait(60) == 0, process.stderr.read()
    table = (live.dir / "evaluations.jsonl").read_text()
    last = steps_of(live.dir)[-2:]
    kept = [line for line in table.splitlines() if json.loads(line)["step"] not in last]
    (live.dir / "evaluations.jsonl").write_text("\n".join(kept) + "\n")
    (live.dir / "results.json").unlink()
    done = run([BINARY, "evaluate", "--attach", live.dir])
    assert (live.dir / "evaluations.jsonl").read_text() == table and "suite full" in done.stdout, done.stderr
    assert (live.dir / "results.json").read_bytes() == (whole.result() / "results.json").read_bytes()
    done = run([BINARY, "evaluate", "--attach", live.dir])
    assert "nothing more is to be scored" in done.stderr, done.stderr
    done = run([BINARY, "evaluate", "--attach", folder.path], code=64)
    assert "is not a run folder" in done.stderr, done.stderr


def waits(folder, whole):
    """Trainers wait before a checkpoint for those before it, an evaluator that is lost meanwhile included."""
    live = attempt(folder, "waits", 3, *settings(1, "--set", "evaluate.policy=wait"))
    until(lambda: events(live.dir, "evaluation_wait"), "a wait", live.process)
    live.signal(signal.SIGKILL, 2)
    live.process.wait(120)
    assert live.status()["state"] == "done", (live.status(), live.said())
    assert digests(live.dir, STEPS) == digests(whole.result(), STEPS), "waiting changes no bit"
    waited = events(live.dir, "evaluation_wait")
    assert [e["step"] for e in waited] == list(range(10, STEPS, 10)), waited
    assert rows(live.dir) == {step: "scored" for step in range(0, STEPS + 1, 10)}, rows(live.dir)


def early(folder):
    """The same last step on any ranks, also where the run was stopped and resumed; a resume of its end does nothing more."""
    more = ["--set", "evaluate.policy=wait", "--set", "evaluate.patience=2", "--set", "optimizer.learning_rate=1e-12"]
    found = []

    def longer(evaluators):
        return [word.replace(f"max_steps={STEPS}", "max_steps=60") for word in settings(evaluators, *more)]
    for name, ranks, evaluators in (("early", 0, 0), ("early_beside", 3, 1)):
        config, run_dir = folder.config(name), folder.path / name
        train(config, ranks, *longer(evaluators))
        status = json.loads((run_dir / "status.json").read_text())
        assert (status["state"], status["exit_code"], status["step"]) == ("done", 0, 30), status
        assert "2 scored checkpoints in a row are not better" in status["message"], status
        results = json.loads((run_dir / "results.json").read_text())
        assert results["final"]["step"] == 30 and results["best"]["step"] == 0, results["best"]
        assert rows(run_dir) == {0: "scored", 10: "scored", 20: "scored", 30: "scored"}, rows(run_dir)
        found.append((digests(run_dir, 30), (run_dir / "evaluations.jsonl").read_bytes()))
    train(config, 3, "--resume", "auto", *longer(1))
    assert steps_done(run_dir) == list(range(1, 31)) and steps_of(run_dir)[-1] == 30
    assert found[0] == found[1]
    done = train(folder.config("refused"), 0, *settings(0, "--set", "evaluate.patience=2"), code=78)
    assert "evaluate.patience: 2 with evaluate.policy: every" in done.stderr, done.stderr


CASES = {case.__name__: case for case in (killed, stopped, silent, child_killed, attached, waits)}
with Folder() as folder, concurrent.futures.ThreadPoolExecutor(3) as three:
    names = sys.argv[1:]
    whole = three.submit(undisturbed, folder)
    started = time.monotonic()
    running = {name: three.submit(early, folder) if name == "early" else three.submit(CASES[name], folder, whole)
               for name in names}
    for name, one in running.items():
        one.result()
        print(name, f"{time.monotonic() - started:.1f} s")

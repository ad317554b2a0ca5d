"""bsft launch: a run whose ranks are killed goes on by itself and ends with the bits of one that was left alone; one that
always dies is given up; refusals, an end that was asked for and stale words are not taken for a loss."""
import concurrent.futures
import json
import os
import random
import signal
import subprocess
import time

from live_run import LiveRun, digests, json_lines, until
from tiny_run import BINARY, ENVIRONMENT, Folder, train, train_command

STEPS = 120
SETTINGS = ["--set", f"train.max_steps={STEPS}", "--set", "checkpoint.every=20"]
RESTART = 10 + 20  # s: the goal is 10, a busy machine may take longer


def launch(*words):
    return [BINARY, "launch", "--", *words]


def outcome(command):
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr, time.monotonic() - start


def restarts_of(run_dir):
    return [event for event in json_lines(run_dir / "events.jsonl") if event["event"] == "restart"]


def killed(folder):
    """After a random step a random rank is killed, then its launcher: seconds to the first new step."""
    draw = random.Random(os.environ.get("BSFT_SEED"))
    run_dir = folder.path / "killed"
    run = LiveRun(launch(*train_command(folder.config("killed"), 2, *SETTINGS)), run_dir, folder.path / "killed.err")
    seconds = []
    for restart, first in ((1, 25), (2, 65)):  # after a checkpoint is committed, before the end
        step = first + draw.randrange(15)
        until(lambda: run.last_step() >= step, f"step {step}", run.process)
        children = subprocess.run(["pgrep", "-P", str(run.process.pid)], capture_output=True, text=True).stdout.split()
        assert len(children) == 1, children
        os.kill(run.pid(draw.randrange(2)) if restart == 1 else int(children[0]), signal.SIGKILL)
        start = time.monotonic()
        # Said once metrics.jsonl ends with the checkpoint's step.
        until(lambda: run.said().count("going on after step") == restart, "a restart", run.process)
        resumed = restarts_of(run_dir)[-1]["step"]
        assert first - 5 <= resumed <= step + 20, (step, resumed)
        until(lambda: run.last_step() > resumed, "a new step")
        seconds.append(time.monotonic() - start)
    assert run.process.wait(120) == 0, run.said()
    first_restart, _ = restarts_of(run_dir)
    assert first_restart["exit_code"] == 87 and "was killed by signal 9" in first_restart["message"], first_restart
    status = run.status()
    assert (status["state"], status["exit_code"], status["restarts"]) == ("done", 0, 2), status
    assert max(seconds) < RESTART, seconds
    return digests(run_dir, STEPS), seconds


def given_up(folder):
    """Three restarts in a row without a new checkpoint; a new one begins the count again."""
    for name, code, steps, starts in (("always", 87, [], 4), ("signal", 137, [], 4), ("sometimes", 87, [8], 5)):
        config, run_dir = folder.config(name), folder.path / name
        script = folder.path / f"{name}.sh"
        committed = "".join(f"[ $n = 2 ] && mkdir -p {run_dir}/checkpoints/step-{step:08d}\n" for step in steps)
        script.write_text(f"""mkdir -p {run_dir}; echo "$@" >> {script}.starts; n=$(wc -l < {script}.starts)
{committed}echo '{{"state": "running", "exit_code": null, "step": 3, "total_steps": 12, "message": "'$n'"}}' > {run_dir}/status.new
mv {run_dir}/status.new {run_dir}/status.json; exit {code}
""")
        found, said, _ = outcome(launch("sh", script, "bsft", "train", "--config", config, "--resume=none"))
        words = (script.parent / f"{script.name}.starts").read_text().splitlines()
        assert len(words) == starts and found == code, (name, words, found, said)
        assert words[0].endswith("--resume=none") and all(line.endswith(f"{config} --resume auto") for line in words[1:]), words
        assert said.count("given up after 3 restarts without a new checkpoint") == 1, said
        status = json.loads((run_dir / "status.json").read_text())
        assert (status["state"], status["exit_code"], status["restarts"]) == ("failed", code, starts - 1), status


def refusals(folder):
    """Passed on at once, and status.json of an earlier attempt is not taken for this one's."""
    config, run_dir = folder.config("stale"), folder.path / "stale"
    code, said, seconds = outcome(launch("mpirun", "-np", 2, BINARY, "train", "--config", config, "--set", "train.max_steps=-1"))
    assert code == 78 and "train.max_steps" in said and "restart" not in said, (code, said)
    run_dir.mkdir()
    (run_dir / "status.json").write_text(json.dumps({"state": "failed", "exit_code": 87, "step": 3, "total_steps": 12,
                                                     "message": "of yesterday"}))
    for own in (64, 65, 69, 70, 73, 74, 75, 76, 78, 86, 88):
        code, said, _ = outcome(launch("sh", "-c", f"exit {own}", "bsft", "train", "--config", config))
        assert (code, said) == (own, ""), (own, code, said)
    code, said, _ = outcome(launch("sh", "-c", "exit 0", "bsft", "train", "--config", config))
    assert code == 87 and said.count("ended with 0, but no rank said that the run is done") == 4, (code, said)
    code, said, _ = outcome(launch("sh", "-c", "exit 0", "bsft", "train", "--config", config, "--dry-run"))
    assert (code, said) == (0, ""), (code, said)
    code, said, _ = outcome(launch("sh", "-c", "exit 0"))
    assert code == 64 and "there is no 'bsft train' among its words" in said, said
    code, said, _ = outcome(launch("no-such-launcher", "bsft", "train", "--config", config))
    assert code == 69 and "cannot start no-such-launcher" in said, said
    return seconds


def evaluator_killed(folder):
    """No reason to start again; and what then asks the run to stop finds it as ever."""
    run_dir = folder.path / "evaluator"
    more = ["--set", "train.max_steps=1000000", "--set", "checkpoint.every=0", "--set", "parallel.evaluator_ranks=1",
            "--set", "evaluate.suites=[full]", "--set", "evaluate.max_records=8"]
    command = launch(*train_command(folder.config("evaluator"), 3, *more))
    run = LiveRun(command, run_dir, folder.path / "evaluator.err").trains()
    os.kill(run.pid(2), signal.SIGKILL)
    until(lambda: "training goes on without it" in run.said(), "a word", run.process)
    step = run.last_step()
    until(lambda: run.last_step() > step + 5, "more steps", run.process)
    run.signal(signal.SIGINT)
    seconds = run.ends(75)
    run.saved("SIGUSR1")
    assert not restarts_of(run_dir) and "restarts" not in run.status(), run.status()
    return seconds


def asked(folder):
    """TERM to the supervisor becomes a save; the launcher kills nobody, and nothing is started again."""
    run_dir = folder.path / "asked"
    run = LiveRun(launch(*train_command(folder.config("asked"), 2, *SETTINGS)), run_dir, folder.path / "asked.err").trains()
    run.signal(signal.SIGTERM)
    seconds = run.ends(75)
    run.saved("SIGUSR1")
    assert "SIGTERM: the run is asked to save and stop" in run.said() and not restarts_of(run_dir), run.said()
    return seconds


with Folder() as folder, concurrent.futures.ThreadPoolExecutor(2) as two:
    whole = two.submit(train, folder.config("whole"), 0, *SETTINGS)
    runs = [two.submit(case, folder) for case in (killed, evaluator_killed, asked, refusals, given_up)]
    got, restarts = runs[0].result()
    assert whole.result() and got == digests(folder.path / "whole", STEPS)
    _, *seconds, _ = [run.result() for run in runs]
    print(f"from a kill to the first new step: {', '.join(f'{s:.1f}' for s in restarts)} s; asked to stop: "
          f"{seconds[0]:.1f}, {seconds[1]:.1f} s; a bad configuration: {seconds[2]:.1f} s")

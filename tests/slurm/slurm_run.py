"""Jobs of slurm/train.sbatch on a cluster of the test's own (./cluster): how they stand, start again and end."""
import json
import pathlib
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "checkpoint"), str(HERE.parent / "launch")]
from live_run import json_lines, last_step  # noqa: E402, F401
from tiny_run import BINARY, ENVIRONMENT, Folder, run, sha256, train  # noqa: E402

SCRIPT = "slurm/train.sbatch"
LATE = 150  # s, for Slurm on a busy machine
ENDS = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")
SHORT = ["--set", "train.max_steps=1000", "--set", "checkpoint.every=250"]
LONG = ["--set", "train.max_steps=3000", "--set", "checkpoint.every=1000"]
TWO_NODES = ["--nodes=2", "--ntasks-per-node=1"]

checked = subprocess.run([HERE / "cluster", "check"], capture_output=True, text=True)
if checked.returncode == 69:
    print("skipped:", checked.stderr.strip())
    sys.exit(77)


class Cluster:
    """Up while the test runs.  launcher: srun, where Slurm has PMIx, or mpirun, where it has not."""

    def __init__(self, launcher, *options):
        self.options = [*options, *(["--no-pmix"] if launcher == "mpirun" else [])]

    def __enter__(self):
        done = self.call("up", *self.options)
        assert done.returncode == 0, done.stderr
        ENVIRONMENT.update([done.stdout.strip().removeprefix("export ").split("=", 1)])
        ENVIRONMENT["BSFT"] = BINARY
        self.since = time.monotonic()
        return self

    def __exit__(self, *_):
        done = self.call("down")
        assert done.returncode == 0, done.stderr

    def call(self, *words):
        return subprocess.run([HERE / "cluster", *words], env=ENVIRONMENT, capture_output=True, text=True)

    def lose(self, node):
        assert self.call("lose", node).returncode == 0

    def mend(self, node):
        assert self.call("mend", node).returncode == 0

    def wait_before_limits(self, seconds):
        """slurmctld looks at time limits every 30 s: until so many before."""
        time.sleep((self.since - seconds - time.monotonic()) % 30)

    def preempt(self, job):
        """By a job that takes all nodes for a moment."""
        restarts = job.restarts()
        run(["srun", "--partition=high", "--nodes=3", "--exclusive", "true"])
        job.until(lambda: job.restarts() == restarts + 1, "preempted and back in the queue")


class Job:
    def __init__(self, config, *words, options=TWO_NODES, run_dir=None):
        self.dir = run_dir or config.with_suffix("")
        self.log = self.dir.with_suffix(".out")
        ENVIRONMENT["OMPI_MCA_orte_tmpdir_base"] = str(self.dir.parent)  # what a lost node leaves is removed with the folder
        self.id = run(["sbatch", "--parsable", f"--output={self.log}", *options, SCRIPT, config, *words]).stdout.strip()

    def facts(self):
        words = shlex.split(run(["scontrol", "--oneliner", "show", "job", self.id]).stdout)
        return dict(word.split("=", 1) for word in words if "=" in word)

    def state(self):
        return self.facts()["JobState"]

    def restarts(self):
        return int(self.facts()["Restarts"])

    def until(self, holds, what):
        deadline = time.monotonic() + LATE
        while not holds():
            facts = self.facts()
            left = facts["JobState"] in ENDS and not holds()
            assert not left and time.monotonic() < deadline, f"{what}: not within {LATE} s:\n{self.said()}\n{facts}"
            time.sleep(0.1)

    def steps(self):
        return last_step(self.dir / "metrics.jsonl")

    def attempts(self):
        return self.said().count("train.sbatch: attempt ")

    def trains(self, attempt=1):
        """Returns once the attempt has done some steps."""
        self.until(lambda: self.attempts() == attempt, f"attempt {attempt}")
        first = self.steps()
        self.until(lambda: self.steps() > first + 1, "two steps")
        return self

    def ends(self, state="COMPLETED"):
        while self.state() not in ENDS:
            time.sleep(0.1)
        assert self.state() == state, f"{self.state()}, not {state}:\n{self.said()}"
        return self

    def said(self):
        return self.log.read_text() if self.log.exists() else ""

    def status(self):
        return json.loads((self.dir / "status.json").read_text())


def final(run_dir):
    """SHA-256 of the last checkpoint's files, but for what says whose and where it is."""
    folder = run_dir / "checkpoints" / (run_dir / "LATEST").read_text().strip()
    return {file.name: sha256(file) for file in folder.iterdir() if file.name not in ("manifest.json", "training_config.yaml")}


class Clock:
    """Prints what took how long."""

    def __init__(self):
        self.last = time.monotonic()

    def __call__(self, what):
        now = time.monotonic()
        print(f"{now - self.last:6.1f} s  {what}", flush=True)
        self.last = now

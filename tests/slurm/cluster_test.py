"""The cluster itself: up in 15 s, two side by side that know nothing of each other, nothing left of them; one line where
it cannot be."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from slurm_run import HERE, Clock

CLUSTER = HERE / "cluster"


def call(*words, code=0, lines=None, program=CLUSTER, user=None, **environment):
    done = subprocess.run([program, *words], env={**os.environ, **environment}, user=user, capture_output=True, text=True)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    assert done.stderr.count("cluster: error: ") == done.stderr.count("\n") == (code != 0 if lines is None else lines), done.stderr
    return done


def processes_of(folder):
    """Whose command line, environment or working folder names it, and jobs of it."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes() + os.readlink(process / "cwd").encode()
        except OSError:
            continue
        if os.fsencode(folder) in text and int(process.name) != os.getpid():
            found.append(text[:80])
    return found


def slurm(folder, *words):
    return subprocess.run(words, env={**os.environ, "SLURM_CONF": f"{folder}/slurm.conf"}, capture_output=True, text=True, check=True).stdout


clock = Clock()
mounts = pathlib.Path("/proc/mounts").read_text()
with tempfile.TemporaryDirectory(prefix="bsft_cluster_") as scratch, contextlib.ExitStack() as at_the_end:
    one, two = f"{scratch}/one", f"{scratch}/two"
    for folder in (one, two):  # also where the test fails
        at_the_end.callback(lambda folder=folder: os.path.exists(folder) and call("down", "--dir", folder))
    start = time.monotonic()
    call("up", "--dir", one)
    seconds = time.monotonic() - start
    clock("up")
    assert seconds <= 15, seconds
    call("up", "--dir", two, "--nodes", "2")
    clock("another one up")
    for folder, nodes in ((one, 3), (two, 2)):
        names = slurm(folder, "srun", f"--nodes={nodes}", "hostname").split()
        assert sorted(names) == [f"n{i + 1}" for i in range(nodes)], names
    # Ranks of a job that ignores all signals, with children that have left its session.
    job = slurm(one, "sbatch", "--parsable", "--output=/dev/null", "--nodes=3", "--wrap",
                "trap '' TERM USR1; srun bash -c 'trap \"\" TERM; setsid sleep 600 & sleep 600'").strip()
    while len(slurm(one, "squeue", "--noheader", "--steps", f"--jobs={job}").splitlines()) < 2:
        time.sleep(0.1)
    assert "JobState=RUNNING" in slurm(one, "scontrol", "show", "job", job)
    assert not slurm(two, "squeue", "--noheader").strip()
    clock("jobs on both")

    call("lose", "--dir", one, "n2")
    assert "no node n2" in call("lose", "--dir", one, "n2", code=1).stderr
    call("mend", "--dir", one, "n2")
    assert "is not empty" in call("up", "--dir", one, code=1).stderr
    assert processes_of(one) and processes_of(two)
    call("down", "--dir", one)
    clock("down, with a job on it")
    assert not processes_of(one), processes_of(one)
    assert not os.path.exists(one)
    assert slurm(two, "srun", "--nodes=2", "hostname").split()
    call("down", SLURM_CONF=f"{two}/slurm.conf")
    assert not processes_of(scratch), processes_of(scratch)
    assert not os.listdir(scratch)
    assert "no cluster is up" in call("down", "--dir", one, code=1).stderr

    call("run", "--dir", one, "--nodes=2", "--", "bash", "-c", "srun --nodes=2 true && exit 3", code=3, lines=0)
    assert not os.path.exists(one) and not processes_of(one)
    clock("up, a command, down")

    # Where it cannot be.
    tools = pathlib.Path(scratch, "tools")
    tools.mkdir()
    (tools / "python3").symlink_to(os.path.realpath(sys.executable))
    assert "no munged here: type launch/setup.sh --slurm" in call("check", code=69, PATH=str(tools)).stderr
    copy = shutil.copy(CLUSTER, "/tmp/bsft_cluster_of_nobody")
    try:
        assert "needs root" in call("check", code=69, program=copy, user=65534).stderr
    finally:
        os.remove(copy)
assert pathlib.Path("/proc/mounts").read_text() == mounts
print("up and down, two at once, nothing left")

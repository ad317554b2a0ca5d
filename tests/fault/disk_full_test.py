"""A disk of a few MB, in a mount namespace of its own, fills up while a run saves: training goes on, no checkpoint is
damaged; the third failure in a row ends it with 74, and a run that has no room to begin with does not start."""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT, Folder, sha256, steps_of, train, train_command

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x00020000, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
    print("skipped: this user may not make a mount namespace")
    sys.exit(77)
MIB = 1 << 20
MORE = ["--set", "train.max_steps=60", "--set", "checkpoint.every=4", "--set", "train.max_tokens_per_pass=512"]


def mounted(path, size):
    path.mkdir()
    if libc.mount(b"none", str(path).encode(), b"tmpfs", 0, f"size={size}".encode()) != 0:
        print("skipped: this user may not mount a tmpfs")
        sys.exit(77)


def fill(path, left=0):
    """All but `left` bytes."""
    free = os.statvfs(path)
    with open(path / "ballast", "ab", buffering=0) as file:
        try:
            file.write(b"x" * max(0, free.f_bavail * free.f_bsize - left))
        except OSError:  # the run took it meanwhile
            pass


def all_whole(run_dir):
    steps = steps_of(run_dir)
    for step in steps:
        folder = run_dir / "checkpoints" / f"step-{step:08d}"
        for name, entry in json.loads((folder / "manifest.json").read_text())["files"].items():
            assert (folder / name).stat().st_size == entry["bytes"] and sha256(folder / name) == entry["sha256"], name
    left = [p.name for p in (run_dir / "checkpoints").iterdir() if p.name.startswith(".tmp-") or ".corrupt" in p.name]
    assert not left, left
    return steps


def start(config, ranks, run_dir, *more):
    return subprocess.Popen(train_command(config, ranks, "--set", f"run.dir={run_dir}", *MORE, *more), env=ENVIRONMENT,
                            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def lines_until(process, pattern):
    seen = ""
    for line in process.stderr:
        seen += line
        if re.search(pattern, line):
            return seen
    raise AssertionError(f"no {pattern} in\n{seen}")


with Folder() as folder:
    # Full for a while, on two ranks: a save fails, with errno's words; the next ones succeed.
    disk = folder.path / "disk"
    mounted(disk, 8 * MIB)
    config = folder.config("run")
    run_dir = disk / "run"
    process = start(config, 2, run_dir)
    lines_until(process, "checkpoint step-")
    fill(disk)
    failed = lines_until(process, "was not saved")
    assert "No space left on device" in failed and "training goes on" in failed, failed
    (disk / "ballast").unlink()
    lines_until(process, "checkpoint step-")
    process.communicate()
    assert process.returncode == 0, process.returncode
    assert all_whole(run_dir)[-1] == 60
    steps = [json.loads(line)["step"] for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 61)), steps

    # Full for good: three failures in a row are the end, and the checkpoints from before are whole.
    stays = disk / "stays"
    process = start(config, 2, stays)
    rest = ""
    for line in process.stderr:
        rest += line
        if "checkpoint step-" in line:
            fill(disk)
    assert process.wait() == 74, (process.returncode, rest)
    assert "3 in a row" in rest and rest.count("bsft: error:") == 1, rest
    before = all_whole(stays)
    assert before and before[-1] < 60, before
    (disk / "ballast").unlink()
    done = train(config, 2, "--set", f"run.dir={stays}", "--resume", "auto", *MORE)
    assert "going on after step" in done.stderr, done.stderr
    assert all_whole(stays)[-1] == 60

    # Less than 1.2 times a checkpoint free: it does not begin.
    size = sum(p.stat().st_size for p in (stays / "checkpoints" / "step-00000060").iterdir())
    fill(disk, int(1.1 * size))
    refused = train(config, 2, "--set", f"run.dir={disk / 'refused'}", *MORE, code=74)
    assert "no room for a checkpoint" in refused.stderr, refused.stderr
    libc.umount2(str(disk).encode(), 2)  # MNT_DETACH
print("a full disk: training goes on, 0 checkpoints damaged; the third failure in a row ends with 74; no room, no start")

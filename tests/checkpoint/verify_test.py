"""bsft verify: an interrupted and resumed run is as planned; one that skipped, repeated or moved a sample is not, nor one
with a damaged file, or lines of metrics.jsonl or evaluations.jsonl that are missing or doubled."""
import os
import shutil
import sys

from tiny_run import BINARY, Folder, run, train

PROBE = sys.argv[1]


def verify(run_dir, *more, code=0):
    return run([BINARY, "verify", run_dir, *more], code=code)


def newest(run_dir):
    return run_dir / "checkpoints" / "step-00000012"


with Folder() as folder:
    config = folder.config("run")
    run_dir = folder.path / "run"
    more = ["--set", "evaluate.suites=[full]", "--set", "evaluate.max_records=20", "--set", "evaluate.every=3",
            "--set", "checkpoint.keep=5"]
    train(config, 2, *more, "--set", "train.max_steps=6")
    assert verify(run_dir).stdout.count(" yes ") == 3, verify(run_dir).stdout  # steps 0, 4 and 6
    train(config, 4, *more, "--resume", "auto", "--allow-change", "train.max_steps")
    whole = verify(run_dir)
    assert whole.stdout.count(" yes ") == 5 and whole.stderr == "", (whole.stdout, whole.stderr)
    assert "steps 1 to 12" in whole.stdout, whole.stdout

    # Begun from another folder's checkpoint: its metrics begin there.
    elsewhere = folder.path / "elsewhere"
    train(config, 0, "--resume", run_dir / "checkpoints" / "step-00000008", "--set", f"run.dir={elsewhere}")
    assert "steps 9 to 12" in verify(elsewhere).stdout

    def changed(name, change, *words, code=65):
        copy = folder.path / name
        shutil.copytree(run_dir, copy)
        change(copy)
        done = verify(copy, code=code)
        for word in words:
            assert word in done.stderr, (name, word, done.stdout, done.stderr)
        shutil.rmtree(copy)
        return done

    for how, words in (("skipped", "some were left out"), ("repeated", "some were repeated"),
                       ("moved", "in place of others, or in another step")):
        done = changed(how, lambda copy: run([PROBE, newest(copy), how, 2, 17]), "step-00000012: consumed", words)
        assert done.stdout.count(" yes ") == 4 and done.stdout.count(" NO ") == 1, done.stdout
        assert done.stderr.count("error:") == (1 if how == "moved" else 2), done.stderr  # metrics.jsonl counts, too

    def edit(name, change):
        def edited(copy):
            file = copy / name
            file.write_text("".join(line + "\n" for line in change(file.read_text().splitlines())))
        return edited

    changed("gap", edit("metrics.jsonl", lambda lines: lines[:4] + lines[5:]), "step 6 stands after step 4")
    changed("double", edit("metrics.jsonl", lambda lines: lines[:5] + lines[4:]), "step 5 stands there twice")
    changed("short", edit("metrics.jsonl", lambda lines: lines[:-1]), "ends with step 11")
    changed("scored", edit("evaluations.jsonl", lambda lines: lines[:-1]), "step-00000012 was not scored")
    changed("again", edit("evaluations.jsonl", lambda lines: lines + lines[2:3]), "step-00000006 was scored twice")

    def damage(copy):
        file = newest(copy) / "model.safetensors"
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    done = changed("damaged", damage, "model.safetensors", "SHA-256")
    assert "damaged" in done.stdout, done.stdout

    # Without the data the samples are not compared, and that is said; with it elsewhere they are.
    moved = folder.path / "moved.h5"
    os.rename(folder.data, moved)
    lacking = verify(run_dir, code=69)
    assert lacking.stdout.count("not compared") == 5 and lacking.stderr.count("\n") == 1, (lacking.stdout, lacking.stderr)
    assert verify(run_dir, "--data", moved).stdout.count(" yes ") == 5
    nothing = verify(folder.path, code=64)
    assert "is not a run folder" in nothing.stderr
print(whole.stdout)

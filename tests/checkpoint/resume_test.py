"""Killed at some step and resumed, also at another rank count: the same bits as an uninterrupted run."""
import json

from tiny_run import Folder, digests, kill_after, metrics, steps_of, train


def last(run_dir):
    return run_dir / "checkpoints" / "step-00000012"


with Folder() as folder:
    whole = folder.config("whole")
    train(whole, 1)
    whole_dir = folder.path / "whole"
    assert steps_of(whole_dir) == [8, 12]
    assert [m["step"] for m in metrics(whole_dir)] == list(range(1, 13))
    want = digests(last(whole_dir))
    assert "training_state-00004-of-00004.safetensors" in want and "manifest.json" not in want, want

    # Killed on two ranks, resumed on four, which share the moments out.  Small passes make room to be killed in.
    config = folder.config("killed")
    run_dir = folder.path / "killed"
    slow = ["--set", "train.max_tokens_per_pass=2048"]
    kill_after(config, 2, 5, *slow)
    first_owners = steps_of(run_dir)  # how far it got is a matter of time
    assert 12 not in first_owners, "it was not killed in time"
    resumed = train(config, 4, "--resume", "auto", "--set", "parallel.zero=3", *slow)
    assert "going on after step" in resumed.stderr, resumed.stderr
    assert digests(last(run_dir)) == want
    assert metrics(run_dir) == metrics(whole_dir)
    assert json.loads((run_dir / "status.json").read_text())["state"] == "done"

    # A finished run has nothing to do; a second one may not start in its folder.
    train(config, 2, "--resume", "auto")
    assert metrics(run_dir) == metrics(whole_dir)
    owners = [json.loads((p / "manifest.json").read_text())["owner"] for p in sorted((run_dir / "checkpoints").glob("step-*"))]
    assert owners == [1 if step in first_owners else 2 for step in steps_of(run_dir)] and owners[-1] == 2, owners
    refused = train(config, 0, code=73)
    assert "holds a run already" in refused.stderr and refused.stderr.count("error:") == 1, refused.stderr

    # Damage in the newest: the older one is taken, and the end is the same.
    file = last(run_dir) / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    again = train(config, 0, "--resume", "auto")
    assert "SHA-256" in again.stderr and "step-00000012.corrupt" in again.stderr, again.stderr
    assert digests(last(run_dir)) == want
    assert metrics(run_dir) == metrics(whole_dir)

    # Another configuration is not the same run.
    other = train(config, 0, "--resume", "auto", "--set", "optimizer.learning_rate=0.5", "--set", "run.seed=7", code=76)
    assert "optimizer.learning_rate is 0.5" in other.stderr and "run.seed is 7" in other.stderr, other.stderr
    assert metrics(run_dir) == metrics(whole_dir)

    # A checkpoint by name, into a new folder.
    elsewhere = folder.path / "elsewhere"
    train(config, 2, "--resume", whole_dir / "checkpoints" / "step-00000008", "--set", f"run.dir={elsewhere}")
    assert digests(last(elsewhere)) == want

    # --resume auto begins where the configuration says, and then goes on from the run's own checkpoints.
    begins = ["--resume", "auto", "--set", f"checkpoint.resume={whole_dir / 'checkpoints' / 'step-00000008'}"]
    begun = folder.config("begun")
    train(begun, 2, *begins)
    assert [m["step"] for m in metrics(folder.path / "begun")] == [9, 10, 11, 12]
    assert "going on after step 12" in train(begun, 2, *begins).stderr
    assert digests(last(folder.path / "begun")) == want
print("killed and resumed runs end in the bits of the uninterrupted one")

"""A run of 20 steps is killed at each of its steps and resumed, on as many ranks and on 4, 2, 8 and 1 in turn: in the end
the SHA-256 of every file is that of a run that nobody killed."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import Folder, digests, kill_after, steps_of, train

STEPS = 20
MORE = ["--set", f"train.max_steps={STEPS}", "--set", "checkpoint.every=3", "--set", "parallel.lanes=8",
        "--set", "train.max_tokens_per_pass=512",  # small passes make room to be killed in
        "--set", "model.shape.hidden_size=128", "--set", "model.shape.intermediate_size=256"]  # no shard is empty
steps = [int(word) for word in sys.argv[1:]] or range(1, STEPS)


def last(run_dir):
    return run_dir / "checkpoints" / f"step-{STEPS:08d}"


with Folder() as folder:
    config = folder.config("whole")
    train(config, 2, *MORE)
    want = digests(last(folder.path / "whole"))
    shards = sorted(last(folder.path / "whole").glob("training_state-*"))
    assert all(shard.stat().st_size > 100_000 for shard in shards), [shard.stat().st_size for shard in shards]
    assert len([name for name in want if name.startswith("training_state-")]) == 8, want
    for step in steps:
        config = folder.config("killed")
        kill_after(config, 2, step, *MORE)
        train(config, 2, "--resume", "auto", *MORE)
        assert digests(last(folder.path / "killed")) == want, f"killed at step {step}"
        shutil.rmtree(folder.path / "killed")
    # 4 ranks, then 2, 8 and 1, killed in between, with each stage of ZeRO.
    config = folder.config("elastic")
    for ranks, step, zero in ((4, 4, 1), (2, 9, 2), (8, 14, 3)):
        kill_after(config, ranks, step, "--resume", "auto", "--set", f"parallel.zero={zero}", *MORE)
    train(config, 1, "--resume", "auto", *MORE)
    assert digests(last(folder.path / "elastic")) == want
    assert steps_of(folder.path / "elastic")[-1] == STEPS
print(f"killed at {len(steps)} steps and resumed, and on 4, 2, 8 and 1 ranks: the bits of the run that nobody killed")

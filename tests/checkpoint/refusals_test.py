"""A resume as another run ends with 76 and the keys, before anything is written; what may change by leave is recorded; a
data file or model folder that only moved is no change."""
import json
import shutil

from tiny_run import BINARY, Folder, metrics, run, steps_of, train


def errors(done):
    return [line.removeprefix("bsft: error: ") for line in done.stderr.splitlines() if line.startswith("bsft: error: ")]


def state_of(run_dir):
    return {str(p): p.read_bytes() for p in sorted(run_dir.rglob("*")) if p.is_file()}


with Folder() as folder:
    config = folder.config("run")
    run_dir = folder.path / "run"
    train(config, 2, "--set", "train.max_steps=4")
    before = state_of(run_dir)

    def refused(ranks, *more, code=76):
        done = train(config, ranks, "--resume", "auto", *more, code=code)
        assert state_of(run_dir) == before, "something was written"
        return errors(done)

    # Another configuration, also on several ranks: each key once.
    lines = refused(2, "--set", "optimizer.learning_rate=0.5", "--set", "run.seed=7")
    assert lines[0].startswith("optimizer.learning_rate is 0.5 (") and lines[1].startswith("run.seed is 7 ("), lines
    assert lines[2].startswith("train.max_steps is 12 ("), lines
    assert "--allow-change optimizer.learning_rate, train.max_steps" in lines[3] and len(lines) == 4, lines
    # A number of ranks that is not legal: those that are.
    lines = refused(3, "--allow-change", "train.max_steps")
    assert len(lines) == 1 and "start 1, 2, 4 trainer ranks" in lines[0], lines
    # Keys that no leave is given for.
    lines = refused(0, "--allow-change", "run.seed", code=64)
    assert "only these may change" in lines[0] and len(lines) == 1, lines
    lines = refused(0, "--allow-change", "optimizer.learnin_rate", code=64)
    assert "did you mean optimizer.learning_rate?" in lines[0], lines
    # Another tokenizer, another shape.
    for name, old, new in (("tokenizer.json", '"version": "1.0"', '"version":  "1.0"'), ("config.json", "{", "{ ")):
        model = folder.path / f"model_{name}"
        shutil.copytree("configs/tiny", model)
        text = (model / name).read_text()
        assert old in text, name
        (model / name).write_text(text.replace(old, new, 1))
        lines = refused(0, "--allow-change", "train.max_steps", "--set", f"model.path={model}")
        assert lines[0].startswith(f"model.path: {name} in {model} is of digest ") and len(lines) == 2, lines
    # Other data: asked once the folder is claimed, so that status.json says it.
    other = folder.path / "other.h5"
    records = folder.path / "other.jsonl"
    run([BINARY, "data", "generate", "--out", records, "--cases", 31])
    run([BINARY, "data", "build", "--records", records, "--model", "configs/tiny", "--out", other])
    lines = errors(train(config, 2, "--resume", "auto", "--allow-change", "train.max_steps", "--set", f"data.file={other}",
                         code=76))
    assert lines[0].startswith(f"data.file: {other} is of digest ") and len(lines) == 2, lines
    assert json.loads((run_dir / "status.json").read_text())["exit_code"] == 76
    assert steps_of(run_dir) == [4] and len(metrics(run_dir)) == 4

    # Moved data and a moved model folder are the same; a change by leave is done, recorded, and asked for once.
    moved = folder.path / "moved.h5"
    folder.data.rename(moved)
    model = folder.path / "model_moved"
    shutil.copytree("configs/tiny", model)
    places = ["--set", f"data.file={moved}", "--set", f"model.path={model}", "--set", "optimizer.learning_rate=1e-3"]
    done = train(config, 2, "--resume", "auto", "--allow-change", "optimizer.learning_rate", "train.max_steps", *places)
    assert "given that optimizer.learning_rate became 0.001 after step 4 and train.max_steps became 12 after step 4" in done.stderr, done.stderr
    rates = [m["learning_rate"] for m in metrics(run_dir)]
    assert len(rates) == 12 and max(rates[:4]) > 1e-3 > max(rates[4:]) > 5e-4, rates
    manifest = json.loads((run_dir / "checkpoints" / "step-00000012" / "manifest.json").read_text())
    assert [(c["step"], c["key"], c["to"]) for c in manifest["changes"]] == [
        (4, "optimizer.learning_rate", "0.001"), (4, "train.max_steps", "12")], manifest["changes"]
    events = [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]
    event = [one for one in events if one["event"] == "resumed"][-1]
    assert event["step"] == 4, event
    assert set(event["changed"]) == {"optimizer.learning_rate", "train.max_steps"}, event
    train(config, 0, "--resume", "auto", *places)
    lines = errors(train(config, 0, "--resume", "auto", *places, "--set", "train.max_steps=5", "--allow-change",
                         "train.max_steps", code=76))
    assert "the run would end at step 5" in lines[0], lines

    # A model that would take twice this machine's memory: before its weights are made, also in a dry run.
    total = next(int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if line.startswith("MemTotal:"))
    a_layer = 4 * 2048**2 + 3 * 2048 * 8192
    shape = f"hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: {total // 8 // a_layer + 1}"
    large = folder.config("large")
    large.write_text(large.read_text().replace("hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2",
                                               shape))
    for ranks, more in ((0, ["--dry-run"]), (2, [])):
        lines = errors(train(large, ranks, *places[:2], *more, code=78))
        assert len(lines) == 1 and lines[0].startswith("the model does not fit into the memory of "), lines
        assert ("2 ranks take" if ranks else "1 rank takes") in lines[0] and not (folder.path / "large").exists(), lines
print("refused with their keys, and changed by leave")

"""bsft train as a user meets it: dry run, refusals with exit codes, a loss that is not finite, frozen tables, evaluation."""
import json
import shutil

from safetensors.numpy import load_file, save_file

from tiny_run import Folder, metrics, steps_of, train

with Folder() as folder:
    config = folder.config("run")
    run_dir = folder.path / "run"

    # A dry run says what would happen and writes nothing.
    dry = train(config, 2, "--dry-run")
    for words in ("2 trainers (mpi on cpu, exact reduction), 0 evaluators, 4 lanes, 2 a rank", "steps: 12", "<|proactive|>", "memory:"):
        assert words in dry.stdout, (words, dry.stdout)
    assert not run_dir.exists()

    # Refusals before anything starts: one line each, the right code, on one rank and on several.
    three = train(config, 3, code=78)
    assert three.stderr.count("bsft: error:") == 1 and "start 1, 2, 4 trainer ranks" in three.stderr, three.stderr
    long = train(config, 2, "--set", "data.max_length=20", code=65)
    assert long.stderr.count("bsft: error:") == 1 and "longer than data.max_length" in long.stderr, long.stderr
    assert not run_dir.exists()

    # A weight so large that the loss overflows: all ranks stop with 86, step and sample ids in the line.
    train(config, 0)
    broken = folder.path / "broken"
    shutil.copytree(run_dir / "checkpoints" / "step-00000012", broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.layers.0.self_attn.q_proj.weight"][:] = 3e38
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    (folder.path / "blown.yaml").write_text(
        config.read_text().replace("path: configs/tiny", f"path: {broken}").replace("init: random", "init: pretrained")
        .replace("  shape:", "  # shape:").replace(f"dir: {run_dir}", f"dir: {folder.path / 'blown'}"))
    blown = folder.path / "blown"
    huge = train(folder.path / "blown.yaml", 2, code=86)
    lines = [line for line in huge.stderr.splitlines() if "bsft: error:" in line]
    assert len(lines) == 1 and "not finite at step" in lines[0] and "(records synthetic-" in lines[0], lines
    status = json.loads((blown / "status.json").read_text())
    assert status["exit_code"] == 86 and status["state"] == "failed", status

    # Frozen base table: its digest is the same at the end, and the run says so.
    frozen = folder.path / "frozen"
    told = train(config, 2, "--set", f"run.dir={frozen}", "--set", "model.freeze=embeddings")
    assert "unchanged by training, as frozen" in told.stderr, told.stderr
    manifest = json.loads((frozen / "checkpoints" / "step-00000012" / "manifest.json").read_text())
    assert len(manifest["base_digest"]) == 32

    # Standard fine-tuning: no behaviour token, so none of its losses.
    sft = folder.path / "sft"
    train(config, 0, "--set", f"run.dir={sft}", "--set", "behavior.set=[none]")
    assert all(m["behavior_loss"] is None and m["response_loss"] > 0 for m in metrics(sft))
    assert all(m["behavior_loss"] > 0 for m in metrics(run_dir))
    assert metrics(run_dir)[0]["records"] == metrics(sft)[0]["records"]

    # The same trainer in plain libtorch: the same losses and gradients for ten steps, not the same bits.
    plain = folder.path / "plain"
    train(config, 0, "--set", f"run.dir={plain}", "--set", "kernels=reference")
    for key in ("loss", "behavior_loss", "response_loss", "end_loss", "behavior_entropy", "gradient_norm"):
        pairs = [(a[key], b[key]) for a, b in zip(metrics(run_dir)[:10], metrics(plain)[:10], strict=True)]
        assert len(pairs) == 10 and all(abs(a / b - 1) < 1e-6 for a, b in pairs), (key, pairs)
    assert any(a["gradient_norm"] != b["gradient_norm"] for a, b in zip(metrics(run_dir), metrics(plain))), "one path"

    # An evaluator rank beside one trainer, two that share each checkpoint, and taking turns on one rank (asked to, or
    # because there is no other): the same results.json, byte for byte.
    results = []
    for ranks, evaluators in ((2, 1), (3, 2), (0, 0), (0, 1)):
        scored = folder.path / f"scored_{ranks}_{evaluators}"
        done = train(config, ranks, "--set", f"run.dir={scored}", "--set", f"parallel.evaluator_ranks={evaluators}",
                     "--set", "evaluate.suites=[full]", "--set", "evaluate.max_records=40")
        evaluations = [json.loads(line) for line in (scored / "evaluations.jsonl").read_text().splitlines()]
        assert [e["step"] for e in evaluations] == [0, 4, 8, 12], evaluations
        assert all(e["status"] == "scored" for e in evaluations), evaluations
        assert json.loads((scored / "status.json").read_text())["state"] == "done"
        assert "macro" in done.stdout.lower(), done.stdout
        found = json.loads((scored / "results.json").read_text())
        assert found["before"]["step"] == 0 and found["final"]["step"] == 12
        assert set(steps_of(scored)) >= {8, 12}
        results.append({k: v for k, v in found.items() if k != "config_digest"})  # evaluator_ranks differs
    assert all(one == results[0] for one in results)
print("bsft train: refusals, a blown-up loss, frozen tables, evaluation beside training and in turns")

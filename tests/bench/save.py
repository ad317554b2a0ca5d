#!/usr/bin/env python3
"""What saving takes of training's time; prints one JSON line.

  tests/bench/run.sh save [--model FOLDER] [--steps N] [--every N] [--ranks N] [--tokens N] [--zero N]

A run on synthetic records that saves every few steps.  stall: seconds in which training stands still for one save, the
copy to host memory and the commit, the largest of rank 0's saves beside training (the first copy also takes its memory
from the system); the last step's save, which is waited for, stands apart.  step: median seconds of steps beside which
nothing is written, and beside_a_save of those in which something was.  bar: the larger of a step and 1 s.
--model configs/tiny tries it in seconds; the default is .cache/smollm2-135m (launch/smollm2.py).
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BSFT = ROOT / os.environ.get("BSFT_BUILD", "build/release") / "bsft"


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{words[:3]}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def json_lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=".cache/smollm2-135m")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="records a step")
    parser.add_argument("--tokens", type=int, default=1024, help="of a pass")
    parser.add_argument("--zero", type=int, default=0)
    given = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bsft_save_", dir=os.environ.get("TMPDIR", ROOT / "build")))
    try:
        measure(given, folder)
    finally:
        shutil.rmtree(folder)


def measure(given, folder):
    run(BSFT, "data", "generate", "--out", folder / "records.jsonl", "--cases", 40)
    run(BSFT, "data", "build", "--records", folder / "records.jsonl", "--model", given.model, "--out", folder / "data.h5")
    random = not (ROOT / given.model / "model.safetensors").exists()
    out = folder / "run"
    (folder / "run.yaml").write_text(f"""
run: {{name: save, dir: {out}}}
model: {{path: {given.model}, init: {'random' if random else 'pretrained'}}}
data: {{file: {folder / 'data.h5'}}}
train: {{global_batch_size: {given.batch}, max_tokens_per_pass: {given.tokens}, max_steps: {given.steps}, threads_per_rank: 0}}
parallel: {{lanes: {min(8, given.batch)}, zero: {given.zero}}}
checkpoint: {{every: {given.every}}}
evaluate: {{suites: []}}
""")
    start = ["mpirun", "-np", given.ranks] if given.ranks > 1 else []
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none",
                       OMPI_MCA_btl_vader_single_copy_mechanism="none")
    began = time.monotonic()
    run(*start, BSFT, "train", "--config", folder / "run.yaml", env=environment)
    wall = time.monotonic() - began
    steps = {line["step"]: line["seconds"]["total"] for line in json_lines(out / "metrics.jsonl")}
    saves = [line for line in json_lines(out / "events.jsonl") if line["event"] == "save"]
    beside = [save for save in saves if save["step"] != given.steps]
    last = [save for save in saves if save["step"] == given.steps]
    written = {s for save in beside for s in range(save["step"] + 1, save["committed_after"] + 1)}
    quiet = [seconds for s, seconds in steps.items() if s > 1 and s not in written]
    if not quiet or not beside:
        raise SystemExit("take more steps, or save less often: --steps, --every")
    step = statistics.median(quiet)
    checkpoint = out / "checkpoints" / f"step-{given.steps:08d}"
    stalls = [save["copy_seconds"] + save["commit_seconds"] for save in beside]
    print(json.dumps({
        "benchmark": "save", "model": given.model, "ranks": given.ranks, "zero": given.zero,
        "checkpoint_mb": round(sum(p.stat().st_size for p in checkpoint.iterdir()) / 1e6, 1),
        "saves_beside_training": len(beside), "stall_s": round(max(stalls), 3),
        "copy_s": [round(save["copy_seconds"], 3) for save in beside],
        "commit_s": [round(save["commit_seconds"], 3) for save in beside],
        "written_for_steps": [save["committed_after"] - save["step"] for save in beside],
        "step_s": round(step, 3),
        "beside_a_save_s": round(statistics.median(steps[s] for s in written), 3) if written else None,
        "waited_at_the_end_s": round(sum(save["copy_seconds"] + save["commit_seconds"] for save in last), 3),
        "bar_s": round(max(step, 1.0), 3), "within": max(stalls) <= max(step, 1.0), "wall_s": round(wall, 1)}))


if __name__ == "__main__":
    main()

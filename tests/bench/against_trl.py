#!/usr/bin/env python3
"""Train SmolLM2-135M on real records beside TRL's SFTTrainer, in turn in one run; prints one JSON line.

  tests/bench/run.sh against_trl [--rounds N] [--steps N] [--batch N] [--threads N] [--max-length N]

Both are one process on the same sequences (prompt, newline, behaviour token, response, end: our model.template none),
each seen once, in batches of the same size, independent order, fp32.  TRL's padding is work, not tokens.
tokens_per_second is tokens over the sum of the steps' seconds, a median of the rounds; peak memory is the process's
largest resident set.
useful_share_of_peak = c · tokens / seconds / P: P the machine's sgemm rate in this run (the best of the rounds),
  c = 6 N_body + 12 ctx H E L - 6 (n_q + n_o + n_mlp) (1 - s) + 6 D V s
FLOP a token; s the supervised share, ctx the mean causal context, the third term what the last
layer skips.  stages: our seconds a step; gemm: what the useful FLOP would take at P.
The peer is ../shared/peers/trl_sft.py, run where it lies; its packages go into .cache/trl-venv, over this project's own
torch and transformers.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time

PACKAGES = ["trl==1.16.0", "datasets==5.2.0", "accelerate==1.15.0"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
PEER = SHARED / "peers/trl_sft.py"
RECORDS = SHARED / "data/behaviorbench_real/mini.jsonl"
MODEL = ROOT / ".cache/smollm2-135m"
SCRATCH = ROOT / ".cache/against_trl"
BSFT = ROOT / os.environ.get("BSFT_BUILD", "build/release") / "bsft"

SGEMM = """
import sys, time, torch
torch.set_num_threads(int(sys.argv[1]))
best = 0
for m, k, n in ((512, 576, 1536), (1024, 1536, 576), (2048, 2048, 2048)):
    a, b = torch.randn(m, k), torch.randn(k, n)
    for _ in range(12):
        start = time.perf_counter(); torch.mm(a, b)
        best = max(best, 2 * m * k * n / (time.perf_counter() - start))
print(best)
"""


def peer_python():
    folder = ROOT / ".cache/trl-venv"
    stamp = folder / "packages.txt"
    if not stamp.exists() or stamp.read_text().split() != PACKAGES:
        print(f"against_trl: making {folder.relative_to(ROOT)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        site = next((folder / "lib").glob("python*/site-packages"))
        (site / "project.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        subprocess.run([folder / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
        stamp.write_text("\n".join(PACKAGES))
    return folder / "bin/python"


def run(command, threads):
    """stdout, peak resident bytes and seconds of a process."""
    start = time.monotonic()
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), TMPDIR=str(SCRATCH), TOKENIZERS_PARALLELISM="false")
    with open(SCRATCH / "log.txt", "w") as log:
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=log, cwd=ROOT,
                                   env=environment)
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"against_trl: {command[0]} failed ({process.returncode})\n" + (SCRATCH / "log.txt").read_text()[-2000:])
    return output, usage.ru_maxrss * 1024, time.monotonic() - start


def chosen_records(count, max_length):
    """The peer's own choice, and each one's tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.add_special_tokens(["<|reactive|>", "<|proactive|>"])
    tokens = lambda text: len(tokenizer.encode(text).ids)
    end = json.loads((MODEL / "tokenizer_config.json").read_text())["eos_token"]
    lines, lengths = [], []
    for line in open(RECORDS):
        record = json.loads(line)
        if record["split"] == "train" and tokens(record["prompt"]) + tokens(record["response"]) + 20 <= max_length:
            lines.append(line)
            lengths.append(tokens(record["prompt"] + "\n" + f"<|{record['group']}|>" + record["response"] + end))
        if len(lines) == count:
            break
    if len(lines) < count:
        sys.exit(f"against_trl: {RECORDS.name} has {len(lines)} such records, fewer than {count}; lower --steps")
    return lines, lengths


def useful_flop(lengths, supervised):
    """c · tokens of one run."""
    shape = json.loads((MODEL / "config.json").read_text())
    D, F, L, V, H = (shape[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size",
                                        "num_attention_heads"))
    E, G = shape.get("head_dim") or D // H, shape["num_key_value_heads"]
    n_q = n_o = D * H * E
    n_mlp = 3 * D * F
    body = L * (n_q + n_o + n_mlp + 2 * D * G * E)
    tokens = sum(lengths)
    context = sum(length * (length + 1) / 2 for length in lengths) / tokens
    s = supervised / tokens
    return tokens * (6 * body + 12 * context * H * E * L - 6 * (n_q + n_o + n_mlp) * (1 - s) + 6 * D * V * s)


def ours(args, round_, tokens):
    folder = SCRATCH / f"run-{round_}"
    config = SCRATCH / "config.yaml"
    config.write_text(json.dumps({  # YAML, too
        "run": {"dir": str(folder)}, "model": {"path": str(MODEL), "template": "none"},
        "data": {"file": str(SCRATCH / "records.h5"), "max_length": args.max_length, "group_size": 1},
        "train": {"global_batch_size": args.batch, "num_epochs": 1, "threads_per_rank": args.threads},
        "optimizer": {"learning_rate": 2e-5}, "parallel": {"lanes": 1}, "evaluate": {"suites": []}}))
    shutil.rmtree(folder, ignore_errors=True)
    _, peak, wall = run([BSFT, "train", "--config", config], args.threads)
    steps = [json.loads(line) for line in open(folder / "metrics.jsonl")]
    shutil.rmtree(folder / "checkpoints")
    total = lambda key: sum(step[key] for step in steps)
    stages = {key: sum(step["seconds"][key] for step in steps) for key in steps[0]["seconds"]}
    assert total("records") == args.steps * args.batch, "not every record was seen once"
    assert total("tokens") == tokens, f"{total('tokens')} tokens where the peer has {tokens}"
    return {"seconds": stages["total"], "peak": peak, "wall": wall, "stages": stages,
            "supervised": total("supervised_tokens"), "steps": len(steps)}


def theirs(args, python, tokens):
    output, peak, wall = run([python, PEER, "--model", MODEL, "--data", SCRATCH / "records.jsonl", "--steps", args.steps,
                              "--batch", args.batch, "--max-length", args.max_length, "--threads", args.threads,
                              "--behavior-tokens"], args.threads)
    said = json.loads(output.strip().splitlines()[-1])
    assert said["records"] == args.steps * args.batch, said
    return {"seconds": tokens / said["tokens_per_second"], "peak": peak, "wall": wall}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-length", type=int, default=256)
    args = parser.parse_args()
    for needed in (PEER, RECORDS, MODEL / "config.json", BSFT):
        if not needed.exists():
            print(f"against_trl: skipped ({needed} is not here)")
            return
    SCRATCH.mkdir(parents=True, exist_ok=True)
    python = peer_python()
    lines, lengths = chosen_records(args.steps * args.batch, args.max_length)
    (SCRATCH / "records.jsonl").write_text("".join(lines))
    run([BSFT, "data", "build", "--records", SCRATCH / "records.jsonl", "--model", MODEL,
         "--template", "none", "--out", SCRATCH / "records.h5"], args.threads)
    tokens = sum(lengths)

    mine, other, rate, load = [], [], 0.0, []
    for round_ in range(args.rounds):
        load.append(os.getloadavg()[0])
        rate = max(rate, float(run([sys.executable, "-c", SGEMM, args.threads], args.threads)[0]))
        mine.append(ours(args, round_, tokens))
        other.append(theirs(args, python, tokens))
        print(f"against_trl: round {round_ + 1}: {tokens / mine[-1]['seconds']:.1f} tokens/s, TRL "
              f"{tokens / other[-1]['seconds']:.1f}", file=sys.stderr)

    median = lambda runs, key: statistics.median(r[key] for r in runs)
    speed, peer_speed = tokens / median(mine, "seconds"), tokens / median(other, "seconds")
    flop = useful_flop(lengths, mine[0]["supervised"])
    stages = {key: round(statistics.median(r["stages"][key] for r in mine) / args.steps, 3) for key in mine[0]["stages"]}
    print(json.dumps({
        "bench": "against_trl", "model": MODEL.name, "data": f"{RECORDS.name} <= {args.max_length}",
        "batch": args.batch, "steps": args.steps, "rounds": args.rounds, "threads": args.threads, "peer": PACKAGES[0],
        "tokens": tokens, "supervised_tokens": mine[0]["supervised"],
        "tokens_per_second": [round(speed, 1), round(peer_speed, 1)],
        "tokens_per_second_ratio": round(speed / peer_speed, 2),
        "ratio_by_round": [round(b["seconds"] / a["seconds"], 2) for a, b in zip(mine, other)],
        "peak_memory_gb": [round(median(mine, "peak") / 1e9, 2), round(median(other, "peak") / 1e9, 2)],
        "peak_memory_ratio": round(median(mine, "peak") / median(other, "peak"), 3),
        "process_seconds": [round(median(mine, "wall"), 1), round(median(other, "wall"), 1)],
        "sgemm_gflops": round(rate / 1e9, 1),
        "useful_share_of_peak": round(flop / median(mine, "seconds") / rate, 3),
        "stages": stages | {"gemm": round(flop / rate / args.steps, 3)},
        "load_before": [round(min(load), 2), round(max(load), 2)]}))


if __name__ == "__main__":
    main()

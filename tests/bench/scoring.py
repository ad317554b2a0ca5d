#!/usr/bin/env python3
"""Records scored a second, ours beside a transformers loop and the manner of lm-evaluation-harness; a JSON line a set.

  tests/bench/run.sh scoring [--records N] [--sets contrast test] [--chunk N] [--threads N] [--model FOLDER] [--data FOLDER]

Every record under three conditions: no token, <|reactive|>, <|proactive|>; fp32, the same tokens, a process each, the
model already loaded.  Whole cases, drawn by the evaluator's own draw until there are N records (0: all), in turn by
chunks of the records.
  loop     a forward for each condition and label alone, the output head on the label's rows only
           (transformers alone would visit all rows' vocabulary: slower)
  grouped  one-token continuations of a context in one forward, log-softmax over every position, as the harness's
           HFLM._loglikelihood_tokens does with a batch of one (larger ones pad, which costs more here)
ratio: seconds of theirs over ours, of the whole set, with the least and the most of the chunks; tokens: what each
visits a record.  A choice is the likeliest label (a label that begins another has what the longer ones leave of it);
`differ` counts choices that are not ours, `difference` is the largest between log-likelihoods of a label.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BSFT_BUILD", "build/release")
SUITES = {"test": "full", "contrast": "contrast"}


class Ours:
    def __init__(self, model, data, threads):
        self.process = subprocess.Popen([BUILD / "tests/bench_scoring", model, data, str(threads)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"scoring: bench_scoring ended (exit {self.process.wait()}) at: {' '.join(map(str, words))[:80]}")
        return json.loads(line)


class Theirs:
    """One context and continuation at a time."""

    def __init__(self, folder, described):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.conditions = [[]] + [[behavior["id"]] for behavior in described["behaviors"]]
        rows = max(id_ for condition in self.conditions for id_ in condition) + 1
        if rows > self.model.config.vocab_size:
            self.model.resize_token_embeddings(rows, mean_resizing=False)
        if not described["learned"]:  # as `bsft evaluate` starts them: the mean of the description
            with torch.no_grad():
                table = self.model.get_input_embeddings().weight
                for behavior in described["behaviors"]:
                    table[behavior["id"]] = table[behavior["description"]].double().mean(0).float()

    @torch.no_grad()
    def loop(self, record):
        result = []
        for condition in self.conditions:
            context = record["prompt"] + condition
            sums = []
            for label in record["labels"]:
                ids = torch.tensor([context + label[:-1]])
                rows = torch.log_softmax(self.model(ids, logits_to_keep=len(label), use_cache=False).logits[0], -1)
                sums.append(rows[range(len(label)), label].double().sum().item())
            result.append(sums)
        return result

    @torch.no_grad()
    def grouped(self, record):
        result = []
        for condition in self.conditions:
            context = record["prompt"] + condition
            groups = {}
            for number, label in enumerate(record["labels"]):
                groups.setdefault(tuple(label[:-1]), []).append(number)
            sums = [0.0] * len(record["labels"])
            for path, numbers in groups.items():
                table = torch.log_softmax(self.model(torch.tensor([context + list(path)]), use_cache=False).logits, -1)[0]
                for number in numbers:
                    label = record["labels"][number]
                    rows = table[len(context) - 1:len(context) - 1 + len(label)]
                    sums[number] = rows[range(len(label)), label].double().sum().item()
            result.append(sums)
        return result


def without_longer(labels, sums):
    """What is left of a label that is the beginning of others."""
    result = list(sums)
    for a, label in enumerate(labels):
        longer = [b for b, other in enumerate(labels) if b != a and other[:len(label)] == label]
        nearest = [b for b in longer if not any(labels[b][:len(labels[m])] == labels[m] for m in longer if m != b)]
        left = 1 - sum(math.exp(sums[b] - sums[a]) for b in nearest)
        if nearest:
            result[a] += math.log(left) if left > 0 else -math.inf
    return result


def visited(records, conditions):
    """Tokens that each side visits: ours counts a beginning that a case's sequences share once."""
    loop = grouped = ours = 0
    cases = {}
    for record in records:
        for condition in conditions:
            size = len(record["prompt"]) + len(condition)
            loop += sum(size + len(label) - 1 for label in record["labels"])
            paths = {tuple(label[:-1]) for label in record["labels"]}
            grouped += sum(size + len(path) for path in paths)
            for path in paths:
                node = cases.setdefault(record["case"], {})
                for token in record["prompt"] + condition + list(path):
                    ours += token not in node
                    node = node.setdefault(token, {})
    return {"ours": ours, "loop": loop, "grouped": grouped}


def likeliest(sums):
    return max(range(len(sums)), key=lambda i: sums[i])


def compare(ours, theirs, name, options):
    numbers = ours("draw", SUITES[name], options.records)["records"]
    records = ours("ask", *numbers)["records"]
    sides = ("ours", "loop", "grouped")
    seconds, differ, worst = [], {"loop": 0, "grouped": 0}, 0.0
    scored = {}

    def run(side, chunk):
        start = time.perf_counter()
        if side == "ours":
            answer = ours("score", *[numbers[i] for i in chunk])
            scored[side] = answer["log_p"]
            return answer["seconds"]
        scored[side] = [getattr(theirs, side)(records[i]) for i in chunk]
        return time.perf_counter() - start

    for side in sides:  # warm
        run(side, range(min(2, len(numbers))))
    chunks = [range(i, min(i + options.chunk, len(numbers))) for i in range(0, len(numbers), options.chunk)]
    for turn, chunk in enumerate(chunks):
        seconds.append({side: run(side, chunk) for side in sides[turn % 3:] + sides[:turn % 3]})
        for at, i in enumerate(chunk):
            labels = records[i]["labels"]
            for condition, mine in enumerate(scored["ours"][at]):
                for side in differ:
                    other = without_longer(labels, scored[side][at][condition])
                    differ[side] += likeliest(mine) != likeliest(other)
                    worst = max(worst, *(abs(a - b) for a, b in zip(mine, other, strict=True)))
        print(f"scoring: {name}: {chunk[-1] + 1} of {len(numbers)} records, seconds "
              + ", ".join(f"{side} {sum(s[side] for s in seconds):.1f}" for side in sides), file=sys.stderr)
    total = {side: sum(s[side] for s in seconds) for side in sides}
    tokens = visited(records, theirs.conditions)
    line = {"set": name, "records": len(numbers), "conditions": len(theirs.conditions), "threads": options.threads,
            "choices": len(numbers) * len(theirs.conditions),
            "tokens": {side: round(tokens[side] / len(numbers), 1) for side in sides},
            "records_per_second": {side: round(len(numbers) / total[side], 3) for side in sides}}
    for side in differ:
        each = [s[side] / s["ours"] for s in seconds]
        line[f"ratio_{side}"] = round(total[side] / total["ours"], 2)
        line[f"chunks_{side}"] = [round(min(each), 2), round(max(each), 2)]
        line[f"token_ratio_{side}"] = round(tokens[side] / tokens["ours"], 2)
    print(json.dumps({**line, "differ": differ, "difference": worst}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--sets", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--chunk", type=int, default=10)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / ".cache/smollm2-135m")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data/behaviorbench_real",
                        help="with test.jsonl and contrast.jsonl")
    options = parser.parse_args()
    for file in (options.data / "test.jsonl", options.data / "contrast.jsonl", options.model / "config.json"):
        if not file.exists():
            sys.exit(f"scoring: no {file} (name its folder with --data or --model)")
    torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "records.h5"
        subprocess.run([BUILD / "bsft", "data", "build", "--records", options.data / "test.jsonl",
                        f"contrast={options.data / 'contrast.jsonl'}", "--model", options.model, "--out", data],
                       check=True, stdout=sys.stderr)
        ours = Ours(options.model, data, options.threads)
        theirs = Theirs(options.model, ours("describe"))
        for name in options.sets:
            compare(ours, theirs, name, options)


if __name__ == "__main__":
    main()

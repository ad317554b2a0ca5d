"""SmolLM2-135M on real clinical records, by both modes of `bsft evaluate`, against transformers.

A seeded sample of the records beside the repository (../shared/data/behaviorbench_real/test.jsonl, or the folder in
BSFT_REAL_RECORDS), prompts of at most 1,024 tokens; every condition.  The reference visits a prompt once, keeps its
keys and values in transformers' own cache and feeds each label by itself.  Log-likelihoods agree within 1e-3, the
likeliest label and the selected behaviour on every record.  The shortest records are answered, too, in one batch:
transformers' generate, one at a time, gives the same text under each behaviour and without one.

  real_records_test.py 12      so many records
"""

import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

LIMIT, TOKENS = 1e-3, 8
MODEL = pathlib.Path(".cache/smollm2-135m")
RECORDS = pathlib.Path(os.environ.get("BSFT_REAL_RECORDS", "../shared/data/behaviorbench_real")) / "test.jsonl"
BINARY = os.environ["BSFT_BINARY"]
DESCRIPTIONS = {"reactive": "answer only what was asked",
                "proactive": "speak up about an error, a conflict or an omission"}  # of configs/behaviorbench.yaml

for needed in (RECORDS, MODEL / "model.safetensors", pathlib.Path(BINARY)):
    if not needed.exists():
        print(f"skipped: no {needed}")
        sys.exit(77)
try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (launch/setup.sh --tests)")
    sys.exit(77)
torch.set_num_threads(1)


def bsft(*arguments):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"


class Reference:
    def __init__(self):
        self.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        self.model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
        first = self.model.config.vocab_size
        self.model.resize_token_embeddings(first + len(DESCRIPTIONS), mean_resizing=False)
        self.ids = {}
        with torch.no_grad():  # a behaviour that is not learned yet: the mean of its description
            table = self.model.get_input_embeddings().weight
            for number, (name, text) in enumerate(DESCRIPTIONS.items()):
                self.ids[name] = first + number
                table[first + number] = table[self.encode(text)].double().mean(0).float()

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def prompt(self, record):
        turns = [{"role": "user", "content": record["prompt"]}]
        return self.encode(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    @torch.no_grad()
    def after(self, cache, ids):
        logits = self.model(torch.tensor([ids]), past_key_values=cache, use_cache=True).logits[0]
        return torch.log_softmax(logits.double(), -1)

    def labels(self, cache, first, labels):
        """log p of each label after what the cache holds; first: log p of the token that comes next."""
        plain = {}
        tokens = {label: self.encode(label) for label in labels}
        for label, ids in tokens.items():
            value = first[ids[0]].item()
            if len(ids) > 1:
                table = self.after(cache, ids[:-1])
                cache.crop(1 - len(ids))
                value += sum(table[i, token].item() for i, token in enumerate(ids[1:]))
            plain[label] = value
        for a in labels:
            longer = [b for b in labels if a != b and tokens[b][:len(tokens[a])] == tokens[a]]
            assert len(longer) <= 1, "labels nest deeper than this reference knows"
            if longer:
                plain[a] += math.log1p(-math.exp(plain[longer[0]] - plain[a]))
        return plain

    def conditions(self, record):
        cache = DynamicCache()
        ids = self.prompt(record)
        first = self.after(cache, ids)[-1]
        behaviors = {name: first[i].item() for name, i in self.ids.items()}
        scores = {None: self.labels(cache, first, record["labels"])}
        for name, token in self.ids.items():
            below = self.after(cache, [token])[-1]
            scores[name] = self.labels(cache, below, record["labels"])
            cache.crop(-1)
        right = record["behavior"]
        wrong = next(name for name in self.ids if name != right)
        chosen = {"self": max(behaviors, key=behaviors.get), "right": right, "wrong": wrong, "none": None}
        return behaviors, {condition: (name, scores[name]) for condition, name in chosen.items()}


def sample(reference, count, longest):
    records = [json.loads(line) for line in RECORDS.read_text().splitlines()]
    random.Random(7).shuffle(records)
    chosen = []
    for record in records:
        if len(reference.prompt(record)) <= longest:
            chosen.append(record)
        if len(chosen) == count:
            break
    return chosen


def evaluated(records, *more):
    """What each record got, and the seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        bsft("data", "build", "--records", folder / "records.jsonl", "--model", MODEL, "--out", folder / "data.h5")
        begin = time.time()
        bsft("evaluate", "--model", MODEL, "--data", folder / "data.h5", "--threads", 1, "--records-out",
             folder / "out.jsonl", *more)
        seconds = time.time() - begin
        ours = {line["id"]: line for line in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}
    assert set(ours) == {record["id"] for record in records}
    return ours, seconds


def compare_likelihoods(reference, records):
    ours, seconds = evaluated(records)
    worst, compared, narrowest = 0.0, 0, math.inf
    for record in records:
        mine = ours[record["id"]]
        behaviors, conditions = reference.conditions(record)
        for ours_p, theirs_p in zip(mine["behavior_log_p"], behaviors.values(), strict=True):
            worst = max(worst, abs(ours_p - theirs_p))
        assert set(mine["conditions"]) == set(conditions)
        for condition, (behavior, theirs) in conditions.items():
            entry = mine["conditions"][condition]
            where = f"{record['id']} {condition}"
            assert entry.get("behavior") == behavior, where
            for label, value in zip(record["labels"], entry["log_p"], strict=True):
                worst, compared = max(worst, abs(value - theirs[label])), compared + 1
                assert abs(value - theirs[label]) <= LIMIT, f"{where} {label}: {value}, transformers {theirs[label]}"
            first, second = sorted(theirs.values(), reverse=True)[:2]
            narrowest = min(narrowest, first - second)
            assert entry["prediction"] == max(theirs, key=theirs.get), f"{where}: the first two differ by {first - second}"
    tasks = {record["task"] for record in records}
    assert len(tasks) > min(9, len(records) // 2) and worst > 0, "the sample proves little"
    print(f"{len(records)} records, {compared} label scores: largest difference {worst:.1e}, all predictions the same "
          f"(the closest two labels differ by {narrowest:.1e}); bsft {seconds:.0f} s")



def compare_answers(reference, records):
    ours, seconds = evaluated(records, "--mode", "generation", "--answer-tokens", TOKENS)
    end = reference.tokenizer.convert_tokens_to_ids("<|im_end|>")
    lengths, texts = set(), set()
    for record in records:
        prompt = reference.prompt(record)
        lengths.add(len(prompt))
        most = max(TOKENS, max(map(len, record["labels"])) + 2)  # enough to decide the label
        for condition in ("right", "wrong", "none"):
            entry = ours[record["id"]]["conditions"][condition]
            given = "behavior" in entry
            start = prompt + ([reference.ids[entry["behavior"]]] if given else [])
            out = reference.model.generate(
                torch.tensor([start]), attention_mask=torch.ones(1, len(start), dtype=torch.long), max_new_tokens=most,
                do_sample=False, eos_token_id=end, pad_token_id=0,
                begin_suppress_tokens=None if given else list(reference.ids.values()))[0, len(start):].tolist()
            text = reference.tokenizer.decode(out[:out.index(end)] if end in out else out)
            # Ours goes on after TOKENS only while the label is open.
            long_enough = len(reference.encode(entry["answer"])) >= TOKENS - 1
            same = entry["answer"] == text or (not entry["ended"] and long_enough and text.startswith(entry["answer"]))
            assert same, f"{record['id']} {condition}: {entry['answer']!r}, transformers {text!r}"
            texts.add(text)
    assert len(lengths) > 1 and len(texts) > len(records), (lengths, texts)
    print(f"{3 * len(records)} answers agree, {len(texts)} different ones, prompts of {min(lengths)} to {max(lengths)} "
          f"tokens; bsft {seconds:.0f} s")


def main():
    reference = Reference()
    records = sample(reference, int(sys.argv[1]), 1024)
    compare_likelihoods(reference, records)
    records.sort(key=lambda record: len(record["prompt"]))
    compare_answers(reference, records[:min(8, len(records) // 2)])


if __name__ == "__main__":
    main()

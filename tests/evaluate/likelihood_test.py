"""Compare `bsft evaluate` with transformers, one sequence at a time: a tiny random Llama that knows the tokens.

Every condition (self, right, wrong, none), both positions of the token and the instruction arm; cases that share their
prompt, labels of several tokens, and a label that is the beginning of another.  Log-likelihoods agree within 1e-4, the
predictions and the scores of results.json follow from them; the same call gives the same bytes, and so do
parts of it, in both modes; other pass sizes and the reference kernels give the same numbers within 1e-4.  Then the
refusals.
"""

import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import torch
    from sklearn.metrics import accuracy_score, f1_score
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (launch/setup.sh --tests)")
    sys.exit(77)

BINARY = os.environ["BSFT_BINARY"]
LIMIT = 1e-4
TOKENS = {"reactive": "<|reactive|>", "proactive": "<|proactive|>"}
DESCRIPTIONS = {"reactive": "answer only what was asked", "proactive": "speak up about an error"}
LABELS = {"dose": ["no", "no change", "no change at all", "increase the dose", "increase"],
          "check": ["FLAG", "PROCEED"]}
BEHAVIOR = {"dose": "reactive", "check": "proactive"}
torch.set_num_threads(1)


def make_model(folder):
    shutil.copytree("configs/tiny", folder, ignore=shutil.ignore_patterns("*.py", "model*"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    first = len(set(tokenizer["model"]["vocab"]) | {token["content"] for token in tokenizer["added_tokens"]})
    for number, token in enumerate(TOKENS.values()):
        tokenizer["added_tokens"].append({"id": first + number, "content": token, "single_word": False, "lstrip": False,
                                          "rstrip": False, "normalized": False, "special": True})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    torch.manual_seed(1)
    config = LlamaConfig.from_pretrained(folder)
    config.hidden_size, config.intermediate_size = 32, 48
    config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads, config.head_dim = 2, 4, 2, 8
    config.initializer_range = 0.3  # far from uniform
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(folder)
    return model, AutoTokenizer.from_pretrained(folder)


def write_behaviors(file):
    lines = [f"  - name: {n}\n    token: \"{TOKENS[n]}\"\n    description: {DESCRIPTIONS[n]}\n" for n in TOKENS]
    file.write_text("behaviors:\n" + "".join(lines) + "tasks: []\n")


def make_records(file):
    lines = []
    for case in range(6):
        history = f"Dr Moreau: potassium is {3 + case}.{case} mmol/l and the weight is {50 + 7 * case} kg."
        for task, labels in LABELS.items():
            for question in range(2):
                label = labels[(case + question) % len(labels)]
                lines.append({
                    "id": f"{task}-{case}-{question}", "case_id": f"c{case}", "task": task, "group": BEHAVIOR[task],
                    "behavior": BEHAVIOR[task], "level": 2, "label": label, "labels": labels, "response": label,
                    "turns": [{"role": "user", "speaker": "Nurse", "content": history + (" Now?" if question else "")}],
                    "action": {"FLAG": "intervene", "PROCEED": "restrain"}.get(label, "answer"),
                    "split": "train" if case == 5 else "test", "source": "test"})
    for line in lines[:4]:
        line["suites"] = ["hard", "full"]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {line["id"]: line for line in lines}


def bsft(*arguments, code=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"{arguments}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


class Reference:
    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in TOKENS.items()}

    def prompt(self, record, extra=""):
        turns = [{"role": t["role"], "content": f"{t['speaker']}: {t['content']}{extra}"} for t in record["turns"]]
        text = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def log_p(self, prompt, continuation):
        ids = torch.tensor([prompt + continuation])
        with torch.no_grad():
            table = torch.log_softmax(self.model(ids).logits[0].double(), -1)
        return sum(table[len(prompt) + i - 1, token].item() for i, token in enumerate(continuation))

    def labels(self, prompt, labels):
        tokens = {label: self.tokenizer(label, add_special_tokens=False)["input_ids"] for label in labels}
        plain = {label: self.log_p(prompt, ids) for label, ids in tokens.items()}
        average = {label: plain[label] / len(tokens[label]) for label in labels}
        longer = {a: [b for b in labels if a != b and tokens[b][:len(tokens[a])] == tokens[a]] for a in labels}
        result = dict(plain)
        for label in labels:
            nearest = [b for b in longer[label] if not any(b in longer[m] for m in longer[label])]
            if nearest:
                result[label] += math.log1p(-sum(math.exp(plain[b] - plain[label]) for b in nearest))
        return result, average


def expected(reference, record, position, arm):
    """condition -> (behaviour, log-likelihoods, averages); and log p of the behaviours."""
    def under(name):
        if arm == "instruction":
            return reference.prompt(record, f"\n\nHow to respond: {DESCRIPTIONS[name]}")
        token = [reference.ids[name]]
        return token + prompt if position == "before_prompt" else prompt + token

    prompt = reference.prompt(record)
    right = record["behavior"]
    wrong = next(name for name in TOKENS if name != right)
    behaviors = {name: reference.log_p(prompt, [reference.ids[name]]) for name in TOKENS}
    conditions = {"right": right, "wrong": wrong}
    if position == "before_response" and arm == "behavior":
        conditions["self"] = max(behaviors, key=behaviors.get)
    result = {c: (name, *reference.labels(under(name), record["labels"])) for c, name in conditions.items()}
    result["none"] = (None, *reference.labels(prompt, record["labels"]))
    return result, behaviors


def close(ours, theirs, where):
    assert abs(ours - theirs) <= LIMIT * max(1, abs(theirs)), f"{where}: ours {ours}, transformers {theirs}"
    return abs(ours - theirs)


def compare(reference, records, ours, position, arm):
    worst, seen = 0, 0
    for line in ours:
        record = records[line["id"]]
        theirs, behaviors = expected(reference, record, position, arm)
        assert set(line["conditions"]) == set(theirs), (line["id"], set(line["conditions"]), set(theirs))
        if "self" in theirs:
            for mine, value in zip(line["behavior_log_p"], behaviors.values(), strict=True):
                worst = max(worst, close(mine, value, f"{line['id']} behaviour"))
        for condition, (behavior, sums, averages) in theirs.items():
            entry = line["conditions"][condition]
            assert entry.get("behavior") == behavior, (line["id"], condition, entry)
            for label, mine, average in zip(record["labels"], entry["log_p"], entry["log_p_per_token"], strict=True):
                where = f"{line['id']} {condition} {label}"
                worst = max(worst, close(mine, sums[label], where), close(average, averages[label], where))
                seen += 1
            assert entry["prediction"] == max(sums, key=sums.get), (line["id"], condition)
    print(f"{arm}, {position}: {len(ours)} records, {seen} label scores, largest difference {worst:.1e}")


def check_scores(results, ours, records):
    for condition in ("self", "right", "wrong", "none"):
        tasks = []
        for task in LABELS:
            pairs = [(records[o["id"]]["label"], o["conditions"][condition]["prediction"]) for o in ours
                     if o["task"] == task]
            truth, guess = zip(*pairs)
            score = results["conditions"][condition]["suites"]["full"]["tasks"][task]
            present = sorted(set(truth) | set(guess))
            f1 = f1_score(truth, guess, labels=present, average="macro", zero_division=0)
            assert abs(score["macro_f1_tasks"] - f1) < 1e-12, (condition, task)
            assert abs(score["accuracy"] - accuracy_score(truth, guess)) < 1e-12
            tasks.append(f1)
        overall = results["conditions"][condition]["suites"]["full"]["overall"]
        assert abs(overall["macro_f1_tasks"] - sum(tasks) / len(tasks)) < 1e-12
    assert results["suites"] == results["conditions"]["self"]["suites"] and results["headline"] == "self"
    selected = [o["conditions"]["self"]["behavior"] for o in ours]
    gold = [records[o["id"]]["behavior"] for o in ours]
    assert abs(results["steer"]["full"]["selection"]["accuracy"] - accuracy_score(gold, selected)) < 1e-12
    for condition in ("self", "none"):
        planted = [o["conditions"][condition]["prediction"] for o in ours if records[o["id"]]["action"] == "intervene"]
        clean = [o["conditions"][condition]["prediction"] for o in ours if records[o["id"]]["action"] == "restrain"]
        rates = results["steer"]["full"]["conditions"][condition]
        assert rates["missed_need_rate"] == sum(p != "FLAG" for p in planted) / len(planted)
        assert rates["over_intervention_rate"] == sum(p == "FLAG" for p in clean) / len(clean)
    assert results["suites"]["hard"]["overall"]["support"] == 4


def main():
    if not pathlib.Path(BINARY).exists():
        print(f"skipped: no bsft at {BINARY}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, tokenizer = make_model(folder / "model")
        reference = Reference(model, tokenizer)
        records = make_records(folder / "records.jsonl")
        behaviors = folder / "behaviors.yaml"
        write_behaviors(behaviors)
        data = folder / "data.h5"
        bsft("data", "build", "--records", folder / "records.jsonl", "--model", folder / "model", "--behaviors", behaviors, "--out", data)

        def run(tag, *more):
            out = folder / f"{tag}.json"
            bsft("evaluate", "--model", folder / "model", "--data", data, "--threads", 1, "--out", out, "--records-out", folder / f"{tag}.jsonl", *more)
            return out.read_bytes(), [json.loads(line) for line in (folder / f"{tag}.jsonl").read_text().splitlines()]

        base, ours = run("base")
        assert len(ours) == 20
        compare(reference, records, ours, "before_response", "behavior")
        check_scores(json.loads(base), ours, records)
        compare(reference, records, run("prompt", "--position", "before_prompt")[1], "before_prompt", "behavior")
        compare(reference, records, run("words", "--arm", "instruction")[1], "before_response", "instruction")
        for arm in ("sft", "zero_shot"):
            lines = run(arm, "--arm", arm)[1]
            assert all(set(line["conditions"]) == {"none"} for line in lines)
            # Other sequences share the pass, so products have other shapes: the same numbers, not the same bits.
            for mine, other in zip(ours, lines, strict=True):
                mine, other = mine["conditions"]["none"], other["conditions"]["none"]
                assert mine["prediction"] == other["prediction"], arm
                for a, b in zip(mine["log_p"], other["log_p"], strict=True):
                    close(a, b, f"{arm} none")

        assert run("again")[0] == base, "the same call gives other bytes"
        for tag, more in (("small", ("--max-tokens", 1)), ("reference", ("--kernels", "reference"))):
            for mine, other in zip(ours, run(tag, *more)[1], strict=True):
                for condition, entry in mine["conditions"].items():
                    for a, b in zip(entry["log_p"], other["conditions"][condition]["log_p"], strict=True):
                        close(a, b, f"{tag} {mine['id']} {condition}")
        call = ("evaluate", "--model", folder / "model", "--data", data)
        for more in (("--max-tokens", 200), ("--max-tokens", 200, "--mode", "generation")):
            whole = run("whole", *more)
            scored = []
            for part in ("1/3", "2/3", "3/3"):
                scored.append(folder / f"part-{part[0]}")
                bsft(*call, "--threads", 1, *more, "--part", part, "--scored-out", scored[-1])
            sizes = [len(file.read_text().splitlines()) for file in scored]
            assert sum(sizes) == 20 and min(sizes) > 0, sizes
            assert run("parts", *more, "--scored", scored[2], "--scored", scored[0], "--scored", scored[1]) == whole, more
            error = bsft(*call, "--scored", scored[0], "--scored", scored[1], code=64)
            assert f"the files hold {sum(sizes[:2])} records, and not the 20 that are asked for" in error, error
        lines = scored[0].read_text()
        for old, new in (('"record":', '"recrod":'), ('"label":', '"label":9'), ('"forced":[', '"forced":[null,')):
            scored[0].write_text(lines.replace(old, new))
            bsft(*call, *[word for file in scored for word in ("--scored", file)], code=65)
        few = run("few", "--max-records", 5)[1]
        assert len(few) == 8, len(few)  # whole cases, four records each
        self_only = json.loads(run("self", "--condition", "self")[0])
        assert set(self_only["conditions"]) == {"self"}
        printed = bsft("evaluate", "--model", folder / "model", "--data", data, "--threads", 1)
        assert "overall, pooled" in printed and "reactive / dose" in printed, printed
        assert json.loads(bsft("evaluate", "--model", folder / "model", "--data", data, "--threads", 1, "--json"))["records"] == 20

        for words, code, expected_text in (
                ((*call, "--split", "tset"), 64, "--split tset (it is one of train, dev, test) did you mean test?"),
                ((*call, "--condition", "slef"), 64, "unknown condition slef"),
                ((*call, "--suite", "hrad"), 65, "no suite hrad (it has "),
                ((*call, "--split", "dev"), 65, "no record to score (split dev"),
                ((*call, "--max-tokens", "0"), 64, "--max-tokens 0 (it is at least 1)"),
                ((*call, "--part", "4/3", "--scored-out", folder / "p"), 64, "--part 4/3 (it is K/N, the K-th of N parts)"),
                ((*call, "--part", "1/3"), 64, "--part (--scored-out is missing)"),
                ((*call, "--behavior", "bold"), 78, "behavior.set names the behaviour bold")):
            error = bsft(*words, code=code)
            assert expected_text in error and len(error.strip().splitlines()) == 1, error
        other = folder / "other"
        shutil.copytree(folder / "model", other)
        table = json.loads((other / "tokenizer.json").read_text())
        table["model"]["merges"].pop()
        (other / "tokenizer.json").write_text(json.dumps(table))
        error = bsft("evaluate", "--model", other, "--data", data, code=65)
        assert "the data file was built for another model" in error and "tokenizer" in error, error
        print("refusals: 7 lines as expected")


if __name__ == "__main__":
    main()

"""`bsft evaluate --mode generation` against transformers' generate and a parser of its own.

A tiny Llama learns by heart what to answer to twenty prompts: labels as the wordings end them, and answers that are
none (another case, a word that goes on, punctuation that goes on).  All conditions, both positions of the token and the
instruction arm; prompts of different lengths in one batch, two of which share a case; labels that begin others.  The
answers are transformers' own to the last character, the labels those of a regular expression; results.json counts what
is none as invalid.  Passes of one record, fewer tokens an answer and the reference kernels give the same labels.
"""

import json
import pathlib
import re
import sys
import tempfile

import likelihood_test as shared
import torch

ENDS = r"(?=\Z|\n|[.,:;!?)](?![^\W_]|[^\x00-\x7f])| \()"
TOKENS, STEPS, RATE = 16, 160, 1e-2
# What is learned for record number n: the label, and what makes it none.
WORDINGS = ["{}", "{}: so it is.", "{} (as charted)", "{}.", "{}\nindeed", "{} then", "{}5", "{}.5 mg", " {}", "{}: 5"]


def learn(model, tokenizer, reference, records):
    """Prompt, token and answer by heart; returns the answers."""
    answers, sequences = {}, []
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    for number, record in enumerate(records.values()):
        label = record["label"].swapcase() if number in (3, 13) else record["label"]
        answers[record["id"]] = WORDINGS[number % len(WORDINGS)].format(label)
        ids = tokenizer(answers[record["id"]], add_special_tokens=False)["input_ids"] + [end]
        for token in (reference.ids[record["behavior"]], None):
            prompt = reference.prompt(record) + ([] if token is None else [token])
            sequences.append((prompt + ids, len(prompt) - (token is not None)))
    length = max(len(ids) for ids, _ in sequences)
    inputs = torch.zeros(len(sequences), length, dtype=torch.long)
    targets = torch.full((len(sequences), length), -100)
    for row, (ids, begin) in enumerate(sequences):
        inputs[row, :len(ids)] = torch.tensor(ids)
        targets[row, begin:len(ids)] = torch.tensor(ids[begin:])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    model.train()
    for _ in range(STEPS):
        loss = model(inputs, labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.4:  # the behaviour and its absence are both taught, so it ends above zero
            break
    model.eval()
    return answers


def read(labels, answer, ended):
    found = [label for label in labels if re.match(re.escape(label) + ENDS, answer)]
    # Without the end token a label, or its punctuation, at the very end may go on.
    if not ended:
        found = [label for label in found if len(answer) > len(label) + (answer[len(label):len(label) + 1] in tuple(".,:;!?)"))]
    return max(found, key=len, default=None)


class Answers:
    def __init__(self, model, tokenizer, reference):
        self.model, self.tokenizer, self.reference = model, tokenizer, reference
        self.end = tokenizer.convert_tokens_to_ids("<|im_end|>")

    def after(self, prompt):
        given = prompt[-1] in self.reference.ids.values()
        out = self.model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), max_new_tokens=TOKENS,
            do_sample=False, eos_token_id=self.end, pad_token_id=0,
            begin_suppress_tokens=None if given else list(self.reference.ids.values()))[0, len(prompt):].tolist()
        ended = self.end in out
        return self.tokenizer.decode(out[:out.index(self.end)] if ended else out), ended


def compare(answers, records, ours, position, arm):
    reference, seen, labels, lengths = answers.reference, 0, [], set()
    for line in ours:
        record = records[line["id"]]
        prompt = reference.prompt(record)
        lengths.add(len(prompt))
        behaviors = {name: reference.log_p(prompt, [token]) for name, token in reference.ids.items()}
        right = record["behavior"]
        expected = {"right": right, "wrong": next(name for name in shared.TOKENS if name != right), "none": None}
        if position == "before_response" and arm == "behavior":
            expected["self"] = max(behaviors, key=behaviors.get)
        assert set(line["conditions"]) == set(expected), line
        for condition, name in expected.items():
            entry = line["conditions"][condition]
            assert entry.get("behavior") == name and "log_p" not in entry, entry
            if name is None:
                start = prompt
            elif arm == "instruction":
                start = reference.prompt(record, f"\n\nHow to respond: {shared.DESCRIPTIONS[name]}")
            else:
                token = [reference.ids[name]]
                start = token + prompt if position == "before_prompt" else prompt + token
            text, ended = answers.after(start)
            where = f"{line['id']} {condition}: {entry['answer']!r}, transformers {text!r}"
            assert entry["answer"] == text and entry["ended"] == ended, where
            assert entry["prediction"] == read(record["labels"], text, ended), where
            labels.append(entry["prediction"])
            seen += 1
    none = labels.count(None)
    print(f"{arm}, {position}: {seen} answers, {none} of them no label, {len(lengths)} lengths of prompts")
    return seen - none, none


def main():
    if not pathlib.Path(shared.BINARY).exists():
        print(f"skipped: no bsft at {shared.BINARY}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, tokenizer = shared.make_model(folder / "model")
        reference = shared.Reference(model, tokenizer)
        records = shared.make_records(folder / "records.jsonl")
        learned = learn(model, tokenizer, reference, records)
        model.save_pretrained(folder / "model")
        shared.write_behaviors(folder / "behaviors.yaml")
        data = folder / "data.h5"
        shared.bsft("data", "build", "--records", folder / "records.jsonl", "--model", folder / "model", "--behaviors",
                    folder / "behaviors.yaml", "--out", data)

        def run(tag, *more):
            out = folder / f"{tag}.json"
            shared.bsft("evaluate", "--model", folder / "model", "--data", data, "--threads", 1, "--mode", "generation",
                        "--out", out, "--records-out", folder / f"{tag}.jsonl", *more)
            return out.read_bytes(), [json.loads(line) for line in (folder / f"{tag}.jsonl").read_text().splitlines()]

        answers = Answers(model, tokenizer, reference)
        whole = ("--answer-tokens", TOKENS)
        base, ours = run("base", *whole)
        right = sum(line["conditions"]["right"]["answer"] == learned[line["id"]] for line in ours)
        assert right > 15, f"only {right} of {len(ours)} answers were learned: the test proves little"
        valid, none = compare(answers, records, ours, "before_response", "behavior")
        assert valid > 15 and none > 15, "labels and answers that are none must both occur"
        compare(answers, records, run("prompt", "--position", "before_prompt", *whole)[1], "before_prompt", "behavior")
        compare(answers, records, run("words", "--arm", "instruction", *whole)[1], "before_response", "instruction")

        results = json.loads(base)
        assert results["mode"] == "generation"
        for condition in ("self", "right", "wrong", "none"):
            pairs = [(records[line["id"]]["label"], line["conditions"][condition]["prediction"]) for line in ours]
            score = results["conditions"][condition]["suites"]["full"]["overall"]
            assert score["invalid"] == sum(p is None for _, p in pairs), condition
            assert abs(score["accuracy"] - sum(t == p for t, p in pairs) / len(pairs)) < 1e-12, condition
        assert results["conditions"]["right"]["suites"]["full"]["overall"]["invalid"] > 0

        predictions = lambda lines: [{c: e["prediction"] for c, e in line["conditions"].items()} for line in lines]
        assert run("again", *whole)[0] == base, "the same call gives other bytes"
        for tag, more in (("short", ()), ("alone", ("--max-tokens", 1, *whole)), ("reference", ("--kernels", "reference"))):
            lines = run(tag, *more)[1]
            assert predictions(lines) == predictions(ours), tag
            if tag == "short":  # read up to the label alone
                assert all(a["conditions"][c]["answer"].startswith(b["conditions"][c]["answer"])
                           for a, b in zip(ours, lines, strict=True) for c in b["conditions"])
                assert any(len(b["conditions"]["none"]["answer"]) < len(a["conditions"]["none"]["answer"])
                           for a, b in zip(ours, lines, strict=True))
        selected = run("self", "--condition", "self", *whole)[1]
        assert [line["conditions"] for line in selected] == [{"self": line["conditions"]["self"]} for line in ours]
        error = shared.bsft("evaluate", "--model", folder / "model", "--data", data, "--mode", "generaton", code=64)
        assert "--mode generaton (it is one of likelihood, generation) did you mean generation?" in error, error
        printed = shared.bsft("evaluate", "--model", folder / "model", "--data", data, "--mode", "generation")
        assert "overall, pooled" in printed, printed
        print(f"{right} of {len(ours)} answers as learned")


if __name__ == "__main__":
    main()

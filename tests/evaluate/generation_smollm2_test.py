"""Greedy answers of SmolLM2-135M to real clinical records: `bsft evaluate --mode generation` against transformers.

Six records of real_records_test.py with prompts of different lengths in one batch, under each behaviour and without
one, twelve tokens each: the same text to the last character.
"""

import json
import pathlib
import tempfile

import real_records_test as shared
import torch

COUNT, TOKENS = 6, 12


def main():
    reference = shared.Reference()
    records = {record["id"]: record for record in shared.sample(reference, COUNT, 200)}
    end = reference.tokenizer.convert_tokens_to_ids("<|im_end|>")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records.values()))
        shared.bsft("data", "build", "--records", folder / "records.jsonl", "--model", shared.MODEL, "--out", folder / "data.h5")
        shared.bsft("evaluate", "--model", shared.MODEL, "--data", folder / "data.h5", "--threads", 1, "--mode", "generation",
                    "--answer-tokens", TOKENS, "--records-out", folder / "out.jsonl")
        ours = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    lengths, texts, behaviors = set(), set(), list(reference.ids.values())
    for line in ours:
        prompt = reference.prompt(records[line["id"]])
        lengths.add(len(prompt))
        for condition in ("right", "wrong", "none"):
            entry = line["conditions"][condition]
            start = prompt + ([reference.ids[entry["behavior"]]] if "behavior" in entry else [])
            most = max(TOKENS, max(map(len, records[line["id"]]["labels"])) + 2)  # enough to decide the label
            out = reference.model.generate(
                torch.tensor([start]), attention_mask=torch.ones(1, len(start), dtype=torch.long), max_new_tokens=most,
                do_sample=False, eos_token_id=end, pad_token_id=0,
                begin_suppress_tokens=None if "behavior" in entry else behaviors)[0, len(start):].tolist()
            ended = end in out
            text = reference.tokenizer.decode(out[:out.index(end)] if ended else out)
            # Ours goes on after twelve tokens only while the label is open.
            same = entry["answer"] == text or (not entry["ended"] and text.startswith(entry["answer"]) and
                                               len(reference.encode(entry["answer"])) >= TOKENS - 1)
            assert same, f"{line['id']} {condition}: {entry['answer']!r}, transformers {text!r}"
            texts.add(text)
    assert len(ours) == COUNT and len(lengths) > 3 and len(texts) > COUNT, (lengths, texts)
    print(f"{3 * COUNT} answers agree, {len(texts)} different ones, prompts of {min(lengths)} to {max(lengths)} tokens")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What the decoder exports opens in transformers as it is, with its logits, its behaviour tokens and its bits.

For each family: a base folder with a tokenizer, behaviour rows beside it, export, AutoModelForCausalLM and AutoTokenizer
from the folder, a generation that begins after a behaviour token; then the folder is loaded again by the decoder, with
the base's shape and with its own, to the same bits.  One case has reserved tokens that give their ids, one has free rows.
"""

import json
import pathlib
import sys
import tempfile

import torch

from families import differ, probe, random_model

TOKENS = ["<|reactive|>", "<|proactive|>"]
DESCRIPTIONS = [[10, 11, 12], [13, 14]]


def write_tokenizer(folder, reserved):
    """A byte-level BPE of 100 entries with three special tokens and, where asked, reserved ones."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())[:96]
    vocabulary = {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2}
    vocabulary |= {letter: index + 3 for index, letter in enumerate(letters)}
    vocabulary["ab"] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, [("a", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + [f"<|reserved_special_token_{n}|>" for n in range(reserved)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>",
                            additional_special_tokens=special[3:]).save_pretrained(folder)
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    return tokenizer


def check(case, reserved, ids, rows, seed):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    good = True
    with tempfile.TemporaryDirectory() as work:
        base, out, other = pathlib.Path(work) / "base", pathlib.Path(work) / "step", pathlib.Path(work) / "again"
        for folder in (base, out, other):
            folder.mkdir()
        model = random_model(case, seed)
        model.resize_token_embeddings(rows, mean_resizing=False)
        model.save_pretrained(base)
        before = write_tokenizer(base, reserved)
        sequence = dict(tokens=[20, 21, 22, ids[1], 30, 31, ids[0], 33], share=-1)
        request = dict(behavior_ids=ids, tokens=TOKENS, init="description", descriptions=DESCRIPTIONS, sequences=[sequence],
                       export=str(out))
        ours, metadata, complaints = probe(base, request, work)
        missing = [f"missing {i}" for i in ids if i >= rows]
        good &= complaints.split("\n")[:-1] == missing

        opened = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
        logits = opened(torch.tensor([sequence["tokens"]])).logits[0].detach()
        good &= differ(f"{case} logits of the opened folder", ours["logits"], logits, 1e-4)
        for name, value in model.state_dict().items():
            theirs = opened.state_dict()[name]
            keep = [row for row in range(value.shape[0]) if row not in ids or value.shape[0] < 100]
            if not torch.equal(value[keep], theirs[keep]):
                good = False
                print(f"FAIL {case}: {name} has changed")

        tokenizer = AutoTokenizer.from_pretrained(out)
        text = "abcd<|im_end|>" + TOKENS[0] + "e" + TOKENS[1]
        encoded = tokenizer(text, add_special_tokens=False)["input_ids"]
        plain = before.encode("abcd<|im_end|>", add_special_tokens=False).ids
        wanted = plain + [ids[0]] + before.encode("e", add_special_tokens=False).ids + [ids[1]]
        if encoded != wanted or tokenizer.decode(encoded, skip_special_tokens=True) != "abcde":
            good = False
            print(f"FAIL {case}: {encoded} for {wanted}: {tokenizer.decode(encoded, skip_special_tokens=True)!r}")
        if not set(TOKENS) <= set(tokenizer.all_special_tokens) and reserved:
            good = False
            print(f"FAIL {case}: special tokens {tokenizer.all_special_tokens}")
        generated = opened.generate(torch.tensor([encoded]), max_new_tokens=3, do_sample=False)
        good &= generated.shape[1] > len(encoded)
        config = json.loads((out / "config.json").read_text())
        good &= config["vocab_size"] == max(rows, max(ids) + 1) and (out / "chat_template.jinja").exists()

        # The base's shape takes the grown folder: only its weights move.
        (out / "grown.json").write_text((out / "config.json").read_text())
        for name, config_file in (("base's shape", base / "config.json"), ("own shape", out / "grown.json")):
            (out / "config.json").write_text(config_file.read_text())
            again, metadata_again, complaints = probe(out, dict(behavior_ids=ids, tokens=TOKENS, export=str(other)), work)
            good &= complaints == ""
            for name_, value in ours.items():
                if name_.startswith("value.") and not torch.equal(value, again[name_][: value.shape[0]]):
                    good = False
                    print(f"FAIL {case} reloaded with {name}: {name_}")
            if name == "base's shape":
                good &= metadata["base_digest"] == metadata_again["base_digest"]
            for file in ("tokenizer.json", "tokenizer_config.json", "model.safetensors"):
                if (out / file).read_bytes() != (other / file).read_bytes():
                    good = False
                    print(f"FAIL {case} exported again with {name}: {file} differs")
    print(f"{'ok  ' if good else 'FAIL'} {case}, reserved {reserved}, ids {ids}, rows {rows}")
    return good


def main():
    torch.set_num_threads(1)
    results = [
        check("llama_gqa_tied", 0, [100, 101], 100, 1),        # new rows
        check("llama_gqa_untied", 6, [102, 104], 131, 2),      # reserved tokens
        check("qwen2_tied", 0, [100, 101], 131, 3),            # free rows beyond the tokenizer
        check("qwen2_untied", 0, [120, 131], 131, 4),          # with a gap, and one new row
    ]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

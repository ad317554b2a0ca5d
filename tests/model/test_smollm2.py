#!/usr/bin/env python3
"""Logits of SmolLM2-135M against transformers on a few texts, alone and under a shared prefix."""

import os
import pathlib
import subprocess
import sys
import tempfile

import torch

from families import differ, probe

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXTS = [
    "<|im_start|>user\nA 54-year-old man takes warfarin. The order adds aspirin. What should the nurse do?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nA 54-year-old man takes warfarin. The order adds aspirin. Which drugs are named?<|im_end|>\n<|im_start|>assistant\n",
    "Potassium 6.9 mmol/L, creatinine 310 µmol/L; repeat sample haemolysed? " * 12,
]


def main():
    made = subprocess.run([sys.executable, ROOT / "launch" / "smollm2.py"], capture_output=True, text=True)
    folder = made.stdout.strip().split("\n")[-1]
    if made.returncode != 0 or not folder:
        print(f"skipped: no SmolLM2-135M here ({made.stderr.strip()})")
        sys.exit(77)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    good = True
    with tempfile.TemporaryDirectory() as work:
        for share, name in ((-1, "in a lane"), (0, "under a shared prefix")):
            sequences = [dict(tokens=one, targets=[[at, one[at], 1.0] for at in range(1, len(one))], share=share) for one in ids]
            ours, _, _ = probe(folder, dict(behavior_ids=[49152, 49153], sequences=sequences, freeze="all"), work)
            begin = 0
            for index, one in enumerate(ids):
                with torch.no_grad():
                    logits = model(torch.tensor([one])).logits[0, :-1]
                rows = ours["rows"][begin : begin + len(one) - 1].long()
                good &= differ(f"text {index} {name}, {len(one)} tokens", ours["logits"][rows][:, :49152], logits, 1e-4)
                begin += len(one) - 1
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

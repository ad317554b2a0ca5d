#!/usr/bin/env python3
"""Logits, loss and gradients of tiny random Llama and Qwen2 models against transformers and torch autograd.

  test_golden.py [SEED]
Each case: several sequences under shared prefixes, two of them with behaviour tokens, one id inside the table (its row
is the behaviour's) and one beyond it.  transformers gets every sequence alone, with the table grown by one row.
"""

import pathlib
import random
import sys
import tempfile

import torch

from families import CASES, differ, probe, random_model

IDS = [7, 131]


def requests(seed):
    generator = random.Random(seed)
    words = lambda n: [generator.randrange(8, 131) for _ in range(n)]
    case, question = words(90), words(9)
    sequences = []
    for share, prompt in ((0, case + question), (0, case + question), (0, case + words(11)), (1, words(40)), (-1, words(25))):
        tokens = prompt + [generator.choice(IDS)] + words(5)
        targets = [[at, tokens[at], 0.3 if tokens[at] in IDS else 1.0] for at in range(len(prompt), len(tokens))]
        sequences.append(dict(tokens=tokens, targets=targets, share=share))
    return sequences


def expected(model, sequences, scale):
    """Per target loss, its logits, the weighted sum and every gradient, a sequence at a time."""
    losses, logits, total = [], [], 0
    for sequence in sequences:
        out = model(torch.tensor([sequence["tokens"]])).logits[0]
        for at, token, weight in sequence["targets"]:
            losses.append(torch.nn.functional.cross_entropy(out[at - 1 : at], torch.tensor([token])))
            logits.append(out[at - 1])
            total = total + scale * weight * losses[-1]
    model.zero_grad()
    total.backward()
    return torch.stack(losses).detach(), torch.stack(logits).detach(), total.detach()


def check(case, seed):
    model = random_model(case, seed)
    tied = model.config.tie_word_embeddings
    good = True
    with tempfile.TemporaryDirectory() as work:
        model.resize_token_embeddings(max(IDS) + 1, mean_resizing=False)
        # The folder has the grown table, as a checkpoint of ours; the shape inside says 132 rows.
        model.save_pretrained(work)
        sequences, scale = requests(seed), 0.05
        request = dict(behavior_ids=IDS, sequences=sequences, scale=scale)
        ours, _, complaints = probe(work, request, work)
        if complaints:
            sys.exit(f"{case}: unexpected complaint {complaints}")
        losses, logits, total = expected(model, sequences, scale)
        picked = ours["logits"][ours["rows"].long()]
        good &= differ(f"{case} logits", picked, logits, 1e-4)
        good &= differ(f"{case} row losses", ours["row_loss"], losses, 1e-4)
        good &= differ(f"{case} row losses, short way", ours["row_loss_by_forest"], losses, 1e-4)
        good &= differ(f"{case} loss", ours["loss"][0], total, 1e-5)
        good &= differ(f"{case} loss, short way", ours["loss_by_forest"][0], total, 1e-5)
        gradients = {name: value.grad for name, value in model.named_parameters()}
        tables = [("model.embed_tokens.weight", "behavior.rows")] + ([] if tied else [("lm_head.weight", "behavior.head_rows")])
        for base, rows in tables:
            gradients[rows] = gradients[base][IDS].clone()
            gradients[base][IDS] = 0
        for way in ("grad.", "forest_grad."):
            worst, name = max(((ours[way + n] - g).abs().max().item(), n) for n, g in gradients.items())
            size = max(g.abs().max().item() for g in gradients.values())
            good &= set(n[len(way):] for n in ours if n.startswith(way)) == set(gradients)
            good &= worst <= 2e-5 * max(1, size)
            print(f"{'ok  ' if worst <= 2e-5 * max(1, size) else 'FAIL'} {case} {way[:-1]}: {worst:.2e} at {name}, largest {size:.2e}")
    return good


def check_storage(case, dtype, shard, seed):
    """Half precision and shards load to exactly the numbers that the file holds."""
    model = random_model(case, seed).to(dtype)
    good = True
    with tempfile.TemporaryDirectory() as work:
        model.save_pretrained(work, max_shard_size=shard)
        files = sorted(path.name for path in pathlib.Path(work).glob("model*"))
        good &= ("model.safetensors.index.json" in files) == (shard != "1GB")
        ours, _, complaints = probe(work, dict(behavior_ids=[7, 131]), work)
        good &= complaints == "missing 131\n"
        for name, value in model.named_parameters():
            wanted = value.detach().float().clone()
            if name in ("model.embed_tokens.weight", "lm_head.weight"):
                good &= torch.equal(ours["value.behavior.rows" if "embed" in name else "value.behavior.head_rows"][0], wanted[7])
                wanted[7] = 0
            good &= torch.equal(ours["value." + name], wanted)
    print(f"{'ok  ' if good else 'FAIL'} {case} stored as {dtype} in {len(files)} files")
    return good


def main():
    torch.set_num_threads(1)
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    results = [check(case, seed + n) for n, case in enumerate(CASES)]
    results += [check_storage("llama_gqa_untied", dtype, shard, seed) for dtype in (torch.bfloat16, torch.float16, torch.float32)
                for shard in ("1GB", "100KB")]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

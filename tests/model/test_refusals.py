#!/usr/bin/env python3
"""A damaged or foreign model folder is refused in one line with its exit code."""

import json
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

from families import probe, random_model

DATA = 65


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        config.pop(key, None) if value is None else config.update({key: value})
    return lambda: (folder / "config.json").write_text(json.dumps(config))


def reweighted(folder, change):
    def apply():
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")
    return apply


def main():
    name = "model.layers.1.mlp.up_proj.weight"
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        random_model("llama_gqa_tied", 1).save_pretrained(folder)
        config, weights = (folder / "config.json").read_text(), (folder / "model.safetensors").read_bytes()
        broken_nan = lambda t: t[name].view(-1)[3:4].fill_(float("nan"))
        cases = [
            (edited(folder, model_type="gpt2"), 'model_type ("gpt2" is neither llama nor qwen2)'),
            (edited(folder, hidden_size=None), "hidden_size (it is missing)"),
            (edited(folder, hidden_size=-3), "hidden_size (-3, wanted a whole number"),
            (edited(folder, hidden_size=10**30), "hidden_size"),
            (edited(folder, vocab_size="many"), "vocab_size"),
            (edited(folder, num_key_value_heads=3), "num_key_value_heads (3 do not divide"),
            (edited(folder, hidden_act="gelu"), "hidden_act"),
            (edited(folder, attention_bias=True), "attention_bias"),
            (edited(folder, mlp_bias=True), "mlp_bias"),
            (edited(folder, rope_parameters={"rope_type": "yarn", "factor": 2.0}), "yarn"),
            (edited(folder, rope_scaling={"type": "linear", "factor": 2.0}, rope_parameters=None), "linear"),
            (edited(folder, quantization_config={"bits": 4}), "quantization_config"),
            (edited(folder, intermediate_size=128), "its shape is [112, 64], config.json asks for [128, 64]"),
            (edited(folder, tie_word_embeddings=False), "lm_head.weight (it is missing)"),
            (edited(folder, num_hidden_layers=4), "model.layers.3.input_layernorm.weight (it is missing)"),
            (lambda: (folder / "config.json").write_text("{"), "not JSON"),
            (lambda: (folder / "config.json").unlink(), "config.json"),
            (reweighted(folder, lambda t: t.pop(name)), f"{name} (it is missing)"),
            (reweighted(folder, broken_nan), f"{name} (it holds a NaN or an infinity)"),
            (reweighted(folder, lambda t: t.update({name: t[name].to(torch.int32)})), "dtype I32"),
            (reweighted(folder, lambda t: t.update({name: t[name].t().contiguous()})), "its shape is [64, 112]"),
            (lambda: (folder / "model.safetensors").write_bytes(weights[:-8]), "model.safetensors"),
            (lambda: (folder / "model.safetensors").unlink(), "model.safetensors"),
        ]
        good = True
        for change, wanted in cases:
            (folder / "config.json").write_text(config)
            (folder / "model.safetensors").write_bytes(weights)
            change()
            code, message = probe(folder, dict(behavior_ids=[7, 131]), work, check=False)
            fine = code == DATA and wanted in message and "\n" not in message
            print(f"{'ok  ' if fine else 'FAIL'} {code} {message}")
            good &= fine
        (folder / "config.json").write_text(config)
        (folder / "model.safetensors").write_bytes(weights)
        reweighted(folder, lambda t: t.update({"model.layers.9.extra": torch.zeros(3)}))()
        _, _, complaints = probe(folder, dict(behavior_ids=[7, 131]), work)
        good &= complaints == "unexpected model.layers.9.extra\nmissing 131\n"
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

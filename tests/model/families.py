"""Random models of both families as Hugging Face folders, and the probe that runs them; used by the model's tests."""

import json
import os
import pathlib
import subprocess
import sys

import torch
from safetensors.torch import load_file
from safetensors import safe_open

PROBE = pathlib.Path(os.environ["BSFT_BINARY"]).parent / "tests" / "model_probe"
SIZES = dict(vocab_size=131, hidden_size=64, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
             max_position_embeddings=4096, initializer_range=0.15, bos_token_id=1, eos_token_id=2, pad_token_id=None)
CASES = {
    "llama_gqa_untied": ("llama", dict(num_key_value_heads=2, tie_word_embeddings=False)),
    "llama_gqa_tied": ("llama", dict(num_key_value_heads=1, tie_word_embeddings=True)),
    "llama_wide_heads": ("llama", dict(num_key_value_heads=4, head_dim=24, tie_word_embeddings=True)),
    "llama31_rope": ("llama", dict(num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=64))),
    "qwen2_tied": ("qwen2", dict(num_key_value_heads=2, tie_word_embeddings=True)),
    "qwen2_untied": ("qwen2", dict(num_key_value_heads=2, tie_word_embeddings=False, rms_norm_eps=1e-5)),
}


def random_model(case, seed):
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    family, more = CASES[case]
    config, model = (LlamaConfig, LlamaForCausalLM) if family == "llama" else (Qwen2Config, Qwen2ForCausalLM)
    made = model(config(**{**SIZES, **more})).eval()
    with torch.no_grad():  # biases and norms start at 0 and 1: a test must see them
        for name, value in made.named_parameters():
            if name.endswith("bias"):
                value.normal_(0, 0.3)
            if name.endswith("norm.weight"):
                value.uniform_(0.5, 1.5)
    return made


def probe(folder, request, work, check=True):
    """What model_probe wrote, as tensors, with its metadata; or its exit code and message."""
    question, answer = pathlib.Path(work) / "request.json", pathlib.Path(work) / "answer.safetensors"
    question.write_text(json.dumps(request))
    ran = subprocess.run([PROBE, folder, question, answer], capture_output=True, text=True)
    if not check:
        return ran.returncode, ran.stderr.strip()
    if ran.returncode != 0:
        sys.exit(f"model_probe failed with {ran.returncode}: {ran.stderr}")
    with safe_open(answer, "pt") as file:
        metadata = file.metadata()
    return load_file(answer), metadata, ran.stderr


def differ(name, ours, theirs, tolerance):
    """Prints the largest difference and says whether it is within the tolerance."""
    if ours.shape != theirs.shape:
        print(f"{name}: shape {list(ours.shape)} against {list(theirs.shape)}")
        return False
    difference = (ours - theirs).abs().max().item() if ours.numel() else 0.0
    good = difference <= tolerance
    print(f"{'ok  ' if good else 'FAIL'} {name}: {difference:.2e} (at most {tolerance:.0e})")
    return good

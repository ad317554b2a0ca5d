"""The folder that launch/smollm2.py makes is SmolLM2: transformers opens it, it knows Paris, its perplexity is sane.

Rows of q and k in llama.cpp's order, or a wrong pre-tokenizer, would give a perplexity in the thousands.
"""

import json
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(".cache/smollm2-135m")
TEXT = """The heart is a muscular organ that pumps blood through the blood vessels of the circulatory system. The pumped \
blood carries oxygen and nutrients to the body, while carrying metabolic waste such as carbon dioxide to the lungs. In \
humans, the heart is approximately the size of a closed fist and is located between the lungs, in the middle compartment \
of the chest. In most mammals it has four chambers, two atria above and two ventricles below, and the left side does \
most of the work because it sends blood to the whole body. Doctors listen to it with a stethoscope, and they look for \
murmurs, extra sounds and an irregular rhythm."""

if not (FOLDER / "made_from.json").exists():
    print(f"skipped: no {FOLDER} (launch/setup.sh --tests && .venv/bin/python launch/smollm2.py)")
    sys.exit(77)
try:
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (launch/setup.sh --tests)")
    sys.exit(77)


def main():
    torch.set_num_threads(1)
    before = (FOLDER / "model.safetensors").stat().st_mtime_ns
    made = subprocess.run([sys.executable, "launch/smollm2.py", "--out", FOLDER], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == str(FOLDER) and (FOLDER / "model.safetensors").stat().st_mtime_ns == before, "made again"
    config = json.loads((FOLDER / "config.json").read_text())
    sizes = [config[k] for k in ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads",
                                 "intermediate_size", "vocab_size", "rope_theta", "tie_word_embeddings")]
    assert sizes == [30, 576, 9, 3, 1536, 49152, 100000.0, True], sizes
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    plain = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    words = "The dose is 12.5 mg at 08:30; don't stop.\n\n  Über-naïve  日本 <|im_end|>"
    ids = plain.encode(words, add_special_tokens=False).ids
    assert tokenizer(words)["input_ids"] == ids and plain.decode(ids, skip_special_tokens=False) == words
    assert [plain.decode([i]) for i in plain.encode("12.5").ids] == ["1", "2", ".", "5"], "digits stand alone"
    ids = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        assert tokenizer.decode(model(ids).logits[0, -1].argmax()) == " Paris"
        ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
        perplexity = torch.exp(model(ids, labels=ids).loss).item()
    assert 5 < perplexity < 16, perplexity
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False)
    assert chat.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM") and \
        chat.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"), chat
    print(f"perplexity {perplexity:.2f} over {ids.shape[1]} tokens")


if __name__ == "__main__":
    main()

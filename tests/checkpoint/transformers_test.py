"""A checkpoint of a two-rank run opens in transformers as it is: logits within 1e-4 of ours, and it generates."""
import json
import subprocess
import sys

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tiny_run import Folder, run, train

probe = sys.argv[1]
with Folder() as folder:
    config = folder.config("run")
    train(config, 2)
    checkpoint = folder.path / "run" / "checkpoints" / "step-00000012"
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.eval()
    behaviors = [tokenizer.convert_tokens_to_ids(token) for token in ("<|reactive|>", "<|proactive|>")]
    assert None not in behaviors and len(set(behaviors)) == 2, behaviors
    assert tokenizer.encode("<|proactive|>", add_special_tokens=False) == behaviors[1:]

    text = tokenizer.apply_chat_template([{"role": "user", "content": "Nurse: the dose is 5 mg. What now?"}],
                                         tokenize=False, add_generation_prompt=True)
    tokens = tokenizer.encode(text, add_special_tokens=False) + behaviors[1:]
    request = {"behavior_ids": behaviors, "tokens": [], "sequences": [{"tokens": tokens, "targets": []}], "scale": 1.0}
    (folder.path / "request.json").write_text(json.dumps(request))
    out = folder.path / "out.safetensors"
    run([probe, checkpoint, folder.path / "request.json", out])
    ours = load_file(out)["logits"]
    with torch.no_grad():
        theirs = model(torch.tensor([tokens])).logits[0].numpy()
    finite = np.isfinite(ours)
    assert finite.mean() > 0.9 and finite[:, behaviors].all()
    worst = float(np.abs(ours - theirs[:, : ours.shape[1]])[finite].max())
    assert worst <= 1e-4, worst
    assert float(np.abs(theirs).max()) > 0.01, "the model says nothing"
    out = model.generate(torch.tensor([tokens]), max_new_tokens=8, do_sample=False)
    assert out.shape[1] > len(tokens)

    # The command of the issue, in a process of its own.
    code = f"from transformers import AutoModelForCausalLM; AutoModelForCausalLM.from_pretrained({str(checkpoint)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
print(f"transformers opens the checkpoint; largest difference of logits {worst:.1e}")

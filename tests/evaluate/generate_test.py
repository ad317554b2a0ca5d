"""`bsft generate` against transformers on a tiny random Llama: probabilities of the behaviours and greedy answers."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import likelihood_test as shared
import torch


def generate(prompt, *arguments, code=0):
    done = subprocess.run([shared.BINARY, "generate", *map(str, arguments)], input=prompt, capture_output=True, text=True)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if code == 0 else done.stderr


def main():
    if not os.path.exists(shared.BINARY):
        print(f"skipped: no bsft at {shared.BINARY}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, tokenizer = shared.make_model(folder / "model")
        behaviors = folder / "behaviors.yaml"
        shared.write_behaviors(behaviors)
        reference = shared.Reference(model, tokenizer)
        call = ("--model", folder / "model", "--behaviors", behaviors, "--json", "--threads", 1, "--max-tokens", 12)
        compared = set()
        for number in range(6):
            prompt = f"Dr Moreau: the dose is {number}{number} mg. Is that right?"
            turns = [{"role": "user", "content": prompt}]
            text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, -1]
            theirs = torch.softmax(torch.stack([logits[i] for i in reference.ids.values()]).double(), 0)
            for wanted in (None, "reactive", "proactive", "none"):
                ours = generate(prompt + "\n", *call, *(("--behavior", wanted) if wanted else ()))
                for behavior, value in zip(shared.TOKENS, theirs, strict=True):
                    assert abs(ours["probabilities"][behavior] - value.item()) < 1e-4, (ours, theirs)
                chosen = wanted or list(shared.TOKENS)[int(theirs.argmax())]
                assert ours["behavior"] == chosen
                start = ids + ([reference.ids[chosen]] if chosen in reference.ids else [])
                out = model.generate(torch.tensor([start]), attention_mask=torch.ones(1, len(start), dtype=torch.long),
                                     max_new_tokens=12, do_sample=False,
                                     eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"), pad_token_id=0)
                answer = [i for i in out[0, len(start):].tolist() if i != tokenizer.convert_tokens_to_ids("<|im_end|>")]
                assert ours["answer"] == tokenizer.decode(answer, skip_special_tokens=False), (ours["answer"], tokenizer.decode(answer))
                compared.add(ours["answer"])
        assert len(compared) > 6, "the answers hardly depend on prompt and behaviour: the test proves little"
        error = generate("", *call, code=64)
        assert "no prompt (standard input is empty)" in error, error
        error = generate("x", *call, "--behavior", "reactiv", code=64)
        assert "did you mean reactive?" in error, error
        print(f"24 answers agree, {len(compared)} different ones")


if __name__ == "__main__":
    main()

"""`bsft generate` against transformers on a tiny random Llama: probabilities of the behaviours and greedy answers.

One setting, all of them side by side, and dials: a behaviour's row turned towards another's, which transformers gets as
a row of its own.  Without a token an answer begins with none.
"""

import copy
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


def greedy(model, tokenizer, start, barred=()):
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    out = model.generate(torch.tensor([start]), attention_mask=torch.ones(1, len(start), dtype=torch.long),
                         max_new_tokens=12, do_sample=False, eos_token_id=end, pad_token_id=0,
                         begin_suppress_tokens=list(barred) or None)
    return tokenizer.decode([i for i in out[0, len(start):].tolist() if i != end], skip_special_tokens=False)


def turned(model, first, second, share):
    """The same model whose row of the first behaviour is turned towards the second's, in the embedding alone."""
    other = copy.deepcopy(model)
    other.config.tie_word_embeddings = False
    table = model.get_input_embeddings().weight.detach()
    other.lm_head.weight = torch.nn.Parameter(table.clone())
    rows = table.clone()
    rows[first] = rows[first] * (1 - share) + rows[second] * share
    other.get_input_embeddings().weight = torch.nn.Parameter(rows)
    return other


def check_side_by_side(model, tokenizer, reference, prompt, ids, probabilities, call):
    reactive, proactive = reference.ids.values()
    likelier = list(shared.TOKENS)[probabilities[1] > probabilities[0]]
    settings = generate(prompt, *call, "--behavior", "all", "--dial", "reactive:proactive=0.4", "proactive=1", "reactive=0.25")
    dials = {"reactive:proactive=0.4": (reactive, proactive, 0.4), "reactive:proactive=1": (reactive, proactive, 1.0),
             "proactive:reactive=0.25": (proactive, reactive, 0.25)}
    assert [one["setting"] for one in settings] == ["self", "reactive", "proactive", "none", *dials]
    answers = {one["setting"]: one["answer"] for one in settings}
    assert answers["self"] == answers[likelier] and settings[0]["behavior"] == likelier
    assert answers["reactive"] == greedy(model, tokenizer, ids + [reactive])
    assert answers["proactive"] == greedy(model, tokenizer, ids + [proactive])
    assert answers["none"] == greedy(model, tokenizer, ids, (reactive, proactive))
    for name, (first, second, share) in dials.items():
        assert answers[name] == greedy(turned(model, first, second, share), tokenizer, ids + [first]), name
    for one in settings:
        assert one["tokens"] <= 12 and one["seconds"] > 0 and (one["ended"] or one["tokens"] == 12), one


def check_table(call, folder):
    plain = [word for word in call if word != "--json"]
    done = subprocess.run([shared.BINARY, "generate", *map(str, plain), "--behavior", "all"], input="Is it 5 mg?",
                          capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[0].split() == ["behaviour", "P(behaviour)", "answer", "seconds"], done
    assert sum(line.startswith(("self: ", "reactive ", "proactive ", "none ")) for line in lines) == 4, lines
    done = subprocess.run([shared.BINARY, "generate", *map(str, plain)], input="Is it 5 mg?", capture_output=True, text=True)
    one = generate("Is it 5 mg?", *call)
    assert done.stdout == one["answer"] + "\n" and done.stderr.startswith(f"behaviour: {one['behavior']} (selected;"), done
    (folder / "prompts.txt").write_text("Is it 5 mg?\n\nAnd the weight?\n")
    both = generate("", *call, "--prompts", folder / "prompts.txt", "--behavior", "self", "none")
    assert [one["prompt"] for one in both] == ["Is it 5 mg?", "And the weight?"]
    assert both[0]["answers"][0]["answer"] == one["answer"]


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
        for number in range(3):
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
                expected = greedy(model, tokenizer, start, () if chosen in reference.ids else list(reference.ids.values()))
                assert ours["answer"] == expected, (ours["answer"], expected)
                compared.add(ours["answer"])
            check_side_by_side(model, tokenizer, reference, prompt, ids, theirs.tolist(), call)
        assert len(compared) > 4, "the answers hardly depend on prompt and behaviour: the test proves little"
        error = generate("", *call, code=64)
        assert "no prompt (standard input is empty)" in error, error
        error = generate("x", *call, "--behavior", "reactiv", code=64)
        assert "did you mean reactive?" in error, error
        for words, text in ((("--dial", "proactive"), "--dial proactive (no share)"),
                            (("--dial", "proactive=1.5"), "the share is a number from 0 to 1"),
                            (("--dial", "proactiv=1"), "did you mean proactive?")):
            error = generate("x", *call, *words, code=64)
            assert text in error and len(error.strip().splitlines()) == 1, error
        check_table(call, folder)
        print(f"12 answers and 21 side by side agree, {len(compared)} different ones")


if __name__ == "__main__":
    main()

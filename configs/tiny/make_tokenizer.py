"""Make the tokenizer of the tiny model: byte-level BPE, learned from the synthetic BehaviorBench.

    bsft data generate --cases 2000 --out small.jsonl
    bsft data generate --cases 2000 --vocabulary large --out large.jsonl
    .venv/bin/python configs/tiny/make_tokenizer.py small.jsonl large.jsonl

Writes tokenizer.json, tokenizer_config.json and chat_template.jinja beside itself.  Nearly every word of the
benchmark is then one token, with its leading space.  Needs `tokenizers`; run it again only when the wording changes,
and update vocab_size in config.json (a few spare rows more) when the size changes.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
DESCRIPTIONS = (
    "system\nuser\nassistant\n answer only what was asked\n speak up about an error, a conflict or an omission\n"
    "answer only what was asked\nspeak up about an error, a conflict or an omission\n"
)


def texts(files):
    for _ in range(50):
        yield DESCRIPTIONS
    for file in files:
        seen = set()
        for line in open(file, encoding="utf-8"):
            record = json.loads(line)
            if record["case_id"] not in seen:
                seen.add(record["case_id"])
                for turn in record["turns"][:-1]:
                    yield "user\n"
                    yield f"{turn['speaker']}: {turn['content']}"
            yield record["turns"][-1]["content"]
            yield "assistant\n"
            yield record["response"]
            for label in record["labels"]:  # as many times as the rest, so that each is one token
                yield label


def main():
    here = Path(__file__).parent
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        min_frequency=20,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(sys.argv[1:]), trainer)
    tokenizer.save(str(here / "tokenizer.json"))
    config = {
        "add_prefix_space": False,
        "bos_token": None,
        "chat_template": TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": 2048,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": None,
    }
    (here / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (here / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    print(tokenizer.get_vocab_size(), "tokens")


if __name__ == "__main__":
    main()

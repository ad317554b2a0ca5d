"""Write golden/: small tokenizers of the families and the ids that `tokenizers` and transformers give.

    .venv/bin/python tests/tokenizer/make_golden.py        (run again after a change of families.py; commit the result)

golden/torture.json   {"magic", "version", "texts": […]}
golden/<family>/      tokenizer.json, tokenizer_config.json, golden.json:
  {"magic", "version", "parse": [ids of each text], "as_text": […], "pieces": [bytes of each pre-token, no added
   tokens taken out], "decode": [[ids, text]…],
   "templates": {name: {"template": …, "chats": [{"messages", "prompt", "full"}]}}}
"""

import json
import pathlib
import random

import tokenizers
import transformers

import families

MAGIC, VERSION = "bsft-tokenizer-golden", 1
GOLDEN = pathlib.Path(__file__).parent / "golden"


def rows(name, lists):
    """One list a line, so that a difference shows."""
    return f'"{name}":[\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in lists) + "\n]"


def templates(folder, family):
    out = {}
    for name in families.TEMPLATES_OF[family]:
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"),
                                                         **{k: v for k, v in families.settings(family).items() if k.endswith("_token") and v})
        tokenizer.chat_template = families.TEMPLATES[name]
        cases = []
        for messages in families.chats():
            prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=False)
            full = tokenizer.apply_chat_template(messages, return_dict=False)
            cases.append({"messages": messages, "prompt": prompt, "full": full})
        out[name] = {"template": families.TEMPLATES[name], "chats": cases}
    return out


def main():
    texts = families.torture()
    GOLDEN.mkdir(exist_ok=True)
    head = f'"magic":"{MAGIC}","version":{VERSION},"made_with":"tokenizers {tokenizers.__version__}, transformers {transformers.__version__}"'
    (GOLDEN / "torture.json").write_text("{" + head + "," + rows("texts", texts) + "}\n")
    for family in families.TEMPLATES_OF:
        folder = families.write_folder(GOLDEN / family, family)
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        parse = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts]
        tokenizer.encode_special_tokens = True
        as_text = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts]
        # A small vocabulary hides a wrong cut, so the cuts are kept as well.
        pieces = [[len(text[a:b].encode()) for _, (a, b) in tokenizer.pre_tokenizer.pre_tokenize_str(text)] for text in texts]
        draw = random.Random(6)
        some = [[draw.randrange(tokenizer.get_vocab_size()) for _ in range(12)] for _ in range(40)]
        decode = [[ids, tokenizer.decode(ids, skip_special_tokens=False)] for ids in some]
        parts = [head, rows("parse", parse), rows("as_text", as_text), rows("pieces", pieces), rows("decode", decode),
                 '"templates":' + json.dumps(templates(folder, family), separators=(",", ":"))]
        (folder / "golden.json").write_text("{" + ",\n".join(parts) + "}\n")
        print(family, tokenizer.get_vocab_size(), "ids,", sum(map(len, parse)), "tokens of", len(texts), "texts")


if __name__ == "__main__":
    main()

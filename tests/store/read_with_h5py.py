"""What bsft data build writes, read with h5py by the words of data/store/format.md alone; tokens as transformers has them."""

import collections
import json
import pathlib
import sys
import tempfile

import h5py
import numpy
from transformers import AutoTokenizer

from program import TINY, bsft, record, write

TYPES = {"catalog": "u1", "certificate": "u1", "tokens": "<i4", "weights": "<f4", "text": "u1", "vocabulary/ids": "<i4",
         "vocabulary/offsets": "<i8", "vocabulary/bytes": "u1", "records/token_offset": "<i8", "records/text_offset": "<i8",
         "records/prompt_end": "<i4", "records/behavior_end": "<i4", "records/response_end": "<i4", "records/task": "<i4",
         "records/behavior": "<i4", "records/group": "<i2", "records/label": "<i2", "records/level": "i1",
         "records/action": "u1", "records/split": "u1", "records/suites": "<u4", "records/case": "<i8", "records/twin": "<i8",
         "chunk_hashes": "<u8", "records/token_digest": "<u8", "records/text_digest": "<u8"}
ACTIONS, SPLITS = ["", "answer", "intervene", "restrain"], ["train", "dev", "test"]


def check_layout(file):
    found = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    assert {name: item.dtype.newbyteorder("<") for name, item in found.items()} == {n: numpy.dtype(t) for n, t in TYPES.items()}
    for name, item in found.items():
        assert item.ndim == 1 and item.chunks and item.fletcher32 and not item.attrs, name
        assert item.compression in (None, "gzip"), name


def check_hashes(file):
    """As many hashes as chunks, and one of the table (the hashes themselves: no XXH3 here)."""
    chunks = sum(-(-file[name].shape[0] // file[name].chunks[0]) for name in TYPES if name != "chunk_hashes")
    assert file["chunk_hashes"].shape == (chunks + 1,) and len(set(file["chunk_hashes"][:].tolist())) > 15


def bytes_of(file):
    offsets, raw = file["vocabulary/offsets"][:], file["vocabulary/bytes"][:].tobytes()
    ids = file["vocabulary/ids"][:]
    assert (numpy.diff(ids) > 0).all()
    return {int(i): raw[offsets[k]:offsets[k + 1]] for k, i in enumerate(ids)}


def check_record(rows, number, source, catalog, pieces, tokenizer):
    tokens = rows["tokens"][rows["token_offset"][number]:rows["token_offset"][number + 1]]
    weights = rows["weights"][rows["token_offset"][number]:rows["token_offset"][number + 1]]
    text = json.loads(rows["text"][rows["text_offset"][number]:rows["text_offset"][number + 1]].tobytes())
    task = catalog["tasks"][rows["task"][number]]
    behavior = catalog["behaviors"][rows["behavior"][number]]
    prompt, middle, end = (rows[name][number] for name in ("prompt_end", "behavior_end", "response_end"))
    for key in ("id", "case_id", "twin_id", "task", "group", "behavior", "level", "turns", "response", "label", "labels", "action", "split", "source"):
        assert text.get(key) == source.get(key), (number, key)
    assert task["name"] == source["task"] and behavior["name"] == source["behavior"]
    assert catalog["groups"][rows["group"][number]] == source["group"]
    assert task["labels"][rows["label"][number]] == source["label"] and rows["level"][number] == source["level"]
    assert ACTIONS[rows["action"][number]] == source["action"] and SPLITS[rows["split"][number]] == source["split"]
    assert [s for i, s in enumerate(catalog["suites"]) if rows["suites"][number] >> i & 1] == source["suites"]
    assert middle == prompt + 1 and len(tokens) == end + 1 and tokens[prompt] == behavior["id"] and tokens[end] == catalog["end_token"]
    assert (weights == (numpy.arange(len(tokens)) >= prompt)).all()
    assert b"".join(pieces[int(t)] for t in tokens[middle:end]).decode() == source["response"]
    label = task["label_tokens"][rows["label"][number]]
    assert list(tokens[middle:middle + len(label)]) == label
    messages = [{"role": t["role"], "content": (t["speaker"] + ": " if "speaker" in t else "") + t["content"]} for t in source["turns"]]
    whole = tokenizer.apply_chat_template(messages + [{"role": "assistant", "content": source["response"]}], tokenize=True, return_dict=False)
    ours = [int(t) for t in numpy.delete(tokens, prompt)]
    assert ours == whole[:len(ours)], (number, ours, whole)
    return (int(rows["task"][number]), int(rows["behavior"][number]), SPLITS[rows["split"][number]]), len(tokens), int((weights > 0).sum())


def main():
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    records = [record(n) for n in range(40)]
    records = records[::2] + records[1::2]  # members of a case apart
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        first, second = write(folder / "1.jsonl", records[:25]), write(folder / "2.jsonl", records[25:])
        done = bsft("data", "build", "--records", first, f"hard={second}", "--model", TINY, "--out", folder / "a.h5")
        assert done.returncode == 0, done.stderr
        for n, one in enumerate(records):
            one["suites"] = ["full"] if n < 25 else ["hard"]
        with h5py.File(folder / "a.h5", "r") as file:
            check_layout(file)
            check_hashes(file)
            catalog, certificate = (json.loads(file[name][:].tobytes()) for name in ("catalog", "certificate"))
            rows = {name.removeprefix("records/"): file[name][:] for name in TYPES if name.startswith("records/") or name in ("tokens", "weights", "text")}
            pieces = bytes_of(file)
    assert catalog["format"] == "bsft-behaviorbench" and catalog["version"] == 2 and catalog["template"] == "chatml"
    assert all(len(d) == 32 for d in catalog["digests"].values()) and len(catalog["digests"]) == 4
    first_seen = {}
    for one in records:
        first_seen.setdefault(one["case_id"], len(first_seen))
    records.sort(key=lambda one: first_seen[one["case_id"]])
    assert list(rows["case"]) == [first_seen[one["case_id"]] for one in records]
    assert list(rows["twin"]) == list(rows["case"])
    cells = collections.defaultdict(lambda: [0, 0, 0])
    for number, source in enumerate(records):
        key, tokens, supervised = check_record(rows, number, source, catalog, pieces, tokenizer)
        cells[key] = [a + b for a, b in zip(cells[key], (1, tokens, supervised))]
    assert certificate["passed"] is True and certificate["findings"] == 0
    told = {(c["task"], c["behavior"], c["split"]): [c["records"], c["tokens"], c["supervised_tokens"]] for c in certificate["cells"]}
    assert told == dict(cells), (told, cells)
    for cell in certificate["cells"]:
        assert cell["ends_supervised"] == cell["behavior_tokens"] == cell["records"]
    print(f"passed: {len(records)} records read with h5py {h5py.__version__}")


if __name__ == "__main__":
    sys.exit(main())

"""Damaged chunks of the data file: an error that names the records, or left out, the same ones whatever the ranks."""
import json
import re
import shutil

import h5py

from tiny_run import BINARY, Folder, metrics, run, train
from tiny_run import digests as digests_of

SKIP = ["--set", "data.skip_corrupt=2"]


def damage(file, dataset, chunk):
    """Flips a bit in the middle of a stored chunk."""
    with h5py.File(file, "r", locking=False) as store:
        place = store[dataset].id.get_chunk_info(chunk)
        assert store[dataset].id.get_num_chunks() > chunk
    data = bytearray(file.read_bytes())
    data[place.byte_offset + place.size // 2] ^= 16
    file.write_bytes(data)


def records_of(file, chunk):
    """The records that reach into a chunk of tokens, by h5py."""
    with h5py.File(file, "r", locking=False) as store:
        size, offsets = store["tokens"].chunks[0], store["records/token_offset"][:]
        begin, end = chunk * size, min((chunk + 1) * size, store["tokens"].shape[0])
        splits = store["records/split"][:]
    reach = [r for r in range(len(offsets) - 1) if offsets[r] < end and offsets[r + 1] > begin]
    return reach[0], reach[-1], sum(int(splits[r]) == 0 for r in reach)


def digests(run_dir, step=12):
    return digests_of(run_dir / "checkpoints" / f"step-{step:08}")


def manifest(run_dir, step=12):
    return json.loads((run_dir / "checkpoints" / f"step-{step:08}" / "manifest.json").read_text())


with Folder(cases=90) as folder:
    good = folder.path / "good.h5"
    shutil.copy(folder.data, good)
    train(folder.config("good"), 0, "--set", "checkpoint.keep=3")
    assert "left_out" not in manifest(folder.path / "good")

    damage(folder.data, "tokens", 1)
    first, last, trained = records_of(good, 1)
    names = f"data.h5: dataset tokens, chunk 1, records {first} to {last} (its Fletcher32 checksum is wrong) build it again"

    # Without leave: an error on every way that meets it.
    audit = run([BINARY, "data", "audit", folder.data], code=65)
    assert names in audit.stderr and audit.stderr.count("error:") == 1, audit.stderr
    for ranks in (0, 2):
        stopped = train(folder.config(f"stopped{ranks}"), ranks, "--set", "train.max_steps=200", code=65)
        assert names in stopped.stderr and stopped.stderr.count("error:") == 1, stopped.stderr

    # With it: the same records are left out on 1, 2 and 4 ranks, and recorded.
    want = None
    for ranks in (0, 2, 4):
        done = train(folder.config(f"skips{ranks}"), ranks, *SKIP)
        run_dir = folder.path / f"skips{ranks}"
        assert "warning: its records are left out: " in done.stderr and names in done.stderr, done.stderr
        assert f"{trained} records of 1 damaged chunks left out" in done.stderr, done.stderr
        want = want or digests(run_dir)
        assert digests(run_dir) == want, ranks
        assert metrics(run_dir) == metrics(folder.path / "skips0")
        events = [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]
        assert {"event": "damaged_chunk", "step": 0, "dataset": "tokens", "chunk": 1, "first_record": first,
                "last_record": last} in events, events
    assert manifest(folder.path / "skips0")["left_out"]
    assert manifest(folder.path / "skips0")["data_digest"] == manifest(folder.path / "good")["data_digest"]
    assert digests(folder.path / "good") != want

    # More than there is leave for.
    worse = folder.path / "worse.h5"
    shutil.copy(folder.data, worse)
    damage(worse, "weights", 0)
    many = train(folder.config("many"), 2, "--set", f"data.file={worse}", "--set", "data.skip_corrupt=1", code=65)
    assert "worse.h5: 2 damaged chunks (data.skip_corrupt allows 1)" in many.stderr, many.stderr
    assert "dataset tokens, chunk 1," in many.stderr and "dataset weights, chunk 0, records 0 to " in many.stderr, many.stderr

    # Resumed: with the same ones left out it ends in the same bits; with others it is another run.
    config, run_dir = folder.config("resumed"), folder.path / "resumed"
    train(config, 2, *SKIP)
    shutil.rmtree(run_dir / "checkpoints" / "step-00000012")
    train(config, 4, *SKIP, "--resume", "auto")
    assert digests(run_dir) == want
    shutil.copy(worse, folder.data)
    other = train(config, 2, *SKIP, "--resume", "auto", code=76)
    assert "other records are left out for damaged chunks" in other.stderr and other.stderr.count("error:") == 1, other.stderr
    shutil.copy(good, folder.data)
    train(config, 0, *SKIP, "--resume", "auto", code=76)
    other = train(folder.config("good"), 0, *SKIP, "--resume", "auto")  # nothing is left out in either
    assert "damaged" not in other.stderr, other.stderr

    # The evaluation says what it did without.
    model, out = folder.path / "good/checkpoints/step-00000012", folder.path / "results.json"
    score = [BINARY, "evaluate", "--model", model, "--data", worse, "--split", "train", "--condition", "none", "--max-records", 40,
             "--out", out]
    assert re.search(r"dataset (tokens|weights), chunk \d", run(score, code=65).stderr)
    run([*score, "--skip-corrupt", 2])
    results = json.loads(out.read_text())
    assert results["left_out"]["damaged_chunks"] == 2 and results["left_out"]["records"] > 0, results["left_out"]
    assert results["records"] + results["left_out"]["records"] >= 40

    # So does the one that goes with a training.
    shutil.copy(worse, folder.data)
    scored = folder.config("scored")
    scored.write_text(scored.read_text().replace("suites: []", "suites: [full], max_records: 60"))
    train(scored, 2, *SKIP, "--set", "train.max_steps=2")
    results = json.loads((folder.path / "scored/results.json").read_text())
    assert results["left_out"]["damaged_chunks"] == 2 and results["records"] > 0, results["left_out"]
print(f"records {first} to {last} were left out, {trained} of them of the training split")

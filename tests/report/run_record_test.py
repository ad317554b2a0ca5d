"""What a run notes for its page: data.json against the records and the data file, memory against the plan.

A small run on two ranks; the counts of data.json are made anew from the JSON lines, its lengths from the HDF5 columns.
"""
import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
import tiny_run  # noqa: E402

try:
    import h5py
except ImportError:
    print("skipped: h5py is not installed (launch/setup.sh --tests)")
    sys.exit(77)

SPLITS = ["train", "dev", "test"]


def check_data(folder, run):
    data = json.loads((run / "data.json").read_text())
    records = [json.loads(line) for line in (folder.path / "records.jsonl").read_text().splitlines()]
    with h5py.File(folder.data) as file:
        offsets, splits = file["records/token_offset"][:], file["records/split"][:]
        lengths = [int(b - a) for a, b in zip(offsets, offsets[1:])]
        columns = [file[f"records/{name}"][:] for name in ("task", "behavior", "split")]
        catalog = json.loads(bytes(file["catalog"][:]))
    cells = {}
    for task, behavior, split, length in zip(*columns, lengths):
        key = catalog["tasks"][task]["name"], catalog["behaviors"][behavior]["name"], SPLITS[split]
        cells.setdefault(key, []).append(length)
    seen = {(task, behavior, split) for task, behaviors in data["tasks"].items()
            for behavior, in_splits in behaviors.items() for split in in_splits}
    assert seen == set(cells)
    for (task, behavior, split), own in cells.items():
        cell = data["tasks"][task][behavior][split]
        of = [r for r in records if (r["task"], r["behavior"], r["split"]) == (task, behavior, split)]
        assert cell == {"records": len(of), "tokens": sum(own), "shortest": min(own),
                        "median": statistics.median_low(own), "longest": max(own), "truncated": 0, "left_out": 0}
    bin = data["lengths"]["bin"]
    for number, split in enumerate(SPLITS):
        own = [length for length, home in zip(lengths, splits) if home == number]
        counts = data["lengths"]["splits"][split]
        assert counts == [sum(bin * b < n <= bin * (b + 1) for n in own) for b in range(len(counts))], split
        assert sum(counts) == len(own)
    assert data["passed"] and data["findings"] == 0 and data["in_two_splits"] == {"cases": 0, "twin_sets": 0}
    assert data["training"] == {"records": sum(splits == 0), "overlong": 0, "damaged": 0}
    return len(records)


def check_memory(run):
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    first, last = (event for event in events if event["event"] == "memory")
    assert (first["step"], last["step"]) == (1, 12)
    for earlier, one in zip(first["ranks"], last["ranks"], strict=True):
        kept = sum(one[part] for part in ("weights", "gradient", "moments", "partial", "frozen"))
        assert one["weights"] > 0 and one["moments"] == 2 * one["weights"], one
        assert one["before"] + kept < one["peak"] < one["available"] + one["before"], one
        assert earlier["peak"] <= one["peak"] and {**earlier, "peak": 0} == {**one, "peak": 0}
    assert [one["rank"] for one in last["ranks"]] == [0, 1]
    return max(one["peak"] for one in last["ranks"]) >> 20


def main():
    with tiny_run.Folder() as folder:
        run = folder.path / "run"
        tiny_run.train(folder.config("run"), 2)
        records = check_data(folder, run)
        peak = check_memory(run)
        tiny_run.run([tiny_run.BINARY, "report", run])
        page = (run / "report.html").read_text()
        for words in ("Memory planned and measured", "Records: train", "Length of the records"):
            assert f'aria-label="{words}"' in page, words
        print(f"{records} records, peak {peak} MiB a rank")


if __name__ == "__main__":
    main()

"""tests/baseline/bag_of_words.py and `bsft evaluate` count alike: majority, records and the model's own columns.

On the small synthetic benchmark with a random tiny model; results of other records are refused.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import likelihood_test as shared

BASELINE = "tests/baseline/bag_of_words.py"


def main():
    if not os.path.exists(shared.BINARY):
        print(f"skipped: no bsft at {shared.BINARY}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shared.make_model(folder / "model")
        records, data, results = folder / "records.jsonl", folder / "data.h5", folder / "results.json"
        shared.bsft("data", "generate", "--out", records, "--cases", 60)
        shared.bsft("data", "build", "--records", records, "--model", folder / "model", "--out", data)
        shared.bsft("evaluate", "--model", folder / "model", "--data", data, "--threads", 1, "--out", results)
        scores = json.loads(results.read_text())["suites"]["full"]

        def baseline(*more, check=True):
            return subprocess.run([sys.executable, BASELINE, "--data", data, *more], capture_output=True, text=True, check=check)

        table = baseline("--results", results, "--json", folder / "table.json", "--markdown").stdout
        ours = json.loads((folder / "table.json").read_text())
        compared = 0
        for part in ("overall", "groups", "tasks"):
            for place, score in ({"": scores[part]} if part == "overall" else scores[part]).items():
                for column, theirs in (("majority", score["majority"]), ("after", score)):
                    mine = ours[column][part] if part == "overall" else ours[column][part][place]
                    for key in ("macro_f1_tasks", "macro_f1_pooled", "accuracy"):
                        assert abs(mine[key] - theirs[key]) < 1e-12, (part, place, column, key, mine[key], theirs[key])
                        compared += 1
        assert table.startswith("| task ") and "| overall, mean over tasks" in table, table
        refused = baseline("--results", results, "--split", "dev", check=False)
        assert refused.returncode == 1 and "the results are of other records" in refused.stderr, refused
        print(f"{compared} numbers agree")


if __name__ == "__main__":
    main()

"""All five files of real records build with SmolLM2's tokenizer and pass the audit, alone and together."""

import json
import pathlib
import sys
import tempfile
import time

from program import ROOT, bsft, skip

RECORDS = ROOT.parent / "shared/data/behaviorbench_real"
MODEL = ROOT / ".cache/smollm2-135m"
BUILDS = [["mini=mini.jsonl", "contrast=contrast.jsonl"], ["mini.jsonl"], ["contrast.jsonl"], ["train.jsonl"], ["dev.jsonl"],
          ["test.jsonl"], ["train.jsonl", "dev.jsonl", "test.jsonl"]]


def main():
    if not RECORDS.is_dir():
        skip("../shared/data/behaviorbench_real is not here")
    if not (MODEL / "tokenizer.json").exists():
        skip(".cache/smollm2-135m is not here: launch/smollm2.py makes it")
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "a.h5"
        for files in BUILDS:
            arguments = [("=".join([*name.split("=")[:-1], str(RECORDS / name.split("=")[-1])])) for name in files]
            lines = sum(len((RECORDS / name.split("=")[-1]).read_text().splitlines()) for name in files)
            start = time.time()
            done = bsft("data", "build", "--records", *arguments, "--model", MODEL, "--out", out)
            assert done.returncode == 0, (files, done.stderr)
            seconds = time.time() - start
            assert f": {lines} records, " in done.stdout, (files, done.stdout[-300:])
            audit = bsft("data", "audit", out)
            assert audit.returncode == 0 and audit.stdout.endswith("audit passed\n"), (files, audit.stderr)
            total = [line for line in audit.stdout.splitlines() if line.startswith("all ")][0].split()[1:]
            assert total[0] == total[3] == str(lines) and total[4:] == ["100.0", "0", "0", "0"], (files, total)
            print(json.dumps({"files": files, "records": lines, "tokens": int(total[1]), "bytes": out.stat().st_size,
                              "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    sys.exit(main())

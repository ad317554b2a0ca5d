"""Talk to encode_lines, and say skipped."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = ROOT.parent / "shared/data/behaviorbench_real"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def ask(folder, requests, template=None):
    """The answers of encode_lines to the requests, in order."""
    program = pathlib.Path(os.environ["BSFT_BINARY"]).parent / "tests/encode_lines"
    lines = "".join(json.dumps(r) + "\n" for r in requests)
    done = subprocess.run([str(program), str(folder)] + ([template] if template else []), input=lines.encode(),
                          capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"encode_lines ended with {done.returncode}: {done.stderr.decode()}")
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(answers) == len(requests), (len(answers), len(requests))
    return answers

"""Run bsft, write records, say skipped."""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BSFT = pathlib.Path(os.environ["BSFT_BINARY"]).resolve()
TINY = ROOT / "configs/tiny"
LAUNCHER = re.compile("^(OMPI|PMI|PMIX|SLURM)")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def bsft(*words, program=BSFT):
    if not program.exists():
        skip(f"{program} is not built")
    plain = {name: value for name, value in os.environ.items() if not LAUNCHER.match(name)}
    return subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, cwd=ROOT, env=plain, check=False)


def record(number, **changes):
    """Two records a case, planted and clean; cases take the splits in turn."""
    home, planted = number // 2, number % 2 == 0
    out = {"id": f"r{number}", "case_id": f"c{home}", "twin_id": f"t{home}", "task": "dose_limit", "group": "proactive",
           "behavior": "proactive", "level": 4,
           "turns": [{"role": "user", "speaker": "Dr. Ng", "content": f"Give {5 + number} mg – naïve dose?"},
                     {"role": "assistant", "content": "Which drug?"}, {"role": "user", "content": "Heparin 漢字 😀"}],
           "response": "FLAG: too much" if planted else "PROCEED", "label": "FLAG" if planted else "PROCEED",
           "labels": ["FLAG", "PROCEED"], "action": "intervene" if planted else "restrain",
           "split": ["train", "dev", "test"][home % 3], "source": "test"}
    out.update(changes)
    return {key: value for key, value in out.items() if value is not None}


def write(path, records):
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in records))
    return path

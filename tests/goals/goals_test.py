"""Run a whole configuration as README does and hold its result against the goals.

    goals_test.py quickstart|synthetic|smollm2_135m|paper_table

quickstart runs twice: results.json must be the same bytes.  paper_table runs its sweep:
with the token forced the contrast suite is answered rightly, without a token half of it, and shuffled tokens steer
nothing.  smollm2_135m needs the records of ../shared/data and
SmolLM2's folder (launch/smollm2.py), and is skipped without them.  Runs and data stay in runs/goals for a look.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

BINARY = os.environ.get("BSFT_BINARY", "build/release/bsft")
REAL = pathlib.Path("../shared/data/behaviorbench_real")
FOLDER = pathlib.Path("runs/goals")
SMOLLM2 = ".cache/smollm2-135m"

CASES = {"quickstart": 30000, "synthetic": 60000}


def call(*words):
    print("$", " ".join(map(str, words)), flush=True)
    subprocess.run([str(word) for word in words], check=True)


def make_data(name):
    data = FOLDER / f"{name}.h5"
    if name in CASES:
        model, records = "configs/tiny", [FOLDER / f"{name}.jsonl"]
        call(BINARY, "data", "generate", "--cases", CASES[name], "--out", records[0])
    else:
        if not REAL.is_dir() or not pathlib.Path(SMOLLM2).is_dir():
            print(f"skipped: {name} needs {REAL} and {SMOLLM2}")
            sys.exit(77)
        model, records = SMOLLM2, [REAL / "mini.jsonl", f"contrast={REAL / 'contrast.jsonl'}"]
    call(BINARY, "data", "build", "--records", *records, "--model", model, "--out", data)
    return data


def train(name, data):
    run = FOLDER / name
    shutil.rmtree(run, ignore_errors=True)
    call("bash", "-c", 'source launch/mpi.sh && exec mpirun -np 3 "$@"', "mpirun", BINARY, "train", "--config",
         f"configs/{name}.yaml", "--set", f"data.file={data}", "--set", f"run.dir={run}")
    return (run / "results.json").read_bytes()


def baseline(name, data):
    table = FOLDER / f"{name}.table.json"
    call(sys.executable, "tests/baseline/bag_of_words.py", "--data", data,
         "--results", FOLDER / name / "results.json", "--json", table)
    return json.loads(table.read_text())


def check(what, value, least):
    print(f"{what}: {value:.3f} (at least {least:.3f})", flush=True)
    return value >= least


def goals_of_synthetic(results, table, overall_goal):
    overall = "macro_f1_tasks"
    after, words = table["after"]["overall"][overall], table["bag of words"]["overall"][overall]
    before, most = table["before"]["overall"][overall], table["majority"]["overall"][overall]
    return [check("selected behaviour, macro-F1", results["steer"]["full"]["selection"]["macro_f1"], 0.90),
            check("overall macro-F1", after, overall_goal),
            check("above bag of words", after - words, 0.10),
            check("before training, near chance: minus its excess over the majority class", -(before - most), -0.15)]


def goals_of_real(results, table):
    overall = "macro_f1_tasks"
    after = table["after"]["overall"][overall]
    return [check("above the untouched model", after - table["before"]["overall"][overall], 0.02),
            check("above the majority class", after - table["majority"]["overall"][overall], 0.02),
            check("contrast accuracy, token forced", results["conditions"]["right"]["suites"]["contrast"]["overall"]["accuracy"], 0.75)]


def paper_table():
    """In runs/paper_table, where README's commands put it; what is there already is kept."""
    data = pathlib.Path("runs/data/paper_table.h5")
    if not data.exists():
        records = data.with_suffix(".jsonl")
        call(BINARY, "data", "generate", "--cases", 15000, "--contrast", "--out", records)
        call(BINARY, "data", "build", "--records", records, "--model", "configs/tiny", "--out", data)
    sweep = "configs/sweeps/paper_table.yaml"
    call("bash", "-c", 'source launch/mpi.sh && exec "$@"', "bash", BINARY, "sweep", "run", sweep, "--ranks", 3)
    comparison = json.loads(pathlib.Path("runs/paper_table/comparison.full.json").read_text())
    met = []
    for arm in comparison["arms"]:
        for run in arm["runs"]:
            results = json.loads((pathlib.Path(run) / "results.json").read_text())
            contrast = {name: of["suites"]["contrast"]["overall"]["accuracy"] for name, of in results["conditions"].items()}
            if arm["name"] == "sft":
                met.append(check("sft: contrast, minus its accuracy", -contrast["none"], -0.55))
            elif arm["name"] == "shuffled":
                gain = results["steer"]["full"]["conditioning_gain"]["over_wrong"]
                print(f"shuffled: gain {gain['value']:.4f}, interval {gain['ci95']}")
                met.append(not gain["distinguishable"])
            else:
                met.append(check(f"{arm['name']}: contrast, token forced", contrast["right"], 0.90))
    return met


def main():
    name = sys.argv[1]
    if name == "paper_table":
        sys.exit(0 if all(paper_table()) else 1)
    if not os.path.exists(BINARY):
        print(f"skipped: no bsft at {BINARY}")
        sys.exit(77)
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = make_data(name)
    first = train(name, data)
    results, table = json.loads(first), baseline(name, data)
    met = goals_of_real(results, table) if name == "smollm2_135m" else goals_of_synthetic(
        results, table, {"quickstart": 0.65, "synthetic": 0.90}[name])
    if name == "quickstart":
        same = train(name, data) == first
        print("results.json of a second run:", "the same bytes" if same else "other bytes")
        met.append(same)
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()

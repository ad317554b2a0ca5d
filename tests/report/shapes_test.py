"""Results of another shape: one line and the exit code of broken data, or a page, but nothing else.

Each part of a results file in turn becomes a value of another type; so do the lines of the logs.
"""
import copy
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import example_run  # noqa: E402

PROBE = sys.argv[1]
WRONG = [None, 7, -1e300, "text", [], [1, 2, 3], {}, {"a": {"b": []}}, True]


def paths(value, at=()):
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], at + (key,))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from paths(value[i], at + (i,))


def put(root, path, value):
    made = copy.deepcopy(root)
    if not path:
        return value
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


def page(folder, comparison="null"):
    (folder / "comparison.json").write_text(comparison)
    done = subprocess.run([PROBE, folder / "page.html", folder / "comparison.json", folder / "run"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 65), (done.returncode, done.stderr)
    if done.returncode == 65:
        assert done.stderr.count("\n") == 1 and len(done.stderr) < 600, done.stderr
    else:
        assert (folder / "page.html").stat().st_size < 1_000_000
    return done.returncode


def main():
    draw = random.Random(5)
    counts = {0: 0, 65: 0}
    with tempfile.TemporaryDirectory(prefix="bsft_shapes_") as name:
        folder = pathlib.Path(name)
        run = example_run.write_run(folder / "run", steps=40)
        assert page(folder) == 0
        for file, most in (("results.json", 60), ("evaluations.jsonl", 15), ("events.jsonl", 8),
                           ("predictions.jsonl", 10), ("metrics.jsonl", 4), ("data.json", 15)):
            whole = (run / file).read_text()
            # of a log: the first lines are enough
            lines = [json.loads(whole)] if file.endswith(".json") else [json.loads(line) for line in whole.splitlines()[:3]]
            for _ in range(most):
                at = draw.randrange(len(lines))
                wrong = put(lines[at], draw.choice(list(paths(lines[at]))), draw.choice(WRONG))
                made = lines[:at] + [wrong] + lines[at + 1:]
                (run / file).write_text("\n".join(json.dumps(line) for line in made) + "\n")
                counts[page(folder)] += 1
            (run / file).write_text(whole)
        whole = example_run.comparison([run])
        for _ in range(15):
            counts[page(folder, json.dumps(put(whole, draw.choice(list(paths(whole))), draw.choice(WRONG))))] += 1
        for text in ("", "{", "[]", "7", '{"a":1,"a":2}', "[" * 200, '{"suites":{"\\ud800":1}}'):
            (run / "results.json").write_text(text)
            counts[page(folder)] += 1
    assert min(counts.values()) > 20, counts
    print(f"{counts[0]} pages, {counts[65]} refusals in one line")


main()

"""Compare macro-F1, accuracy and bootstrap intervals with scikit-learn and numpy on 1,000 random tables.

Usage: metrics_test.py PROBE.  The scores of the probe (C++) must agree to 1e-12; the bootstrap's spread is compared with
an independent cluster bootstrap on a few large tables.
"""

import json
import random
import subprocess
import sys
import warnings

import numpy
from sklearn.metrics import accuracy_score, f1_score

warnings.filterwarnings("ignore")
INVALID = "(invalid)"


def table(generator, cases, draws=0):
    tasks = generator.randint(1, 4)
    vocabulary = ["yes", "no", "maybe", "FLAG", "PROCEED", "A", "B", "C"]
    labels = [generator.sample(vocabulary, generator.randint(2, 5)) for _ in range(tasks)]
    groups = generator.randint(1, 3)
    items = []
    for _ in range(generator.randint(1, 60) if cases is None else 4 * cases):
        task = generator.randrange(tasks)
        count = len(labels[task])
        truth = min(generator.randrange(count), generator.randrange(count))  # uneven, classes go missing
        guess = truth if generator.random() < 0.5 else generator.randrange(-1, count)
        items.append([task, generator.randrange(groups), truth, guess, generator.randrange(cases or 20)])
    return {"labels": labels, "groups": groups, "draws": draws, "seed": generator.randrange(1 << 40), "items": items}


def words(table, items):
    truth = [table["labels"][t][y] for t, _, y, _, _ in items]
    guess = [table["labels"][t][p] if p >= 0 else INVALID for t, _, _, p, _ in items]
    return truth, guess


def macro_f1(truth, guess):
    present = sorted((set(truth) | set(guess)) - {INVALID})
    return f1_score(truth, guess, labels=present, average="macro", zero_division=0)


def mean_over_tasks(table, items):
    by_task = [[i for i in items if i[0] == t] for t in range(len(table["labels"]))]
    return numpy.mean([macro_f1(*words(table, part)) for part in by_task if part])


def compare(ours, table, items, where):
    if not items:
        assert ours is None, where
        return 0
    truth, guess = words(table, items)
    theirs = {"tasks": mean_over_tasks(table, items), "pooled": macro_f1(truth, guess),
              "accuracy": accuracy_score(truth, guess), "support": len(items), "invalid": guess.count(INVALID)}
    for key, value in theirs.items():
        assert abs(ours[key] - value) <= 1e-12, f"{where} {key}: ours {ours[key]!r}, scikit-learn {value!r}"
    return len(theirs)


def probe(program, tables):
    lines = "\n".join(json.dumps(one) for one in tables) + "\n"
    out = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def check_interval(program):
    generator = random.Random(3)
    tables = [table(generator, cases=150, draws=1000) for _ in range(3)]
    for number, (one, ours) in enumerate(zip(tables, probe(program, tables), strict=True)):
        by_case = {}
        for item in one["items"]:
            by_case.setdefault(item[4], []).append(item)
        cases = list(by_case.values())
        numbers = numpy.random.default_rng(number)
        values = []
        for _ in range(400):
            drawn = [i for c in numbers.integers(len(cases), size=len(cases)) for i in cases[c]]
            values.append(mean_over_tasks(one, drawn))
        low, high = numpy.percentile(values, [2.5, 97.5])
        width = high - low
        for mine, other in zip(ours["overall"]["ci95"], (low, high)):
            assert abs(mine - other) < 0.25 * width, (number, ours["overall"]["ci95"], (low, high))
        again = probe(program, [one])[0]
        assert again == ours, "the same items and seed give another interval"


def main():
    program = sys.argv[1]
    generator = random.Random(1)
    tables = [table(generator, None) for _ in range(1000)]
    compared = 0
    for number, (one, ours) in enumerate(zip(tables, probe(program, tables), strict=True)):
        compared += compare(ours["overall"], one, one["items"], f"table {number} overall")
        for group, score in enumerate(ours["groups"]) if number % 4 == 0 else ():
            compared += compare(score, one, [i for i in one["items"] if i[1] == group], f"table {number} group {group}")
        for task, score in enumerate(ours["tasks"]):
            compared += compare(score, one, [i for i in one["items"] if i[0] == task], f"table {number} task {task}")
    check_interval(program)
    print(f"{compared} numbers of 1000 tables agree with scikit-learn to 1e-12; 3 intervals agree with numpy's")


if __name__ == "__main__":
    main()

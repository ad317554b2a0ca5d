#!/usr/bin/env python3
"""What a bag of words reaches, task by task, beside a model's results: the columns of the README's tables.

  bag_of_words.py --data FILE.h5 [--suite full] [--split test] [--results RUN/results.json] [--markdown] [--json FILE]
  bag_of_words.py --records [SUITE=]FILE.jsonl …                 (records in no suite are in "full")

Per task: tf-idf of the prompt's words (unigrams and bigrams, sublinear) into a logistic regression fitted on the train
split; macro-F1 over the declared labels that occur, as bsft evaluate counts it; the majority label is the train split's.
With --results the model's columns stand beside: before (the untouched model without a token) and after.
"""

import argparse
import collections
import json
import os
import pathlib
import sys
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import numpy
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.multiclass import OneVsRestClassifier
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (launch/setup.sh --tests)")
    sys.exit(77)

warnings.filterwarnings("ignore")
COLUMNS = ("majority", "bag of words", "before", "after")


def records_of_file(argument):
    suite, _, file = argument.rpartition("=")
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            suites = set(record.get("suites") or []) | ({suite} if suite else set())
            yield record, suites or {"full"}


def records_of_store(file):
    import h5py

    with h5py.File(file, "r", locking=False) as store:
        catalog = store["catalog"][()]
        catalog = json.loads(catalog if isinstance(catalog, (bytes, str)) else bytes(catalog))
        text, offsets = bytes(store["text"][:]), store["records/text_offset"][:]
        bits = store["records/suites"][:]
        for number, mask in enumerate(bits):
            suites = {name for i, name in enumerate(catalog["suites"]) if int(mask) >> i & 1}
            yield json.loads(text[offsets[number]:offsets[number + 1]]), suites


def prompt(record):
    turns = record.get("turns") or [{"content": record["prompt"]}]
    return "\n".join((turn["speaker"] + ": " if turn.get("speaker") else "") + turn["content"] for turn in turns)


def read(options):
    tasks = {}
    sources = [records_of_store(options.data)] if options.data else [records_of_file(a) for a in options.records]
    for source in sources:
        for record, suites in source:
            if not record.get("label") or record["split"] not in ("train", options.split):
                continue
            task = tasks.setdefault(record["task"], {"group": record["group"], "labels": record["labels"],
                                                     "train": [], "test": []})
            item = (prompt(record), record["label"], record["group"])
            if record["split"] == "train":
                task["train"].append(item)
            if record["split"] == options.split and options.suite in suites:
                task["test"].append(item)
    return {name: task for name, task in tasks.items() if task["test"]}


def majority(task):
    counts = collections.Counter(label for _, label, _ in task["train"] or task["test"])
    return max(task["labels"], key=lambda label: (counts[label], -task["labels"].index(label)))


def bag_of_words(task):
    labels = sorted({label for _, label, _ in task["train"]})
    if len(labels) < 2:
        return [majority(task)] * len(task["test"])
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w+\b")
    model = OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear", class_weight="balanced", random_state=0))
    model.fit(vectors.fit_transform([text for text, _, _ in task["train"]]), [label for _, label, _ in task["train"]])
    return list(model.predict(vectors.transform([text for text, _, _ in task["test"]])))


def macro_f1(truth, guess):
    return f1_score(truth, guess, labels=sorted(set(truth) | set(guess)), average="macro", zero_division=0)


def summary(items):
    """items: (task, group, truth, guess).  Scores of tasks, groups and overall, as results.json names them."""
    def both(part):
        by_task = collections.defaultdict(list)
        for task, _, truth, guess in part:
            by_task[task].append((truth, guess))
        return {"macro_f1_tasks": float(numpy.mean([macro_f1(*zip(*pairs)) for pairs in by_task.values()])),
                "macro_f1_pooled": float(macro_f1([i[2] for i in part], [i[3] for i in part])),
                "accuracy": float(numpy.mean([i[2] == i[3] for i in part])), "support": len(part)}

    names = lambda place: list(dict.fromkeys(item[place] for item in items))
    return {"overall": both(items), "groups": {g: both([i for i in items if i[1] == g]) for g in names(1)},
            "tasks": {t: both([i for i in items if i[0] == t]) for t in names(0)}}


def model_columns(results, suite):
    def path(*keys):
        at = results
        for key in keys:
            at = at.get(key) if isinstance(at, dict) else None
        return at

    before = path("before", "conditions", "none", "suites", suite) or path("before", "suites", suite)
    return before, path("suites", suite)


def rows(tables, groups):
    """Rows of (name, support, values by column)."""
    reference = tables["bag of words"]

    def row(name, part, key):
        return name, part(reference)["support"], [(part(tables[c]) or {}).get(key) if tables.get(c) else None for c in COLUMNS]

    for group in reference["groups"]:
        for task in reference["tasks"]:
            if groups[task] == group:
                yield row(f"{group} / {task}", lambda t, n=task: t["tasks"].get(n), "macro_f1_tasks")
    for group in reference["groups"]:
        yield row(f"{group}, mean over tasks", lambda t, n=group: t["groups"].get(n), "macro_f1_tasks")
    yield row("overall, mean over tasks", lambda t: t["overall"], "macro_f1_tasks")
    yield row("overall, pooled", lambda t: t["overall"], "macro_f1_pooled")
    yield row("overall, accuracy", lambda t: t["overall"], "accuracy")


def show(lines, columns, markdown):
    head = ["task", "records", *columns]
    body = [[name, str(support), *("-" if v is None else f"{v:.3f}" for v in values)] for name, support, values in lines]
    widths = [max(len(line[c]) for line in [head, *body]) for c in range(len(head))]
    def text(cells):
        padded = [cells[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(padded) + " |" if markdown else "  ".join(padded)

    print(text(head))
    print("| " + " | ".join("-" * (w - (c > 0)) + ":" * (c > 0) for c, w in enumerate(widths)) + " |" if markdown
          else "  ".join("-" * w for w in widths))
    for line in body:
        print(text(line))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=pathlib.Path)
    source.add_argument("--records", nargs="+", metavar="[SUITE=]FILE")
    parser.add_argument("--suite", default="full")
    parser.add_argument("--split", default="test", choices=("train", "dev", "test"))
    parser.add_argument("--results", type=pathlib.Path, help="results.json of a run or of bsft evaluate")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    tasks = read(options)
    if not tasks:
        sys.exit(f"bag_of_words: no labelled record of suite {options.suite} in split {options.split}")
    guesses = {"majority": [], "bag of words": []}
    for name, task in tasks.items():
        most, words = majority(task), bag_of_words(task)
        for (_, truth, group), guess in zip(task["test"], words, strict=True):
            guesses["majority"].append((name, group, truth, most))
            guesses["bag of words"].append((name, group, truth, guess))
    tables = {name: summary(items) for name, items in guesses.items()}
    columns = ["majority", "bag of words"]
    if options.results:
        results = json.loads(options.results.read_text(encoding="utf-8"))
        tables["before"], tables["after"] = model_columns(results, options.suite)
        if tables["after"] is None:
            sys.exit(f"bag_of_words: {options.results} has no suite {options.suite}")
        counted = {name: score["support"] for name, score in tables["after"]["tasks"].items()}
        ours = {name: len(task["test"]) for name, task in tasks.items()}
        if counted != ours or results.get("split") != options.split:
            sys.exit(f"bag_of_words: the results are of other records: {counted} of {results.get('split')}, here {ours}")
        columns = [c for c in COLUMNS if tables.get(c)]
    lines = [(name, support, [v for v, c in zip(values, COLUMNS) if c in columns])
             for name, support, values in rows(tables, {n: t["group"] for n, t in tasks.items()})]
    show(lines, columns, options.markdown)
    if options.json:
        options.json.write_text(json.dumps({name: table for name, table in tables.items() if table}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A bag of words must not solve the synthetic BehaviorBench: it has to be read.

Generates the benchmark with the program (or takes --records FILE), fits per task a logistic regression on unigrams and
bigrams of the prompt's words, trained on the train split, and scores macro-F1 over the declared labels on the test split;
four weightings (counts, presence, tf-idf, sublinear) and the best of them counts.  Every task of the group "proactive" and
every other one with twins must stay below 0.70.  --json FILE keeps the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict

try:
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MaxAbsScaler
except ImportError:
    print("skipped: scikit-learn is not installed")
    sys.exit(77)

LIMIT = 0.70
WORD = r"(?u)\b\w+\b"
VIEWS = {
    "counts": lambda: CountVectorizer(ngram_range=(1, 2), token_pattern=WORD, min_df=2),
    "presence": lambda: CountVectorizer(ngram_range=(1, 2), token_pattern=WORD, min_df=2, binary=True),
    "tf-idf": lambda: TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, min_df=2),
    "sublinear": lambda: TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, min_df=2, sublinear_tf=True, norm=None),
}


def prompt(record):
    turns = record.get("turns") or [{"content": record["prompt"]}]
    return "\n".join((t["speaker"] + ": " if t.get("speaker") else "") + t["content"] for t in turns)


def read(file):
    tasks = defaultdict(lambda: {"train": [], "test": [], "labels": None, "group": None, "twins": False})
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            task = tasks[record["task"]]
            task["labels"], task["group"] = record["labels"], record["group"]
            task["twins"] |= "twin_id" in record
            if record["split"] in ("train", "test"):
                task[record["split"]].append((prompt(record), record["label"]))
    return tasks


def score(task, view, rows):
    train, test = task["train"][:rows], task["test"]
    vectors = VIEWS[view]()
    scale = MaxAbsScaler()
    x = scale.fit_transform(vectors.fit_transform([text for text, _ in train]))
    model = LogisticRegression(C=1.0, max_iter=200)
    model.fit(x, [label for _, label in train])
    guess = model.predict(scale.transform(vectors.transform([text for text, _ in test])))
    gold = [label for _, label in test]
    present = [label for label in task["labels"] if label in set(gold) | set(guess)]
    return f1_score(gold, guess, labels=present, average="macro", zero_division=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--records")
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--rows", type=int, default=6000, help="training records a task at most")
    parser.add_argument("--views", nargs="+", default=list(VIEWS))
    parser.add_argument("--json")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        file = options.records
        if not file:
            binary = os.environ.get("BSFT_BINARY", "")
            if not os.path.exists(binary):
                print(f"skipped: no bsft at '{binary}' (set BSFT_BINARY or pass --records)")
                sys.exit(77)
            file = os.path.join(folder, "records.jsonl")
            subprocess.run([binary, "data", "generate", "--out", file, "--cases", str(options.cases)], check=True)
        tasks = read(file)
    table, failed = {}, []
    print(f"{'task':26s} {'group':10s} {'train':>6s} {'test':>5s} " + " ".join(f"{view:>9s}" for view in options.views))
    for name, task in tasks.items():
        scores = {view: score(task, view, options.rows) for view in options.views}
        table[name] = {"group": task["group"], **scores}
        print(
            f"{name:26s} {task['group']:10s} {min(len(task['train']), options.rows):6d} {len(task['test']):5d} "
            + " ".join(f"{value:9.3f}" for value in scores.values()),
            flush=True,
        )
        if (task["group"] == "proactive" or task["twins"]) and max(scores.values()) >= LIMIT:
            failed.append(name)
    overall = max(sum(row[view] for row in table.values()) / len(table) for view in options.views)
    print(f"overall (best weighting, unweighted mean over tasks): {overall:.3f}")
    if options.json:
        json.dump({"overall": overall, "tasks": table}, open(options.json, "w"), indent=1)
    if failed:
        print(f"a bag of words reaches {LIMIT} on: {', '.join(failed)}")
        sys.exit(1)


if __name__ == "__main__":
    main()

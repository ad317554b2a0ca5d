"""What the page says of predictions.jsonl, counted anew: confusion as scikit-learn has it, the worst errors by sorting.

With --samples 0 no word of a record is on the page.
"""
import html
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import example_run  # noqa: E402

try:
    from sklearn.metrics import confusion_matrix
except ImportError:
    print("skipped: scikit-learn is not installed (launch/setup.sh --tests)")
    sys.exit(77)


def page(folder, run, *words):
    (folder / "none.json").write_text("null")
    subprocess.run([sys.argv[1], folder / "page.html", folder / "none.json", *words, run], check=True)
    return (folder / "page.html").read_text()


def numbers_of(text):
    return json.loads(re.search(r'id="numbers">(.*?)</script>', text, re.DOTALL).group(1))["runs"][0]


def check_confusion(lines, ours, condition):
    """The counts are scikit-learn's, task by task."""
    judged = [line for line in lines if line["label"] is not None and condition in line["conditions"]]
    tasks = {line["task"] for line in judged}
    assert set(ours) == tasks, (sorted(ours), sorted(tasks))
    for task in tasks:
        pairs = [(line["label"], line["conditions"][condition]["prediction"] or "") for line in judged if line["task"] == task]
        names = sorted({name for pair in pairs for name in pair})
        counts = confusion_matrix(*zip(*pairs), labels=names)
        for g, gold in enumerate(names):
            for a, answer in enumerate(names):
                assert ours[task].get(gold, {}).get(answer, 0) == counts[g][a], (task, gold, answer)
    return len(judged)


def nats(line):
    labels = example_run.LABELS.get(line["task"], example_run.PLAIN_LABELS)
    judged = line["conditions"]["self"]
    if judged["prediction"] is None:
        return math.nan
    right = judged["log_p"][labels.index(line["label"])]
    return judged["log_p"][labels.index(judged["prediction"])] - (-math.inf if right is None else right)


def main():
    with tempfile.TemporaryDirectory(prefix="bsft_errors_") as name:
        folder = pathlib.Path(name)
        run = example_run.write_run(folder / "run", steps=40)
        lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
        lines[40]["conditions"]["self"]["log_p"][0] = None
        (run / "predictions.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
        wrong = [line for line in lines if line["label"] is not None
                 and line["conditions"]["self"]["prediction"] != line["label"]]
        wrong.sort(key=lambda line: (-(nats(line) if nats(line) == nats(line) else 0),
                                     -sum(c["prediction"] != line["label"] for c in line["conditions"].values())))
        for samples in (10, 3, 25):
            text = page(folder, run, "--samples", str(samples))
            section = text[text.index("What does it get wrong?"):text.index("Twins gone wrong")]
            shown = re.findall(r"<summary>\d+  [^:]*: (.*?)</summary>", section)
            assert shown == [line["id"] for line in wrong[:samples]], (shown, [line["id"] for line in wrong[:samples]])
            assert html.escape(wrong[0]["text"], quote=False)[:40] in section
            twins = text[text.index("Twins gone wrong"):]
            assert len(re.findall(r"<summary>\d+  contraindication_alert", twins)) == min(samples, 14)
        judged = check_confusion(lines, numbers_of(text)["confusion"], "self")
        assert f"{len(wrong)} of {judged} records were judged wrong (self)" in text
        without = page(folder, run, "--samples", "0")
        assert without.count("(--samples 0)") == 2
        for line in wrong:
            for words in (line["text"].split("<")[0], line["response"], line["id"]):
                assert html.escape(words, quote=False) not in without, words
        assert numbers_of(without)["confusion"] == numbers_of(text)["confusion"]
        print(f"{judged} records of {len(numbers_of(text)['confusion'])} tasks, {len(wrong)} wrong")


if __name__ == "__main__":
    main()

"""The steerability matrix, the baselines and `bsft compare`, counted anew from predictions.jsonl and the records.

Usage: steering_test.py [SEED].  A small run on the synthetic benchmark with its contrast suite is scored; every number
of results.json under "steer", both baselines and the alarms are computed again with scikit-learn and plain counting,
and agree to 1e-9.  Then arms made of perturbed predictions: values, McNemar, Holm and verdicts as scipy, statsmodels
and scikit-learn have them, intervals to 0.3 of their width.  Then the refusals of compare, and the confusion on the page.
"""
import json
import math
import pathlib
import random
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
import tiny_run  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "report"))
import errors_test  # noqa: E402

try:
    import numpy
    from scipy.stats import binomtest
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss, f1_score
    from statsmodels.stats.multitest import multipletests
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (launch/setup.sh --tests)")
    sys.exit(77)

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1
BEHAVIORS = ["reactive", "proactive"]
MISSED_COST = 3.0


def close(ours, theirs, where):
    assert abs(ours - theirs) <= 1e-9, f"{where}: {ours!r}, counted {theirs!r}"


def macro_f1(lines, of):
    """Mean over tasks; `of` gives a line's prediction."""
    values = []
    for task in sorted({line["task"] for line in lines}):
        mine = [line for line in lines if line["task"] == task]
        truth, guess = [line["label"] for line in mine], [of(line) or "?" for line in mine]
        values.append(f1_score(truth, guess, labels=sorted((set(truth) | set(guess)) - {"?"}), average="macro",
                               zero_division=0))
    return float(numpy.mean(values))


def counted_macro_f1(pairs):
    """The same from (task, truth, prediction), by counting: what a bootstrap has time for."""
    tables = {}
    for task, truth, guess in pairs:
        table = tables.setdefault(task, {})
        table.setdefault(truth, [0, 0])[1] += 1
        if guess is not None:
            table.setdefault(guess, [0, 0])[1] += 1
        if guess == truth:
            table[truth][0] += 1
    return sum(sum(2 * hits / seen for hits, seen in t.values()) / len(t) for t in tables.values()) / len(tables)


def under(condition):
    return lambda line: line["conditions"][condition]["prediction"]


def share(values):
    return sum(values) / len(values)


class Facts:
    """What the whole data file says of labels and behaviours."""

    def __init__(self, records):
        labelled = [r for r in records if r.get("label")]
        actions, levels, says, counts = {}, {b: [] for b in BEHAVIORS}, {}, {}
        for record in labelled:
            if record.get("action"):
                actions.setdefault((record["task"], record["label"]), set()).add(record["action"] == "intervene")
            says.setdefault(record["task"], {}).setdefault(record["behavior"], set()).add(record["label"])
            if record["split"] == "train":
                for key in ((record["task"], None), (record["task"], record["behavior"])):
                    of_label = counts.setdefault(key, {label: 0 for label in record["labels"]})
                    of_label[record["label"]] += 1
        for record in records:
            levels[record["behavior"]].append(record["level"])
        self.speaks = {key: said.pop() for key, said in actions.items() if len(said) == 1}
        self.says = {task: by for task, by in says.items()
                     if len(by) > 1 and not set.intersection(*by.values())}
        self.autonomy = {b: share(v) for b, v in levels.items()}
        self.guess = {key: max(of, key=of.get) for key, of in counts.items()}


def check_selection(ours, lines):
    gold = [BEHAVIORS.index(line["behavior"]) for line in lines]
    p = numpy.exp([line["behavior_log_p"] for line in lines])
    p /= p.sum(1, keepdims=True)
    selected = [BEHAVIORS.index(line["conditions"]["self"]["behavior"]) for line in lines]
    close(ours["macro_f1"], f1_score(gold, selected, average="macro", zero_division=0), "selection")
    close(ours["brier"], brier_score_loss(gold, p, labels=[0, 1], scale_by_half=False), "Brier")
    right = (p.argmax(1) == gold).astype(int)
    part, mean = calibration_curve(right, p.max(1), n_bins=15, strategy="uniform")
    bins = [b for b in ours["reliability"] if b["count"]]
    assert len(ours["reliability"]) == 15 and sum(b["count"] for b in bins) == len(lines)
    for bin_, r, m in zip(bins, part, mean, strict=True):
        close(bin_["right"], r, "bin")
        close(bin_["confidence"], m, "bin")
    close(ours["ece"], sum(b["count"] * abs(r - m) for b, r, m in zip(bins, part, mean)) / len(lines), "ECE")
    for g, gold_name in enumerate(BEHAVIORS):
        for s, name in enumerate(BEHAVIORS):
            if g in gold:
                assert ours["confusion"][gold_name][name] == sum((x, y) == (g, s) for x, y in zip(gold, selected))


def check_condition(ours, lines, condition, facts):
    of = under(condition)
    speaks = {line["id"]: facts.speaks.get((line["task"], of(line))) for line in lines}
    twins = {a: [line for line in lines if line.get("action") == a and speaks[line["id"]] is not None]
             for a in ("intervene", "restrain")}
    if twins["restrain"]:
        close(ours["over_intervention_rate"], share([speaks[x["id"]] for x in twins["restrain"]]), "over-intervention")
    close(ours["missed_need_rate"], share([not speaks[x["id"]] for x in twins["intervene"]]), "missed need")
    assert [ours["clean_twins"], ours["planted"]] == [len(twins["restrain"]), len(twins["intervene"])]
    pairs = {}
    for line in lines:
        if "twin" in line:
            pairs.setdefault(line["twin"], []).append(of(line) == line["label"])
    pairs = [all(right) for right in pairs.values() if len(right) > 1]
    assert ours["pairs"] == len(pairs)
    close(ours["pair_accuracy"], share(pairs), "pairs")
    steered, quiet = [], []
    for line in lines:
        given = line["conditions"][condition].get("behavior")
        by = facts.says.get(line["task"])
        if given is None or by is None:
            continue
        steered.append(of(line) in by[given])
        if facts.autonomy[given] == min(facts.autonomy[b] for b in by):
            quiet.append(any(of(line) in labels for b, labels in by.items() if b != given))
    assert ours.get("steerable", 0) == len(steered)
    if steered:
        close(ours["obedience"], share(steered), "obedience")
    if quiet:
        close(ours["leakage"], share(quiet), "leakage")
    for behavior, entry in ours["behaviors"].items():
        mine = [line for line in lines if line["behavior"] == behavior]
        assert entry["support"] == len(mine)
        close(entry["macro_f1_tasks"], macro_f1(mine, of), f"of {behavior}")
        close(entry["accuracy"], share([of(line) == line["label"] for line in mine]), f"of {behavior}")


def check_cost_curve(ours, lines, facts):
    items = []
    for line in lines:
        if line.get("action") not in ("intervene", "restrain"):
            continue
        e = [math.exp(x) for x in line["behavior_log_p"]]
        conditions = line["conditions"].values()
        by = {c["behavior"]: facts.speaks.get((line["task"], c["prediction"])) for c in conditions if "behavior" in c}
        if None not in by.values():
            items.append((e[1] / sum(e), line["action"] == "intervene", by["proactive"], by["reactive"]))
    assert ours["behavior"] == "proactive" and len(ours["points"]) == 101
    best = math.inf
    for t, (threshold, missed, over) in enumerate(ours["points"]):
        speaks = [(planted, a if p >= t / 100 else b) for p, planted, a, b in items]
        close(threshold, t / 100, "threshold")
        close(missed, share([not s for planted, s in speaks if planted]), f"missed at {t}")
        close(over, share([s for planted, s in speaks if not planted]), f"over at {t}")
        best = min(best, sum(MISSED_COST * (not s) if planted else s for planted, s in speaks) / len(items))
    close(ours["operating_point"]["cost"], best, "cost")


def check_results(results, lines, facts):
    alarms = 0
    for suite in ("full", "contrast"):
        mine, steer = [line for line in lines if suite in line["suites"]], results["steer"][suite]
        check_selection(steer["selection"], mine)
        for condition in ("self", "right", "wrong", "none"):
            check_condition(steer["conditions"][condition], mine, condition, facts)
        for name, than, ours in (("gain", "wrong", steer["conditioning_gain"]["over_wrong"]),
                                 ("gain", "none", steer["conditioning_gain"]["over_none"]),
                                 ("regret", "self", steer["routing_regret"])):
            close(ours["value"], macro_f1(mine, under("right")) - macro_f1(mine, under(than)), name)
            low, high = ours["ci95"]
            assert low <= high and ours["distinguishable"] == (low > 0 or high < 0)
        scores = results["suites"][suite]
        close(scores["overall"]["majority"]["macro_f1_tasks"],
              macro_f1(mine, lambda line: facts.guess[line["task"], None]), "majority")
        close(scores["overall"]["token_only"]["macro_f1_tasks"],
              macro_f1(mine, lambda line: facts.guess[line["task"], line["behavior"]]), "token only")
        close(scores["overall"]["token_only"]["accuracy"],
              share([facts.guess[line["task"], line["behavior"]] == line["label"] for line in mine]), "token only")
        for task in {line["task"] for line in mine}:
            said = {under("self")(line) for line in mine if line["task"] == task}
            constant = len(said) == 1 and sum(line["task"] == task for line in mine) > 1
            assert scores["tasks"][task]["constant_prediction"] == constant
            alarms += constant
            if constant:
                assert f"suite {suite}, task {task}: every record got the label {said.pop()}" in results["alarms"]
    assert len(results["alarms"]) == alarms, results["alarms"]
    assert results["suites"]["contrast"]["overall"]["token_only"]["accuracy"] == 1, "the token alone decides a contrast"
    close(results["suites"]["contrast"]["overall"]["majority"]["accuracy"], 0.5, "ignoring the token")
    mixed = [c for c in results["steer"]["contrast"]["conditions"].values() if 0 < c.get("obedience", 0) < 1]
    if not mixed:
        print("note: with this seed the model obeys always or never, so leakage says little here")
    check_cost_curve(results["steer"]["full"]["cost_curve"], [x for x in lines if "full" in x["suites"]], facts)
    shown = [line for line in lines if "text" in line]
    wrong = {line["twin"] for line in lines if "twin" in line and under("self")(line) != line["label"]}
    assert shown == [x for x in lines if x.get("twin") in wrong or x["label"] not in (None, under("self")(x))]
    assert all(line["response"] for line in shown)
    assert all(len(line["text"].encode()) <= 610 for line in shown)


def make_arm(folder, name, source, seeds, lift):
    """Copies of a scored folder in which each prediction becomes the right one with probability `lift`."""
    runs = []
    for seed in range(seeds):
        run = folder / f"{name}-{seed}"
        run.mkdir()
        shutil.copy(source / "results.json", run)
        generator = random.Random(f"{SEED} {name} {seed}")
        with (run / "predictions.jsonl").open("w") as out:
            for line in (source / "predictions.jsonl").read_text().splitlines():
                line = json.loads(line)
                if generator.random() < lift:
                    line["conditions"]["self"]["prediction"] = line["label"]
                out.write(json.dumps(line) + "\n")
        runs.append(run)
    return f"{name}=" + ",".join(map(str, runs)), runs


def lines_of(run):
    lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    return sorted((line for line in lines if "full" in line["suites"]), key=lambda line: line["id"])


def compare(*words, code=0):
    done = subprocess.run([tiny_run.BINARY, "compare", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def check_comparison(folder, source):
    plain, runs_a = make_arm(folder, "plain", source, 3, 0.05)
    better, runs_b = make_arm(folder, "better", source, 3, 0.25)
    few, _ = make_arm(folder, "few", source, 2, 0.6)
    text = compare(plain, better, few, "--draws", 1000, "--format", "json")
    assert compare(plain, better, few, "--draws", 1000, "--format", "json") == text, "other bytes"
    result = json.loads(text)
    assert [(p["a"], p["b"]) for p in result["pairs"]] == [("better", "plain"), ("few", "plain"), ("few", "better")]
    assert [p["overall"]["verdict"] for p in result["pairs"]] == ["better is better"] + 2 * ["too few seeds for a claim"]
    a, b = [lines_of(run) for run in runs_b], [lines_of(run) for run in runs_a]
    of = under("self")
    values = [[macro_f1(lines, of) for lines in arm] for arm in (a, b)]
    for arm, mine in zip((result["arms"][1], result["arms"][0]), values):
        for ours, theirs in zip(arm["overall"]["of_seeds"], mine, strict=True):
            close(ours, theirs, "a seed")
        close(arm["overall"]["value"], float(numpy.mean(mine)), "an arm")
    pair = result["pairs"][0]
    close(pair["overall"]["value"], float(numpy.mean(values[0]) - numpy.mean(values[1])), "difference")

    def test_of(task):
        only, p = [0, 0], 0
        for x, y in zip(a, b):
            rights = [(of(i) == i["label"], of(j) == j["label"]) for i, j in zip(x, y) if task in (None, i["task"])]
            counts = [sum(r and not s for r, s in rights), sum(s and not r for r, s in rights)]
            only = [only[0] + counts[0], only[1] + counts[1]]
            p = max(p, binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1)
        return only, p

    for node, task in [(pair["overall"], None)] + [(node, task) for task, node in pair["tasks"].items()]:
        only, p = test_of(task)
        assert [node["only_a"], node["only_b"]] == only, task
        close(node["p"], p, f"p of {task}")
    adjusted = multipletests([node["p"] for node in pair["tasks"].values()], method="holm")[1]
    for node, other in zip(pair["tasks"].values(), adjusted, strict=True):
        close(node["p_holm"], other, "Holm")

    numbers, drawn = numpy.random.default_rng(SEED), []
    cases = sorted({line["case"] for line in a[0]})
    triples = [[[(i["case"], i["task"], i["label"], of(i)) for i in lines] for lines in arm] for arm in (a, b)]
    close(counted_macro_f1([t[1:] for t in triples[0][0]]), macro_f1(a[0], of), "by counting")
    by_case = [[{c: [t[1:] for t in run if t[0] == c] for c in cases} for run in arm] for arm in triples]
    for _ in range(300):
        sample = [cases[i] for i in numbers.integers(len(cases), size=len(cases))]
        means = []
        for arm in by_case:
            chosen = [arm[i] for i in numbers.integers(3, size=3)]
            means.append(numpy.mean([counted_macro_f1([t for c in sample for t in run[c]]) for run in chosen]))
        drawn.append(means[0] - means[1])
    low, high = numpy.percentile(drawn, [2.5, 97.5])
    for ours, other in zip(pair["overall"]["ci95"], (low, high)):
        assert abs(ours - other) < 0.3 * (high - low), (pair["overall"]["ci95"], (low, high))

    same = json.loads(compare(f"x={runs_a[0]}", f"y={runs_a[0]}", "--draws", 100, "--format", "json"))["pairs"][0]["overall"]
    assert same["value"] == 0 and same["ci95"] == [0, 0] and same["p"] == 1 and same["verdict"] == "not distinguishable"
    table = compare(plain, better, "--draws", 100, "--against", "plain")
    assert "plain" in table and "better" in table, table
    return pair, runs_a


def check_refusals(folder, runs):
    def refused(words, *parts, code=65):
        message = compare(*words, code=code)
        assert message.count("\n") == 1 and all(part in message for part in parts), message

    a, b = runs[:2]
    refused([a, folder], "results.json is not there")
    refused([a, b, "--suite", "nothing"], "suite nothing was not scored")
    refused([f"a={a}", f"b={b}", "--against", "c"], "no such arm", code=64)
    refused([f"a={a}", f"a={b}"], "it stands twice", code=64)
    refused([a, b, "--condition", "often"], "it is one of", code=64)
    results = json.loads((b / "results.json").read_text())
    (b / "results.json").write_text(json.dumps({**results, "data_digest": "other"}))
    refused([a, b], "cannot be compared", "data digests")
    (b / "results.json").write_text(json.dumps({**results, "mode": "generation"}))
    refused([a, b], "cannot be compared", "modes")
    (b / "results.json").write_text(json.dumps(results))
    lines = (b / "predictions.jsonl").read_text().splitlines()
    (b / "predictions.jsonl").write_text("\n".join(lines[1:]) + "\n")
    refused([a, b], "cannot be compared")
    (b / "predictions.jsonl").write_text("\n".join([lines[0].replace('"id"', '"no"')] + lines[1:]) + "\n")
    refused([a, b], "a line without id")


def main():
    with tiny_run.Folder(cases=1) as folder:
        records = folder.path / "records.jsonl"
        tiny_run.run([tiny_run.BINARY, "data", "generate", "--contrast", "--out", records, "--cases", 900, "--seed", SEED])
        tiny_run.run([tiny_run.BINARY, "data", "build", "--records", records, "--model", "configs/tiny", "--out", folder.data])
        config = folder.config("run")
        tiny_run.train(config, 0, "--set", "evaluate.suites=[full, contrast]", "--set", f"run.seed={SEED}", "--set",
                       f"evaluate.missed_cost={MISSED_COST}", "--set", "evaluate.max_records=50", "--set", "train.max_steps=25")
        run = folder.path / "run"
        lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
        facts = Facts([json.loads(line) for line in records.read_text().splitlines()])
        check_results(json.loads((run / "results.json").read_text()), lines, facts)
        pair, runs = check_comparison(folder.path, run)
        check_refusals(folder.path, runs)
        errors_test.check_confusion(lines, errors_test.numbers_of((run / "report.html").read_text())["confusion"], "self")
        print(f"{len(lines)} records counted anew; better - plain = {pair['overall']['value']:.4f} {pair['overall']['ci95']}")


if __name__ == "__main__":
    main()

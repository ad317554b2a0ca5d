"""McNemar, Holm, calibration and the paired bootstrap beside scipy, statsmodels, scikit-learn and numpy.

Usage: statistics_test.py PROBE [SEED].  Values must agree to 1e-12; the bootstrap's interval with an independent one to
0.3 of its width.
"""
import gc
import json
import random
import subprocess
import sys
import warnings

import numpy
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

warnings.filterwarnings("ignore")
gc.freeze()  # multipletests collects garbage on each call: over the libraries' objects that takes four fifths of the time
PROBE, SEED = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
generator = random.Random(SEED)


def probe(cases):
    lines = "\n".join(json.dumps(one) for one in cases) + "\n"
    out = subprocess.run([PROBE], input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def close(ours, theirs, where):
    assert abs(ours - theirs) <= 1e-12 * max(1, abs(theirs)), f"{where}: ours {ours!r}, theirs {theirs!r}"


def check_mcnemar():
    pairs = [(0, 0), (0, 1), (3, 3), (1000, 1000), (0, 2000)]
    pairs += [(generator.randrange(200), generator.randrange(400)) for _ in range(995)]
    for (a, b), ours in zip(pairs, probe([{"mcnemar": pair} for pair in pairs]), strict=True):
        if a + b > 0:
            close(ours, binomtest(a, a + b).pvalue, f"scipy, {a} and {b}")
            close(ours, min(1, mcnemar([[7, a], [b, 7]], exact=True).pvalue), f"statsmodels, {a} and {b}")
        else:
            assert ours == 1


def check_holm():
    lists = [[generator.random() ** 3 for _ in range(generator.randint(1, 20))] for _ in range(1000)]
    for p in lists[:100]:
        p.append(p[0])  # equal ones
    for p, ours in zip(lists, probe([{"holm": p} for p in lists]), strict=True):
        for mine, other in zip(ours, multipletests(p, method="holm")[1], strict=True):
            close(mine, other, f"holm of {p}")


def check_calibration():
    cases = []
    for _ in range(1000):
        classes, n = generator.randint(2, 6), generator.randint(1, 80)
        p = numpy.random.default_rng(generator.randrange(1 << 30)).dirichlet([0.7] * classes, n)
        cases.append({"p": p.tolist(), "truth": [generator.randrange(classes) for _ in range(n)], "bins": 15})
    for one, ours in zip(cases, probe([{"calibration": case} for case in cases]), strict=True):
        p, truth = numpy.array(one["p"]), numpy.array(one["truth"])
        labels = list(range(p.shape[1]))
        close(ours["brier"], brier_score_loss(truth, p, labels=labels, scale_by_half=False), "Brier")
        confidence, right = p.max(1), (p.argmax(1) == truth).astype(int)
        share, mean = calibration_curve(right, confidence, n_bins=15, strategy="uniform") if right.min() != right.max() \
            else (None, None)
        filled = [b for b in ours["bins"] if b[0]]
        assert sum(b[0] for b in filled) == len(truth)
        if share is not None:  # it wants both outcomes
            assert len(share) == len(filled)
            for bin_, s, m in zip(filled, share, mean, strict=True):
                close(bin_[1], m, "confidence")
                close(bin_[2], s, "share right")
            counts = numpy.array([b[0] for b in filled])
            close(ours["ece"], float((counts * abs(share - mean)).sum() / counts.sum()), "ECE")


def arms(cases, tasks, lift):
    labels = [["yes", "no", "maybe"][: generator.randint(2, 3)] for _ in range(tasks)]
    items = []
    for case in range(cases):
        for _ in range(generator.randint(1, 5)):
            task = generator.randrange(tasks)
            count = len(labels[task])
            truth = generator.randrange(count)
            guess = [truth if generator.random() < share else generator.randrange(-1, count) for share in (0.5 + lift, 0.5)]
            items.append([task, task % 2, truth, case, *guess])
    return {"labels": labels, "groups": 2, "draws": 2000, "seed": generator.randrange(1 << 40), "items": items}


def mean_over_tasks(items, arm):
    values = []
    for task in {i[0] for i in items}:
        truth, guess = [i[2] for i in items if i[0] == task], [i[arm] for i in items if i[0] == task]
        values.append(f1_score(truth, guess, labels=sorted((set(truth) | set(guess)) - {-1}), average="macro",
                               zero_division=0))
    return float(numpy.mean(values))


def counted(items, arm):
    """The same by counting, for the bootstrap."""
    tables = {}
    for item in items:
        table = tables.setdefault(item[0], {})
        table.setdefault(item[2], [0, 0])[1] += 1
        if item[arm] >= 0:
            table.setdefault(item[arm], [0, 0])[1] += 1
        table[item[2]][0] += item[arm] == item[2]
    return sum(sum(2 * hits / seen for hits, seen in t.values()) / len(t) for t in tables.values()) / len(tables)


def check_comparison():
    cases = [arms(120, 3, 0.3), arms(120, 3, 0.0), arms(60, 5, 0.1)]
    told_apart = []
    for number, (one, ours) in enumerate(zip(cases, probe([{"compare": case} for case in cases]), strict=True)):
        items = one["items"]
        close(ours["overall"]["value"], mean_over_tasks(items, 4) - mean_over_tasks(items, 5), "difference")
        only = [sum(i[4] == i[2] != i[5] for i in items), sum(i[5] == i[2] != i[4] for i in items)]
        assert ours["overall"]["only"] == only
        close(ours["overall"]["p"], binomtest(only[0], sum(only)).pvalue, "p")
        adjusted = multipletests([task["p"] for task in ours["tasks"]], method="holm")[1]
        for task, other in zip(ours["tasks"], adjusted, strict=True):
            close(task["p_holm"], other, "Holm over the tasks")
        by_case = {}
        for item in items:
            by_case.setdefault(item[3], []).append(item)
        by_case, numbers, values = list(by_case.values()), numpy.random.default_rng(number), []
        for _ in range(200):
            drawn = [i for c in numbers.integers(len(by_case), size=len(by_case)) for i in by_case[c]]
            values.append(counted(drawn, 4) - counted(drawn, 5))
        close(counted(items, 4), mean_over_tasks(items, 4), "by counting")
        low, high = numpy.percentile(values, [2.5, 97.5])
        for mine, other in zip(ours["overall"]["ci95"], (low, high)):
            assert abs(mine - other) < 0.3 * (high - low), (ours["overall"]["ci95"], (low, high))
        told_apart.append(ours["overall"]["distinguishable"])
    assert told_apart[:1] == [True], told_apart
    same = {**cases[0], "items": [i[:5] + [i[4]] for i in cases[0]["items"]]}
    nothing = probe([{"compare": same}])[0]["overall"]
    assert nothing["value"] == 0 and nothing["ci95"] == [0, 0] and nothing["p"] == 1 and not nothing["distinguishable"]


check_mcnemar()
check_holm()
check_calibration()
check_comparison()
print("1000 tables each of McNemar, Holm and calibration agree to 1e-12; 3 paired intervals agree with numpy's")

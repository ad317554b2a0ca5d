"""Write a run folder as a training leaves it, with everything that the report's page knows to show.

    example_run.py FOLDER [SEED [STEPS]]     FOLDER becomes the run; the same arguments give the same bytes
The numbers are drawn, not measured; what matters is that the files have the grammar of results.hpp, metrics_log.hpp,
run_events.hpp and predictions.jsonl.
"""
import json
import math
import pathlib
import random
import sys

GROUPS = {
    "reactive": ["read_back", "attribution", "fact_retrieval", "image_reasoning", "differential_diagnosis",
                 "temporal_ordering"],
    "mixed": ["lab_interpretation", "dose_calculation", "clarification"],
    "proactive": ["consistency_check", "error_correction", "critical_value_alert", "omission_detection",
                  "contraindication_alert"],
}
BEHAVIORS = ["reactive", "proactive", "clarifying", "safety_alert", "deferring_to_clinician"]
HOSTILE = "</script><b>&\"'"  # in a name of a task's label: must stay text
LABELS = {"contraindication_alert": ["alert", "silent"],
          "differential_diagnosis": ["pneumonia", "pulmonary embolism", "myocardial infarction", "pneumothorax",
                                     "aortic dissection", "panic attack"]}
PLAIN_LABELS = ["yes", "no" + HOSTILE]


def score(draw, centre, support, group=None, labels=PLAIN_LABELS, token_only=True):
    value = min(max(centre + draw.gauss(0, 0.03), 0), 1)
    half = 1.0 / math.sqrt(support)
    made = {"macro_f1_tasks": value, "macro_f1_pooled": value - 0.01, "accuracy": min(value + 0.03, 1),
            "ci95": [max(value - half, 0), min(value + half, 1)],
            "ci95_pooled": [max(value - half, 0), min(value + half, 1)], "support": support, "invalid": 0,
            "majority": {"macro_f1_tasks": 0.31, "macro_f1_pooled": 0.3, "accuracy": 0.5}}
    if token_only:
        made["token_only"] = {"macro_f1_tasks": 0.41, "macro_f1_pooled": 0.4, "accuracy": 0.55}
    if group:
        made |= {"group": group, "labels": labels, "constant_prediction": False}
        made["majority"]["label"] = labels[0]
    return made


def suites(draw, centre):
    made = {}
    for suite, groups in (("full", GROUPS), ("hard", {"proactive": GROUPS["proactive"][:4]})):
        shift = -0.12 if suite == "hard" else 0
        made[suite] = {"overall": score(draw, centre + shift, 1600 if suite == "full" else 240),
                       "groups": {g: score(draw, centre + shift, 300) for g in groups},
                       "tasks": {t: score(draw, centre + shift, 90, g, LABELS.get(t, PLAIN_LABELS))
                                 for g, ts in groups.items() for t in ts}}
    made["full"]["tasks"]["dose_calculation"] |= {"constant_prediction": True, "macro_f1_tasks": 0.31}
    return made


def steering(draw, quality):
    conditions = {}
    for name, centre in (("self", 0.9 * quality), ("right", quality), ("wrong", 0.45), ("none", 0.6)):
        conditions[name] = {
            "over_intervention_rate": (1 - centre) / 2, "clean_twins": 160, "missed_need_rate": (1 - centre) / 1.5,
            "planted": 160, "pair_accuracy": centre ** 2, "pairs": 160, "obedience": min(centre + 0.08, 1),
            "leakage": (1 - centre) / 3, "steerable": 480,
            "behaviors": {b: {"macro_f1_tasks": min(max(centre + draw.gauss(0, 0.05), 0), 1), "accuracy": centre,
                              "support": 120} for b in BEHAVIORS}}
    bins = []
    for i in range(15):
        count = int(900 * (i / 14) ** 3)
        bins.append({"confidence": (i + 0.5) / 15, "right": min((i + 0.5) / 15 * 0.92 + 0.02, 1), "count": count}
                    if count else {"confidence": None, "right": None, "count": 0})
    points = [[t / 20, (t / 20) ** 2 * 0.8, (1 - t / 20) ** 3 * 0.7] for t in range(21)]
    return {
        "selection": {"macro_f1": 0.9 * quality, "accuracy": 0.91 * quality, "support": 1600, "majority": 0.43,
                      "ece": 0.041, "brier": 0.12, "reliability": bins,
                      "confusion": {a: {b: 280 if a == b else draw.randrange(20) for b in BEHAVIORS}
                                    for a in BEHAVIORS}},
        "conditions": conditions,
        "conditioning_gain": {"over_wrong": {"value": quality - 0.45, "ci95": [quality - 0.5, quality - 0.4],
                                             "distinguishable": True},
                              "over_none": {"value": 0.01, "ci95": [-0.02, 0.04], "distinguishable": False}},
        "routing_regret": {"value": 0.08, "ci95": [0.05, 0.11], "distinguishable": True},
        "cost_curve": {"behavior": "proactive", "points": points, "missed_cost": 5, "over_cost": 1,
                       "operating_point": {"threshold": 0.35, "missed_need_rate": 0.098,
                                           "over_intervention_rate": 0.192, "cost": 0.68}}}


def results(draw, quality):
    after = suites(draw, quality)
    made = {"split": "test", "records": 1600, "headline": "self", "mode": "likelihood", "suites": after,
            "conditions": {c: {"suites": suites(draw, q)} for c, q in
                           (("self", quality), ("right", quality + 0.05), ("wrong", 0.45), ("none", 0.6))},
            "steer": {"full": steering(draw, quality), "hard": {"selection": None}},
            "alarms": ["dose_calculation: all items got the label yes" + HOSTILE],
            "excluded": {"free_text_summary": "its records have no labels"}, "arm": "behavior",
            "data_digest": "7aaa33dacde6c60afd5684d35dac202d", "model_digest": "41b519029dc296d4023223f39d74854b",
            "config_digest": "6bc549e03b3de542c89f6cc83ed4d2df",
            "final": {"step": 600, "model_digest": "41b519029dc296d4023223f39d74854b"}}
    made["conditions"]["self"]["suites"] = after
    made["before"] = {"suites": suites(draw, 0.2), "conditions": {"none": {"suites": suites(draw, 0.24)}},
                      "steer": {"full": {}}, "records": 1600, "headline": "self", "step": 0}
    return made


def metrics_line(draw, step, steps):
    progress = step / steps
    fall = math.exp(-6 * progress)
    response = 0.6 + 5 * fall + draw.gauss(0, 0.12)
    behavior = 0.15 + 2.2 * math.exp(-9 * progress) + draw.gauss(0, 0.06)
    seconds = {"data": 0.01 + abs(draw.gauss(0, 0.004)), "forward": 0.22, "backward": 0.41 + abs(draw.gauss(0, 0.02)),
               "reduce": 0.07, "optimizer": 0.03}
    seconds["total"] = sum(seconds.values()) + 0.02
    return {"step": step, "epoch": 0, "loss": response + behavior, "behavior_loss": behavior,
            "behavior_accuracy": min(1 - 0.6 * fall + draw.gauss(0, 0.03), 1), "behavior_entropy": 0.2 + 1.2 * fall,
            "response_loss": response, "response_accuracy": 0.85 - 0.7 * fall, "end_loss": 0.05 + 2 * fall,
            "gradient_norm": 0.6 + 3 * fall + abs(draw.gauss(0, 0.2)) if step % 97 else None,
            "learning_rate": 3e-4 * min(step / (0.05 * steps), 0.5 * (1 + math.cos(math.pi * progress))),
            "records": 80, "tokens": 9000, "unique_tokens": 6000, "supervised_tokens": 700,
            "tokens_per_second": 9000 / seconds["total"], "seconds": seconds, "empty_batches": 0, "skipped": 0}


def prediction(draw, name, case, task, label, answers):
    """A line of predictions.jsonl without its texts; answers by condition, None: no label."""
    labels = LABELS.get(task, PLAIN_LABELS)
    group = next(g for g, tasks in GROUPS.items() if task in tasks)
    line = {"id": name, "case": case, "task": task, "group": group, "suites": ["full"], "label": label,
            "behavior": "proactive", "behavior_log_p": [-0.2, -1.7], "conditions": {}}
    for condition, answer in answers.items():
        log_p = [round(-1 - 4 * draw.random(), 3) for _ in labels]
        if answer is None:
            log_p = [None] * len(labels)
        else:
            log_p[labels.index(answer)] = round(-draw.random(), 3)
        line["conditions"][condition] = {"behavior": "reactive" if condition == "wrong" else "proactive",
                                         "prediction": answer, "log_p": log_p, "log_p_per_token": log_p}
        if condition == "none":
            del line["conditions"][condition]["behavior"]
    return line


def predictions(draw):
    lines = []
    for pair in range(14):
        for side, label, got in (("planted", "alert", "silent" if pair % 2 else "alert"),
                                 ("clean", "silent", "alert" if pair % 2 == 0 else "silent")):
            line = prediction(draw, f"case-{pair}-{side}", pair, "contraindication_alert", label,
                              {"self": got, "right": label, "wrong": got})
            line |= {"twin": pair, "action": "intervene" if side == "planted" else "restrain",
                     "text": f"…allergies: {'penicillin' if side == 'planted' else 'none'}\nUser: give "
                             f"amoxicillin 500 mg to bed {pair}?" + HOSTILE,
                     "response": f"{label}: bed {pair}."}
            lines.append(line)
    for tasks in GROUPS.values():
        for task in tasks:
            labels = LABELS.get(task, PLAIN_LABELS)
            for case in range(30):
                label = draw.choice(labels)
                answers = {c: label if draw.random() < sure else draw.choice(labels)
                           for c, sure in (("self", 0.7), ("right", 0.8), ("wrong", 0.3), ("none", 0.5))}
                if task == "temporal_ordering" and case % 10 == 0:
                    answers["self"] = None
                line = prediction(draw, f"{task}-{case}", 100 + case, task, label, answers)
                if answers["self"] != label:
                    line |= {"text": f"User: {task}, bed {case}?{HOSTILE}", "response": f"{label}: bed {case}."}
                lines.append(line)
    lines.append({"id": "free", "case": 1, "task": "free_text_summary", "group": "reactive", "suites": ["full"],
                  "label": None, "behavior": "reactive", "conditions": {"self": {"prediction": None}}})
    return lines


MEBIBYTE = 1 << 20


def memory(draw, rank):
    """What a rank planned and took, as launch/memory_record.hpp has it."""
    plan = {"weights": 512, "gradient": 512, "moments": 256, "partial": 512, "frozen": 90, "passing": 64,
            "accumulating": 0, "copy": 384}
    before = 310 + rank
    peak = before + sum(plan.values()) + int(120 * draw.random())
    return {"rank": rank, "host": f"node{rank // 2}{HOSTILE}", "on_device": False, "before": before * MEBIBYTE,
            "available": 15000 * MEBIBYTE} | {k: v * MEBIBYTE for k, v in plan.items()} | {"peak": peak * MEBIBYTE}


def data(draw):
    """What the data file holds, as data/store/summary.hpp has it."""
    tasks, lengths = {}, {"train": [0] * 13, "dev": [0] * 13, "test": [0] * 13}
    for group, names in GROUPS.items():
        for task in names:
            for behavior in BEHAVIORS if group == "mixed" else [group]:
                for split, records in (("train", 400), ("dev", 50), ("test", 90)):
                    own = sorted(min(max(int(draw.gauss(300, 90)), 20), 640) for _ in range(records))
                    for length in own:
                        lengths[split][(length - 1) // 50] += 1
                    tasks.setdefault(task, {}).setdefault(behavior, {})[split] = {
                        "records": records, "tokens": sum(own), "shortest": own[0], "median": own[(records - 1) // 2],
                        "longest": own[-1], "truncated": 0, "left_out": int(records / 200)}
    return {"data_digest": "7aaa33dacde6c60afd5684d35dac202d", "max_length": 640, "passed": True, "findings": 0,
            "in_two_splits": {"cases": 0, "twin_sets": 0}, "tasks": tasks, "lengths": {"bin": 50, "splits": lengths},
            "training": {"records": 9000, "overlong": 12, "damaged": 0}}


def write_lines(file, lines):
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_run(folder, seed=1, steps=600):
    draw = random.Random(seed)
    quality = 0.78 + 0.02 * seed
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results(draw, quality), indent=1))
    lines = [metrics_line(draw, step, steps) for step in range(1, steps + 1)]
    write_lines(folder / "metrics.jsonl", lines)
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"step": 601, "lo')  # torn
    evaluations = []
    for step in range(0, steps + 1, max(steps // 12, 1)):
        progress = 1 - math.exp(-5 * step / steps)
        numbers = {s: {"overall": {"macro_f1_tasks": 0.2 + (quality - 0.2) * progress + draw.gauss(0, 0.01)},
                       "groups": {g: 0.2 + (quality - 0.2) * progress + draw.gauss(0, 0.03) for g in groups}}
                   for s, groups in (("full", list(GROUPS)), ("hard", ["proactive"]))}
        evaluations.append({"step": step, "checkpoint": f"step-{step:08d}", "split": "dev", "status": "scored",
                            "metric": numbers["full"]["overall"]["macro_f1_tasks"], "suites": numbers,
                            "steer": {"full": {"selection": {"macro_f1": 0.3 + 0.6 * progress},
                                               "conditions": {"self": {"over_intervention_rate": 0.4 - 0.3 * progress,
                                                                       "missed_need_rate": 0.9 - 0.8 * progress}}}}})
    evaluations.insert(3, {"step": 120, "checkpoint": "step-00000120", "status": "failed",
                           "error": "ended by signal 9" + HOSTILE})
    write_lines(folder / "evaluations.jsonl", evaluations)
    write_lines(folder / "events.jsonl", [
        {"event": "save", "step": 0, "copy_seconds": 0.01, "commit_seconds": 0.02},
        {"event": "memory", "step": 1, "ranks": [memory(draw, 0)]},
        {"event": "straggler", "step": steps // 5, "rank": 2, "score": 3.1},
        {"event": "restart", "restart": 1, "exit_code": 87, "step": steps // 2, "message": "a rank was lost"},
        {"event": "resumed", "step": steps // 2, "from": "step-00000300", "own": True, "trainers": 4, "changed": {}},
        {"event": "not_finite", "step": int(steps * 0.8), "of": "gradient", "skipped": True, "ranks": ["1"],
         "records": ["r1"], "more_records": 0},
        {"event": "memory", "step": steps, "ranks": [memory(draw, rank) for rank in range(4)]}])
    write_lines(folder / "predictions.jsonl", predictions(draw))
    (folder / "data.json").write_text(json.dumps(data(draw), indent=1))
    (folder / "config.yaml").write_text(f"run:\n  name: \"{HOSTILE[:9]}\"\n  seed: {seed}\nmodel:\n  path: configs/tiny\n")
    (folder / "status.json").write_text(json.dumps({"state": "done", "exit_code": 0, "step": steps,
                                                    "total_steps": steps, "message": ""}))
    (folder / "ranks.json").write_text(json.dumps([{"rank": r, "role": "evaluator" if r == 4 else "trainer",
                                                    "host": "a", "pid": 1} for r in range(5)]))
    (folder / "LATEST").write_text("step-00000600")
    checkpoint = folder / "checkpoints" / "step-00000600"
    checkpoint.mkdir(parents=True, exist_ok=True)
    (checkpoint / "manifest.json").write_text(json.dumps({"conditions": "x86-64 AVX2, libtorch 2.11.0",
                                                          "determinism": "D1"}))
    return folder


def comparison(runs):
    """What several runs are compared to be: two arms of two seeds."""
    draw = random.Random(7)

    def one(centre, half):
        return {"value": centre, "ci95": [centre - half, centre + half]}

    names = {t: g for g, ts in GROUPS.items() for t in ts}
    arms = [{"name": name, "runs": [str(r) for r in runs], "seeds": [1, 2], "headline": "self",
             "overall": one(centre, 0.02) | {"of_seeds": [centre - 0.01, centre + 0.01]},
             "groups": {g: one(centre + draw.gauss(0, 0.03), 0.04) for g in GROUPS},
             "tasks": {t: one(centre + draw.gauss(0, 0.06), 0.08) for t in names}}
            for name, centre in (("behaviour tokens", 0.84), ("instructions in words", 0.79), ("plain fine-tuning", 0.66))]

    def judged(value, verdict):
        return one(value, 0.03) | {"only_a": 80, "only_b": 31, "p": 0.0004, "p_holm": 0.0012, "verdict": verdict}

    pairs = [{"a": a["name"], "b": b["name"], "overall": judged(a["overall"]["value"] - b["overall"]["value"],
                                                              f"{a['name']} is better"),
              "groups": {g: judged(0.02, "not distinguishable") for g in GROUPS},
              "tasks": {t: judged(0.01, "too few seeds for a claim") for t in names}}
             for a, b in ((arms[0], arms[1]), (arms[0], arms[2]))]
    return {"metric": "macro_f1_tasks", "suite": "full", "split": "test", "mode": "likelihood", "records": 1600,
            "arms": arms, "pairs": pairs}


if __name__ == "__main__":
    write_run(pathlib.Path(sys.argv[1]), *(int(word) for word in sys.argv[2:4]))

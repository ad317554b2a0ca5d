"""A sweep from outside: who its runs are, how they stand, and that nothing is run twice and nothing is missing, whatever
is killed."""
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from live_run import json_lines, until
from tiny_run import BINARY, CONFIG, ENVIRONMENT, run

STEPS = 12
METRIC = "suites.full.overall.macro_f1_tasks"


def setUpModule():
    global ROOT, DATA
    ROOT = pathlib.Path(tempfile.mkdtemp(prefix="bsft_sweep_"))
    DATA = ROOT / "data.h5"
    make_data(DATA, seed=1)


def tearDownModule():
    shutil.rmtree(ROOT)


def make_data(file, seed):
    records = file.with_suffix(".jsonl")
    run([BINARY, "data", "generate", "--out", records, "--cases", 20, "--seed", seed])
    run([BINARY, "data", "build", "--records", records, "--model", "configs/tiny", "--out", file])


class Sweep(unittest.TestCase):
    """Each test has a folder of its own, with base.yaml and s.yaml."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=ROOT))
        self.folder = self.root / "runs/s"
        base = CONFIG.format(run="unused", data=DATA).replace("configs/tiny", os.path.abspath("configs/tiny"))
        (self.root / "base.yaml").write_text(base.replace("suites: []", "suites: [full], conditions: [self], every: 3"))

    def write(self, text):
        (self.root / "s.yaml").write_text("base: base.yaml\n" + text)

    def command(self, *words):
        return [BINARY, "sweep", words[0], "s.yaml", *map(str, words[1:])]

    def sweep(self, *words, code=0):
        return run(self.command(*words), code=code, cwd=self.root)

    def start(self, *words):
        process = subprocess.Popen(self.command("run", *words), cwd=self.root, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        return process

    def plan(self, *more):
        return json.loads(self.sweep("plan", "--json", *more).stdout)

    def status(self):
        return json.loads(self.sweep("status", "--json").stdout)

    def attempts(self, one, event="started"):
        return [line for line in json_lines(self.folder / "arms" / f"{one}.jsonl") if line["event"] == event]

    def steps(self, one):
        return [line["step"] for line in json_lines(self.folder / one / "metrics.jsonl")]


class Identity(Sweep):
    def ids(self):
        return [one["id"] for one in self.plan()["runs"]]

    def test_an_id_is_of_configuration_data_and_version(self):
        self.write("grid: {behavior.loss_weight: [1, 4]}\nseeds: [1, 2]\n")
        before = self.ids()
        self.assertEqual(len(set(before)), 4)
        self.write("grid: {behavior.loss_weight: [4, 2]}\nseeds: [2, 3]\n")
        edited = self.ids()
        self.assertEqual([one in before for one in edited], [True, False, False, False])
        self.assertEqual(edited[0], before[3])
        make_data(DATA, seed=2)
        try:
            self.assertFalse(set(self.ids()) & set(edited))
        finally:
            make_data(DATA, seed=1)
        self.assertEqual(self.ids(), edited)

    def test_ten_thousand(self):
        rates = ", ".join(f"{i}e-6" for i in range(1, 101))
        self.write(f"grid: {{optimizer.learning_rate: [{rates}]}}\nseeds: {list(range(1, 101))}\n"
                   "exclude: [{optimizer.learning_rate: 7e-6}]\n")
        begin = time.monotonic()
        plan = self.plan()
        print(f"{len(plan['runs'])} runs planned in {time.monotonic() - begin:.2f} s")
        self.assertEqual(len({one["id"] for one in plan["runs"]}), 9900)
        self.assertEqual(plan["counts"], {"waiting": 9900, "running": 0, "done": 0, "failed": 0})
        self.assertEqual(plan["cost"]["steps"], 9900 * STEPS)
        self.assertIsNone(plan["cost"]["seconds_left"])

    def test_costs_follow_the_data(self):
        self.write("grid: {train.max_steps: [0, 12], train.num_epochs: [1, 2]}\nexclude: [{train.max_steps: 12, train.num_epochs: 2}]")
        once, twice, twelve = (one["cost"] for one in self.plan()["runs"])
        self.assertEqual((2 * once["steps"], 2 * once["records"]), (twice["steps"], twice["records"]))
        records = [json.loads(line) for line in DATA.with_suffix(".jsonl").read_text().splitlines()]
        self.assertEqual(once["records"], sum(one["split"] == "train" for one in records))
        self.assertEqual(twelve["steps"], STEPS)
        self.assertAlmostEqual(twelve["records"], once["records"] * STEPS / once["steps"], delta=1)

    def test_without_files(self):
        (self.root / "base.yaml").write_text("model: {path: m}\ndata: {file: none.h5}\ntrain: {max_steps: 7}\n")
        self.write("seeds: [1, 2]\n")
        plan = self.plan("--without-files")
        self.assertEqual([(one["id"], one["state"], one["cost"]["steps"]) for one in plan["runs"]], [("", "waiting", 7)] * 2)
        self.assertIn("none.h5", self.sweep("plan", code=78).stderr)


class Running(Sweep):
    def test_failures_stay_apart_and_what_is_done_is_kept(self):
        broken = self.root / "broken"
        shutil.copytree("configs/tiny", broken)
        (broken / "config.json").write_text("{}")
        self.write(f"arms: {{broken: {{model.path: {broken}}}, good: {{}}, better: {{behavior.loss_weight: 4}}}}\n")
        first = self.sweep("run", code=88)
        bad, good, better = (one["id"] for one in self.plan()["runs"])
        self.assertEqual([line.split()[3] for line in first.stderr.splitlines() if line.startswith("bsft: error: ")], [bad])
        log = (self.folder / "arms" / f"{bad}.log").read_text()
        results = (self.folder / good / "results.json").read_bytes()
        written = (self.folder / good / "results.json").stat().st_mtime_ns

        self.sweep("run", code=88)
        status = self.status()
        failed, done, _ = status["runs"]
        self.assertEqual(status["counts"], {"waiting": 0, "running": 0, "done": 2, "failed": 1})
        self.assertEqual((failed["state"], failed["failures"], failed["exit_code"]), ("failed", 2, 65))
        self.assertIn(failed["cause"], log)
        self.assertIn(f"failed, 2 times: exit code 65: {failed['cause']}", self.sweep("status").stdout)
        self.assertEqual((done["state"], done["attempts"], done["step"]), ("done", 1, STEPS))
        self.assertEqual((self.folder / good / "results.json").stat().st_mtime_ns, written)
        at = json.loads(results)
        for key in METRIC.split("."):
            at = at[key]
        self.assertEqual(done["metric"], at)
        rows = list(csv.DictReader((self.folder / "table.csv").read_text().splitlines()))
        self.assertEqual([row["state"] for row in rows], ["failed", "done", "done"])
        self.assertEqual(rows[0]["cause"], failed["cause"])
        self.assertEqual(float(rows[1][METRIC]), at)

        self.sweep("run", "--only", "waiting")
        self.assertEqual(len(self.attempts(bad)), 2)
        self.sweep("run", "--only", "failed", code=88)
        self.assertEqual((len(self.attempts(bad)), len(self.attempts(good))), (3, 1))
        self.assertIn("--only nonsense (not a run", self.sweep("run", "--only", "nonsense", code=64).stderr)

        # Of other data than the file's: not done any more.
        (self.folder / good / "results.json").write_bytes(results.replace(b'"data_digest": "', b'"data_digest": "0'))
        self.assertEqual(self.status()["counts"]["done"], 1)
        (self.folder / good / "results.json").write_bytes(results[:-100])
        self.assertEqual(self.status()["counts"]["done"], 1)
        (self.folder / good / "results.json").write_bytes(results)

        # What done runs have taken says what the budget holds, and what another one will take.
        self.write("arms: {good: {}, better: {behavior.loss_weight: 4}, more: {behavior.loss_weight: 2}}\n")
        plan = self.plan()
        more = plan["runs"][2]
        taken = sorted(self.attempts(one, "ended")[0]["seconds"] for one in (good, better))
        self.assertAlmostEqual(more["cost"]["seconds_left"], taken[1])
        stopped = self.sweep("run", "--budget", f"{taken[1] / 2:.3f}s", code=75)
        self.assertIn("s: 1 of 3 runs left (the next one would not fit --budget)", stopped.stderr)
        self.assertEqual(self.attempts(more["id"]), [])
        self.assertIn("--budget 5 (not a duration)", self.sweep("run", "--budget", "5", code=64).stderr)

        report = self.sweep("report").stdout
        self.assertIn("better against good: ", report)
        page = (self.folder / "report.html").read_text()
        for words in ("Which arm is better?", "How the arms learned", "Which values go with a good score", ">loss_weight<",
                      '<td>better</td>', METRIC + " on dev"):
            self.assertIn(words, page)
        self.assertIn("best on dev: ", report)
        best = json.loads((self.folder / "comparison.full.json").read_text())["best"]
        dev = {one["name"]: (one["dev"], one["metric"]) for one in self.status()["runs"] if one["state"] == "done"}
        chosen = max(dev, key=lambda name: dev[name][0])
        self.assertEqual((best["chosen_on"], best["reported_on"]), ("dev", "test"))
        self.assertEqual(dev[best["arm"]][0], dev[chosen][0])
        self.assertEqual((best["chosen"], best["reported"]), dev[best["arm"]])


class Faults(Sweep):
    def test_killed_in_the_middle(self):
        """The sweep alone, then with all that it has started: in the end each step was done once, and the same bits."""
        self.write("seeds: [1, 2]\n")
        one, two = (run["id"] for run in self.plan()["runs"])

        def kill(run, step, how):
            process = self.start()
            until(lambda: self.steps(run)[-1:] >= [step], f"step {step} of {run}", process)
            how(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()

        kill(one, 5, os.kill)
        kill(two, 3, os.killpg)
        self.sweep("run")
        self.assertEqual([(one["state"], one["failures"]) for one in self.status()["runs"]], [("done", 0)] * 2)
        for run_id in (one, two):
            self.assertEqual(self.steps(run_id), list(range(1, STEPS + 1)))
            reference = self.root / "reference"
            run([BINARY, "train", "--config", self.folder / "arms" / f"{run_id}.yaml", "--set", f"run.dir={reference}",
                 "--resume", "none"], cwd=self.root)
            self.assertEqual((reference / "results.json").read_bytes(), (self.folder / run_id / "results.json").read_bytes())
            shutil.rmtree(reference)

    def test_two_at_once_run_nothing_twice(self):
        self.write("arms: {untouched: {train.num_epochs: 0, train.max_steps: 0, evaluate.arm: zero_shot, evaluate.conditions: [none]}}\n"
                   "seeds: [1, 2, 3]\n")
        processes = [self.start(), self.start()]
        errors = [process.communicate()[1] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], errors)
        status = self.status()
        self.assertEqual(status["counts"]["done"], 3)
        self.assertEqual([one["attempts"] for one in status["runs"]], [1, 1, 1])
        self.assertEqual(sum(text.count("bsft: run 1 of 3, ") for text in errors), 1)

    @unittest.skipUnless(len(os.sched_getaffinity(0)) > 1, "one CPU")
    def test_together(self):
        """Two at a time, each on CPUs of its own; asked to stop, both save, and no other begins."""
        self.write("grid: {train.max_steps: [600], checkpoint.every: [1000]}\nseeds: [1, 2, 3]\n")
        one, two, three = (run["id"] for run in self.plan()["runs"])
        process = self.start("--together", 2)
        until(lambda: self.steps(one) and self.steps(two), "steps of two runs", process)
        cpus = []
        for run_id in (one, two):
            pid = json.loads((self.folder / run_id / "ranks.json").read_text())[0]["pid"]
            cpus.append(os.sched_getaffinity(pid))
        self.assertFalse(cpus[0] & cpus[1])
        self.assertEqual([run["state"] for run in self.status()["runs"]], ["running", "running", "waiting"])
        process.send_signal(signal.SIGUSR1)
        errors = process.communicate()[1]
        self.assertEqual(process.returncode, 75, errors)
        self.assertIn("SIGUSR1: what runs (2) is asked to save and stop", errors)
        self.assertEqual(self.attempts(three), [])
        for run_id in (one, two):
            self.assertEqual(json.loads((self.folder / run_id / "status.json").read_text())["state"], "stopped")
        self.assertEqual(self.status()["counts"], {"waiting": 3, "running": 0, "done": 0, "failed": 0})

    def test_halving(self):
        """The better one at the rung goes on to the end, with the steps that it would have had; the other stops there."""
        steps = 600
        base = (self.root / "base.yaml").read_text()
        base = base.replace(f"max_steps: {STEPS}", f"max_steps: {steps}").replace("every: 3}", "every: 1, max_records: 40}")
        (self.root / "base.yaml").write_text(base.replace("every: 4,", "every: 300,"))
        self.write("grid: {optimizer.learning_rate: [1e-9, 3e-3]}\nhalving: {rungs: [300], keep: 0.5}\n")
        errors = self.sweep("run").stderr
        status = self.status()
        scores = {}
        for one in status["runs"]:
            rows = json_lines(self.folder / one["id"] / "evaluations.jsonl")
            scores[one["id"]] = next(row["metric"] for row in rows if row["step"] == 300)
        best = sorted(scores, key=lambda one: -scores[one])[:1]
        for one in status["runs"]:
            kept = one["id"] in best
            self.assertEqual((one["state"], one["left_behind"]), ("done", 0) if kept else ("waiting", 300), errors)
            if kept:
                self.assertEqual(self.steps(one["id"]), list(range(1, steps + 1)))
            else:
                self.assertLess(self.steps(one["id"])[-1], steps)
        self.assertIn("left behind at step 300", self.sweep("status").stdout)
        before = [one["attempts"] for one in status["runs"]]
        self.sweep("run")
        self.assertEqual([one["attempts"] for one in self.status()["runs"]], before)
        self.assertIn("halving (the tasks of an array do not wait", self.sweep("submit", "--print", code=78).stderr)

    def test_claims_of_another_host(self):
        self.write("seeds: [1]\n")
        run_id = self.plan()["runs"][0]["id"]
        claim = self.folder / ".claims" / f"{run_id}.claim-4"
        claim.parent.mkdir(parents=True)
        (self.folder / run_id).mkdir()
        (self.folder / run_id / "status.json").write_text(json.dumps(
            {"state": "running", "exit_code": None, "step": 4, "total_steps": STEPS, "message": ""}))
        claim.write_text(json.dumps({"place": "elsewhere", "pid": 1, "began": "1"}))
        self.assertIn("running, step 4 of 12", self.sweep("status").stdout)
        os.utime(claim, (0, time.time() - 600))
        self.assertIn("waiting, goes on from step 4 of 12", self.sweep("status").stdout)


class Submission(Sweep):
    def test_only_what_is_left_is_in_the_array(self):
        self.write("seeds: [1, 2, 3, 4]\nslurm: {partition: gpu, array_parallelism: 2, tasks_per_node: 4}\n")
        runs = self.plan()["runs"]
        done = self.folder / runs[1]["id"]
        done.mkdir(parents=True)
        results = json.dumps({"config_digest": "0", "data_digest": "0"})
        (done / "results.json").write_text(results)  # another run's: not done
        text = self.sweep("submit", "--print").stdout
        arrays, report = text.split("#!/usr/bin/env bash\n")[1:]
        words = [f"  {i}) set -- '{self.root}/s.yaml' '--only' '{run['id']}' ;;" for i, run in enumerate(runs)]
        for line in ("#SBATCH --array=0-3%2", "#SBATCH --partition=gpu", "#SBATCH --ntasks-per-node=4", *words):
            self.assertIn(line + "\n", arrays)
        self.assertIn(f"set -- 'sweep' 'report' '{self.root}/s.yaml'\n", report)
        self.assertIn("#SBATCH --ntasks-per-node=1\n", report)
        subprocess.run(["bash", "-n"], input=arrays, text=True, check=True)
        self.assertFalse((self.folder / "arms").exists())


class Refusals(Sweep):
    def test_before_anything_starts(self):
        def refused(code, line, *words):
            errors = self.sweep(*words, code=code).stderr
            self.assertEqual(errors.count("bsft: error: "), 1, errors)
            self.assertIn(line, errors)
            self.assertFalse((self.root / "runs").exists())

        self.write("sedes: [1]\n")
        refused(78, "s.yaml:2:1: unknown key sedes", "run")
        self.write("grid: {parallel.lanes: [4, 3]}\n")
        refused(78, "s.yaml:2:28: parallel.lanes: 3", "run")
        self.write("grid: {data.max_length: [16]}\n")
        refused(65, "are longer than data.max_length", "run")
        self.write("seeds: [1]\nslurm: {srun_args: [--prolog=x]}\n")
        refused(78, "s.yaml:3:9: slurm: srun_args (it runs programs, which a sweep may not)", "submit", "--print")
        self.write("seeds: [1]\nslurm: {partitoin: x}\n")
        refused(78, "s.yaml:3:9: unknown key partitoin", "submit", "--print")
        self.write("seeds: [1]\nslurm: {tasks_per_node: 3}\n")  # of 4 lanes
        refused(78, "3 trainer ranks cannot share 4 lanes", "submit", "--print")
        self.write("seeds: [1]\n")
        refused(64, "--together 0 (it is at least 1)", "run", "--together", "0")

    def test_a_folder_that_cannot_be_written(self):
        self.write("seeds: [1]\n")
        (self.root / "runs").symlink_to("/proc")
        for words in (["run"], ["submit", "--print"]):
            errors = self.sweep(*words, code=74).stderr
            self.assertEqual(errors.count("bsft: error: "), 1, errors)
            self.assertIn("runs/s", errors)


if __name__ == "__main__":  # names of its classes, or all
    if not BINARY or not os.path.exists(BINARY):
        print("skipped: the binary is not built (BSFT_BINARY)")
        sys.exit(77)
    unittest.main()

"""bsft doctor alone and under mpirun: what it says, its exit codes, and that it ends whatever hangs."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BSFT = os.path.abspath(os.environ.get("BSFT_BINARY", "build/release/bsft"))
MPIRUN = shutil.which("mpirun")
PLAIN = {name: value for name, value in os.environ.items() if not re.match("^(OMPI|PMI|PMIX|SLURM)", name)}
MPI = {**PLAIN, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
       "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}
FREE = {**MPI, "OMPI_MCA_hwloc_base_binding_policy": "none"}
SECTIONS = ["versions", "launcher", "GPUs", "CPUs", "storage", "wires"]


def alone(*words, **environment):
    return subprocess.run([BSFT, "doctor", *map(str, words)], capture_output=True, text=True, env={**PLAIN, **environment})


def ranks(count, *words, options=(), environment=FREE):
    start = time.monotonic()
    done = subprocess.run([MPIRUN, "-np", str(count), *options, BSFT, "doctor", *map(str, words)], capture_output=True,
                          text=True, env=environment)
    assert time.monotonic() - start < 60, "longer than a minute"
    return done


def setUpModule():
    Case.scratch = tempfile.TemporaryDirectory(prefix="bsft_doctor_")
    Case.root = pathlib.Path(Case.scratch.name)
    Case.data = Case.root / "d.h5"
    Case.config = Case.root / "c.yaml"
    records = Case.root / "r.jsonl"
    subprocess.run([BSFT, "data", "generate", "--cases", "30", "--out", records], check=True, capture_output=True)
    subprocess.run([BSFT, "data", "build", "--records", records, "--model", "configs/tiny", "--out", Case.data], check=True,
                   capture_output=True)
    Case.config.write_text(f"run: {{dir: {Case.root}/run}}\nmodel: {{path: configs/tiny, init: random}}\n"
                           f"data: {{file: {Case.data}}}\n")


def tearDownModule():
    Case.scratch.cleanup()


class Case(unittest.TestCase):
    def document(self, done, code=0):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["exit_code"], code)
        self.assertEqual([section["name"] for section in document["sections"]], SECTIONS)
        self.assertLessEqual(document["seconds"], 60)
        return document

    def finding(self, document, section, check):
        for one in document["sections"]:
            for finding in one["findings"]:
                if one["name"] == section and finding["check"].startswith(check):
                    return finding
        self.fail(f"no {check} in {section}: {json.dumps(document, indent=1)}")

    def failures(self, document):
        return [finding["check"] for section in document["sections"] for finding in section["findings"] if finding["verdict"] == "fail"]

    def tidy(self):
        self.assertEqual([path.name for path in self.root.glob(".bsft-doctor-*")], [])
        self.assertFalse((self.root / "run").exists())


class Alone(Case):
    def test_table_and_document_say_the_same(self):
        table = alone("--config", self.config)
        self.assertEqual((table.returncode, table.stderr), (0, ""))
        document = self.document(alone("--config", self.config, "--json"))
        for section in document["sections"]:
            self.assertRegex(table.stdout, rf"(?m)^{section['name']} ")
            for finding in section["findings"]:
                self.assertIn(finding["check"], table.stdout)
        self.assertEqual(self.finding(document, "wires", "all-reduce")["found"], "alone, nothing to measure")
        for library in ("libtorch", "MPI", "HDF5"):
            version = self.finding(document, "versions", library)
            self.assertEqual(version["verdict"], "ok")
            self.assertTrue(version["loaded"].startswith(version["compiled"]), version)
        self.tidy()

    def test_the_model_is_the_trainers(self):
        shown = subprocess.run([BSFT, "train", "--config", self.config, "--dry-run"], capture_output=True, text=True, env=PLAIN).stdout
        parameters = int(re.search(r"([\d,]+) parameters", shown).group(1).replace(",", ""))
        model = self.finding(self.document(alone("--config", self.config, "--json")), "storage", "model")
        self.assertEqual(model["parameters"], parameters)
        self.assertEqual(model["checkpoint_bytes"], 12 * parameters)

    def test_nothing_of_the_environment_but_the_launchers(self):
        done = alone("--json", HF_TOKEN="hf_secret_word", SLURM_JOB_ACCOUNT="secret_word")
        self.assertNotIn("secret_word", done.stdout + done.stderr)

    def test_without_configuration(self):
        document = self.document(alone("--json"))
        self.assertIn("--config", self.finding(document, "storage", "folders")["advice"])
        document = self.document(alone("--json", "--dir", self.root, "--data", self.data))
        self.assertGreater(self.finding(document, "storage", "HDF5 read rate")["tokens_per_second"], 0)
        self.assertGreater(self.finding(document, "storage", "write rate")["megabytes_per_second"], 0)
        self.tidy()

    def test_jobs_of_one_rank(self):
        slurm = self.root / "srun"  # one that has no PMIx
        slurm.write_text("#!/bin/sh\n[ \"$*\" = --mpi=list ] && printf 'MPI plugin types are...\\n\\tnone\\n\\tpmi2\\n'\n")
        slurm.chmod(0o755)
        document = self.document(alone("--json", SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="0",
                                       PATH=f"{self.root}:{PLAIN['PATH']}"), 69)
        plugins = self.finding(document, "launcher", "srun --mpi=list")
        self.assertEqual((plugins["found"], plugins["verdict"]), ("none, pmi2", "warning"))
        self.assertEqual(self.failures(document), ["ranks"])
        self.assertIn("srun --mpi=pmix", self.finding(document, "launcher", "ranks")["advice"])


class Faults(Case):
    def test_wrong_configuration(self):
        wrong = self.root / "wrong.yaml"
        wrong.write_text("train: {bach: 1}\n")
        done = alone("--config", wrong, "--json")
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertTrue(all(line.startswith("bsft: error: ") for line in done.stderr.splitlines()), done.stderr)
        self.assertEqual(alone("--set", "run.seed=1").returncode, 64)
        self.assertEqual(alone("--seconds", "1").returncode, 64)

    def test_missing_files(self):
        document = self.document(alone("--config", self.config, "--json", "--set", "data.file=/none.h5", "model.path=/none"), 78)
        self.assertEqual(self.failures(document), ["data file", "model"])
        self.document(alone("--data", "/none.h5", "--json"), 65)

    def test_damaged_data(self):
        damaged = self.root / "damaged.h5"
        damaged.write_bytes(self.data.read_bytes()[:2000])
        self.assertEqual(self.failures(self.document(alone("--data", damaged, "--json"), 65)), ["data file"])

    def test_unwritable_folders(self):
        for folder in ("/proc", "/proc/run", self.data):
            document = self.document(alone("--dir", folder, "--json"), 74)
            self.assertEqual(self.failures(document), ["writable"], folder)

    def test_full_disk(self):
        small = self.root / "small"
        small.mkdir()
        inside = (f"mount -t tmpfs -o size=8m tmpfs {small} && {BSFT} doctor --config {self.config} --set run.dir={small}/run --json; "
                  f"code=$?; ls -A {small} >&2; exit $code")
        if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("no mount namespace of its own: not root")
        done = subprocess.run(["unshare", "-m", "bash", "-c", inside], capture_output=True, text=True, env=PLAIN)
        document = self.document(done, 74)
        self.assertEqual(self.failures(document), ["free space"])
        self.assertIn("tmpfs", self.finding(document, "storage", "file system")["found"])
        self.assertEqual(done.stderr, "", "something is left behind")

    def test_no_gpu_where_nccl_is_asked_for(self):
        if os.path.exists("/dev/nvidia0"):
            self.skipTest("there is one")
        document = self.document(alone("--config", self.config, "--json", "--set", "parallel.backend=nccl"), 69)
        self.assertEqual(len(self.failures(document)), 1)


@unittest.skipUnless(MPIRUN, "no mpirun")
class Ranks(Case):
    def test_two_and_four(self):
        for count in (2, 4):
            document = self.document(ranks(count, "--config", self.config, "--json"))
            self.assertEqual(document["ranks"], count)
            self.assertEqual(self.finding(document, "launcher", "ranks")["ranks"], count)
            self.assertIn("none is let in", self.finding(document, "storage", "lock of rank 0")["found"])
            wires = {section["name"]: section["findings"] for section in document["sections"]}["wires"]
            for kind in ("all-reduce exact", "all-reduce fast", "point-to-point in a host"):
                sizes = [finding["bytes"] for finding in wires if finding["check"].startswith(kind) and "bytes" in finding]
                every = [8, 4096, 262144, 4194304, 26214400]  # on a busy machine it says which ones it has no time for
                said = any(finding["check"] == kind + ", larger sizes" for finding in wires)
                self.assertEqual(sizes, every[:len(sizes)] if said else every)
                self.assertGreater(len(sizes), 0)
            for finding in (one for one in wires if "bytes" in one):
                self.assertAlmostEqual(finding["megabytes_per_second"], finding["bytes"] / finding["microseconds"], places=3)
            self.tidy()

    def test_two_hosts(self):
        """Namespaces with a host name and a boot id of their own stand in for machines."""
        if subprocess.run(["unshare", "-m", "-u", "true"], capture_output=True).returncode != 0:
            self.skipTest("no namespaces of its own: not root")
        other = self.root / "other"  # another build
        shutil.copy(BSFT, other)
        with open(other, "ab") as file:
            file.write(b"x")
        host = self.root / "host.sh"
        host.write_text("#!/bin/bash\nset -e\nhostname $1\necho boot-$1 > $2/$1.id\nmount --bind $2/$1.id /proc/sys/kernel/random/boot_id\n"
                        "[ $1 = a ] || mount -t tmpfs tmpfs $2/shared\nshift 2\nexec \"$@\"\n")
        host.chmod(0o755)
        (self.root / "shared").mkdir()
        shutil.copy(self.data, self.root / "shared/d.h5")
        on = lambda name, program: ["-np", "1", "unshare", "-m", "-u", str(host), name, str(self.root), str(program), "doctor", "--json"]

        def both(second, *words):
            done = subprocess.run([MPIRUN, *on("a", BSFT), *words, ":", *on("b", second), *words], capture_output=True, text=True, env=FREE)
            return json.loads(done.stdout)
        document = both(other, "--dir", str(self.root / "shared"), "--data", str(self.root / "shared/d.h5"))
        self.assertEqual(self.finding(document, "launcher", "ranks a host")["found"], "a 1, b 1")
        self.assertEqual(self.failures(document), ["bsft on all ranks", "data file", "lock of rank 0"])
        self.assertTrue(self.finding(document, "versions", "bsft on all ranks")["found"].startswith("rank 1 on b has bsft"))
        self.assertIn("rank 1 on b sees another file or none", self.finding(document, "storage", "data file")["found"])
        self.assertIn("rank 1 on b does not see it", self.finding(document, "storage", "lock of rank 0")["found"])
        document = both(BSFT, "--dir", str(self.root), "--data", str(self.data))
        self.assertEqual(self.failures(document), [])
        self.assertIn("ranks 0 (a) and 1 (b)", self.finding(document, "wires", "point-to-point between hosts, 8 B")["found"])

    def test_three_train_as_two(self):
        document = self.document(ranks(3, "--json", "--config", self.config), 78)
        self.assertEqual(self.failures(document), ["lanes"])
        self.assertIn("over 2,", self.finding(document, "wires", "all-reduce exact")["check"])

    def test_a_stopped_rank_is_not_waited_for(self):
        start = time.monotonic()
        process = subprocess.Popen([MPIRUN, "-np", "2", BSFT, "doctor", "--json", "--seconds", "5"], env=FREE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        stopped = None
        while stopped is None and time.monotonic() - start < 5:
            for task in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    if (task / "stat").read_text().rsplit(")", 1)[1].split()[1] == str(process.pid) and \
                            b"OMPI_COMM_WORLD_RANK=1" in (task / "environ").read_bytes():
                        stopped = int(task.name)
                except (OSError, IndexError):
                    continue
        self.assertIsNotNone(stopped)
        os.kill(stopped, signal.SIGSTOP)
        out, err = process.communicate(timeout=40)
        self.assertLess(time.monotonic() - start, 20)
        document = json.loads(out)
        self.assertEqual((process.returncode, document["exit_code"]), (87, 87), err)
        last = document["sections"][-1]
        self.assertEqual(last["name"], "time")
        self.assertIn("no answer within 5 s: ", last["findings"][0]["found"])

    def test_warnings_go_when_their_advice_is_typed(self):
        """A save longer than mpirun's grace, and threads bound to one core."""
        words = ["--config", self.config, "--json", "--set", "model.shape.hidden_size=1024", "model.shape.intermediate_size=4096",
                 "model.shape.num_hidden_layers=24", "model.shape.num_attention_heads=16", "model.shape.num_key_value_heads=16",
                 "train.threads_per_rank=2"]
        document = json.loads(ranks(1, *words, options=("--bind-to", "core"), environment=MPI).stdout)
        save = self.finding(document, "storage", "time of a save")
        self.assertGreater(save["save_seconds"], 1)
        self.assertEqual((save["verdict"], save["grace_seconds"]), ("warning", 1))
        options = save["advice"].split(" or mpirun ")[1].split()
        self.assertEqual(options[:2], ["--mca", "odls_base_sigkill_timeout"])
        self.assertGreater(float(options[2]), save["save_seconds"])
        threads = self.finding(document, "CPUs", "threads")
        two_cpus = len(os.sched_getaffinity(0)) >= 2
        if two_cpus and threads["verdict"] != "ok":  # ok: a core here has two CPUs
            self.assertEqual(threads["verdict"], "warning")
            options += re.search(r"mpirun (.*)", threads["advice"]).group(1).split()
        document = json.loads(ranks(1, *words, options=options, environment=MPI).stdout)
        save = self.finding(document, "storage", "time of a save")
        if save["save_seconds"] < float(options[2]):
            self.assertEqual((save["verdict"], save["grace_seconds"]), ("ok", float(options[2])))
        if two_cpus:
            self.assertEqual(self.finding(document, "CPUs", "threads")["verdict"], "ok")

    def test_a_training_says_the_same_of_threads(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one CPU")

        def said(threads):
            return subprocess.run([MPIRUN, "-np", "1", "--bind-to", "core", BSFT, "train", "--config", self.config, "--dry-run", "--set",
                                   f"train.threads_per_rank={threads}"], capture_output=True, text=True, env=MPI).stdout
        if "threads: 1 on rank 0, by its CPUs" not in said(0):
            self.skipTest("a core here has two CPUs")
        self.assertEqual(said(2).count("warning: rank 0: 2 threads on 1 CPU"), 1)
        self.assertNotIn("warning", said(1))


if __name__ == "__main__":
    if not os.path.exists(BSFT):
        print(f"skipped: no program {BSFT}")
        sys.exit(77)
    unittest.main()

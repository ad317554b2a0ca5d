"""The program from outside: help, one-line errors, exit codes."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BSFT = os.path.abspath(os.environ.get("BSFT_BINARY", "build/release/bsft"))
LAUNCHER = re.compile("^(OMPI|PMI|PMIX|SLURM)")


def bsft(*words, folder=None, **environment):
    plain = {name: value for name, value in os.environ.items() if not LAUNCHER.match(name)}
    return subprocess.run([BSFT, *words], capture_output=True, text=True, cwd=folder, env={**plain, **environment})


class Overview(unittest.TestCase):
    def test_help(self):
        text = bsft("--help").stdout
        self.assertEqual(text, bsft().stdout)
        self.assertEqual(text, bsft("help").stdout)
        self.assertLessEqual(len(text.splitlines()), 24)
        self.assertLessEqual(max(map(len, text.splitlines())), 120)
        for line in ("Prepare    config     list, check, show, keys", "           data       generate, build, inspect, audit"):
            self.assertIn(line + "\n", text)

    def test_every_listed_command_has_help(self):
        commands = re.findall(r"^(?:[A-Z]\w+)? +(\w+)  +(.+)$", bsft("--help").stdout, re.M)
        seen = 0
        for first, rest in commands:
            if first == "help":
                continue
            done = bsft(first, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""), first)
            self.assertTrue(done.stdout.startswith(f"bsft {first}"), done.stdout)
            seen += 1
        self.assertGreaterEqual(seen, 7)

    def test_topics(self):
        self.assertIn("  78  configuration", bsft("help", "exit").stdout)
        self.assertIn("bsft config keys", bsft("help", "config").stdout)
        self.assertIn("SLURM_NTASKS", bsft("help", "environment").stdout)
        self.assertEqual(bsft("help", "train").stdout, bsft("train", "--help").stdout)

    def test_version(self):
        lines = bsft("--version").stdout.splitlines()
        self.assertRegex(lines[0], r"^bsft \d+\.\d+\.\d+$")
        self.assertRegex("\n".join(lines), r"libtorch \d+\.\d+.*\nMPI \d\.\d, .+\nHDF5 \d+\.\d+\.\d+.*\ndevice code .+")


class Refusals(unittest.TestCase):
    def expect(self, code, line, *words, **environment):
        done = bsft(*words, **environment)
        self.assertEqual(done.stderr, "bsft: error: " + line + "\n")
        self.assertEqual(done.returncode, code)
        self.assertEqual(done.stdout, "")

    def test_commands(self):
        self.expect(64, "unknown command 'trian' (bsft has no command of this name) did you mean 'bsft train'?", "trian")
        self.expect(64, "unknown command 'xyzzyxyzzy' (bsft has no command of this name) all commands: bsft --help", "xyzzyxyzzy")
        self.expect(64, "unknown command 'data bild' (there are generate, build, inspect, audit) did you mean 'bsft data build'?", "data", "bild")
        self.expect(64, "bsft data (a second word is missing) one of generate, build, inspect, audit", "data")
        self.expect(64, "unknown help topic 'exot' (there are config, environment, exit and every command) did you mean exit?", "help", "exot")
        self.expect(64, "unknown command 'tra' (bsft has no command of this name) did you mean 'bsft train'?", "tra", "--help")

    def test_options(self):
        self.expect(64, "unknown option --confg (bsft train does not have it) did you mean --config?", "train", "--confg", "x")
        # no abbreviations
        self.expect(64, "unknown option --conf (bsft config check does not have it) did you mean --config?", "config", "check", "--conf", "x")
        self.expect(64, "bsft train (--config C.yaml is missing) see bsft train --help", "train")
        self.expect(64, "unknown option --np (bsft launch does not have it) write -- before the command",
                    "launch", "mpirun", "--np", "3", "bsft", "train")
        self.expect(64, "bsft launch (there is no 'bsft train' among its words) write bsft launch -- mpirun -np 3 bsft train "
                        "--config C.yaml", "launch", "--", "mpirun", "bsft", "trian")
        self.assertIn("bsft launch [--restarts N] -- COMMAND…\n", bsft("launch", "--help").stdout)
        self.expect(64, "--config (it needs a value: --config C.yaml) see bsft train --help", "train", "--config")
        self.expect(64, "--ranks two (not a number) write a whole number", "sweep", "run", "s.yaml", "--ranks", "two")

    def test_configuration(self):
        self.expect(78, "none.yaml: cannot open (No such file or directory) check the path", "config", "check", "--config", "none.yaml")
        self.expect(78, "none.yaml: cannot open (No such file or directory) check the path", "train", "--config", "none.yaml")
        self.expect(78, "none.yaml: cannot open (No such file or directory) check the path", "sweep", "plan", "none.yaml")

    def test_all_findings_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "c.yaml")
            file.write_text("train: {per_device_train_batch_size: 4}\nrun: {seed: 010}\noptimizer: {lr: yes}\n")
            for command in (("config", "check"), ("train",)):
                done = bsft(*command, "--config", str(file), "--set", "run.sed=1")
                lines = done.stderr.splitlines()
                self.assertEqual(done.returncode, 78)
                self.assertEqual(len(lines), 6, done.stderr)
                self.assertTrue(all(line.startswith("bsft: error: ") for line in lines))
                self.assertTrue(lines[0].startswith(f"bsft: error: --set") or ":1:9: unknown key" in done.stderr)
                for place in (":1:9: ", ":2:13: ", ":3:13: ", "--set:1: ", ": model.path is missing", ": data.file is missing"):
                    self.assertIn(place, done.stderr)

    def test_data(self):
        with tempfile.TemporaryDirectory() as folder:
            damaged = pathlib.Path(folder, "damaged.h5")
            damaged.write_bytes(b"not HDF5")
            done = bsft("data", "audit", str(damaged))
            self.assertEqual(done.returncode, 65)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertTrue(done.stderr.startswith("bsft: error: "))

    def test_ranks_above_the_first_wait_before_they_speak(self):
        start = time.monotonic()
        self.expect(64, "bsft train (--config C.yaml is missing) see bsft train --help", "train", OMPI_COMM_WORLD_RANK="1")
        self.assertGreater(time.monotonic() - start, 2.5)

    def test_silent_one_rank_jobs(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder, "model")
            model.mkdir()
            for name in ("config.json", "tokenizer.json"):
                (model / name).write_text("{}")
            pathlib.Path(folder, "d.h5").write_bytes(b"")
            file = pathlib.Path(folder, "c.yaml")
            file.write_text(f"model: {{path: {model}, init: random}}\ndata: {{file: {folder}/d.h5}}\n")
            for name in ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "PMI_SIZE"):
                done = bsft("train", "--config", str(file), **{name: "4"})
                self.assertEqual(done.returncode, 69, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertTrue(done.stderr.startswith("bsft: error: MPI sees 1 rank where the launcher started 4"), done.stderr)
                self.assertIn("mpirun -np 4 bsft train", done.stderr)

    @unittest.skipUnless(shutil.which("mpirun"), "no mpirun")
    def test_ranks_of_one_job_speak_once(self):
        allowed = {"OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run(["mpirun", "-np", "3", BSFT, "train", "--config", "none.yaml"], capture_output=True, text=True,
                              env={**os.environ, **allowed})
        self.assertEqual(done.returncode, 78)
        self.assertEqual(done.stderr.count("bsft: error: "), 1, done.stderr)

    def test_standard_output_that_is_full(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BSFT, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (74, "bsft: error: cannot write to standard output\n"))


class Configurations(unittest.TestCase):
    def test_show_reads_back(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "c.yaml")
            file.write_text("model: {path: m}\ndata: {file: d.h5}\n")
            first = bsft("config", "show", "--config", str(file), "--set", "optimizer.learning_rate=3e-4", "run.seed=9").stdout
            self.assertIn("  learning_rate: 3e-4\n", first)
            file.write_text(first)
            self.assertEqual(bsft("config", "show", "--config", str(file)).stdout, first)

    def test_keys_are_the_readme(self):
        self.assertEqual(bsft("config", "keys").stdout, pathlib.Path("configs/README.md").read_text())

    def test_committed_configurations_are_right(self):
        files = [path for path in pathlib.Path("configs").glob("*.yaml") if path.name not in ("behaviorbench.yaml", "levels.yaml")]
        for file in files:
            done = bsft("config", "check", "--config", str(file), "--without-files")
            self.assertEqual((done.returncode, done.stderr), (0, ""), file)
        for file in pathlib.Path("configs/sweeps").glob("*.yaml"):
            done = bsft("sweep", "plan", str(file), "--without-files")
            self.assertEqual((done.returncode, done.stderr), (0, ""), file)
            self.assertIn("waiting", done.stdout)


if __name__ == "__main__":
    if not os.path.exists(BSFT):
        print(f"skipped: no program {BSFT}")
        sys.exit(77)
    unittest.main()

"""bsft submit, with an sbatch that writes down how it was called; the script it prints is run by bash.

Words are never program text: a run folder, a configuration and a setting with quotes, blanks and $( ) arrive as they are.
What does not fit is one line, and nothing was submitted."""
import os
import pathlib
import re
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import BINARY, Folder

NASTY = "a b'c\"d $(touch bad) `touch bad` #;&\\'100%"
STUB = """#!/bin/bash
{ printf '%s' "$(basename "$0")"; printf '|%s' "$@"; echo; } >> "$CALLS"
env | grep -E '^(SLURM|SBATCH|OMPI|PMIX|BSFT)' | sed 's/^/env /' >> "$CALLS"
case "$(basename "$0") $*" in
  *--test-only*) cat > "$CALLS.script"; [ -z "$REFUSES" ] || { echo "sbatch: error: $REFUSES" >&2; echo "allocation failure: no" >&2; exit 1; } ;;
  sbatch*) echo '4711;bsft' ;;
  *--mpi=list) echo pmix ;;
  *--version) echo 'Open MPI v4' ;;
esac
"""


class Submission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(Folder())
        cls.root = cls.folder.path
        cls.config = cls.folder.config("run")

    def setUp(self):
        self.bin = self.root / self.id().split(".")[-1]
        self.bin.mkdir()
        self.calls = self.bin / "calls"
        for name in ("sbatch", "srun", "mpirun", "squeue", "scontrol", "stub_bsft"):
            (self.bin / name).write_text(STUB)
            (self.bin / name).chmod(stat.S_IRWXU)
        plain = {name: value for name, value in os.environ.items() if not re.match("^(OMPI|PMI|PMIX|SLURM|SBATCH)", name)}
        self.environment = {**plain, "PATH": f"{self.bin}:/usr/bin:/bin", "CALLS": str(self.calls), "REFUSES": ""}

    def submit(self, *words, config=None, **environment):
        return subprocess.run([BINARY, "submit", str(config or self.config), *words], capture_output=True, text=True,
                              env={**self.environment, **environment})

    def called(self):
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def refused(self, code, line, *words, **more):
        done = self.submit(*words, **more)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertRegex(done.stderr, f"^bsft: error: {line}\n$")
        self.assertEqual([call for call in self.called() if call.startswith("sbatch|--parsable|/")], [])

    def test_tested_written_submitted(self):
        done = self.submit("--tasks-per-node", "4", "--partition", "gpu", "--time", "30")
        self.assertEqual(done.returncode, 0, done.stderr)
        script = self.root / "run" / "tiny.sbatch"
        sbatch = [call for call in self.called() if call.startswith("sbatch")]
        self.assertEqual(sbatch, ["sbatch|--parsable|--partition=gpu|--test-only", f"sbatch|--parsable|--partition=gpu|{script}"])
        self.assertEqual(pathlib.Path(f"{self.calls}.script").read_text(), script.read_text())
        for words in ("job 4711: 4 ranks, 12 steps, ", "squeue -j 4711", f"{self.root}/run/tiny-4711.out", f"script  {script}"):
            self.assertIn(words, done.stdout)

    def options(self, *words, **more):
        done = self.submit("--print", *words, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.removeprefix("#SBATCH ") for line in done.stdout.splitlines() if line.startswith("#SBATCH")]

    def test_options_of_the_job(self):
        site = self.bin / "site.yaml"
        site.write_text("account: lab\ntime: '1-0'\nnodes: 2\ngpus_per_node: 4\nsignal_seconds: 90\nmail_user: a@b.c\n"
                        "sbatch_args: ['--comment=a b', --mem=0]\n")
        self.assertEqual(self.options("--site", str(site), "--nodes", "1", "--set", f"run.dir={self.bin}/run"), [
            "--job-name=tiny", "--account=lab", "--time=1-0", "--nodes=1", "--ntasks-per-node=4", "--cpus-per-task=1",
            "--gpus-per-node=4", "--signal=B:USR1@90", "--requeue", "--open-mode=append", f"--output={self.bin}/run/tiny-%j.out",
            "--mail-type=END,FAIL,REQUEUE", "--mail-user=a@b.c", "'--comment=a b'", "--mem=0"])
        self.assertEqual(self.called(), [])
        self.assertFalse((self.bin / "run").exists())

    def test_the_last_save_is_measured(self):
        signal = [line for line in self.options() if line.startswith("--signal=")]
        self.assertRegex(signal[0], r"^--signal=B:USR1@6[1-9]$")  # a tiny model, and a minute more

    def test_evaluators_on_a_node_of_their_own(self):
        options = self.options("--evaluator-node", "--tasks-per-node", "4", "--set", "evaluate.suites=[full]")
        first, second = options[:options.index("hetjob")], options[options.index("hetjob") + 1:]
        self.assertIn("--ntasks-per-node=4", first)
        self.assertEqual(second, ["--time=02:00:00", "--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=1", "--requeue"])
        script = self.submit("--evaluator-node", "--print", "--set", "evaluate.suites=[full]").stdout
        self.assertIn("'--set' 'parallel.evaluator_ranks=1'", script)

    def test_words_are_never_program_text(self):
        folder = self.bin / NASTY.replace("\\", "")
        folder.mkdir()
        config = folder / f"{NASTY.replace('/', '')}.yaml"
        config.write_text(self.config.read_text())
        site = self.bin / "site.yaml"
        site.write_text("setup: [export LOADED=setup]\nmodules: ['$(touch bad)']\nsrun_args: ['--comment=a b']\n")
        setting = f"run.dir={folder}/run"
        done = self.submit("--print", "--site", str(site), "--set", setting, config=config)
        self.assertEqual(done.returncode, 0, done.stderr)
        script = done.stdout.replace(f"BSFT='{BINARY}'", f"BSFT='{self.bin}/stub_bsft'")
        self.assertIn("stub_bsft", script)
        script = script.replace("#!/usr/bin/env bash\n", "module() { printf 'module|%s|%s|%s\\n' \"$@\" \"$LOADED\" >> \"$CALLS\"; }\n")
        ran = subprocess.run(["bash", "-c", script], env={**self.environment, "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1"}, cwd=folder,
                             capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        calls = [call for call in self.called() if not call.startswith("env ")]
        self.assertEqual(calls[0], "module|load|$(touch bad)|setup")
        launched = f"stub_bsft|launch|--|srun|--unbuffered|--kill-on-bad-exit=1|--mpi=pmix|--comment=a b|{self.bin}/stub_bsft|train"
        self.assertIn(f"{launched}|--config|{config}|--resume|auto|--set|{setting}", calls)
        self.assertEqual(list(self.root.rglob("bad")) + list(pathlib.Path.cwd().glob("bad")), [])

    def test_another_jobs_variables_stay_out(self):
        self.submit(SLURM_JOB_ID="99", SLURM_CPUS_PER_TASK="64", OMPI_COMM_WORLD_SIZE="1", PMIX_RANK="0", SBATCH_TIMELIMIT="1",
                    BSFT_SUPERVISOR="1", SLURM_CONF="/etc/x.conf", SBATCH_QOS="long", OMPI_MCA_btl="tcp")
        seen = {call.split()[1] for call in self.called() if call.startswith("env ")}
        self.assertEqual(seen, {"SLURM_CONF=/etc/x.conf", "SBATCH_QOS=long", "OMPI_MCA_btl=tcp"})

    def test_refused(self):
        self.refused(64, r"Slurm refuses the job \(invalid partition specified: nope\) sinfo lists the partitions",
                     "--partition", "nope", "--set", f"run.dir={self.bin}/run", REFUSES="invalid partition specified: nope")
        self.assertFalse((self.bin / "run").exists())
        self.refused(69, r"Slurm does not answer \(Unable to contact slurm controller\) look with sinfo, and submit again",
                     REFUSES="Unable to contact slurm controller")
        self.refused(69, r"there is no sbatch on PATH \(.*\) go to a login node, or see the script with bsft submit --print", PATH="/nowhere")
        self.refused(78, r"3 trainer ranks cannot share 4 lanes \(.*\) start 1, 2, 4 trainer ranks, or change parallel.lanes",
                     "--tasks-per-node", "3")
        self.refused(78, r"--set:1: unknown key train.max_step .* did you mean train.max_steps\?", "--set", "train.max_step=1")
        self.refused(64, r"--nodes: two \(not a number\) write a whole number", "--nodes", "two")
        self.refused(64, r"--nodes: 0 \(out of range\) allowed: 1 … 1000000", "--nodes", "0")
        self.refused(64, r"a job of time 1 \(it is told to save 6\d s before its end\) ask for more time", "--time", "1")
        self.refused(64, r"a job's log cannot be in .* \(Slurm takes no backslash .*\) set another run.dir", "--set", "run.dir=a\\b")

    def test_unwritable(self):
        self.refused(74, r"/proc/x cannot take the run \(writable: .*\) set another run.dir, or ask for write access",
                     "--set", "run.dir=/proc/x")

    def test_site_is_read_strictly(self):
        site = self.bin / "site.yaml"
        for text, line in (("partitoin: gpu", r".*site.yaml:1:1: unknown key partitoin \(a site has .*\) did you mean partition\?"),
                           ("nodes: 0", r".*site.yaml:1:8: nodes: 0 \(out of range\) allowed: 1 … 1000000"),
                           ("mpi: openmpi", r".*site.yaml:1:6: mpi: openmpi \(one of auto, pmix, pmi2, mpirun\)"),
                           ("modules: gcc", r".*site.yaml:1:10: modules: wrong type \(a list is expected\) write \[\], or \[a, b\]")):
            site.write_text(text + "\n")
            self.refused(78, line, "--site", str(site))
        site.write_text("mpi: mpirun\n")
        self.refused(64, r"--evaluator-node with mpi: mpirun \(mpirun starts no heterogeneous job\) .*", "--site", str(site), "--evaluator-node",
                     "--set", "evaluate.suites=[full]")


if __name__ == "__main__":
    unittest.main()

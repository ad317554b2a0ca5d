"""The batch scripts, with programs in place of Slurm's that write down how they were called."""
import os
import pathlib
import stat
import subprocess
import tempfile
import time
import unittest

STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
if [ "$(basename "$0")" = srun ] && [ "$1" = --mpi=list ]; then echo "MPI plugin types are..."; for t in $PLUGINS; do echo "  $t"; done; exit 0; fi
[ "$(basename "$0")" = scontrol ] && exit 0
[ "$(basename "$0")" = squeue ] && { echo "$STATE"; exit 0; }
[ -n "${SLOW:-}" ] && { trap 'sleep 0.3; kill $!; exit 75' USR1; sleep 20 & wait $!; exit 0; }
exit "${CODE:-0}"
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.calls = os.path.join(self.folder.name, "calls")
        for name in ("srun", "mpirun", "scontrol", "squeue", "bsft"):
            path = os.path.join(self.folder.name, name)
            with open(path, "w") as file:
                file.write(STUB)
            os.chmod(path, stat.S_IRWXU)
        self.environment = {"PATH": self.folder.name + ":/usr/bin:/bin", "CALLS": self.calls, "SLURM_JOB_ID": "7",
                            "SLURM_NTASKS": "3", "SLURM_SUBMIT_DIR": os.getcwd(), "PLUGINS": "none pmi2", "STATE": "RUNNING",
                            "BSFT": os.path.join(self.folder.name, "bsft")}

    def tearDown(self):
        self.folder.cleanup()

    def run_script(self, *words, **more):
        done = subprocess.run(["bash", *words], env={**self.environment, **more}, capture_output=True, text=True)
        calls = pathlib.Path(self.calls).read_text().splitlines() if os.path.exists(self.calls) else []
        return done, [call.replace(self.environment["BSFT"], "BSFT") for call in calls]

    def test_srun_where_there_is_pmix(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", "--set", "run.seed=2", PLUGINS="none pmi2 pmix")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(calls, ["srun --mpi=list", "bsft launch -- srun --mpi=pmix --unbuffered --kill-on-bad-exit=1 "
                                 "BSFT train --config c.yaml --resume auto --set run.seed=2", "squeue -h -j 7 -o %T"])

    def test_mpirun_elsewhere(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml")
        self.assertEqual(calls[1], "bsft launch -- mpirun -np 3 BSFT train --config c.yaml --resume auto")

    def test_requeued_when_asked_to(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="75")
        self.assertEqual(done.returncode, 75)
        self.assertEqual(calls[-1], "scontrol requeue 7")

    def test_a_cancelled_job_stays_away(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="75", STATE="COMPLETING")
        self.assertEqual(done.returncode, 75)
        self.assertFalse([call for call in calls if call.startswith("scontrol")])

    def test_other_failures_stay(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="65")
        self.assertEqual(done.returncode, 65)
        self.assertFalse([call for call in calls if call.startswith("scontrol")])

    def test_saved_and_requeued_at_the_time_limit(self):
        script = subprocess.Popen(["bash", "slurm/train.sbatch", "c.yaml"], env={**self.environment, "SLOW": "1"},
                                  stderr=subprocess.PIPE, text=True)
        for _ in range(100):
            if os.path.exists(self.calls) and "bsft launch" in pathlib.Path(self.calls).read_text():
                break
            try:
                script.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        time.sleep(0.5)
        script.send_signal(10)  # USR1
        self.assertEqual(script.wait(20), 75)
        script.stderr.close()
        self.assertEqual(pathlib.Path(self.calls).read_text().splitlines()[-1], "scontrol requeue 7")

    def test_sweep(self):
        done, calls = self.run_script("slurm/sweep.sbatch", "s.yaml", CODE="88")
        self.assertEqual(done.returncode, 88)
        self.assertEqual(calls, ["bsft sweep run s.yaml --ranks 3"])

    def test_no_program(self):
        for script in ("slurm/train.sbatch", "slurm/sweep.sbatch"):
            done, calls = self.run_script(script, "c.yaml", BSFT="/nowhere/bsft")
            self.assertEqual(done.returncode, 69)
            self.assertIn("no program /nowhere/bsft", done.stderr)


if __name__ == "__main__":
    unittest.main()

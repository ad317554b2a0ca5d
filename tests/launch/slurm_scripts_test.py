"""The batch scripts, with programs in place of Slurm's that write down how they were called."""
import os
import pathlib
import signal
import stat
import subprocess
import tempfile
import time
import unittest

STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
case "$(basename "$0") $1" in
  "srun --mpi=list") sleep "${SLOW_LIST:-0}"; echo "MPI plugin types are..."; for t in $PLUGINS; do echo "  $t"; done; exit 0 ;;
  "bsft --version") echo "MPI 3.1, $MPI"; exit 0 ;;
  "bsft launch") case $* in *mpirun*) ;; *) CODE=${SRUN_CODE:-${CODE:-0}} ;; esac ;;
  scontrol*) exit 0 ;;
  squeue*) echo "$STATE"; exit 0 ;;
esac
[ -n "${SLOW:-}" ] && { trap 'sleep 0.3; kill $!; exit 75' USR1; trap 'kill $!; exit 143' TERM; sleep $SLOW & wait $!; exit 0; }
exit "${CODE:-0}"
"""
OPEN_MPI = "Open MPI v4.1.4"
TRAIN = "BSFT train --config c.yaml --resume auto"
SRUN = "srun --unbuffered --kill-on-bad-exit=1"


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
                            "SLURM_NTASKS": "3", "SLURM_SUBMIT_DIR": os.getcwd(), "PLUGINS": "none pmi2", "MPI": OPEN_MPI,
                            "STATE": "RUNNING", "BSFT": os.path.join(self.folder.name, "bsft")}

    def tearDown(self):
        self.folder.cleanup()

    def called(self):
        calls = pathlib.Path(self.calls).read_text().splitlines() if os.path.exists(self.calls) else []
        return [call.replace(self.environment["BSFT"], "BSFT") for call in calls]

    def run_script(self, *words, **more):
        done = subprocess.run(["bash", *words], env={**self.environment, **more}, capture_output=True, text=True)
        return done, self.called()

    def launched(self, *words, **more):
        """How it starts the ranks, each try."""
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", *words, **more)
        return done, [call.removeprefix("bsft launch -- ") for call in calls if call.startswith("bsft launch")]

    def told(self, script, *words, slow="20", once=("bsft launch", "bsft evaluate", "bsft sweep")):
        """Its exit code and last call, once it got USR1 after such a call; bsft runs for so many seconds."""
        job = subprocess.Popen(["bash", script, *words], env={**self.environment, "SLOW": slow}, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not any(call.startswith(once) for call in self.called()):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        time.sleep(0.5)
        job.send_signal(signal.SIGUSR1)
        return job.wait(30), self.called()[-1]

    def test_srun_where_there_is_pmix(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", "--set", "run.seed=2", PLUGINS="none pmi2 pmix")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(calls, ["bsft --version", "srun --mpi=list", f"bsft launch -- {SRUN} --mpi=pmix {TRAIN} --set run.seed=2",
                                 "squeue -h -j 7 -o %T"])

    def test_mpirun_elsewhere(self):
        self.assertEqual(self.launched()[1], [f"mpirun -np 3 {TRAIN}"])

    def test_pmi2_for_an_mpi_that_speaks_it(self):
        self.assertEqual(self.launched(MPI="MPICH Version: 4.0.2")[1], [f"{SRUN} --mpi=pmi2 {TRAIN}"])

    def test_mpirun_where_srun_starts_jobs_of_one_rank(self):
        done, tries = self.launched(PLUGINS="pmix", SRUN_CODE="69")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(tries, [f"{SRUN} --mpi=pmix {TRAIN}", f"mpirun -np 3 {TRAIN}"])
        self.assertEqual(self.launched(PLUGINS="pmix", SRUN_CODE="65")[0].returncode, 65)

    def test_the_site_has_the_last_word(self):
        self.assertEqual(self.launched(PLUGINS="pmix", BSFT_MPI="mpirun")[1], [f"mpirun -np 3 {TRAIN}"])

    def test_gpus_of_a_node_are_seen_by_all_its_ranks(self):
        self.assertEqual(self.launched(PLUGINS="pmix", SLURM_GPUS_PER_NODE="4")[1], [f"{SRUN} --gpu-bind=none --mpi=pmix {TRAIN}"])

    def test_groups_of_nodes_are_one_world(self):
        self.assertEqual(self.launched(PLUGINS="pmix", SLURM_HET_SIZE="2")[1], [f"{SRUN} --het-group=0-1 --mpi=pmix {TRAIN}"])

    def test_groups_of_nodes_need_srun(self):
        done, tries = self.launched(SLURM_HET_SIZE="2")
        self.assertEqual((done.returncode, tries), (69, []))
        self.assertIn("mpirun starts no heterogeneous job", done.stderr)

    def test_requeued_when_asked_to(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="75")
        self.assertEqual(done.returncode, 75)
        self.assertEqual(calls[-1], "scontrol requeue 7")

    def test_a_task_of_an_array_is_requeued_alone(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="75", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="3")
        self.assertEqual(calls[-2:], ["squeue -h -j 7_3 -o %T", "scontrol requeue 7_3"])

    def test_a_cancelled_job_stays_away(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="75", STATE="COMPLETING")
        self.assertEqual(done.returncode, 75)
        self.assertFalse([call for call in calls if call.startswith("scontrol")])

    def test_other_failures_stay(self):
        done, calls = self.run_script("slurm/train.sbatch", "c.yaml", CODE="65")
        self.assertEqual(done.returncode, 65)
        self.assertFalse([call for call in calls if call.startswith("scontrol")])

    def test_saved_and_requeued_at_the_time_limit(self):
        self.assertEqual(self.told("slurm/train.sbatch", "c.yaml"), (75, "scontrol requeue 7"))

    def test_told_before_anything_runs(self):
        self.environment["SLOW_LIST"] = "1"
        self.assertEqual(self.told("slurm/train.sbatch", "c.yaml", once="srun --mpi=list"), (75, "scontrol requeue 7"))

    def test_evaluation(self):
        done, calls = self.run_script("slurm/evaluate.sbatch", "--model", "m x", "--data", "d.h5", CODE="65")
        self.assertEqual((done.returncode, calls), (65, ["bsft evaluate --model m x --data d.h5"]))

    def test_what_scores_a_run_comes_back(self):
        self.assertEqual(self.told("slurm/evaluate.sbatch", "--attach", "runs/my"), (75, "scontrol requeue 7"))

    def test_what_scores_a_checkpoint_would_begin_anew_for_ever(self):
        self.assertEqual(self.told("slurm/evaluate.sbatch", "--model", "m", slow="2"), (0, "bsft evaluate --model m"))

    def test_sweep(self):
        done, calls = self.run_script("slurm/sweep.sbatch", "s.yaml", "--together", "3", CODE="88")
        self.assertEqual(done.returncode, 88)
        self.assertEqual(calls, ["bsft sweep run s.yaml --together 3", "squeue -h -j 7 -o %T"])

    def test_a_sweep_that_saved_goes_back_to_the_queue(self):
        self.assertEqual(self.told("slurm/sweep.sbatch", "s.yaml"), (75, "scontrol requeue 7"))
        done, calls = self.run_script("slurm/sweep.sbatch", "s.yaml", CODE="75", SLURM_ARRAY_JOB_ID="5", SLURM_ARRAY_TASK_ID="2")
        self.assertEqual(calls[-2:], ["squeue -h -j 5_2 -o %T", "scontrol requeue 5_2"])

    def test_no_program(self):
        for script in ("slurm/train.sbatch", "slurm/evaluate.sbatch", "slurm/sweep.sbatch"):
            done, calls = self.run_script(script, "c.yaml", BSFT="/nowhere/bsft")
            self.assertEqual(done.returncode, 69)
            self.assertIn("no program /nowhere/bsft", done.stderr)


if __name__ == "__main__":
    unittest.main()

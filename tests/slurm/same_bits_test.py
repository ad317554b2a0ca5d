"""A job of slurm/train.sbatch with an evaluator rank has the results.json and the weights of mpirun by hand.
  same_bits_test.py srun|mpirun               the tests' model on three nodes
  same_bits_test.py srun|mpirun quickstart    configs/quickstart.yaml as its header says, and README's sbatch"""
import sys

from slurm_run import LONG, Clock, Cluster, Folder, Job, final, train

launcher, quickstart = sys.argv[1], sys.argv[2:] == ["quickstart"]
clock = Clock()
with Folder(cases=30000 if quickstart else 30) as folder, Cluster(launcher):
    clock("data, and the cluster is up")

    def run_of(name):
        if not quickstart:
            return folder.config(name), [*LONG, "--set", "parallel.evaluator_ranks=1", "--set", "evaluate.suites=[full]"]
        return "configs/quickstart.yaml", ["--set", f"data.file={folder.data}", "--set", f"run.dir={folder.path / name}"]

    config, words = run_of("by_hand")
    train(config, 3, *words)
    clock("by mpirun")
    config, words = run_of("job")
    job = Job(config, *words, options=[] if quickstart else ["--nodes=3", "--ntasks-per-node=1"], run_dir=folder.path / "job").ends()
    clock("by sbatch")
    assert f"attempt 1: {launcher} " in job.said(), job.said()
    results = [(folder.path / name / "results.json").read_bytes() for name in ("by_hand", "job")]
    assert results[0] == results[1] and len(results[0]) > 1000
    assert final(folder.path / "by_hand") == final(job.dir)
print(f"{launcher}: the same bits as by mpirun")

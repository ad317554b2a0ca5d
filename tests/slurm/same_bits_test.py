"""A job of slurm/train.sbatch with an evaluator rank has the results.json and the weights of mpirun by hand, by srun and by
mpirun.
  same_bits_test.py               the tests' model, on three nodes
  same_bits_test.py quickstart    configs/quickstart.yaml as its header says, and README's sbatch"""
import sys

from slurm_run import SHORT, Clock, Cluster, Folder, Job, final, train

quickstart = sys.argv[1:] == ["quickstart"]
options = [] if quickstart else ["--nodes=3", "--ntasks-per-node=1"]
clock = Clock()
with Folder(cases=30000 if quickstart else 30) as folder:
    clock("data")

    def run_of(name):
        if quickstart:
            return "configs/quickstart.yaml", ["--set", f"data.file={folder.data}", "--set", f"run.dir={folder.path / name}"]
        return folder.config(name), [*SHORT, "--set", "parallel.evaluator_ranks=1", "--set", "evaluate.suites=[full]"]

    config, words = run_of("by_hand")
    train(config, 3, *words)
    clock("mpirun by hand")
    results = (folder.path / "by_hand" / "results.json").read_bytes()
    assert len(results) > 1000
    for launcher in ("srun", "mpirun"):
        with Cluster(launcher):
            config, words = run_of(launcher)
            job = Job(config, *words, options=options, run_dir=folder.path / launcher).ends()
            clock(f"{launcher} by sbatch")
        assert f"attempt 1: {launcher} " in job.said(), job.said()
        assert (job.dir / "results.json").read_bytes() == results
        assert final(job.dir) == final(folder.path / "by_hand")
print("the same bits by srun and by mpirun in a job as by hand")

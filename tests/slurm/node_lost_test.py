"""A node is lost in mid-run, the one that runs the job's script or another one: Slurm requeues the job and the run ends in
the bits of the one that was left alone.
  node_lost_test.py srun|mpirun"""
import sys

from slurm_run import BINARY, SHORT, Clock, Cluster, Folder, Job, final, run, train

launcher = sys.argv[1]
clock = Clock()
with Folder() as folder, Cluster(launcher) as cluster:
    clock("data, and the cluster is up")
    train(folder.config("whole"), 2, *SHORT)
    clock("uninterrupted, by mpirun")

    job = Job(folder.config("struck"), *SHORT).trains()
    for attempt, place in ((2, "another"), (3, "its script's")):
        job.until(lambda: (job.dir / "LATEST").exists() and job.steps() > 1, "a checkpoint")
        facts = job.facts()
        nodes = run(["scontrol", "show", "hostnames", facts["NodeList"]]).stdout.split()
        assert facts["BatchHost"] == nodes[0] and len(nodes) == 2, facts
        clock("to a step")
        node = nodes[0 if place == "its script's" else 1]
        cluster.lose(node)
        job.trains(attempt)
        clock(f"from the loss of {place} node to a step of the requeued job")
        assert job.restarts() == attempt - 1, job.facts()
        cluster.mend(node)

    job.ends()
    clock("to the end")
    assert final(job.dir) == final(folder.path / "whole"), job.said()
    run([BINARY, "verify", job.dir])
print(f"{launcher}: two nodes lost, the same bits")

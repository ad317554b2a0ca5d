"""The same bits of weights and losses on 1, 2, 4 and 8 ranks; and the probe can tell when they differ."""
import os
import subprocess
import sys

probe, mpirun = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none",
                   OMPI_MCA_mpi_yield_when_idle="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


def run(ranks, lanes, reduction):
    done = subprocess.run([mpirun, "-np", str(ranks), probe, str(lanes), "6", reduction], env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, (ranks, done.stdout, done.stderr)
    return done.stdout.strip()


exact = {ranks: run(ranks, 8, "exact") for ranks in (1, 2, 4, 8)}
assert len(set(exact.values())) == 1, exact
assert len(exact[1].split()) == 7, exact[1]
assert run(1, 4, "exact") != exact[1], "other lanes are another sum: the probe sees no difference"
loss = [float.fromhex(word) for word in exact[1].split()[1:]]
fast = [float.fromhex(word) for word in run(2, 8, "fast").split()[1:]]
assert all(abs(a - b) < 1e-5 * a for a, b in zip(loss, fast)), (loss, fast)
print(f"1, 2, 4 and 8 ranks: {exact[1].split()[0][:16]}…")

"""The same bits of weights, moments, losses and norms on 1, 2, 4 and 8 ranks, with ZeRO and without, whether cases are
shared or not; and the probe can tell when they differ."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT

probe, mpirun = sys.argv[1:3]
STEPS = 20


def run(ranks, lanes, reduction, zero=0, group_size=3):
    done = subprocess.run([mpirun, "-np", str(ranks), probe, str(lanes), str(STEPS), reduction, str(zero), str(group_size)],
                          env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, (ranks, done.stdout, done.stderr)
    return done.stdout.strip()


def losses(text):
    return [float.fromhex(word.split("/")[0]) for word in text.split()[3:]]


shared = {(ranks, zero): run(ranks, 8, "exact", zero) for ranks in (1, 2, 4, 8) for zero in range(4) if ranks > 1 or zero == 0}
assert len(set(shared.values())) == 1, {key: value[:24] for key, value in shared.items()}
first = shared[1, 0]
assert len(first.split()) == 3 + STEPS, first
apart = {run(ranks, 8, "exact", zero, 1) for ranks, zero in ((1, 0), (2, 1), (4, 2), (4, 3), (8, 0))}
assert len(apart) == 1 and first not in apart, "cases of their own are other passes: the probe sees no difference"
assert run(1, 4, "exact") != first, "other lanes are another sum: the probe sees no difference"
for ranks, lanes, zero in ((2, 8, 0), (3, 6, 1), (3, 6, 3)):  # fast: any number of ranks, close to each other alone
    fast = losses(run(ranks, lanes, "fast", zero))
    assert all(abs(a - b) < 1e-4 * a for a, b in zip(losses(first), fast)), (losses(first), fast)
print(f"1, 2, 4 and 8 ranks, ZeRO 0 to 3: {first.split()[0][:16]}…")

"""One flipped bit of weights or moments, of any rank: 200 of 200 are found, and the rank is named; of two ranks both are.
Also while the model trains on, within the steps between two checks."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT

probe, mpirun = sys.argv[1:3]


def run(ranks, *words):
    done = subprocess.run([mpirun, "-np", str(ranks), probe, *map(str, words)], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, (ranks, words, done.stdout, done.stderr)
    return done.stdout.strip()


for ranks, zero, trials in ((4, 0, 100), (4, 2, 60), (2, 0, 40)):
    assert run(ranks, trials, 11, zero) == str(trials), (ranks, zero)
EVERY = 5
for seed in range(3):
    when, found, named, _ = run(4, "trained", seed, 0, EVERY).split(" ", 3)
    assert named == "right" and 0 <= int(found) - int(when) < EVERY and int(found) % EVERY == 0, (seed, when, found, _)
print("200 of 200;", _)

"""A loss that is not finite on one rank: all ranks decide the same in the same step.  Once: the step is computed again and
nothing has happened, bit for bit.  Twice: it is skipped, and weights, moments and updates are as before.  Three in a row
end the run with 86.  The same on 1 and 4 ranks, with every stage of ZeRO; a learning rate of 1e30 likewise."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT

probe, mpirun = sys.argv[1:3]
LANES = 4


def run(ranks, zero, odd, *attempts):
    """What all ranks saw, how it ended, and the SHA-256 of weights and moments."""
    done = subprocess.run([mpirun, "-np", str(ranks), probe, str(LANES), str(zero), str(odd), *attempts],
                          env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, (ranks, zero, attempts, done.stdout, done.stderr)
    *lines, moments = done.stdout.strip().splitlines()
    assert len(lines) == ranks and len(set(lines)) == 1, ("ranks decided differently", lines)
    told, end, weights = (part.strip() for part in lines[0].split("|"))
    return told.split(), end, (weights, moments)


plain, end, bits = run(1, 0, 0)
assert end == "done" and plain == [f"{s}:0:{s}" for s in range(1, 9)], plain
skipped_bits = set()
for ranks, zero, odd in ((1, 0, 0), (4, 0, 2), (4, 2, 1), (4, 3, 2)):
    case = (ranks, zero, odd)
    # Transient: the weights during the first attempt at steps 2 and 3, the gradient at step 6.
    told, end, same = run(ranks, zero, odd, "2.0", "3.0", "6.0g")
    assert end == "done" and same == bits, case
    for step in (2, 3):
        assert told[step - 1].startswith(f"{step}:0:{step}:used:loss:"), told
        named = told[step - 1].split(":")[5:-1]
        assert str(odd) in named and (zero == 3 or named == [str(odd)]), (case, told)
    gradient = told[5].split(":")
    assert gradient[:6] == ["6", "0", "6", "used", "gradient", str(odd)] and len(gradient) == 7, (case, told)
    assert [t for t in told if "used" not in t] == [plain[s - 1] for s in range(1, 9) if s not in (2, 3, 6)], told
    # Persistent: both attempts at steps 2, 3 and 5 are not too many, those at 6 and 7, too, are.
    told, end, other = run(ranks, zero, odd, *(f"{s}.{a}" for s in (2, 3, 5, 6, 7) for a in (0, 1)))
    assert [t.split(":")[1:3] for t in told] == [
        ["0", "1"], ["1", "1"], ["2", "1"], ["2", "2"], ["3", "2"], ["4", "2"], ["5", "2"]], told
    assert end.startswith("86:the loss is not finite at step 7, nor when computed again (records "), end
    assert "3 steps in a row were skipped" in end, end
    bad, records = told[1].split(":")[-1].split("of")
    assert 0 < int(bad) <= int(records) and (ranks == 1 or zero == 3 or int(bad) < int(records)), told
    skipped_bits.add(other)
# A copy that is damaged for good comes anew before the step is computed again.
told, end, same = run(4, 2, 1, "4.0c")
assert end == "done" and same == bits and told[3].startswith("4:0:4:used:loss:1:"), (told, end)
assert len(skipped_bits) == 1 and bits not in skipped_bits, "skipping is skipping, whatever the ranks"
for ranks, zero in ((1, 0), (4, 2)):
    told, end, _ = run(ranks, zero, -1)
    assert end.startswith("86:") and "(records " in end and len(told) < 8, (told, end)
print("one decision on all ranks:", end)

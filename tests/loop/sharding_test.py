"""What a rank's state takes under ZeRO 0 to 3 is what the formula says, to 5 %, between steps as the system counts its
pages; and the peak of the whole process falls by what is shared out, but for what passes through."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "checkpoint"))
from tiny_run import ENVIRONMENT

probe, mpirun = sys.argv[1:3]
MIB = 1 << 20


def run(ranks, lanes, zero, tokens_a_pass):
    done = subprocess.run([mpirun, "-np", str(ranks), probe, str(lanes), "3", str(zero), str(tokens_a_pass)],
                          env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, (ranks, zero, done.stdout, done.stderr)
    rows = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert len(rows) == ranks
    return rows


for ranks, lanes, tokens_a_pass in ((4, 4, 2000), (4, 4, 90), (2, 4, 2000)):
    one_pass = ranks == lanes and tokens_a_pass == 2000
    peaks, kept = {}, {}
    for zero in range(4):
        rows = run(ranks, lanes, zero, tokens_a_pass)
        for rank, row in enumerate(rows):
            for name, has, says in zip(("weights", "gradient", "moments"), row[:3], row[3:6]):
                assert abs(has - says) <= 0.05 * says, f"ZeRO-{zero}, rank {rank}: {name} take {has}, formula {says}"
        peaks[zero] = [row[8] for row in rows]
        kept[zero] = [sum(row[3:7]) + (0 if one_pass else row[7]) for row in rows]
        print(f"{ranks} ranks, {lanes} lanes of {'one pass' if one_pass else 'several passes in all'}, ZeRO-{zero}: weights, gradient, moments of rank 0:",
              *(f"{has / MIB:.2f} ({says / MIB:.2f})" for has, says in zip(rows[0][:3], rows[0][3:6])),
              f"MiB, at most {rows[0][6] / MIB:.2f} pass, peak of the process {rows[0][8] / MIB:.1f} MiB")
    for zero in range(1, 4):
        for rank in range(ranks):
            saved, promised = peaks[0][rank] - peaks[zero][rank], kept[0][rank] - kept[zero][rank]
            assert saved >= promised - 6 * MIB, f"ZeRO-{zero}, rank {rank}: peak lower by {saved}, formula {promised}"

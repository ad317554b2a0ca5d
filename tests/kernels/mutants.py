"""Take each barrier and each bound out of the kernels in turn: the emulator's tests must fail every time.

    mutants.py COMPILER LIBRARY [--sample N [SEED]] [NAME ...]     LIBRARY: the emulator and the unchanged CPU bodies

A mutant is a copy of kernels/ with one place changed, compiled with tests/kernels/mutant.cpp and run. It is caught when that
exits with a fault; one that survives, or does not compile, is printed with its place. What the CPU computes comes from the unchanged
LIBRARY. The places are found in the sources, so a new barrier or bound is a new mutant:
  team.sync()                          is left out
  for (...; x < n; ...)  and  < rows   becomes <=
  a condition named in `conditions`    becomes the constant beside it
"""
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

# A body's guards that no loop shows: file, text, what it becomes.
conditions = [
    ("behavior_embedding.hpp", "k < 0 && (id < 0 || id >= vocabulary)", "false"),
    ("behavior_embedding.hpp", "dials && k >= 0", "dials"),
    ("cross_entropy.hpp", "slot >= 0 || (token >= 0 && token < vocabulary)", "true"),
    ("cross_entropy.hpp", "if (ids.id[k] < vocabulary)", "if (true)"),
    ("cross_entropy.hpp", "if (team.rank() == 0 && !zero && known)", "if (!zero && known)"),
    ("loss_mask.hpp", "if (team.block() != 0) return;", ""),
    ("loss_mask.hpp", "place >= 0 && place < c.behavior + c.rest && at < s.length", "place < c.behavior + c.rest && at < s.length"),
    ("loss_mask.hpp", "begin + each < sequences ? begin + each : sequences", "begin + each"),
    ("rms_norm.hpp", "begin + rows_a_group < rows ? begin + rows_a_group : rows", "begin + rows_a_group"),
    ("rms_norm.hpp", "first + slice < cols ? first + slice : cols", "first + slice"),
    ("squared_norm.hpp", "n - begin < block_elements ? n : begin + block_elements", "begin + block_elements"),
    ("squared_norm.hpp", "if (team.block() != 0) return;", ""),
    ("block.hpp", "end - begin < W ? int(end - begin) : W", "W"),
    ("block.hpp", "if (tail < end)", "if (false)"),
    ("block.hpp", "if (begin < head)", "if (false)"),
    ("block.hpp", "if (mine != 0) return;", ""),
    ("block.hpp", "end / W * W : begin + (end - begin) / W * W", "(end + W - 1) / W * W : begin + (end - begin + W - 1) / W * W"),
    ("block.hpp", "last = n / W * W;", "last = (n + W - 1) / W * W;"),
    ("scale.hpp", "n - begin < stretch ? n : begin + stretch", "begin + stretch"),
    ("rope.hpp", "head + 2 <= heads", "head < heads"),
    ("rope.hpp", "if (head < heads)", "if (true)"),
    ("team.hpp", "team.rank() % warp < team.size() / warp ?", "true ?"),
]
# Not bounds: what they let in does nothing.
harmless = [
    ("cross_entropy.hpp", "first < end", "an empty stretch visits no column"),
    ("rms_norm.hpp", "first < cols", "an empty slice has no tile"),
    ("scale.hpp", "begin < n; begin", "an empty stretch has no tile"),
    ("block.hpp", "i < end; i += std::int64_t(size()) * W) {", "an ElementAt that begins at the end holds no element"),
    ("block.hpp", "(tail < end)", "an ElementAt that begins at the end holds no element"),
    ("block.hpp", "(begin(i) < n_) BSFT_UNROLL for (int l", "whoever asks has looked"),
]
bounds = re.compile(r"[\w()]+ (<) (rows|tokens|segments|sequences|cols|n|end|last|n_|count|heads|rows \* tiles|tasks \* behaviors|ids\.count|team\.rank\(\)|team\.size\(\))[;)]")


def places():
    """(name, file, begin, end, replacement) of every mutant."""
    for folder in ("kernels/body", "kernels/team"):
        for name in sorted(os.listdir(folder)):
            if name in ("serial.hpp", "cuda.hpp", "fiber.hpp", "emulator.hpp", "emulator.cpp"):
                continue
            path = f"{folder}/{name}"
            text = open(path).read()
            line = lambda at: text.count("\n", 0, at) + 1
            for m in re.finditer(r"team\.sync\(\);", text):
                yield f"{name}:{line(m.start())} without its barrier", path, m.start(), m.end(), ""
            for m in bounds.finditer(text):
                if text[text.rfind("\n", 0, m.start()):m.start()].lstrip().startswith(("//", "#")):
                    continue
                if any(file == name and text.startswith(harmless_text, m.start()) for file, harmless_text, _ in harmless):
                    continue
                yield f"{name}:{line(m.start())} {m.group(0)[:-1]} as <=", path, m.start(1), m.end(1), "<="
            for file, old, new in conditions:
                if file != name:
                    continue
                found = [m.start() for m in re.finditer(re.escape(old), text)]
                if not found:
                    sys.exit(f"{path} no longer holds '{old}': put right the table in tests/kernels/mutants.py")
                for at in found:
                    yield f"{name}:{line(at)} {old} as {new or 'nothing'}", path, at, at + len(old), new


# What a change in a file can spoil.
runs = {
    "behavior_embedding.hpp": ["embedding_kernels(s)"], "cross_entropy.hpp": ["loss_kernels(s)"], "rms_norm.hpp": ["norm_kernels(s)"],
    "rope.hpp": ["rope_kernels(s)"], "scale.hpp": ["scale_kernels(s)"], "swiglu.hpp": ["swiglu_kernels(s)"], "loss_mask.hpp": ["mask_kernels(n)"],
    "squared_norm.hpp": ["plain_kernels(n * 32)"], "adamw.hpp": ["plain_kernels(n)"], "team.hpp": ["norm_kernels(s)", "meetings()"],
}


def judge(mutant):
    name, path, begin, end, replacement = mutant
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree("kernels", f"{folder}/kernels", ignore=shutil.ignore_patterns("op"))
        text = open(path).read()
        open(f"{folder}/{path}", "w").write(text[:begin] + replacement + text[end:])
        kernels = runs.get(os.path.basename(path), ["loss_kernels(s)", "norm_kernels(s)", "swiglu_kernels(s)", "scale_kernels(s)"])
        for some in kernels:
            program = f"{folder}/mutant"
            command = [compiler, "-std=c++20", "-O1", "-w", "-ffp-contract=off", f"-I{folder}", "-I.", f"-DBSFT_MUTANT={some}", "tests/kernels/mutant.cpp", library, "-o", program]
            built = subprocess.run(command, capture_output=True, text=True)
            if built.returncode:
                return name, "does not compile: " + next(l for l in built.stderr.splitlines() if "error" in l)
            try:
                run = subprocess.run([program], capture_output=True, text=True, timeout=200)
            except subprocess.TimeoutExpired:
                return name, "caught: it never ends"
            if run.returncode:
                return name, "caught: " + (run.stdout.strip() or f"exit {run.returncode}")
        return name, "survives"


if __name__ == "__main__":
    compiler, library, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    mutants = list(places())
    if wanted[:1] == ["--sample"]:
        seed = wanted[2] if len(wanted) > 2 else str(int(time.time()) // 86400)
        print(f"a sample of {wanted[1]} of {len(mutants)} mutants, seed {seed}")
        mutants, wanted = random.Random(seed).sample(mutants, int(wanted[1])), []
    mutants = [m for m in mutants if not wanted or any(w in m[0] for w in wanted)]
    unchanged = judge(("", "kernels/body/all.hpp", 0, 0, ""))
    if unchanged[1] != "survives":
        sys.exit(f"the kernels fail as they are: {unchanged[1]}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(judge, mutants))
    for name, outcome in outcomes:
        print(f"{name}: {outcome}", flush=True)
    lost = [name for name, outcome in outcomes if not outcome.startswith("caught")]
    print(f"{len(outcomes) - len(lost)} of {len(outcomes)} mutants caught")
    sys.exit(1 if lost or not outcomes else 0)

"""Small whole runs of the binary for the tests that need one: synthetic records, a two-layer model, a few steps."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BINARY = os.environ.get("BSFT_BINARY", "")
MPIRUN = shutil.which("mpirun")
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_hwloc_base_binding_policy="none",
                   OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_btl_vader_single_copy_mechanism="none",
                   OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
CONFIG = """
run: {{name: tiny, dir: {run}, seed: 1}}
model:
  path: configs/tiny
  init: random
  shape: {{hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2}}
data: {{file: {data}, group_size: 8}}
train: {{global_batch_size: 32, max_tokens_per_pass: 2048, max_steps: 12}}
optimizer: {{learning_rate: 3.0e-3}}
parallel: {{lanes: 4, evaluator_ranks: 0}}
checkpoint: {{every: 4, keep: 2}}
evaluate: {{suites: []}}
"""


class Folder:
    """A scratch folder with a data file; removed at the end unless the test failed."""

    def __init__(self, cases=30):
        if not BINARY or not pathlib.Path(BINARY).exists():
            print("skipped: the binary is not built (BSFT_BINARY)")
            sys.exit(77)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="bsft_run_"))
        self.data = self.path / "data.h5"
        records = self.path / "records.jsonl"
        run([BINARY, "data", "generate", "--out", records, "--cases", cases])
        run([BINARY, "data", "build", "--records", records, "--model", "configs/tiny", "--out", self.data])

    def config(self, name):
        file = self.path / f"{name}.yaml"
        file.write_text(CONFIG.format(run=self.path / name, data=self.data))
        return file

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            shutil.rmtree(self.path)
        else:
            print("kept:", self.path, file=sys.stderr)


def run(command, code=0, **options):
    done = subprocess.run([str(word) for word in command], env=ENVIRONMENT, capture_output=True, text=True, **options)
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {command}\n{done.stdout}\n{done.stderr}"
    return done


def train_command(config, ranks, *more):
    start = [MPIRUN, "-np", ranks] if ranks else []
    return [str(word) for word in [*start, BINARY, "train", "--config", config, *more]]


def train(config, ranks, *more, code=0):
    return run(train_command(config, ranks, *more), code=code)


def steps_of(run_dir):
    return sorted(int(p.name[5:]) for p in (run_dir / "checkpoints").glob("step-????????"))


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def metrics(run_dir):
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    for line in lines:  # what time does
        del line["seconds"], line["tokens_per_second"]
    return lines


def digests(checkpoint):
    """SHA-256 of its files, but for the manifest, which says whose it is, and the configuration, which says where."""
    return {p.name: sha256(p) for p in checkpoint.iterdir() if p.name not in ("manifest.json", "training_config.yaml")}


def kill_after(config, ranks, step, *more):
    """Starts a run and kills all of it once metrics.jsonl has `step` lines."""
    process = subprocess.Popen(train_command(config, ranks, *more), env=ENVIRONMENT, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = config.with_suffix("") / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not file.exists() or file.read_text().count("\n") < step:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no step in two minutes"
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # ranks die with their mpirun

"""Both ways against the safetensors package: what it writes we read, what we write it reads; malformed files alike."""

import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

PROGRAM = pathlib.Path(os.environ["BSFT_BINARY"]).parent / "tests/safetensors_copy"
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8,
          torch.uint8, torch.bool]


def copy(source, target):
    return subprocess.run([str(PROGRAM), str(source), str(target)], capture_output=True, text=True, check=False)


def tensors_of_every_dtype():
    torch.manual_seed(3)
    tensors = {}
    for dtype in DTYPES:
        for shape in [(), (1,), (3, 5), (0, 4), (2, 1, 3, 2)]:
            tensors[f"{dtype}.{len(tensors)}"] = (torch.randn(shape) * 50).to(dtype)
    return tensors


def expect_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype and ours[name].shape == tensor.shape, name
        assert torch.equal(ours[name], tensor), name


def test_round_trip(folder):
    tensors = tensors_of_every_dtype()
    save_file(tensors, folder / "in.safetensors", metadata={"format": "pt", "é": "ü"})
    done = copy(folder / "in.safetensors", folder / "out.safetensors")
    assert done.returncode == 0, done.stderr
    expect_equal(load_file(folder / "out.safetensors"), tensors)
    with safe_open(folder / "out.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "é": "ü"}, file.metadata()


def test_shards(folder):
    tensors = tensors_of_every_dtype()
    (folder / "model").mkdir()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, folder / "model" / shard)
    index = {"metadata": {}, "weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (folder / "model/model.safetensors.index.json").write_text(json.dumps(index))
    done = copy(folder / "model", folder / "merged.safetensors")
    assert done.returncode == 0, done.stderr
    expect_equal(load_file(folder / "merged.safetensors"), tensors)


def test_damage(folder):
    """Where the package refuses, so do we, in one line, with exit code 65; we may be stricter."""
    save_file({"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int8)}, folder / "x.safetensors")
    good = (folder / "x.safetensors").read_bytes()
    header = struct.unpack("<Q", good[:8])[0] + 8
    rng = random.Random(5)
    refused = 0
    for trial in range(400):
        bad = bytearray(good)
        if trial % 4 == 0:
            bad = bad[: rng.randrange(len(bad))]
        else:
            bad[rng.randrange(header)] = rng.randrange(256)
        path = folder / "bad.safetensors"
        path.write_bytes(bad)
        done = copy(path, folder / "bad.out")
        assert done.returncode in (0, 65), (trial, done)
        try:
            theirs = load_file(path)
        except (SafetensorError, ValueError, KeyError, RuntimeError, OverflowError):
            assert done.returncode == 65 and done.stderr.count("\n") == 1, (trial, done)
            refused += 1
            continue
        if done.returncode == 0:
            expect_equal(load_file(folder / "bad.out"), theirs)
    assert refused > 100, refused


def main():
    for test in (test_round_trip, test_shards, test_damage):
        with tempfile.TemporaryDirectory() as folder:
            test(pathlib.Path(folder))
            print("passed", test.__name__)


if __name__ == "__main__":
    sys.exit(main())

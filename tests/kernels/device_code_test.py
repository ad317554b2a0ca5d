"""The build holds what it promises: device code for every architecture, libtorch_cuda and NCCL linked.

Usage: device_code_test.py HAS_CUDA OBJECT ARCHITECTURES
Reads NVIDIA's fat binaries (section .nv_fatbin) itself, so that no cuobjdump is needed.  Grammar, as nvcc 13 writes it
(seen in its output; a test below checks the reader against a binary of its own making):
  fat binary   u32 0xBA55ED50, u16 version, u16 header bytes, u64 bytes that follow; entries
  entry        u16 kind (1 PTX, 2 machine code), u16, u32 header bytes, u64 payload bytes, ..., u32 architecture at 28
"""
import os
import re
import struct
import subprocess
import sys
import unittest

MAGIC = 0xBA55ED50


def sections(data):
    """Name and bytes of each section of a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    (offset,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    if count == 0:  # more than 65,279 sections
        (count,) = struct.unpack_from("<Q", data, offset + 32)
    if names == 0xFFFF:
        (names,) = struct.unpack_from("<I", data, offset + 40)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]
    table = headers[names][4]
    for name, kind, _, _, begin, length in headers:
        end = data.index(b"\0", table + name)
        yield data[table + name:end].decode(), data[begin:begin + length] if kind != 8 else b""


def entries(fat):
    """(kind, architecture, payload) of every entry of a .nv_fatbin section."""
    at = 0
    while at + 16 <= len(fat):
        magic, _, header, length = struct.unpack_from("<IHHQ", fat, at)
        if magic != MAGIC:  # padding between fat binaries
            at += 8
            continue
        entry, end = at + header, at + header + length
        while entry + 32 <= end:
            kind, _, header, size = struct.unpack_from("<HHIQ", fat, entry)
            (architecture,) = struct.unpack_from("<I", fat, entry + 28)
            yield ("ptx" if kind == 1 else "cubin"), architecture, fat[entry + header:entry + header + size]
            entry += header + size
        at = end


def device_code(path):
    with open(path, "rb") as file:
        data = file.read()
    return [entry for name, body in sections(data) if name == ".nv_fatbin" for entry in entries(body)]


def needed(path):
    listing = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", listing)


class Reader(unittest.TestCase):
    def test_finds_what_was_put_in(self):
        def entry(kind, architecture, payload):
            header = struct.pack("<HHIQIIHHI", kind, 257, 64, len(payload), 0, 0, 8, 1, architecture)
            return header.ljust(64, b"\0") + payload
        body = entry(2, 80, b"a" * 24) + entry(1, 100, b"b" * 8)
        fat = struct.pack("<IHHQ", MAGIC, 1, 16, len(body)) + body
        found = list(entries(fat + bytes(8) + fat))
        self.assertEqual(found, 2 * [("cubin", 80, b"a" * 24), ("ptx", 100, b"b" * 8)])


class Built(unittest.TestCase):
    def test_every_architecture_holds_every_kernel(self):
        found = device_code(object_file)
        for wanted in architectures:
            number = int(re.match(r"\d+", wanted).group())
            payloads = [payload for kind, architecture, payload in found if kind == "cubin" and architecture == number]
            self.assertTrue(payloads, f"no machine code for sm_{number} in {object_file}")
            code = b"".join(payloads)
            missing = [body for body in bodies() if f"one_blockINS_6kernel{len(body)}{body}".encode() not in code]
            self.assertFalse(missing, f"sm_{number} lacks {missing}")
            if not wanted.endswith("-real"):
                self.assertIn(("ptx", number), [entry[:2] for entry in found], "newer GPUs need PTX")

    def test_the_program_carries_it_and_links_libtorch_cuda_and_nccl(self):
        binary = os.environ.get("BSFT_BINARY", "")
        if not os.path.exists(binary):
            self.skipTest("the bsft program is not built here")
        found = {architecture for kind, architecture, _ in device_code(binary) if kind == "cubin"}
        self.assertLessEqual({int(re.match(r"\d+", wanted).group()) for wanted in architectures}, found)
        libraries = needed(binary)
        self.assertTrue(any(name.startswith("libtorch_cuda.so") for name in libraries), libraries)
        self.assertTrue(any(name.startswith("libnccl.so") for name in libraries), libraries)


def bodies():
    """The kernels that kernels/body/all.hpp lists."""
    with open("kernels/body/all.hpp") as file:
        return re.findall(r"X\((\w+)(?:<T>)?\)", file.read())


if __name__ == "__main__":
    if sys.argv[1] != "ON":
        print("skipped: this build has no device code (BSFT_CUDA is OFF, or no CUDA toolkit was found)")
        sys.exit(77)
    object_file, architectures = sys.argv[2], sys.argv[3].split(",")
    unittest.main(argv=sys.argv[:1])

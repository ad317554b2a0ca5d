"""The build holds what it promises: device code for every architecture, frugal and wide; libtorch_cuda and NCCL linked.

Usage: device_code_test.py HAS_CUDA OBJECT ARCHITECTURES NVCC VERSION
Reads NVIDIA's fat binaries (section .nv_fatbin) itself.  Grammar, as nvcc 13 writes it
(seen in its output; a test below checks the reader against a binary of its own making):
  fat binary   u32 0xBA55ED50, u16 version, u16 header bytes, u64 bytes that follow; entries
  entry        u16 kind (1 PTX, 2 machine code), u16, u32 header bytes, u64 payload bytes, ..., u32 architecture at 28
The machine code itself is read by cuobjdump: nvcc's neighbour, CUDA_HOME's, PATH's, or the one in Triton's wheel, which
comes with torch's.
"""
import functools
import importlib.util
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import unittest
from collections import Counter

import sass

MAGIC = 0xBA55ED50

# Kernels that walk no rows of packs: nothing is asked of their widths.
SCALAR = {
    "MaskPlan": "one block that counts 28 bytes a sequence",
    "MaskWrite": "17 bytes a token, in arrays of five widths",
}
# What else than packs of 16 bytes a hot loop may touch, and why.
NARROW = {
    "SegmentSum": {"LDG.64": "order[j], the place of the next gradient"},
    "RmsNormForward": {"STG.32": "r of a row"},
    "RmsNormBackward": {"LDG.32": "r of a row"},
    "ColumnSum": {"STG.64": "four sums as bf16"},
    "Rope": {"LDG.64": "an angle's cosine or sine for two lanes each, where pairs lie interleaved"},
}
# Kernels where 8 bytes are a pack too.
HALF = {
    "CastScale": "four bf16 stand beside four fp32, so that a warp fills whole sectors on both sides",
}
# Kernels with loops that move no pack at all, beside those that do.
ELEMENTS = {
    "CrossEntropy": "the few columns of the behaviours",
}
# Kernels that keep a row in registers: their stream is the loop over rows; loops in it serve rows that are too long.
ROWS = {"RmsNormForward", "RmsNormBackward"}
ONE_BLOCK = {"MaskPlan", "WeightedSum"}  # whatever an SM could hold
LEAST_IN_FLIGHT = 24 * 1024  # bytes an SM; an H200 asks for 22 KiB: 4.3 TB/s (measured) x 0.7 us over 132 SMs


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


def number(architecture):
    """80 of 80-real."""
    return int(re.match(r"\d+", architecture)[0])


def needed(path):
    listing = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", listing)


@functools.cache
def cuobjdump(*arguments):
    """Its output for the object file."""
    triton = importlib.util.find_spec("triton")
    folders = [pathlib.Path(nvcc).parent, pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin",
               *map(pathlib.Path, os.get_exec_path()),
               *(pathlib.Path(p) / "backends/nvidia/bin" for p in (triton.submodule_search_locations if triton else []))]
    tool = next((tool for folder in folders if (tool := shutil.which("cuobjdump", path=folder))), None)
    if not tool:
        raise unittest.SkipTest("no cuobjdump: neither beside nvcc, in CUDA_HOME, on PATH nor in Triton's wheel")
    return subprocess.run([tool, *arguments, object_file], check=True, capture_output=True, text=True).stdout


class Kernel:
    """A kernel of one storage and architecture, as it was built."""

    def __init__(self, architecture, mangled, code):
        match = re.search(r"one_blockINS_6kernel(\d+)", mangled)
        self.name, rest = mangled[match.end():][:int(match[1])], mangled[match.end() + int(match[1]):]
        self.storage = "bf16" if "Bf16" in rest else "fp32"
        self.aligned = "Lb0E" not in rest  # rows of packs, see kernels/team/team.hpp
        self.architecture, self.code = architecture, sass.Function(code, 64 if self.name in HALF else 128)
        self.resources = resources()[architecture, mangled]
        each, block = self.code.bytes_in_flight(outermost=self.name in ROWS), threads(self.name)
        resident = block if self.name in ONE_BLOCK else sass.resident_threads(
            architecture, block, self.resources["REG"], self.resources["SHARED"])
        self.in_flight, self.in_flight_as = each * resident, f"{each} bytes x {resident} threads"

    def __str__(self):
        return f"{self.name} {self.storage} sm_{self.architecture}{'' if self.aligned else ' by the element'}"


@functools.cache
def resources():
    """{(architecture, mangled name): {"REG": registers a thread, "STACK": bytes, ...}}"""
    found = {}
    for line in cuobjdump("--dump-resource-usage").splitlines():
        if match := re.match(r"arch = sm_(\d+)", line):
            architecture = int(match[1])
        elif match := re.match(r"\s*Function (\S+):", line):
            name = match[1]
        elif "REG:" in line:
            found[architecture, name] = {key: int(value) for key, value in re.findall(r"(\w+):(\d+)", line)}
    return found


@functools.cache
def kernels():
    return [Kernel(*function) for function in sass.functions(cuobjdump("-sass"))]


def faults(code, narrow=(), elements=False):
    """What no kernel may do; narrow: the accesses other than packs that its hot loops may hold; elements: may there be
    hot loops without packs?"""
    found = [f"{i.name} at {i.address:#x}: local memory" for i in code.code if i.name in sass.LOCAL]
    found += [f"{i.name} at {i.address:#x}: an atomic" for i in code.code if sass.ATOMIC.match(i.name)]
    found += [f"{i.kind} at {i.address:#x}: in code that the reader does not reach"
              for i in code.accesses(code.blocks.keys() - code.reached)]
    for loop in code.hot_loops():
        if elements and code.packs(loop) == (0, 0):
            continue
        kinds = Counter(i.kind for i in code.accesses(loop.own) if i.width < code.pack and i.kind not in narrow)
        found += [f"{times} {kind} in the hot loop at {loop.blocks[0]:#x}" for kind, times in kinds.items()]
    return found


def table():
    """The table of kernels/README.md."""
    def cell(name, storage, value):
        found = [value(kernel) for kernel in kernels()
                 if (kernel.name, kernel.storage, kernel.aligned) == (name, storage, True)]
        return " / ".join(found) if any(found) else "–"
    lines = ["| kernel | registers a thread, fp32 | bf16 | KiB in flight an SM, fp32 | bf16 |", "|---|---|---|---|---|"]
    for name in bodies():
        cells = [cell(name, storage, value)
                 for value in (lambda k: str(k.resources["REG"]), lambda k: f"{k.in_flight // 1024}" if k.in_flight else "")
                 for storage in ("fp32", "bf16")]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


@functools.cache
def threads(name):
    """A block's, from the body's source."""
    text = "".join(path.read_text() for path in pathlib.Path("kernels/body").glob("*.hpp"))
    return int(re.search(rf"struct {name} {{\s*static constexpr int threads = (\d+)[,;]", text)[1])


def bodies():
    """The kernels that kernels/body/all.hpp lists."""
    text = pathlib.Path("kernels/body/all.hpp").read_text()
    return list(dict.fromkeys(re.findall(r"X\((\w+)(?:<T>)?\)", text)))


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
            payloads = [payload for kind, architecture, payload in found if kind == "cubin" and architecture == number(wanted)]
            self.assertTrue(payloads, f"no machine code for sm_{number(wanted)} in {object_file}")
            code = b"".join(payloads)
            missing = [body for body in bodies() if f"one_blockINS_6kernel{len(body)}{body}".encode() not in code]
            self.assertFalse(missing, f"sm_{number(wanted)} lacks {missing}")
            if not wanted.endswith("-real"):
                self.assertIn(("ptx", number(wanted)), [entry[:2] for entry in found], "newer GPUs need PTX")

    def test_the_program_carries_it_and_links_libtorch_cuda_and_nccl(self):
        binary = os.environ.get("BSFT_BINARY", "")
        if not os.path.exists(binary):
            self.skipTest("the bsft program is not built here")
        found = {architecture for kind, architecture, _ in device_code(binary) if kind == "cubin"}
        self.assertLessEqual({number(wanted) for wanted in architectures}, found)
        libraries = needed(binary)
        self.assertTrue(any(name.startswith("libtorch_cuda.so") for name in libraries), libraries)
        self.assertTrue(any(name.startswith("libnccl.so") for name in libraries), libraries)


# A loop of two packs in, one pack out, and after it a division that is called.
SAMPLE = """
	code for sm_90
		Function : sample
        /*0000*/                   LDG.E R9, desc[UR4][R2.64] ;                       /* 0x0 */
        /*0010*/              @!P0 BRA 0xc0 ;                                         /* 0x0 */
        /*0020*/                   LDG.E.128 R4, desc[UR4][R2.64+-0x8] ;              /* 0x0 */
        /*0030*/                   IADD3 R2, P2, PT, R2, 0x8, RZ ;                    /* 0x0 */
        /*0040*/                   LDG.E.128.CONSTANT R12, desc[UR4][R2.64] ;         /* 0x0 */
        /*0050*/               @P1 BRA 0x80 ;                                         /* 0x0 */
        /*0060*/                   FADD R6, R6, R15 ;                                 /* 0x0 */
        /*0070*/                   CALL.REL.NOINC 0xd0 ;                              /* 0x0 */
        /*0080*/                   LDG.E.128 R16, desc[UR4][R8.64] ;                  /* 0x0 */
        /*0090*/                   STG.E.128 desc[UR4][R2.64], R4 ;                   /* 0x0 */
        /*00a0*/                   BRA.U UP0, 0x20 ;                                  /* 0x0 */
        /*00b0*/                   STG.E.U16 desc[UR4][R2.64], R4 ;                   /* 0x0 */
        /*00c0*/                   EXIT ;                                             /* 0x0 */
        /*00d0*/                   RET.REL.NODEC R20 0x0 ;                            /* 0x0 */
        /*00e0*/                   BRA 0xe0;                                          /* 0x0 */
"""


def sample(*changes):
    text = SAMPLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (architecture, name, code), = sass.functions(text)
    assert (architecture, name) == (90, "sample")
    return sass.Function(code)


class Sass(unittest.TestCase):
    def test_finds_the_loop_and_what_it_moves(self):
        code = sample()
        (loop,) = code.loops
        self.assertEqual(loop.blocks, [0x20, 0x60, 0x80])
        self.assertEqual([i.kind for i in code.accesses()], ["LDG.32", "LDG.128", "LDG.128", "LDG.128", "STG.128", "STG.U16"])
        self.assertEqual(code.packs(loop), (3, 1))
        self.assertEqual(faults(code), [])

    def test_counts_loads_until_the_first_use(self):
        self.assertEqual(sample().bytes_in_flight(), 48)  # past the branch nothing is used before the third load
        never = ("@P1 BRA 0x80 ", "    FMUL R0, R7, R7 ")
        self.assertEqual(sample(never).bytes_in_flight(), 32)
        early = ("IADD3 R2, P2, PT, R2, 0x8, RZ", "FMUL R0, R7, R7")
        self.assertEqual(sample(never, early).bytes_in_flight(), 16)
        chased = ("LDG.E.128.CONSTANT R12, desc[UR4][R2.64]", "LDG.E.128.CONSTANT R12, desc[UR4][R6.64]")
        self.assertEqual(sample(never, chased).bytes_in_flight(), 16)

    def test_accuses(self):
        for old, new, fault in [
                ("LDG.E.128 R16", "LDG.E R16", "1 LDG.32 in the hot loop at 0x20"),
                ("LDG.E.128 R16", "LDG.E.U16 R16", "1 LDG.U16 in the hot loop at 0x20"),
                ("STG.E.128", "STG.E.64", "1 STG.64 in the hot loop at 0x20"),
                ("FADD R6, R6, R15", "STL [R1], R15", "STL at 0x60: local memory"),
                ("STG.E.U16 desc[UR4][R2.64], R4", "LDL.LU R4, [R1+0x8]", "LDL at 0xb0: local memory"),
                ("FADD R6, R6, R15", "ATOMG.E.ADD.F32.FTZ.RN.STRONG.GPU PT, R6, desc[UR4][R2.64], R9", "ATOMG at 0x60: an atomic"),
                ("FADD R6, R6, R15", "RED.E.ADD.F32.FTZ.RN.STRONG.GPU desc[UR4][R2.64], R9", "RED at 0x60: an atomic"),
                ("BRA 0xe0;", "LDG.E.128 R4, desc[UR4][R2.64] ;", "LDG.128 at 0xe0: in code that the reader does not reach")]:
            with self.subTest(new):
                self.assertEqual(faults(sample((old, new))), [fault])
        self.assertEqual(faults(sample(("LDG.E.128 R16", "LDG.E.64 R16")), {"LDG.64"}), [])
        self.assertEqual(faults(sample(("FADD R6, R6, R15", "REDUX.SUM UR4, R2"))), [])
        scalar = sample(*((kind, kind.replace(".128", ".64")) for kind in ("LDG.E.128", "STG.E.128")))
        self.assertEqual(len(faults(scalar)), 2)
        self.assertEqual(faults(scalar, elements=True), [])
        scalar.pack = 64
        self.assertEqual((faults(scalar), scalar.bytes_in_flight()), ([], 24))
        with self.assertRaises(ValueError):
            sample(("BRA.U UP0, 0x20", "BRX R4 -0x20"))

    def test_tells_loops_in_loops_and_loops_with_two_entries(self):
        outer = sample(("STG.E.U16 desc[UR4][R2.64], R4", "@P3 BRA 0x0"))
        self.assertEqual([(loop.blocks[0], loop.depth) for loop in outer.loops], [(0, 0), (0x20, 1)])
        self.assertEqual([i.kind for i in outer.accesses(outer.loops[0].own)], ["LDG.32"])
        wide = sample(("STG.E.U16 desc[UR4][R2.64], R4", "@P3 BRA 0x0"), ("LDG.E R9", "LDG.E.128 R24"))
        self.assertEqual((wide.bytes_in_flight(), wide.bytes_in_flight(outermost=True)), (48, 16))
        left = sample(("BRA.U UP0, 0x20", "@P3 CALL.REL.NOINC 0xc0"), ("STG.E.U16 desc[UR4][R2.64], R4", "BRA 0x20"))
        self.assertEqual([loop.blocks for loop in left.loops], [[0x20, 0x60, 0x80, 0xb0]])
        jump = sample(("@!P0 BRA 0xc0", "@!P0 BRA 0x80"))
        self.assertEqual([loop.blocks for loop in jump.loops], [[0x20, 0x60, 0x80]])

    def test_leaves_remainders_out(self):
        def least(*shapes):
            lines = []
            for loads, stores in shapes:
                start = 16 * len(lines)
                lines += [f"LDG.E.128 R{4 * n + 4}, [R2.64]" for n in range(loads)] + stores * ["STG.E.128 [R2.64], R4"]
                lines += [f"BRA.U UP0, {start:#x}"]
            listing = "\n".join(f"/*{16 * n:04x}*/  {line} ;" for n, line in enumerate([*lines, "EXIT"]))
            (_, _, code), = sass.functions("Function : f\n" + listing)
            return sass.Function(code).bytes_in_flight() // 16
        self.assertEqual(least((4, 0), (1, 0)), 4)
        self.assertEqual(least((2, 1), (8, 4)), 8)
        self.assertEqual(least((4, 0), (1, 1)), 1)
        self.assertEqual(least((4, 0), (3, 1), (1, 0)), 1)
        self.assertEqual(least((4, 0), (4, 0)), 4)

    def test_fills_an_sm(self):
        for architecture, block, registers, shared, resident in [
                (80, 256, 32, 0, 2048), (80, 256, 33, 0, 1536), (90, 128, 40, 0, 1536), (90, 256, 64, 0, 1024),
                (100, 256, 255, 0, 256), (100, 32, 16, 0, 1024), (80, 256, 32, 40 * 1024, 1024), (90, 256, 32, 40 * 1024, 1280)]:
            self.assertEqual(sass.resident_threads(architecture, block, registers, shared), resident, (registers, shared))


class MachineCode(unittest.TestCase):
    def test_every_kernel_keeps_everything_in_registers(self):
        self.assertEqual({(k.name, k.architecture) for k in kernels()},
                         {(name, number(wanted)) for name in bodies() for wanted in architectures})
        for kernel in kernels():
            with self.subTest(str(kernel)):
                self.assertEqual((kernel.resources["STACK"], kernel.resources["LOCAL"]), (0, 0))

    def test_hot_loops_move_packs(self):
        used, elements, half = set(), set(), set()
        for kernel in kernels():
            hot = kernel.code.hot_loops()
            half |= {kernel.name for loop in hot for i in kernel.code.accesses(loop.own) if kernel.aligned and i.width == 64}
            kinds = {i.kind for loop in hot for i in kernel.code.accesses(loop.own) if i.width < kernel.code.pack}
            if kernel.name in SCALAR or not kernel.aligned:
                found = faults(kernel.code, kinds)
            else:
                used |= {(kernel.name, kind) for kind in kinds}
                elements |= {kernel.name for loop in hot if kernel.code.packs(loop) == (0, 0) and kernel.code.accesses(loop.own)}
                found = faults(kernel.code, NARROW.get(kernel.name, ()), kernel.name in ELEMENTS)
            with self.subTest(str(kernel)):
                self.assertFalse(found, "; ".join(found))
        allowed = {(name, kind) for name, kinds in NARROW.items() for kind in kinds}
        self.assertLessEqual(allowed, used, "NARROW allows what no kernel does")
        self.assertLessEqual(HALF.keys(), half, "HALF names a kernel without such packs")
        self.assertLessEqual(ELEMENTS.keys(), elements, "ELEMENTS names a kernel without such loops")

    def test_enough_bytes_are_in_flight(self):
        for kernel in kernels():
            with self.subTest(str(kernel)):
                if kernel.name in SCALAR:
                    self.assertEqual(kernel.in_flight, 0, "SCALAR names a kernel that streams")
                elif kernel.aligned:
                    self.assertGreaterEqual(kernel.in_flight, LEAST_IN_FLIGHT, kernel.in_flight_as)

    def test_the_readme_says_so(self):
        text = pathlib.Path("kernels/README.md").read_text()
        told = re.search(r"nvcc (\d+\.\d+)", text)[1]
        if not version.startswith(told + "."):
            self.skipTest(f"kernels/README.md tells of nvcc {told}, this is {version}")
        self.assertTrue(table() in text, "kernels/README.md, On the device, should have\n" + table())


if __name__ == "__main__":
    if sys.argv[1] != "ON":
        print("skipped: this build has no device code (BSFT_CUDA is OFF, or no CUDA toolkit was found)")
        sys.exit(77)
    object_file, architectures, nvcc, version = sys.argv[2], sys.argv[3].split(","), sys.argv[4], sys.argv[5]
    unittest.main(argv=sys.argv[:1])

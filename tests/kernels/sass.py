"""SASS as `cuobjdump -sass` prints it: instructions, loops, and what the loops ask of global memory.

A loop is a strongly connected part of the flow of control; the loops inside it are those that stay when its entry is
taken out.  So a jump into a loop's middle (divergent warps make such) hides no loop.  A call may go or not: divisions are
called and return, but sm_80's code also leaves loops by a call that never does.
"""
import re
from dataclasses import dataclass, field

LINE = re.compile(r"\s*/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z]\w*)((?:\.\w+)*)\s*([^;]*?)\s*;")
WIDTHS = {"U8": 8, "S8": 8, "U16": 16, "S16": 16, "64": 64, "128": 128, "256": 256}
LOADS, STORES = {"LDG", "LD", "LDGSTS"}, {"STG", "ST"}
LOCAL = {"LDL", "STL"}
ATOMIC = re.compile(r"(ATOM|RED)(G|S|AS)?$")
JUMPS = {"BRA", "CALL", "EXIT", "RET"}
UNKNOWN = {"BRX", "BRXU", "JMP", "JMX", "JMXU"}  # jumps to computed addresses: none is expected


@dataclass(frozen=True)
class Instruction:
    address: int
    guard: str
    name: str
    modifiers: tuple
    operands: str

    @property
    def width(self):
        """Bits a thread moves."""
        return next((WIDTHS[m] for m in self.modifiers if m in WIDTHS), 32)

    @property
    def kind(self):
        """What a table of accesses calls it: LDG.128, STG.U16, LDG.32."""
        return f"{self.name}.{'U' if self.width < 32 else ''}{self.width}"

    @property
    def registers(self):
        return {int(n) for n in re.findall(r"\bR(\d+)", self.operands)}

    @property
    def loaded(self):
        """The registers that a load fills."""
        first = int(re.match(r"R(\d+)", self.operands)[1])
        return frozenset(range(first, first + self.width // 32))


@dataclass
class Loop:
    blocks: list  # addresses
    depth: int
    inner: list
    own: list = field(default_factory=list)  # blocks of no inner loop


def functions(listing):
    """(architecture, mangled name, [Instruction]) of every function of a listing."""
    architecture = name = code = None
    for line in listing.splitlines():
        if match := re.match(r"\s*code for sm_(\d+)", line):
            architecture = int(match[1])
        elif match := re.match(r"\s*Function : (\S+)", line):
            if code is not None:
                yield owner, name, code
            owner, name, code = architecture, match[1], []
        elif code is not None and (match := LINE.match(line)):
            code.append(Instruction(int(match[1], 16), match[2] or "", match[3], tuple(match[4].split(".")[1:]), match[5]))
    if code is not None:
        yield owner, name, code


class Function:
    """pack: the bits from which on an access is one of a pack, not of an element."""

    def __init__(self, code, pack=128):
        self.code, self.pack = code, pack
        self.blocks, self.next = flow(code)
        reached, todo = set(), [code[0].address]
        while todo:
            block = todo.pop()
            if block not in reached:
                reached.add(block)
                todo += self.next[block]
        self.reached = reached
        self.loops = list(self._loops(reached, 0))

    def accesses(self, blocks=None):
        """Global loads and stores, of these blocks or of all the code."""
        code = self.code if blocks is None else [i for block in blocks for i in self.blocks[block]]
        return [i for i in code if i.name in LOADS | STORES]

    def hot_loops(self):
        """Those that hold no other loop, or move packs beside the loops they hold."""
        return [loop for loop in self.loops if not loop.inner or self.packs(loop) != (0, 0)]

    def packs(self, loop):
        """Loads and stores of packs in an iteration, the loops inside apart."""
        wide = [i.name in LOADS for i in self.accesses(loop.own) if i.width >= self.pack]
        return sum(wide), len(wide) - sum(wide)

    def in_flight(self, loop):
        """The most bytes of packs that a pass through the loop asks for before it needs what one of the loads brings."""
        own, entry, most, seen = set(loop.own), min(loop.blocks), 0, set()
        todo = [(block, frozenset()) for block in own]
        while todo:
            block, pending = todo.pop()
            if (block, pending) in seen:
                continue
            seen.add((block, pending))
            for i in self.blocks[block]:
                if any(i.registers & registers for registers in pending):
                    pending = frozenset()
                if i.name in LOADS and i.width >= self.pack:
                    pending |= {i.loaded}
                    most = max(most, 4 * sum(map(len, pending)))
            todo += [(after, pending) for after in self.next[block] if after in own and after != entry]
        return most

    def phases(self, outermost=False):
        """Loops that stream packs in: the innermost of a nest, or the outermost."""
        def streams(loops):
            for loop in without_remainders(loops):
                own, inside = [loop] if self.packs(loop)[0] else [], list(streams(loop.inner))
                yield from own or inside if outermost else inside or own

        def without_remainders(loops):
            """A remainder's loop does a whole fraction of its neighbour's work; neither holds a loop."""
            plain = sorted((loop for loop in loops if self.packs(loop)[0] and not loop.inner), key=lambda loop: loop.blocks[0])
            work = [self.packs(loop) for loop in plain]
            rest = [loop for n, loop in enumerate(plain)
                    if any(is_remainder(work[n], whole) for whole in work[max(n - 1, 0):n + 2])]
            return [loop for loop in loops if loop not in rest]

        return list(streams([loop for loop in self.loops if loop.depth == 0]))

    def bytes_in_flight(self, outermost=False):
        """The least of all phases."""
        return min(map(self.in_flight, self.phases(outermost)), default=0)

    def _loops(self, blocks, depth):
        for part in cycles(blocks, self.next):
            outside = [b for b in self.reached - part if set(self.next[b]) & part]
            entry = min((after for b in outside for after in self.next[b] if after in part), default=min(part))
            inside = list(self._loops(part - {entry}, depth + 1))
            loop = Loop(sorted(part), depth, [other for other in inside if other.depth == depth + 1])
            loop.own = sorted(part - {b for other in inside for b in other.blocks})
            yield loop
            yield from inside


def is_remainder(work, whole):
    loads, stores = work
    times = whole[0] // loads
    return times > 1 and whole == (times * loads, times * stores)


def flow(code):
    """Basic blocks by their first address, and where each goes on."""
    target = {}
    for i in code:
        if i.name in UNKNOWN:
            raise ValueError(f"{i.name} at {i.address:#x}: a jump to a computed address")
        if i.name in ("BRA", "CALL"):
            target[i.address] = int(re.search(r"0x([0-9a-f]+)$", i.operands)[1], 16)
    starts = {code[0].address, *target.values()}
    starts |= {after.address for i, after in zip(code, code[1:]) if i.name in JUMPS}
    blocks, following = {}, {}
    for i, after in zip(code, code[1:] + [None]):
        if i.address in starts:
            block = blocks[i.address] = []
            first = i.address
            following[first] = []
        block.append(i)
        ends = not i.guard and (i.name in ("EXIT", "RET") or i.name == "BRA" and re.fullmatch(r"0x[0-9a-f]+", i.operands))
        if i.address in target:
            following[first].append(target[i.address])
        if after and after.address in starts and not ends:
            following[first].append(after.address)
    return blocks, following


def cycles(blocks, following):
    """The strongly connected parts of a graph that hold a cycle (Tarjan 1972, without recursion)."""
    order, low, stack, parts = {}, {}, [], []
    for root in sorted(blocks):
        work = [(root, None)] if root not in order else []
        while work:
            block, after = work.pop()
            if after is None:
                order[block] = low[block] = len(order)
                stack.append(block)
                after = iter([n for n in following[block] if n in blocks])
            for n in after:
                if n not in order:
                    work += [(block, after), (n, None)]
                    break
                if n in stack:
                    low[block] = min(low[block], low[n])
            else:
                if low[block] == order[block]:
                    part = {*stack[stack.index(block):]}
                    del stack[stack.index(block):]
                    if len(part) > 1 or block in following[block]:
                        parts.append(part)
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[block])
    return parts


# KiB of shared memory an SM (CUDA C++ Programming Guide, technical specifications by compute capability).
# Registers go to warps by 256, the SM's quarters apart; shared memory by 128 bytes, and 1 KiB to every block.
SHARED = {80: 164, 90: 228, 100: 228}


def resident_threads(architecture, threads, registers, shared):
    """Threads that an SM holds at once; 2,048, 32 blocks and 65,536 registers at most."""
    warps = -(-threads // 32)
    by_registers = 65536 // 4 // (-(-registers * 32 // 256) * 256) * 4 // warps
    by_shared = SHARED[architecture] * 1024 // (-(-shared // 128) * 128 + 1024)
    return threads * min(32, 64 // warps, by_registers, by_shared)

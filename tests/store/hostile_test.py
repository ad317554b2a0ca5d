"""Files that a stranger made with h5py, and things that are no files: bsft refuses each with one line and exit code 65."""

import os
import pathlib
import shutil
import sys
import tempfile
import unittest
import zlib

import h5py
import numpy

from program import TINY, bsft, record, write


def fletcher32(data):
    low = high = 0
    for at in range(0, len(data), 2):
        low = (low + (data[at] << 8) + (data[at + 1] if at + 1 < len(data) else 0)) % 65535 or 65535
        high = (high + low) % 65535 or 65535
    return (high << 16 | low).to_bytes(4, "little")


def plain(file, name, size, kind, chunk, **more):
    """A dataset as bsft makes it, of which no chunk is written."""
    del file[name]
    return file.create_dataset(name, (size,), kind, chunks=(chunk,), fletcher32=True, track_times=False, **more)


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.folder = pathlib.Path(cls.holder.name)
        cls.good = cls.folder / "good.h5"
        records = write(cls.folder / "r.jsonl", [record(n) for n in range(6)])
        done = bsft("data", "build", "--records", records, "--model", TINY, "--out", cls.good)
        assert done.returncode == 0, done.stderr

    def refused(self, path, *says):
        done = bsft("data", "audit", path)
        self.assertEqual(done.returncode, 65, (path.name, done.returncode, done.stderr))
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("bsft: error: ") and str(path) in lines[0], lines[0])
        for part in says:
            self.assertIn(part, lines[0])

    def made(self, change, *says, libver="v110"):
        path = self.folder / "x.h5"
        shutil.copy(self.good, path)
        with h5py.File(path, "r+", libver=(libver, libver)) as file:
            change(file)
        self.refused(path, *says)

    def test_the_good_file_is_good(self):
        self.assertEqual(bsft("data", "audit", self.good).returncode, 0)

    def test_links(self):
        def loop(file):
            file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")

        def instead(link):
            def change(file):
                del file["tokens"]
                file["tokens"] = link
            return change

        out = "leads out of the file's own tree"
        self.made(instead(h5py.ExternalLink("/etc/passwd", "/tokens")), "link tokens " + out)
        self.made(instead(h5py.SoftLink("/weights")), "link tokens " + out)
        self.made(loop, "link a " + out)
        self.made(lambda f: f["records"].__setitem__("up", f["/"]), "object records/up is not a dataset")
        self.made(lambda f: [f.create_group(f"g{i}") for i in range(300)], "more than 256 objects")

    def test_storage(self):
        def elsewhere(file):
            del file["tokens"]
            file.create_dataset("tokens", (8,), "<i4", external=[("/etc/passwd", 0, 32)])

        def virtual(file):
            layout = h5py.VirtualLayout((8,), "<i4")
            layout[:] = h5py.VirtualSource("/etc/passwd", "x", (8,))
            del file["tokens"]
            file.create_virtual_dataset("tokens", layout)

        def contiguous(file):
            del file["tokens"]
            file["tokens"] = numpy.zeros(8, "<i4")

        for change in (elsewhere, virtual, contiguous):
            self.made(change, "dataset tokens (not stored in chunks of the file itself)")

    def test_sizes(self):
        self.made(lambda f: plain(f, "tokens", 1 << 41, "<i4", 1 << 14), "dataset tokens (2199023255552 elements in a file of")
        self.made(lambda f: plain(f, "tokens", 1 << 25, "<i4", 1 << 25), "dataset tokens (chunks over 64 MiB)")
        self.made(lambda f: plain(f, "tokens", 100, "<i4", 100, maxshape=(None,)), "dataset tokens (its size may grow)")
        self.made(lambda f: plain(f, "tokens", 100, "<i4", 100), "dataset tokens, chunk 0 (it is missing, lies outside")

    def test_types(self):
        def of(kind):
            def change(file):
                del file["tokens"]
                file.create_dataset("tokens", (8,), kind, chunks=(8,))
            return change

        def committed(file):
            file["kind"] = numpy.dtype("<i4")
            del file["tokens"]
            file.create_dataset("tokens", (8,), file["kind"], chunks=(8,), fletcher32=True)
            del file["kind"]

        for kind in (h5py.vlen_dtype("<i4"), h5py.string_dtype(), h5py.ref_dtype, numpy.dtype([("a", "<i4")]), ">i4", "<i8", "<f4"):
            self.made(of(kind), "dataset tokens (not of the type that the format names)")
        self.made(committed, "dataset tokens (its type is an object of its own)")
        self.made(lambda f: f.__setitem__("kind", numpy.dtype("<i4")), "object kind is not a dataset")

    def test_filters(self):
        def lzf(file):
            del file["tokens"]
            file.create_dataset("tokens", data=numpy.zeros(8, "<i4"), chunks=(8,), compression="lzf", fletcher32=True)

        def no_checksum(file):
            del file["tokens"]
            file.create_dataset("tokens", data=numpy.zeros(8, "<i4"), chunks=(8,), compression="gzip")

        self.made(lzf, "dataset tokens (filter 32000 is not shuffle, deflate or fletcher32)")
        self.made(no_checksum, "dataset tokens (no Fletcher32 checksums)")

    def test_streams_of_another_length(self):
        """Under right checksums; HDF5 1.10.8 itself crashes on the short one."""
        def inflating_to(stored, skipped=0):
            def change(file):
                data = plain(file, "chunk_hashes", 1 << 20, "<u8", 1 << 20, compression="gzip")
                data.id.write_direct_chunk((0,), stored + fletcher32(stored), skipped)
            return change

        inflates = "dataset chunk_hashes, chunk 0 (it does not inflate to a chunk)"
        self.made(inflating_to(zlib.compress(b"0123456789")), inflates)
        self.made(inflating_to(zlib.compress(bytes(9 << 20))), inflates)
        self.made(inflating_to(zlib.compress(bytes(8 << 20))[:-4]), inflates)
        self.made(inflating_to(zlib.compress(bytes(8 << 20)) + b"more"), inflates)
        self.made(inflating_to(zlib.compress(b"0123456789"), 1), "chunk 0 (it is missing, lies outside the file, or is not stored")

    def test_a_bomb(self):
        """3 GiB of zeros under a ratio that is allowed: the child meets its limit, bsft does not."""
        def change(file):
            data = plain(file, "chunk_hashes", 48 << 23, "<u8", 1 << 23, compression="gzip")
            stored = zlib.compress(bytes(64 << 20), 1)
            stored += fletcher32(stored)
            for i in range(48):
                data.id.write_direct_chunk((i << 23,), stored)

        self.made(change, "x.h5 (it takes more than 2048 MiB of memory)")

    def test_earlier_formats(self):
        self.made(lambda f: f.__delitem__("chunk_hashes"), "format version 1, without hashes of its chunks; this program reads 2")
        path = self.folder / "old.h5"
        with h5py.File(path, "w", libver="earliest") as file:
            file["tokens"] = numpy.zeros(8, "<i4")
        self.refused(path, "its links are not stored in its header")

    def test_no_files(self):
        link, pipe = self.folder / "link.h5", self.folder / "pipe.h5"
        link.symlink_to(self.good)
        os.mkfifo(pipe)
        self.refused(link, "(a symbolic link) name the file itself")
        self.refused(pipe, "(not a regular file)")
        self.refused(self.folder, "(not a regular file)")
        self.refused(pathlib.Path("/dev/zero"), "(not a regular file)")


if __name__ == "__main__":
    bsft("--version")  # skips where there is no program
    sys.exit(unittest.main(verbosity=0))

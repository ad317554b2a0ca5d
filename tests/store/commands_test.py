"""bsft data build, audit and inspect from outside: tables, exit codes, and the one line of every refusal."""

import pathlib
import sys
import tempfile
import unittest

from program import BSFT, TINY, bsft, record, write

FAULTY = BSFT.parent / "tests/write_faulty"


class Commands(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.addCleanup(self.holder.cleanup)
        self.folder = pathlib.Path(self.holder.name)
        self.out = self.folder / "a.h5"

    def build(self, records, *words):
        source = write(self.folder / "r.jsonl", records)
        return bsft("data", "build", "--records", source, "--model", TINY, "--out", self.out, *words)

    def expect_refused(self, done, code, *says):
        """One line a finding, in this order, and nothing written."""
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("bsft: error: ")]
        self.assertEqual(len(lines), len(says), done.stderr)
        for line, expected in zip(lines, says):
            self.assertIn(expected, line)
        self.assertFalse(self.out.exists())
        self.assertEqual([p.name for p in self.folder.iterdir() if ".tmp" in p.name], [])

    def test_build_audit_inspect(self):
        done = self.build([record(n) for n in range(12)])
        self.assertEqual(done.returncode, 0, done.stderr)
        head = done.stdout.splitlines()[0].split()
        self.assertEqual(head[:4], ["task", "behaviour", "split", "records"])
        self.assertIn("12 records", done.stdout)
        self.assertIn("audit passed", done.stdout)
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)
        audit = bsft("data", "audit", self.out)
        self.assertEqual(audit.returncode, 0, audit.stderr)
        table = [line for line in done.stdout.splitlines() if line.startswith(("dose_limit", "all"))]
        self.assertEqual(table, [line for line in audit.stdout.splitlines() if line.startswith(("dose_limit", "all"))])
        self.assertEqual([line.split()[2:4] for line in table[:3]], [["train", "4"], ["dev", "4"], ["test", "4"]])

        plain = bsft("data", "inspect", self.out, "--split", "test", "--count", "1").stdout
        self.assertNotIn("\x1b", plain)
        self.assertIn("r4  case c2  twin t2  task dose_limit", plain)
        self.assertIn("{<|proactive|>}[", plain)
        self.assertIn("[<|im_end|>]", plain)
        self.assertIn("Heparin 漢字 😀<|im_end|>", plain)
        color = bsft("data", "inspect", self.out, "--color", "always", "--task", "dose_limit").stdout
        self.assertIn("\x1b[1;7;35m<|proactive|>\x1b[0m\x1b[32mFLAG: too much<|im_end|>\x1b[0m", color)
        self.assertEqual(color.count("record "), 3)

    def test_refuses_words(self):
        for words, says in ((("--overlong", "cut"), "--overlong cut (not a choice) use error or drop"),
                            (("--max-length", "3"), "--max-length 3 (less than 4)"),
                            (("--max-length", "x"), "--max-length x (not a number)"),
                            (("--max-length", "9999999"), "the model has 2048 positions")):
            self.expect_refused(self.build([record(0)], *words), 64, says)
        self.expect_refused(self.build([record(0)], "--template", "alpaca"), 78, "alpaca (no such family) use auto, chatml")
        self.expect_refused(self.build([record(0)], "--behaviors", "none.yaml"), 65, "none.yaml")
        missing = bsft("data", "build", "--records", "none.jsonl", "--model", TINY, "--out", self.out)
        self.expect_refused(missing, 65, "cannot open none.jsonl (No such file or directory)")
        nowhere = bsft("data", "build", "--records", write(self.folder / "r.jsonl", [record(0)]), "--model", self.folder, "--out", self.out)
        self.expect_refused(nowhere, 65, f"no config.json in {self.folder}")

    def test_refuses_bad_lines(self):
        done = self.build([record(0), "{", record(1, level=9), record(2, response="no"), record(0)])
        self.expect_refused(done, 65, "r.jsonl:2 (not JSON at byte", 'r.jsonl:3: "level" (9) use 0 to 5',
                            'r.jsonl:4: "response" (does not begin with its label "FLAG")', 'r.jsonl:5: "id" ("r0" is in line 1 as well)')

    def test_refuses_splits_that_leak(self):
        self.expect_refused(self.build([record(0), record(1, split="test", twin_id=None)]), 65,
                            'r.jsonl:2: case "c0" crosses splits (test here, train at')
        self.expect_refused(self.build([record(0), record(1, split="test", case_id="other")]), 65,
                            'r.jsonl:2: twin "t0" crosses splits (test here, train at')
        done = self.build([record(n, split=["train", "test"][n % 2], twin_id=None) for n in range(60)])
        self.expect_refused(done, 65, *["crosses splits"] * 20, "… and 10 more")

    def test_refuses_what_would_be_cut(self):
        self.expect_refused(self.build([record(0), record(1)], "--max-length", "40"), 65,
                            'r.jsonl:1: "r0": over-long: ', 'r.jsonl:2: "r1": over-long: ')
        done = self.build([record(0), record(1, turns=None, prompt="Why?", labels=["FLAG", "PROCEED"])], "--max-length", "40", "--overlong", "drop")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 over-long records are left out", done.stderr)
        self.assertEqual(done.stdout.splitlines()[1].split()[-1], "1")

    def test_warns_of_literal_tokens(self):
        done = self.build([record(0, turns=None, prompt="What does <|proactive|> do?")])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: 1 records hold a behaviour token's text", done.stderr)

    def test_audit_refuses_every_fault(self):
        faults = bsft(program=FAULTY).stdout.splitlines()
        self.assertGreater(len(faults), 10)
        for name, says in (line.split("\t") for line in faults):
            with self.subTest(name):
                path = self.folder / "faulty.h5"
                path.unlink(missing_ok=True)
                self.assertEqual(bsft(name, path, program=FAULTY).returncode, 0)
                done = bsft("data", "audit", path)
                self.assertIn("audit FAILED: 1 findings", done.stdout)
                self.expect_refused(done, 65, says)
                self.assertIn(f'{path}: record 3: "r3": ', done.stderr)

    def test_audit_refuses_changed_files(self):
        import h5py  # here, so that the other tests run without it

        def changed(change):
            self.out.unlink(missing_ok=True)
            self.assertEqual(self.build([record(n) for n in range(6)]).returncode, 0)
            path = self.out.rename(self.folder / "changed.h5")
            with h5py.File(path, "r+") as file:
                change(file)
            return bsft("data", "audit", path)

        def replace(file, name, index, value):
            file[name][index] = value

        def certificate(file):
            text = bytes(file["certificate"][:]).replace(b'"passed":true', b'"passed":null')
            file["certificate"][:] = list(text)

        def everything(file):
            for name in ("tokens", "weights", "text"):
                file[name][0] += 1

        hash_of = "its hash is not that of what was written"
        self.expect_refused(changed(lambda f: replace(f, "tokens", 3, 7)), 65, f"dataset tokens, chunk 0, records 0 to 5 ({hash_of})")
        self.expect_refused(changed(lambda f: replace(f, "weights", 3, 1)), 65, f"dataset weights, chunk 0, records 0 to 5 ({hash_of})")
        self.expect_refused(changed(lambda f: replace(f, "text", 9, 65)), 65, f"dataset text, chunk 0, records 0 to 5 ({hash_of})")
        self.expect_refused(changed(everything), 65, "dataset tokens,", "dataset weights,", "dataset text,")
        self.expect_refused(changed(lambda f: replace(f, "records/level", 0, 5)), 65, f"dataset records/level, chunk 0, records 0 to 5 ({hash_of})")
        self.expect_refused(changed(certificate), 65, f"dataset certificate, chunk 0, all records ({hash_of})")
        self.expect_refused(changed(lambda f: f.__delitem__("certificate")), 65, "dataset chunk_hashes (it is not of these datasets)")
        self.expect_refused(changed(lambda f: replace(f, "chunk_hashes", 3, 1)), 65, "dataset chunk_hashes (it is not of these datasets)")
        self.expect_refused(changed(lambda f: f.__delitem__("chunk_hashes")), 65, "format version 1, without hashes of its chunks; this program reads 2) build it again")
        self.expect_refused(changed(lambda f: f.__delitem__("weights")), 65, "dataset weights is missing")
        self.expect_refused(changed(lambda f: f.create_dataset("extra", data=[1])), 65, "dataset extra is not of the format")
        self.expect_refused(changed(lambda f: f.__setitem__("extra", h5py.ExternalLink("other.h5", "/x"))), 65, "link extra leads out")

    def test_inspect_refuses(self):
        self.assertEqual(self.build([record(0)]).returncode, 0)
        path = self.out.rename(self.folder / "b.h5")
        self.expect_refused(bsft("data", "inspect", path, "--task", "dose_limits"), 64, "not a task of this file) did you mean dose_limit?")
        self.expect_refused(bsft("data", "inspect", path, "--split", "valid"), 64, "use train, dev or test")
        self.expect_refused(bsft("data", "inspect", path, "--split", "dev"), 65, "no such records")
        self.expect_refused(bsft("data", "inspect", path, "--color", "maybe"), 64, "use auto, always or never")
        self.expect_refused(bsft("data", "inspect", self.folder / "none.h5"), 65, "no such file")
        self.expect_refused(bsft("data", "audit", self.folder / "r.jsonl"), 65, "not an HDF5 file")


if __name__ == "__main__":
    bsft("--version")  # skips where there is no program
    sys.exit(unittest.main(verbosity=0))

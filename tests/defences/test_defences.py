"""docs/defences.md, held to: every row is there, every test exists, passes with its defence and fails without it; what is shipped has no switch.

SALLYPORT_SWITCHES_BUILD is the build folder whose tests have the switches (the preset asan), SALLYPORT_BUILD the one of the program that is shipped (the
preset release).
"""
import collections
import concurrent.futures
import functools
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "defences.md"
SWITCHES = pathlib.Path(os.environ.get("SALLYPORT_SWITCHES_BUILD", ROOT / "build" / "asan")).resolve()
SHIPPED = pathlib.Path(os.environ.get("SALLYPORT_BUILD", ROOT / "build")).resolve() / "sallyport"
VARIABLE = "SALLYPORT_WITHOUT"
ROWS = [f"{letter}{number:02}" for letter, last in (("H", 28), ("P", 16), ("O", 20)) for number in range(1, last + 1)]
AT_ONCE = 2
# Seconds. With its defence a test that is not over by then has failed; without it, it hangs, which is a way to fail as well.
LIMIT, LIMIT_WITHOUT = 90.0, 20.0

Line = collections.namedtuple("Line", "row attack does setting test switch")
Run = collections.namedtuple("Run", "ended seconds output")  # ended: passed, failed, crashed or hung


def lines_of(text):
    """The lines of all tables in the text."""
    lines = []
    for raw in text.splitlines():
        if not raw.startswith("|"):
            continue
        cells = [cell.strip() for cell in raw.strip().strip("|").split("|")]
        if cells[0] == "row" or set(cells[0]) <= set("- "):
            continue
        if len(cells) != len(Line._fields):
            raise ValueError(f"{len(cells)} cells: {raw}")
        lines.append(Line(*cells))
    return lines


def program_and_case(test):
    program, _, case = test.partition(": ")
    return SWITCHES / "tests" / program, case


@functools.lru_cache(maxsize=None)
def cases_of(program):
    """Every case of a test program, as suite/case, from Boost.Test's own list."""
    listed = subprocess.run([program, "--list_content"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT, check=True).stdout
    lines = [line for line in listed.splitlines() if line.strip()]
    depths = [(len(line) - len(line.lstrip())) // 4 for line in lines] + [0]
    path, cases = [], set()
    for at, line in enumerate(lines):
        path[depths[at]:] = [line.partition(":")[0].strip().rstrip("*")]
        if depths[at + 1] <= depths[at]:
            cases.add("/".join(path))
    return cases


def exists(test):
    if test.startswith("e2e: "):
        file, _, name = test.removeprefix("e2e: ").partition("::")
        path = ROOT / "tests" / "e2e" / file
        return path.exists() and re.search(rf"^def {re.escape(name)}\(", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    program, case = program_and_case(test)
    return program.exists() and case in cases_of(program)


def run(test, without=None):
    program, case = program_and_case(test)
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if without:
        environment[VARIABLE] = without
    limit = LIMIT_WITHOUT if without else LIMIT
    began = time.monotonic()
    try:
        done = subprocess.run([program, f"--run_test={case}", "--color_output=no", "--log_level=test_suite"], env=environment, cwd=ROOT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", timeout=limit, check=False)
    except subprocess.TimeoutExpired as late:
        return Run("hung", limit, (late.stdout or b"").decode(errors="replace"))
    name = case.rpartition("/")[2]
    if done.returncode == 0:
        ended = "passed" if f'Entering test case "{name}"' in done.stdout else "matched no case"
    else:
        # 200 and 201 are Boost.Test's own; anything else is a signal or the sanitizer's word.
        ended = "failed" if done.returncode in (200, 201) else "crashed"
    return Run(ended, time.monotonic() - began, done.stdout)


def all_at_once(function, over, at_once):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(function, over))


def switches_in_sources():
    found = set()
    for folder in ("src", "include"):
        for path in sorted((ROOT / folder).rglob("*.[ch]pp")):
            for code in path.read_text(encoding="utf-8").splitlines():
                found.update(re.findall(r'core::defended\("([^"]*)"\)', code.partition("//")[0]))
    return found


def judge_once(lines, at_once):
    tests = sorted({line.test for line in lines})
    whole = dict(zip(tests, all_at_once(run, tests, at_once)))
    bare = all_at_once(lambda line: run(line.test, line.switch), lines, at_once)
    return [(line, whole[line.test], without) for line, without in zip(lines, bare)]


def complaint(line, with_it, without):
    """What is wrong with this line; None: nothing is."""
    if with_it.ended != "passed":
        return f"{line.row}: {line.test} {with_it.ended} with its defence:\n{with_it.output[-2000:]}"
    if without.ended not in ("failed", "crashed", "hung"):
        return f"{line.row}: {line.test} {without.ended} without its defence: {VARIABLE}={line.switch} does nothing that it sees"
    return None


def judge(lines):
    """What is wrong with these lines, and a word on how each of them ran, with its defence and without it.

    What is wrong beside another test is judged once more, with the machine for itself: the tests as they are run in their rooms bear no second try.
    """
    judged = judge_once(lines, AT_ONCE)
    again = {line.row: (line, *runs) for line, *runs in judge_once([one[0] for one in judged if complaint(*one)], 1)}
    complaints, told = [], []
    for one in judged:
        line, with_it, without = again.get(one[0].row, one)
        word = " at the second try" if line.row in again else ""
        told.append(f"{line.row:5} {with_it.ended} in {with_it.seconds:.1f} s, {without.ended} in {without.seconds:.1f} s without it{word}: {line.test}")
        complaints += filter(None, [complaint(line, with_it, without)])
    return complaints, told


class Defences(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.lines = lines_of(TABLE.read_text(encoding="utf-8"))
        cls.switched = [line for line in cls.lines if line.switch != "-"]
        if not (SWITCHES / "tests").is_dir():
            raise RuntimeError(f"{SWITCHES}/tests is missing: ./dev build asan makes it, or set SALLYPORT_SWITCHES_BUILD")

    def test_every_row_is_there_and_every_line_is_whole(self):
        self.assertEqual(sorted({line.row[:3] for line in self.lines}), sorted(ROWS))
        self.assertEqual([row for row, n in collections.Counter(line.row for line in self.lines).items() if n > 1], [])
        for line in self.lines:
            with self.subTest(line.row):
                self.assertRegex(line.row, r"^[HPO][0-9]{2}[a-z]?$")
                self.assertTrue(all(line), "an empty cell")
                self.assertIn(line.switch, (line.row, "-"))
                if line.test == "-":
                    self.assertEqual(line.switch, "-")
                    self.assertTrue(line.does.startswith("not built: "), "a line without a test has to say that it is not built")

    def test_every_named_test_exists(self):
        self.assertEqual([f"{line.row}: {line.test}" for line in self.lines if line.test != "-" and not exists(line.test)], [])

    def test_every_switch_is_in_the_sources_and_in_the_table(self):
        self.assertEqual(sorted(switches_in_sources()), sorted(line.switch for line in self.switched))

    def test_each_test_passes_with_its_defence_and_fails_without_it(self):
        self.assertGreater(len(self.switched), 0)
        complaints, told = judge(self.switched)
        print("\n" + "\n".join(complaints + told))
        self.assertEqual(complaints, [], "\n".join(complaints))

    def test_a_switch_that_takes_nothing_out_is_found(self):
        line = self.switched[0]._replace(switch="NONE")
        complaints, _ = judge([line])
        self.assertEqual(complaints, [f"{line.row}: {line.test} passed without its defence: SALLYPORT_WITHOUT=NONE does nothing that it sees"])

    def test_a_case_that_is_not_there_is_no_test_that_passes(self):
        program = self.switched[0].test.partition(": ")[0]
        self.assertNotEqual(run(f"{program}: no_such_suite/no_such_case").ended, "passed")

    def test_the_program_that_is_shipped_has_no_switch(self):
        def names_in(path):
            # Where texts are: the addresses elsewhere may spell anything. One of 0x313050 is P01.
            with tempfile.TemporaryDirectory() as folder:
                texts = pathlib.Path(folder) / "texts"
                subprocess.run(["objcopy", "-O", "binary", "--only-section=.rodata", path, texts], check=True)
                content = texts.read_bytes()
            switches = [line.switch for line in self.switched if f"\0{line.switch}\0".encode() in content]
            return ([VARIABLE] if VARIABLE.encode() in content else []) + switches

        self.assertTrue(SHIPPED.exists(), f"{SHIPPED} is missing: ./dev build makes it, or set SALLYPORT_BUILD")
        self.assertEqual(names_in(SHIPPED), [])
        # The same eyes see them where they are.
        self.assertEqual(names_in(SWITCHES / "sallyport"), [VARIABLE] + [line.switch for line in self.switched])


if __name__ == "__main__":
    unittest.main()

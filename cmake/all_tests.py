#!/usr/bin/env python3
"""Makes one ctest run of several build folders, so that there is one summary, and compares the C++ tests that they hold.

all_tests.py write OUT PROGRAM_FOLDER NAME=FOLDER…   writes OUT/CTestTestfile.cmake: what tests the program and the scripts, from the first
                                                     folder; the C++ tests (label `room`) of the others as NAME/test; and one test
                                                     that calls `compare`
all_tests.py compare NAME=FOLDER…                    fails when a C++ test case of one folder is missing in another
"""
import collections
import json
import os
import subprocess
import sys


def folders_of(arguments):
    return {name: os.path.abspath(folder) for name, folder in (a.split("=", 1) for a in arguments)}


def tests_of(folder, wanted):
    """The tests of a folder for which `wanted(labels)` holds."""
    listed = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"], stdout=subprocess.PIPE, check=True).stdout
    tests = []
    for test in json.loads(listed)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if not wanted(properties.get("LABELS", [])):
            continue
        if "command" not in test:
            sys.exit(f"{test['name']} in {folder} has no program: it was not built")
        tests.append((test["name"], test["command"], properties))
    return tests


def is_room(labels):
    return "room" in labels


def quoted(text):
    """CMake's bracket argument: nothing in it is expanded."""
    fence = "="
    while f"]{fence}]" in text:
        fence += "="
    return f"[{fence}[{text}]{fence}]"


def property_text(name, value, prefix):
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):
        return ";".join(prefix + str(v) if name == "DEPENDS" else str(v) for v in value)
    return str(value)


def lines_of(prefix, tests):
    for name, command, properties in tests:
        yield f"add_test({quoted(prefix + name)} {' '.join(map(quoted, command))})"
        for key, value in properties.items():
            yield f"set_tests_properties({quoted(prefix + name)} PROPERTIES {key} {quoted(property_text(key, value, prefix))})"


def write(out, program_folder, folders):
    lines = [f"# Made by cmake/all_tests.py from {program_folder} and: " + " ".join(folders)]
    lines += lines_of("", tests_of(program_folder, lambda labels: not is_room(labels)))
    for name, folder in folders.items():
        lines += lines_of(name + "/", tests_of(folder, is_room))
    compare_command = ["/usr/bin/python3", os.path.abspath(__file__), "compare"] + [f"{n}={f}" for n, f in folders.items()]
    lines += lines_of("", [("every_build_has_the_same_tests", compare_command, {"TIMEOUT": 120})])
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "CTestTestfile.cmake"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def cases_of(folder):
    """Every C++ test case of a folder that would run, as `program: suite/case`, from Boost.Test's own list."""
    cases = collections.Counter()
    # A long suite is one of a program that is here already.
    for name, command, _ in tests_of(folder, lambda labels: is_room(labels) and "long" not in labels):
        run = subprocess.run([command[0], "--list_content"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        lines = [line for line in run.stdout.splitlines() if line.strip()]
        depths = [(len(line) - len(line.lstrip())) // 4 for line in lines] + [0]
        path = []
        for at, line in enumerate(lines):
            title = line.partition(":")[0].strip()
            path[depths[at]:] = [title.rstrip("*")]
            is_case = depths[at + 1] <= depths[at]
            if is_case and title.endswith("*"):  # the star says that it is enabled
                cases[f"{name}: " + "/".join(path)] += 1
    return cases


def compare(folders):
    cases = {name: cases_of(folder) for name, folder in folders.items()}
    everywhere = collections.Counter()
    for counted in cases.values():
        everywhere |= counted
    for name, counted in cases.items():
        print(f"{name}: {sum(counted.values())} C++ test cases")
        for case in sorted(everywhere - counted):
            print(f"  {case} is missing in {name}")
    if not everywhere:
        sys.exit("there are no C++ tests at all")
    return 0 if all(counted == everywhere for counted in cases.values()) else 1


def main():
    if len(sys.argv) > 4 and sys.argv[1] == "write":
        return write(sys.argv[2], sys.argv[3], folders_of(sys.argv[4:]))
    if len(sys.argv) > 3 and sys.argv[1] == "compare":
        return compare(folders_of(sys.argv[2:]))
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())

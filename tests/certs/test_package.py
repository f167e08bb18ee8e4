#!/usr/bin/env python3
"""The room certs, installed, in a stranger's project: found by find_package, built with one header, and the kit is made."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

BUILD = Path(os.environ.get("SALLYPORT_BUILD", Path(__file__).parents[2] / "build"))
CMAKE = os.environ.get("SALLYPORT_CMAKE", "cmake")

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES CXX)
find_package(sallyport_certs 0.1 REQUIRED)
add_executable(stranger main.cpp)
target_link_libraries(stranger PRIVATE sallyport::certs)
"""

PROGRAM = """
#include <sallyport/certs/kit.hpp>
#include <iostream>

int main() {
  const sallyport::certs::kit kit;
  std::cout << kit.client("good").id << " " << kit.bad().size() << "\\n";
}
"""


def run(*command):
    made = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        raise AssertionError(f"{command[0]} failed:\n{made.stdout[-3000:]}")
    return made.stdout


class Package(unittest.TestCase):
    def test_a_strangers_project_finds_the_library_and_makes_the_kit(self):
        with tempfile.TemporaryDirectory(prefix="sallyport-package-") as folder:
            prefix, source, build = (Path(folder) / name for name in ("installed", "source", "build"))
            run(CMAKE, "--install", BUILD, "--component", "certs", "--prefix", prefix)
            headers = sorted(str(path.relative_to(prefix / "include")) for path in (prefix / "include").rglob("*.hpp"))
            self.assertEqual(headers, ["sallyport/certs/kit.hpp", "sallyport/core/result.hpp"])
            source.mkdir()
            (source / "CMakeLists.txt").write_text(PROJECT)
            (source / "main.cpp").write_text(PROGRAM)
            run(CMAKE, "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
            run(CMAKE, "--build", build)
            word, count = run(build / "stranger").split()
            self.assertEqual(word, "good")
            self.assertGreaterEqual(int(count), 20)


if __name__ == "__main__":
    unittest.main()

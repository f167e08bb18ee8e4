"""A bug in memory stays a crash: the program is built so that it does not become a way in.

Method: readelf, on the program as it is shipped.
"""

import re
import subprocess

from support.paths import PROGRAM


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, PROGRAM], stdout=subprocess.PIPE, text=True, check=True).stdout


def test_the_program_is_hardened():
    assert re.search(r"Type:\s+DYN", readelf("--file-header")), "it is not position-independent"
    segments = readelf("--program-headers")
    assert "GNU_RELRO" in segments, "its tables can be written to"
    dynamic = readelf("--dynamic")
    assert re.search(r"\bBIND_NOW\b|\bNOW\b", dynamic), "its tables stay open until each function is called"
    assert re.search(r"GNU_STACK(\s+0x[0-9a-f]+){5}\s+RW\s+0x", segments), "its stack is executable"
    imported = readelf("--dyn-syms")
    assert "__stack_chk_fail" in imported, "its stack is not guarded"
    assert "__memcpy_chk" in imported, "copies are not checked (_FORTIFY_SOURCE)"

"""Good and bad certificates for tests of TLS servers, as a pytest plugin.

With this folder on PYTHONPATH, `pytest -p sallyport_kit`, or `pytest_plugins = ["sallyport_kit"]` in the top conftest.py:

    def test_bad_clients(sallyport_kit):
        with my_server(*sallyport_kit.server, ca=sallyport_kit.ca, crl=sallyport_kit.crl) as server:
            assert server.lets_in(*sallyport_kit.client("good").files)
            for bad in sallyport_kit.bad:
                assert not server.lets_in(*bad.files), bad.says

It runs the program `sallyport`: $SALLYPORT, or from PATH. The certificates are made once a session, in a folder that goes with pytest's
others. What a server must do with each is said for the configuration that docs/certificates.md describes.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Set:
    """One certificate: what is wrong with it, and what a correct server does. The fields are the manifest's."""

    id: str
    family: str
    fault: str
    expect: dict  # none, optional, required -> "accept" or "refuse"
    openssl_error: str
    check: str
    alert: str
    versions: tuple
    needs: str
    says: str
    cert: Path
    key: Path

    @property
    def files(self):
        return self.cert, self.key

    @property
    def good(self):
        return self.expect["required"] == "accept"


class Kit:
    """A folder that `sallyport certs fixtures` has made."""

    def __init__(self, directory):
        self.directory = Path(directory)
        listed = json.loads((self.directory / "manifest.json").read_text(encoding="utf-8"))
        shared = {name: self.directory / path for name, path in listed[0]["files"].items()}
        self.ca, self.crl = shared["ca"], shared["crl"]
        self.server = shared["server_cert"], shared["server_key"]
        self.all = [self._read(each) for each in listed]

    def _read(self, entry):
        fields = {name: value for name, value in entry.items() if name in Set.__dataclass_fields__}
        files = entry["files"]
        return Set(**{**fields, "versions": tuple(entry["versions"])}, cert=self.directory / files["cert"], key=self.directory / files["key"])

    def client(self, id):
        for each in self.all:
            if each.id == id:
                return each
        raise KeyError(f"the kit has no certificate {id}")

    @property
    def bad(self):
        """Those that must be refused and any client can show, in TLS 1.2 and in 1.3."""
        return [each for each in self.all if not each.good and not each.needs and len(each.versions) == 2]

    @property
    def good(self):
        return [each for each in self.all if each.good and len(each.versions) == 2]


def make_kit(directory, *arguments):
    """Makes a kit in a folder that is new or empty; arguments: --seed N, --at SECONDS."""
    program = os.environ.get("SALLYPORT") or shutil.which("sallyport")
    if not program:
        raise FileNotFoundError("the program sallyport makes the certificates: put it on PATH, or name it in SALLYPORT")
    made = subprocess.run([program, "certs", "fixtures", str(directory), *map(str, arguments)], capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(made.stderr.strip())
    return Kit(directory)


@pytest.fixture(scope="session")
def sallyport_kit(tmp_path_factory):
    return make_kit(tmp_path_factory.mktemp("sallyport-kit"))

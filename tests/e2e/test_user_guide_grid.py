"""The user guide's flow works with every pymilvus, in front of every backend, in every tlsMode: a grid of 18.

Method: tests/demo/guide.py is run with the Python of each virtual environment (pymilvus 2.4.15, 2.6.17, 3.0.2) against Sallyport with the
same superUsers, in front of a real Milvus Lite 3.2.2 and of a real Milvus 2.3.5 with its users off, in tlsMode 0, 1 and 2 (configured by the
milvus.yaml that a Milvus user already has). The grid is printed at the end; a cell without a result, or with a failed step, fails.
"""

import json
import subprocess

import pytest

from support.paths import GUIDE, python_of
from support.program import Sallyport

CLIENTS = {"py24": "pymilvus 2.4.15", "py26": "pymilvus 2.6.17", "py30": "pymilvus 3.0.2"}
BACKENDS = ("Milvus Lite 3.2.2", "Milvus 2.3.5")
MODES = (0, 1, 2)
GRID = {(client, backend, mode): "" for client in CLIENTS for backend in BACKENDS for mode in MODES}


def milvus_yaml(certs, mode) -> str:
    return f"""
common:
  security:
    authorizationEnabled: true
    superUsers: root
    tlsMode: {mode}
tls:
  serverPemPath: {certs}/server.pem
  serverKeyPath: {certs}/server.key
  caPemPath: {certs}/ca.pem
"""


def run_guide(client, port, mode, certs, folder) -> str:
    results = folder / f"{client}-{mode}.json"
    scheme = "https" if mode else "http"
    done = subprocess.run(
        [python_of(client), GUIDE, "--uri", f"{scheme}://localhost:{port}", "--mode", str(mode), "--ca", certs / "ca.pem", "--cert",
         certs / "client.pem", "--key", certs / "client.key", "--json", results],
        capture_output=True, text=True, timeout=120)
    if not results.exists():
        return f"broke off ({done.returncode}): {done.stdout[-2000:]}{done.stderr[-2000:]}"
    steps = json.loads(results.read_text())["steps"]
    failed = [f"{s['step']} {s['done']}: expected {s['expected']!r}, seen {s['seen']!r}" for s in steps if not s["ok"]]
    if failed or done.returncode:
        return f"exit {done.returncode}: " + "; ".join(failed)
    return f"{len(steps)} ok"


@pytest.fixture(scope="module")
def backend_port(request, lite, milvus):
    return lite.port if request.param == BACKENDS[0] else milvus().port


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("backend_port, backend", [(name, name) for name in BACKENDS], indirect=["backend_port"], ids=["lite", "milvus"])
def test_every_client_gets_through_the_guide(backend_port, backend, mode, certs, folder):
    settings = folder / "milvus.yaml"
    settings.write_text(milvus_yaml(certs, mode))
    program = Sallyport(folder, None, "--milvus-config", settings, "--backend", f"127.0.0.1:{backend_port}", "--listen", "127.0.0.1:0")
    try:
        for client in CLIENTS:
            GRID[client, backend, mode] = run_guide(client, program.port, mode, certs, folder)
    finally:
        log = program.tail(60)
        program.finish()
    bad = {CLIENTS[client]: GRID[client, backend, mode] for client in CLIENTS if not GRID[client, backend, mode].endswith(" ok")}
    assert not bad, f"{bad}\n{log}"


def test_the_grid_has_no_empty_cell(capsys):
    width = max(len(name) for name in CLIENTS.values())
    lines = [" " * width + "".join(f" | {backend + ', mode ' + str(mode):>25}" for backend in BACKENDS for mode in MODES)]
    for client, name in CLIENTS.items():
        lines.append(name.ljust(width) + "".join(f" | {GRID[client, b, m].partition(':')[0] or 'EMPTY':>25}" for b in BACKENDS for m in MODES))
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    empty = [cell for cell, result in GRID.items() if not result.endswith(" ok")]
    assert len(GRID) == 18 and not empty, f"{len(empty)} of {len(GRID)} cells without success: {empty}"

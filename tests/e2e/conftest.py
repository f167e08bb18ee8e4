"""What the end-to-end tests share: the program, certificates of the run, the recorder, real backends. Each file is one promise.

Everything listens on free ports of 127.0.0.1, lives in temporary folders and ends with its test. Programs are stopped with SIGTERM and must
then end with 0 and have no password in their log. What is marked `long` runs with SALLYPORT_LONG alone (./dev test --long).
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support import certificates
from support.backends import GrpcBackend, Lite, Milvus
from support.frame_backend import FrameBackend
from support.grpc_clients import GrpcClient
from support.paths import PROGRAM
from support.program import Sallyport, command, configuration, surroundings
from support.recorder import Recorder


def pytest_sessionstart(session):
    if not PROGRAM.exists():
        pytest.exit(f"{PROGRAM} is missing: build it first, or set SALLYPORT_BUILD", returncode=3)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: runs with SALLYPORT_LONG alone")


def pytest_collection_modifyitems(config, items):
    long = [] if os.environ.get("SALLYPORT_LONG") else [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def folder():
    """A folder with a short path (a unix socket's name has at most 107 bytes)."""
    made = Path(tempfile.mkdtemp(prefix="sallyport-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def certs():
    """The folder of `sallyport certs init`: ca.pem, server.{pem,key}, client.{pem,key} and the others of the recipe."""
    parent = Path(tempfile.mkdtemp(prefix="sallyport-certs-"))
    code, out, err = command("certs", "init", parent / "certs")
    assert code == 0, out + err
    yield parent / "certs"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture(scope="session")
def bad_certs(certs):
    """Clients that must not get in: name -> (certificate, key)."""
    folder = Path(tempfile.mkdtemp(prefix="sallyport-bad-"))
    ca = (certs / "ca.pem", certs / "ca.key")
    stranger = certificates.authority(folder)
    yield {
        "wrong CA": certificates.leaf(folder, "of-another-ca", stranger),
        "expired": certificates.leaf(folder, "expired", ca, starts=-30, ends=-1),
        "not yet valid": certificates.leaf(folder, "not-yet-valid", ca, starts=1),
        "self-signed": certificates.self_signed(folder),
        "server's purpose": certificates.leaf(folder, "for-servers", ca, purposes=[certificates.ExtendedKeyUsageOID.SERVER_AUTH]),
    }
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sallyport(folder):
    """start(backend, certs=…, mode=…, …): the program in front of a backend; keywords as of support.program.configuration."""
    started = []

    def start(backend, *arguments, wait=True, **settings):
        own = folder / f"sallyport-{len(started)}"
        own.mkdir()
        made = Sallyport(own, configuration(own, backend, **settings), *arguments, wait=wait)
        started.append(made)
        return made

    yield start
    broken = []
    for program in started:
        try:
            if program.child.poll() is None:
                program.finish()
            else:
                program.check_log()
        except AssertionError as error:
            broken.append(str(error))
    assert not broken, "\n".join(broken)


@pytest.fixture
def recorder():
    """record(backend_port): the recorder before that backend."""
    made = []

    def record(backend_port):
        made.append(Recorder(backend_port))
        return made[-1]

    yield record
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def lite():
    folder = Path(tempfile.mkdtemp(prefix="sallyport-lite-"))
    backend = Lite(folder)
    yield backend
    backend.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def milvus():
    """start(settings…): Milvus 2.3.5, one at a time: the one that runs if it has these settings, else it ends and another one starts."""
    running = []

    def start(*settings):
        if running and running[0].settings == settings and running[0].child.poll() is None:
            return running[0]
        while running:
            running.pop().stop()
        running.append(Milvus(*settings))
        return running[0]

    yield start
    while running:
        running.pop().stop()


@pytest.fixture
def grpc_backend():
    """start(port=0): the tests' own gRPC server."""
    made = []

    def start(port=0):
        made.append(GrpcBackend(port))
        return made[-1]

    yield start
    for each in made:
        each.kill()


@pytest.fixture
def frame_backend():
    """start(): a backend made of frames."""
    made = []

    def start():
        made.append(FrameBackend())
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def grpc_client(certs):
    """start(name, port): the gRPC library of that name, as one channel to that port."""
    made = []

    def start(name, port):
        made.append(GrpcClient(name, port, certs, surroundings()))
        return made[-1]

    yield start
    for each in made:
        each.finish()

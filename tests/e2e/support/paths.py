"""Where things are: the program, the virtual environments, the repository."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SALLYPORT_BUILD", REPOSITORY / "build")).resolve()
PEERS = Path(os.environ.get("SALLYPORT_PEERS", REPOSITORY / "build" / "peers")).resolve()
VENVS = Path(os.environ.get("SALLYPORT_VENVS", REPOSITORY / "build" / "venv")).resolve()
PROGRAM = BUILD / "sallyport"
CLIENTS = BUILD / "clients"
CLIENT_SOURCES = REPOSITORY / "tests" / "clients"
GUIDE = REPOSITORY / "tests" / "demo" / "guide.py"
START_MILVUS = REPOSITORY / "tests" / "tools" / "start_milvus.py"
GRPC_BACKEND = Path(__file__).resolve().parent / "grpc_backend.py"


def python_of(venv: str) -> Path:
    """The Python of a virtual environment (lite, py24, py26, py30, milvus235, scan, tests); `./dev test` makes them."""
    path = VENVS / venv / "bin" / "python"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: ./dev test makes the virtual environments, or set SALLYPORT_VENVS")
    return path


def peer(name: str) -> Path:
    """A program of redis, PostgreSQL, nginx or HAProxy; `./dev test` unpacks them."""
    for folder in (PEERS / "usr/bin", PEERS / "usr/sbin", PEERS / "usr/lib/postgresql/15/bin"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is not in {PEERS}: ./dev test unpacks it, or set SALLYPORT_PEERS")

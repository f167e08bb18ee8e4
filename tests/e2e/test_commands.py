"""Every command says in one message what is wrong and where, ends with the documented exit code, and shows no exception's insides.

Method: the program is run with good and with broken configurations, files, ports and stores, and what it prints is compared. `user` is run with a
server (through its admin socket: in force when the command returns) and without one (on the store, under its lock).
"""

import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess

import pytest
import yaml

from support import certificates
from support.backends import free_port
from support.h2raw import Connection, tls_context, token
from support.paths import PROGRAM
from support.program import Sallyport, command, configuration, event_of, surroundings
from support.protobuf import SERVICE, select_user, user_results

ROOT = token("root:Milvus")
INSIDES = re.compile(r"terminate called|std::|boost::|what\(\)|Traceback|core dumped|0x[0-9a-f]{8,}")


def run(*arguments, **named):
    code, out, err = command(*arguments, **named)
    assert not INSIDES.search(out + err), out + err
    return code, out, err


def write(folder, settings) -> str:
    file = folder / "sallyport.yaml"
    file.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings, sort_keys=False))
    return str(file)


# version, check


def test_version(folder):
    code, out, err = run("version")
    assert code == 0 and re.match(r"sallyport \d+\.\d+\.\d+", out), out + err


def test_no_command_and_an_unknown_one_print_the_usage(folder):
    for arguments in ((), ("frobnicate",), ("run", "--no-such-flag")):
        code, out, err = run(*arguments)
        assert code == 2 and "sallyport --help" in err, (arguments, code, out, err)


def test_check_of_a_good_configuration(folder, certs):
    code, out, err = run("check", "-c", write(folder, configuration(folder, free_port(), certs=certs, mode=2)))
    assert code == 0, out + err


# what is wrong -> (the YAML, line, words of the message, words of the hint)
BROKEN = {
    "an unknown key": ("listeners:\n  - name: a\n    adress: 127.0.0.1:0\n    backend: b\nbackends: [{name: b, endpoints: [127.0.0.1:1]}]\n",
                       3, "adress", "address"),
    "a duplicate key": ("workers: 1\nworkers: 2\n", 2, "workers", ""),
    "a wrong type": ("workers: [1]\nlisteners: []\n", 1, "workers", ""),
    "no YAML": ("listeners: [\n", None, "", ""),
    "an unknown backend": ("listeners:\n  - {name: a, address: 127.0.0.1:0, backend: milwus}\nbackends: [{name: milvus, endpoints: [127.0.0.1:1]}]\n",
                           2, "milwus", "milvus"),
    "an unknown word": ("listeners:\n  - {name: a, address: 127.0.0.1:0, backend: b, tokens: requird}\nbackends: [{name: b, endpoints: [127.0.0.1:1]}]\n",
                        2, "tokens", "required"),
    "no tokens on every address": ("listeners:\n  - {name: a, address: 0.0.0.0:0, backend: b, tokens: none}\nbackends: [{name: b, endpoints: [127.0.0.1:1]}]\n",
                                   2, "", "unsafe_no_tokens"),
    "plaintext on every address": ("listeners:\n  - {name: a, address: 0.0.0.0:0, backend: b}\nbackends: [{name: b, endpoints: [127.0.0.1:1]}]\n",
                                   2, "", "unsafe_plaintext_listener"),
    "itself as its backend": ("listeners:\n  - {name: a, address: 127.0.0.1:29530, backend: b}\nbackends: [{name: b, endpoints: [127.0.0.1:29530]}]\n",
                              None, "29530", ""),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command_", ["check", "run"])
def test_a_broken_configuration_is_told_with_its_place(folder, name, command_):
    text, line, words, hint = BROKEN[name]
    file = write(folder, text)
    code, out, err = run(command_, "-c", file, folder=folder)
    said = out + err
    assert code == 2, (code, said)
    place = rf"{re.escape(file)}:{line if line else '[0-9]+'}:\d+: error: "
    assert re.search(place, said), said
    assert words in said and hint in said, said


def test_all_faults_are_told_at_once(folder):
    file = write(folder, "workers: none\nlog: {level: loud}\nlimits: {drain: soon}\n")
    code, out, err = run("check", "-c", file, folder=folder)
    assert code == 2 and {m for m in re.findall(r":(\d+):\d+: error:", out + err)} >= {"1", "2", "3"}, out + err


def test_check_json(folder):
    code, out, _ = run("check", "--json", "-c", write(folder, "workers: none\n"), folder=folder)
    assert code == 2 and json.loads(out), out


def test_a_file_that_is_not_there(folder):
    for command_ in ("check", "run"):
        code, out, err = run(command_, "-c", folder / "nowhere.yaml", folder=folder)
        assert code == 2 and "nowhere.yaml" in out + err and "No such file" in out + err, out + err


def test_a_misspelt_switch_of_door_2_opens_nothing(folder, certs):
    """People have been bitten: a misspelt authorizationEnabled must not leave the door open."""
    file = folder / "milvus.yaml"
    file.write_text("common:\n  security:\n    authorisationEnabled: false\n")
    code, out, err = run("check", "--milvus-config", file, "--backend", "127.0.0.1:1", folder=folder)
    assert code == 2 and "authorizationEnabled" in out + err and f"{file}:3:" in out + err, out + err


@pytest.mark.parametrize("form", ["milvus.yaml", "helm values", "operator"])
def test_the_three_forms_of_milvus_settings(folder, certs, form):
    security = {"common": {"security": {"authorizationEnabled": True, "tlsMode": 1, "superUsers": "root"}},
                "tls": {"serverPemPath": str(certs / "server.pem"), "serverKeyPath": str(certs / "server.key"), "caPemPath": str(certs / "ca.pem")}}
    whole = {"milvus.yaml": security, "helm values": {"extraConfigFiles": {"user.yaml": yaml.safe_dump(security)}},
             "operator": {"apiVersion": "milvus.io/v1beta1", "kind": "Milvus", "spec": {"config": security}}}[form]
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(whole))
    arguments = ("--milvus-config", file, "--backend", f"127.0.0.1:{free_port()}", "--listen", "127.0.0.1:0", "--store", folder / "users.db")
    code, out, err = run("check", *arguments, folder=folder)
    assert code == 0, out + err
    program = Sallyport(folder, None, *arguments)
    try:
        with Connection(program.address, tls_context(certs / "ca.pem")) as client:
            assert client.call(SERVICE + "ListCredUsers", authorization=ROOT).grpc == (0, "")
            assert client.call(SERVICE + "ListCredUsers").grpc[0] == 16
    finally:
        program.finish()


# Certificates and keys


def test_a_key_that_does_not_match(folder, certs):
    settings = configuration(folder, free_port(), certs=certs, mode=1)
    settings["listeners"][0]["tls"]["certificates"][0]["key"] = str(certs / "client.key")
    for command_ in ("check", "run"):
        code, out, err = run(command_, "-c", write(folder, settings), folder=folder)
        assert code == 2 and "server.pem" in out + err and "client.key" in out + err and re.search("is not the key|match", out + err), out + err


@pytest.mark.parametrize("what, words", [("missing", "No such file"), ("not PEM", "PEM"), ("a folder", "")])
def test_a_certificate_that_cannot_be_used(folder, certs, what, words):
    settings = configuration(folder, free_port(), certs=certs, mode=1)
    bad = folder / "bad.pem"
    if what == "not PEM":
        bad.write_text("hello")
    if what == "a folder":
        bad.mkdir()
    settings["listeners"][0]["tls"]["certificates"][0]["cert"] = str(bad)
    for command_ in ("check", "run"):
        code, out, err = run(command_, "-c", write(folder, settings), folder=folder)
        assert code == 2 and "bad.pem" in out + err and words in out + err, out + err


def test_a_key_that_may_not_be_read(folder, certs):
    key = folder / "locked.key"
    key.write_bytes((certs / "server.key").read_bytes())
    key.chmod(0)
    settings = configuration(folder, free_port(), certs=certs, mode=1)
    settings["listeners"][0]["tls"]["certificates"][0]["key"] = str(key)
    for command_ in ("check", "run"):
        code, out, err = run(command_, "-c", write(folder, settings), folder=folder, ordinary=True)
        assert code == 2 and "locked.key" in out + err and "denied" in out + err, out + err


def test_a_key_that_others_may_read_is_a_warning_and_fatal_under_strict(folder, certs):
    key = folder / "open.key"
    key.write_bytes((certs / "server.key").read_bytes())
    key.chmod(0o644)
    settings = configuration(folder, free_port(), certs=certs, mode=1)
    settings["listeners"][0]["tls"]["certificates"][0]["key"] = str(key)
    file = write(folder, settings)
    code, out, err = run("check", "-c", file, folder=folder)
    assert code == 0 and "open.key" in out + err and "warning" in out + err, out + err
    assert run("check", "--strict", "-c", file, folder=folder)[0] == 1


# Ports, stores, backends


def test_a_port_that_is_taken(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = configuration(folder, free_port(), listener={"address": f"127.0.0.1:{port}"})
        code, out, err = run("run", "-c", write(folder, settings), folder=folder)
        assert code == 3 and f"127.0.0.1:{port}" in out + err and re.search("in use", out + err), out + err


def test_a_port_that_another_sallyport_has(folder, sallyport):
    """Workers share a port among themselves; two programs must not."""
    first = sallyport(free_port())
    settings = configuration(folder, free_port(), listener={"address": f"127.0.0.1:{first.port}"})
    code, out, err = run("run", "-c", write(folder, settings), folder=folder)
    assert code == 3 and re.search("in use", out + err), out + err


def test_a_store_that_another_process_has(folder, sallyport):
    first = sallyport(free_port())
    settings = configuration(first.folder, free_port())
    code, out, err = run("run", "-c", write(folder, settings), folder=folder)
    assert code == 3 and "users.db" in out + err and str(first.pid) in out + err, out + err
    with Connection(first.address) as client:
        assert client.call(SERVICE + "ListCredUsers", authorization=ROOT).grpc[0] == 0


def test_a_store_that_is_broken_is_never_replaced(folder):
    store = folder / "users.db"
    store.write_bytes(b"SQLite format 3\0" + os.urandom(8192))
    before = store.read_bytes()
    code, out, err = run("run", "-c", write(folder, configuration(folder, free_port())), folder=folder)
    assert code == 3 and "users.db" in out + err, (code, out + err)
    assert store.read_bytes() == before


def test_a_backend_that_is_away_is_no_error_at_start(sallyport):
    program = sallyport(free_port())
    with Connection(program.address) as client:
        answer = client.call(SERVICE + "GetVersion", authorization=ROOT)
        assert answer.trailers_only and answer.grpc[0] == 14, answer.frames


def test_the_store_and_the_socket_are_for_their_owner_alone(sallyport):
    program = sallyport(free_port())
    for name in ("users.db", "users.db.sock"):
        assert stat.S_IMODE((program.folder / name).stat().st_mode) == 0o600, name
    program.finish()
    assert not (program.folder / "users.db.sock").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after", ["listening", "ready"])
def test_signals_end_it_with_0(sallyport, number, after):
    """From the first line that says that it serves on: a service manager may stop it at once."""
    program = sallyport(free_port(), wait=False)
    program.wait_event(after, timeout=15)
    program.send_signal(number)
    assert program.wait(10) == 0


@pytest.mark.parametrize("reader", ["gone", "asleep"])
def test_a_log_that_nobody_reads_any_more_holds_up_nothing(folder, certs, reader):
    """Standard error is a pipe to whatever keeps the log, and that may end or hang."""
    settings = configuration(folder, free_port(), certs=certs, mode=1)
    child = subprocess.Popen([PROGRAM, "run", "-c", write(folder, settings)], stderr=subprocess.PIPE, cwd=folder, env=surroundings(HOME=folder))
    try:
        for line in child.stderr:
            if event := event_of(line.decode()):
                if event["event"] == "listening":
                    port = int(event["address"].rpartition(":")[2])
                if event["event"] == "ready":
                    break
        fcntl.fcntl(child.stderr, fcntl.F_SETPIPE_SZ, 4096)
        if reader == "gone":
            child.stderr.close()
        for _ in range(200):  # a line each, far more than that pipe takes
            with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
                stranger.sendall(b"no TLS")
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(100):
                    pass
        with Connection(("127.0.0.1", port), tls_context(certs / "ca.pem")) as client:
            assert client.call(SERVICE + "ListCredUsers", authorization=ROOT).grpc[0] == 0
        child.terminate()
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()


def test_it_starts_again_after_kill_9(folder):
    settings = configuration(folder, free_port())
    first = Sallyport(folder, settings)
    first.stop(signal.SIGKILL)
    again = Sallyport(folder, settings)
    with Connection(again.address) as client:
        assert client.call(SERVICE + "ListCredUsers", authorization=ROOT).grpc[0] == 0
    again.finish()


# user


def logs_in(program, who) -> bool:
    name = who.split(":")[0]
    with Connection(program.address) as client:
        return client.call(SERVICE + "SelectUser", select_user(name), authorization=token(who)).grpc[0] == 0


def test_user_with_a_running_server_is_in_force_when_it_returns(sallyport):
    program = sallyport(free_port())
    program.secrets |= {"opensesame", "closesesame"}
    file = ("-c", program.file)
    assert run("user", "add", "alice", *file, "--password-stdin", "--roles", "admin", stdin="opensesame\n")[0] == 0
    assert logs_in(program, "alice:opensesame") and not logs_in(program, "alice:opensesame\n")
    with Connection(program.address) as client:
        answer = client.call(SERVICE + "SelectUser", select_user("alice", roles=True), authorization=ROOT)
        assert user_results(answer.message)[0][:2] == ("alice", ["admin"])
        assert client.call(SERVICE + "ListCredUsers", authorization=token("alice:opensesame")).grpc == (0, "")
    assert run("user", "passwd", "alice", *file, "--password-stdin", stdin="closesesame\n")[0] == 0
    assert logs_in(program, "alice:closesesame") and not logs_in(program, "alice:opensesame")
    code, out, err = run("user", "list", *file)
    assert code == 0 and re.search(r"\balice\b", out) and re.search(r"\broot\b", out), out + err
    code, out, err = run("user", "show", "alice", *file)
    assert code == 0 and "alice" in out and "admin" in out and "$argon2" not in out, out + err
    assert run("user", "drop", "alice", *file)[0] == 0
    assert not logs_in(program, "alice:closesesame")


def test_user_without_a_server_works_on_the_store(folder):
    settings = configuration(folder, free_port())
    file = write(folder, settings)
    assert run("user", "add", "bob", "-c", file, "--password-stdin", stdin="opensesame\n")[0] == 0
    code, out, err = run("user", "list", "-c", file)
    assert code == 0 and "bob" in out and "root" in out, out + err
    program = Sallyport(folder, settings)
    assert logs_in(program, "bob:opensesame")
    program.finish()
    assert run("user", "passwd", "bob", "-c", file, "--password-stdin", stdin="closesesame\n")[0] == 0
    assert run("user", "drop", "root", "-c", file)[0] == 1
    program = Sallyport(folder, settings)
    assert logs_in(program, "bob:closesesame") and not logs_in(program, "bob:opensesame")
    program.finish()


@pytest.mark.parametrize("served", [True, False], ids=["with-server", "without"])
def test_user_says_what_is_wrong(folder, served):
    settings = configuration(folder, free_port())
    file = write(folder, settings)
    program = Sallyport(folder, settings) if served else None
    try:
        for arguments, stdin, words in (
            (("add", "1a"), "opensesame\n", "first character must be a letter"),
            (("add", "carol"), "short\n", "password"),
            (("add", "root"), "opensesame\n", "already exists"),
            (("passwd", "nobody"), "opensesame\n", "nobody"),
            (("drop", "nobody"), None, "nobody"),
            (("show", "nobody"), None, "nobody"),
            (("drop", "root"), None, "root"),
        ):
            more = ("--password-stdin",) if stdin else ()
            code, out, err = run("user", *arguments, "-c", file, *more, stdin=stdin)
            assert code == 1 and words in out + err, (arguments, code, out, err)
            assert "opensesame" not in out + err
    finally:
        if program:
            program.finish()


def test_a_password_is_never_an_argument(folder):
    code, out, err = run("user", "add", "dave", "--password", "opensesame", "-c", write(folder, configuration(folder, free_port())))
    assert code == 2 and "opensesame" not in out + err, out + err


# certs


NINE = {"ca.key", "ca.pem", "ca.srl", "server.key", "server.pem", "server.csr", "client.key", "client.pem", "client.csr"}


def test_certs_init_makes_the_nine_files_and_overwrites_nothing(folder):
    directory = folder / "certs"
    code, out, err = run("certs", "init", directory)
    assert code == 0, out + err
    assert {f.name for f in directory.iterdir()} == NINE
    for key in directory.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600, key
    before = {f.name: f.read_bytes() for f in directory.iterdir()}
    code, out, err = run("certs", "init", directory)
    assert code != 0 and re.search("exists|overwrite", out + err), out + err
    assert {f.name: f.read_bytes() for f in directory.iterdir()} == before


def test_certs_init_where_it_cannot_write(folder):
    (folder / "file").write_text("")
    code, out, err = run("certs", "init", folder / "file")
    assert code != 0 and "file" in out + err, out + err


def test_what_certs_init_makes_verifies(folder, certs):
    for leaf, purpose in (("server", "sslserver"), ("client", "sslclient")):
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", certs / "ca.pem", certs / f"{leaf}.pem"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert certificates.serial_of(certs / "server.pem") != certificates.serial_of(certs / "client.pem")

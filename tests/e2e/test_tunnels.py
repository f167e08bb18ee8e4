"""Programs that know nothing of Sallyport reach servers that know nothing of it, behind both doors; whoever is refused reaches nobody.

Method: redis-cli and psql through `sallyport connect`, to `protocol: connect` with a password and to `protocol: tcp` with a certificate, in front
of a real Redis and a real PostgreSQL; a gate before them counts connections. curl, and TLS by Python, where the other end must not be ours.
"""

import base64
import contextlib
import hashlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from support import certificates
from support.http1_backend import RestBackend
from support.paths import PROGRAM
from support.program import command, surroundings
from support.tunnels import Connect, Echo, Gate, Postgres, Redis, connect, psql, psql_command, redis_cli


@pytest.fixture(scope="module")
def redis():
    folder = Path(tempfile.mkdtemp(prefix="sallyport-redis-"))
    server = Redis(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def gate():
    made = []

    def before(port):
        made.append(Gate(port))
        return made[-1]

    yield before
    for each in made:
        each.close()


@pytest.fixture
def local():
    """local(listener, …): `sallyport connect --listen`; ended by SIGINT, which must be clean."""
    made = []

    def start(*arguments):
        made.append(Connect(*arguments))
        return made[-1]

    yield start
    for each in made:
        if each.child.poll() is None:
            assert each.stop(signal.SIGINT) == 0, each.tail()


@pytest.fixture
def password(folder):
    file = folder / "password"
    file.write_text("Milvus\n")
    return file


@pytest.fixture
def alice(certs, folder):
    """The options for a certificate in alice's name."""
    cert, key = certificates.leaf(folder, "alice", (certs / "ca.pem", certs / "ca.key"))
    return ["--cert", cert, "--key", key]


def with_certificate(certs):
    return ["--cert", certs / "client.pem", "--key", certs / "client.key"]


def add(program, name, secret="P@ssw0rd"):
    code, out, err = command("user", "add", name, "-c", program.file, "--password-stdin", stdin=secret)
    assert code == 0, out + err


def of_tcp(sallyport, port, certs):
    program = sallyport(port, certs=certs, mode=2, listener={"protocol": "tcp", "certificate_user": "required"})
    add(program, "alice")
    return program


ROWS = 20_000
SCRIPT = f"""create temp table t as select i, md5(i::text) as m from generate_series(1, {ROWS}) i;
copy t to stdout;
select count(*), sum(i) from t;
"""


def check_psql(port):
    code, out, err = psql(port, SCRIPT)
    assert code == 0, err
    lines = out.splitlines()
    assert len(lines) == ROWS + 1 and lines[-1] == f"{ROWS}|{ROWS * (ROWS + 1) // 2}"
    assert lines[0] == "1\t" + hashlib.md5(b"1").hexdigest()


def check_redis(port):
    value = bytes(range(256)) * 20_000
    assert redis_cli(port, "set", "name", "value")[0] == b"OK\n"
    assert redis_cli(port, "-x", "set", "large", stdin=value)[0] == b"OK\n"
    assert redis_cli(port, "get", "large")[0] == value + b"\n"
    out, err = redis_cli(port, "-r", "100", "incr", "count")
    assert len(out.splitlines()) == 100 and not err
    redis_cli(port, "flushall")


def test_redis_and_psql_work_through_connect_with_both_doors(sallyport, redis, postgres, gate, local, certs, password):
    for server, check in ((redis, check_redis), (postgres, check_psql)):
        before = gate(server.port)
        program = sallyport(before.port, certs=certs, mode=2, listener={"protocol": "connect"})
        port = local(f"localhost:{program.port}", "--ca", certs / "ca.pem", *with_certificate(certs), "--user", "root", "--password-file", password).port
        check(port)
        assert before.connections > 0
        assert program.wait_event("tunnel_closed", user="root", protocol="connect", cause="ended")


def test_redis_and_psql_work_through_tcp_with_a_certificate(sallyport, redis, postgres, gate, local, certs, alice):
    for server, check in ((redis, check_redis), (postgres, check_psql)):
        program = of_tcp(sallyport, gate(server.port).port, certs)
        check(local(f"localhost:{program.port}", "--tcp", "--ca", certs / "ca.pem", *alice).port)
        assert program.wait_event("tunnel_closed", user="alice", protocol="tcp", cause="ended")


def test_standard_input_and_output_are_a_tunnel(sallyport, redis, certs, password, alice):
    program = sallyport(redis.port, certs=certs, mode=1, listener={"protocol": "connect"})
    door = (f"localhost:{program.port}", "--ca", certs / "ca.pem", "--user", "root")
    assert connect(*door, "--password-file", password, stdin=b"PING\r\nQUIT\r\n") == (0, b"+PONG\r\n+OK\r\n", "")
    assert connect(*door, "--password-stdin", stdin=b"Milvus\nPING\r\nQUIT\r\n") == (0, b"+PONG\r\n+OK\r\n", "")
    assert connect(*door, "--password-file", password, "--target", f"127.0.0.1:{redis.port}", stdin=b"QUIT\r\n")[:2] == (0, b"+OK\r\n")
    program = of_tcp(sallyport, redis.port, certs)
    assert connect(f"localhost:{program.port}", "--tcp", "--ca", certs / "ca.pem", *alice, stdin=b"PING\r\nQUIT\r\n") == (0, b"+PONG\r\n+OK\r\n", "")


def test_files_as_standard_input_and_output(sallyport, certs, password, folder):
    echo = Echo()
    program = sallyport(echo.port, certs=certs, mode=1, listener={"protocol": "connect"})
    content = bytes(range(256)) * 16_000
    (folder / "in").write_bytes(content)
    words = ["connect", f"localhost:{program.port}", "--ca", certs / "ca.pem", "--user", "root", "--password-file", password]
    with open(folder / "in", "rb") as source, open(folder / "out", "wb") as sink:
        done = subprocess.run([str(w) for w in (PROGRAM, *words)], stdin=source, stdout=sink, stderr=subprocess.PIPE, timeout=30)
    assert done.returncode == 0, done.stderr
    assert (folder / "out").read_bytes() == content
    echo.close()


def test_who_is_refused_is_told_why_and_reaches_nobody(sallyport, redis, gate, certs, password, bad_certs, folder):
    before = gate(redis.port)
    program = sallyport(before.port, certs=certs, mode=2, listener={"protocol": "connect"})
    door = (f"localhost:{program.port}", "--ca", certs / "ca.pem")
    known = (*door, *with_certificate(certs))
    wrong = folder / "wrong"
    wrong.write_text("WrongPassword\n")
    program.secrets.add("WrongPassword")
    stranger = bad_certs["wrong CA"]
    table = [
        ((*known, "--user", "root", "--password-file", wrong), "407"),
        ((*known, "--user", "nobody", "--password-file", password), "407"),
        (known, "a user and a password are needed (407)"),
        ((*known, "--user", "root", "--password-file", password, "--target", "127.0.0.1:1"), "403"),
        ((*door, "--user", "root", "--password-file", password), "certificate required"),
        ((*door, "--cert", stranger[0], "--key", stranger[1], "--user", "root", "--password-file", password), "unknown CA"),
        ((known[0], *with_certificate(certs), "--ca", stranger[0], "--user", "root", "--password-file", password), "server's certificate"),
        ((f"127.0.0.2:{program.port}", *known[1:], "--user", "root", "--password-file", password), "cannot connect"),
    ]
    for arguments, said in table:
        code, out, err = connect(*arguments, stdin=b"PING\r\n")
        assert out == b"" and said in err and err.count("\n") == 1, (arguments, code, out, err)
        assert code == (3 if said == "cannot connect" else 1)
        assert before.connections == 0
    assert connect(*known, "--user", "root", "--password-file", password, stdin=b"QUIT\r\n")[:2] == (0, b"+OK\r\n")
    assert before.connections == 1


def test_a_certificate_that_names_no_user_reaches_nobody(sallyport, redis, gate, certs, folder, alice, bad_certs):
    before = gate(redis.port)
    program = of_tcp(sallyport, before.port, certs)
    door = (f"localhost:{program.port}", "--tcp", "--ca", certs / "ca.pem")
    bob = certificates.leaf(folder, "bob", (certs / "ca.pem", certs / "ca.key"))
    stranger = certificates.leaf(folder, "alice-of-another-ca", certificates.authority(folder))
    for more in ([], ["--cert", bob[0], "--key", bob[1]], ["--cert", stranger[0], "--key", stranger[1]]):
        code, out, err = connect(*door, *more, stdin=b"PING\r\n")
        assert code == 1 and out == b"" and err.count("\n") == 1, (more, code, out, err)
        assert before.connections == 0
    assert program.wait_event("request_refused", reason="certificate_user")
    assert connect(*door, *alice, stdin=b"QUIT\r\n")[:2] == (0, b"+OK\r\n")


def test_a_dropped_user_is_out_within_three_seconds(sallyport, postgres, certs, local, folder, alice):
    secret = folder / "secret"
    secret.write_text("P@ssw0rd")
    for protocol in ("connect", "tcp"):
        if protocol == "tcp":
            program = of_tcp(sallyport, postgres.port, certs)
            port = local(f"localhost:{program.port}", "--tcp", "--ca", certs / "ca.pem", *alice).port
        else:
            program = sallyport(postgres.port, certs=certs, mode=1, listener={"protocol": "connect"})
            add(program, "alice")
            port = local(f"localhost:{program.port}", "--ca", certs / "ca.pem", "--user", "alice", "--password-file", secret).port
        session = subprocess.Popen([*psql_command(port), "-c", "select pg_sleep(60)"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        program.wait_event("tunnel_opened", user="alice")
        code, out, err = command("user", "drop", "alice", "-c", program.file)
        assert code == 0, out + err
        began = time.monotonic()
        assert session.wait(10) != 0
        session.stderr.close()
        assert time.monotonic() - began < 3
        assert program.wait_event("tunnel_closed", user="alice", cause="revoked")
        assert psql(port, "select 1;")[0] != 0


def silent_port():
    """A listener that answers no SYN, for its line is full; (port, what keeps it so)."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    kept = [listener]
    for _ in range(4):
        kept.append(socket.socket())
        kept[-1].setblocking(False)
        kept[-1].connect_ex(listener.getsockname())
    return listener.getsockname()[1], kept


@pytest.mark.parametrize("protocol", ("tcp", "connect"))
def test_a_certificate_that_runs_out_while_the_backend_is_dialled_opens_no_tunnel(sallyport, certs, folder, protocol):
    echo = Echo()
    silent, kept = zip(*(silent_port() for _ in range(2)))  # two seconds each
    listener = {"protocol": protocol} | ({"certificate_user": "required"} if protocol == "tcp" else {})
    program = sallyport([{"name": "milvus", "endpoints": [f"127.0.0.1:{p}" for p in (*silent, echo.port)], "rest": "off"}], certs=certs, mode=2, listener=listener)
    add(program, "alice")
    brief = certificates.leaf(folder, "alice", (certs / "ca.pem", certs / "ca.key"), seconds=3)
    context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
    context.load_cert_chain(*brief)
    with socket.create_connection(program.address) as plain, context.wrap_socket(plain, server_hostname="localhost") as near:
        near.settimeout(10)
        if protocol == "connect":
            token = base64.b64encode(b"alice:P@ssw0rd").decode()
            near.sendall(f"CONNECT backend.invalid:1 HTTP/1.1\r\nHost: backend.invalid:1\r\nProxy-Authorization: Basic {token}\r\n\r\n".encode())
        program.wait_event("request_refused", reason="certificate_untrusted", timeout=8)
        try:
            said = near.recv(1 << 16)
        except OSError:
            said = b""
    assert said[9:12] == (b"403" if protocol == "connect" else b"")
    assert not program.events("tunnel_opened")
    echo.close()
    for sockets in kept:
        for each in sockets:
            each.close()


@contextlib.contextmanager
def connect_of_root(program, certs, *before, **streams):
    """`sallyport connect` as a process, started by the words `before` it."""
    password = certs / "password"
    password.write_text("Milvus\n")
    words = [*before, PROGRAM, "connect", f"localhost:{program.port}", "--ca", certs / "ca.pem", "--user", "root", "--password-file", password]
    client = subprocess.Popen([str(w) for w in words], stderr=subprocess.PIPE, env=surroundings(), **streams)
    try:
        yield client
    finally:
        client.kill()
        client.wait()
        for stream in filter(None, (client.stdin, client.stdout, client.stderr)):
            stream.close()


@pytest.fixture
def end():
    """A backend that is played by hand; it accepts one tunnel."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def accept():
            far = listener.accept()[0]
            far.settimeout(10)
            return far

        accept.port = listener.getsockname()[1]
        yield accept


def test_one_socket_as_standard_input_and_output_hears_the_end(sallyport, certs, end):
    """ssh gives its ProxyCommand a socket that is both; only the direction that has ended may end."""
    program = sallyport(end.port, certs=certs, mode=1, listener={"protocol": "connect"})
    near, given = socket.socketpair()
    near.settimeout(10)
    with near, connect_of_root(program, certs, stdin=given, stdout=given) as client:
        given.close()
        with end() as far:
            far.sendall(b"bye")
            far.shutdown(socket.SHUT_WR)
            assert near.recv(3, socket.MSG_WAITALL) == b"bye" and near.recv(1) == b""
            near.sendall(b"still here")
            near.shutdown(socket.SHUT_WR)
            assert far.recv(10, socket.MSG_WAITALL) == b"still here" and far.recv(1) == b""
        assert client.wait(10) == 0


def test_a_standard_input_that_is_closed_is_an_empty_one(sallyport, certs, end):
    """And no file or socket of the program's own that got its number."""
    program = sallyport(end.port, certs=certs, mode=1, listener={"protocol": "connect"})
    with connect_of_root(program, certs, "sh", "-c", 'exec "$@" <&-', "sh", stdout=subprocess.PIPE) as client:
        with end() as far:
            assert far.recv(100) == b""
            far.sendall(b"hello")
        assert client.communicate(timeout=10) == (b"hello", b"") and client.returncode == 0


def test_connect_ends_when_nobody_reads_its_output_any_more(sallyport, certs, end):
    """As in `producer | sallyport connect … | head`."""
    program = sallyport(end.port, certs=certs, mode=1, listener={"protocol": "connect"})
    with connect_of_root(program, certs, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client, end() as far:
        far.sendall(b"one\n")
        assert client.stdout.readline() == b"one\n"
        client.stdout.close()
        far.sendall(b"two\n")
        assert client.wait(10) == 1  # though standard input is open
        assert client.stderr.read() == b"sallyport: standard output: Broken pipe\n"
        program.wait_event("tunnel_closed", cause="client_broken")


def test_connect_ends_in_good_order_when_it_is_interrupted(sallyport, certs, end):
    program = sallyport(end.port, certs=certs, mode=1, listener={"protocol": "connect"})
    with connect_of_root(program, certs, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client, end() as far:
        far.sendall(b"one\n")
        assert client.stdout.readline() == b"one\n"
        client.send_signal(signal.SIGINT)
        assert client.communicate(timeout=10) == (b"", b"") and client.returncode == 0


def test_connect_passes_over_what_comes_before_the_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = subprocess.Popen([str(PROGRAM), "connect", f"127.0.0.1:{listener.getsockname()[1]}", "--plaintext"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings())
        with listener.accept()[0] as far:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += far.recv(4096)
            far.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello")
            far.shutdown(socket.SHUT_WR)
            assert client.communicate(timeout=10) == (b"hello", b"") and client.returncode == 0


def test_curl_goes_through_as_through_any_https_proxy(sallyport, certs):
    backend = RestBackend()
    program = sallyport(backend.port, certs=certs, mode=1, listener={"protocol": "connect"})
    base = ["curl", "-sS", "--max-time", "20", "--proxytunnel", "--proxy", f"https://localhost:{program.port}", "--proxy-cacert", certs / "ca.pem"]
    mark = backend.mark()
    for user in ([], ["--proxy-user", "root:wrong"]):
        done = subprocess.run([str(w) for w in (*base, *user, f"http://127.0.0.1:{backend.port}/bytes?1000")], capture_output=True, timeout=30)
        assert done.returncode != 0 and b"407" in done.stderr
    backend.assert_nothing_since(mark)
    done = subprocess.run([str(w) for w in (*base, "--proxy-user", "root:Milvus", f"http://127.0.0.1:{backend.port}/bytes?100000")], capture_output=True, timeout=30)
    assert done.returncode == 0 and len(done.stdout) == 100_000, done.stderr
    backend.close()


# A little comes with the head and with close_notify in one read, much does not. The FIN need not come before the end of what comes back.
@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("times", [1, 2_000])
def test_in_tls_too_each_direction_has_an_end_of_its_own(sallyport, certs, times, fin):
    echo = Echo()
    program = sallyport(echo.port, certs=certs, mode=1, listener={"protocol": "connect"})
    context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    wire = socket.create_connection(program.address)
    wire.settimeout(20)

    def until_done(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                if outgoing.pending:
                    wire.sendall(outgoing.read())
                data = wire.recv(1 << 16)
                if data:
                    incoming.write(data)
                else:
                    incoming.write_eof()
            finally:
                if outgoing.pending:
                    wire.sendall(outgoing.read())

    until_done(near.do_handshake)
    token = base64.b64encode(b"root:Milvus").decode()
    target = f"127.0.0.1:{echo.port}"
    near.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {token}\r\n\r\n".encode())
    content = bytes(range(256)) * times
    near.write(content)
    try:
        near.unwrap()  # close_notify; what comes back can still be read
    except ssl.SSLWantReadError:
        pass
    wire.sendall(outgoing.read())
    if fin:
        wire.shutdown(socket.SHUT_WR)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    got = b""
    while len(got) < len(head) + len(content):
        piece = until_done(lambda: near.read(1 << 16))
        if not piece:
            break
        got += piece
    assert got == head + content
    assert program.wait_event("tunnel_closed", cause="ended", to_client=str(len(content)))
    wire.close()
    echo.close()


def test_a_drain_gives_tunnels_their_time(sallyport, redis, certs, password):
    program = sallyport(redis.port, certs=certs, mode=1, listener={"protocol": "connect"}, limits={"drain": "2s"})
    local = Connect(f"localhost:{program.port}", "--ca", certs / "ca.pem", "--user", "root", "--password-file", password)
    with socket.create_connection(("127.0.0.1", local.port)) as wire:
        wire.settimeout(10)
        wire.sendall(b"PING\r\n")
        assert wire.recv(100) == b"+PONG\r\n"
        program.send_signal(signal.SIGTERM)
        program.wait_event("draining")
        wire.sendall(b"PING\r\n")
        assert wire.recv(100) == b"+PONG\r\n"
        with pytest.raises(ConnectionError):
            if wire.recv(100) == b"":
                raise ConnectionError
    program.finish()
    assert program.wait_event("tunnel_closed", cause="drain_timed_out")
    assert local.stop(signal.SIGINT) == 0

"""A Milvus with TLS of its own is reached through TLS, and what is not that Milvus gets no request.

Method: the real Milvus 2.3.5 in tlsMode 0, 1 and 2. pymilvus 2.4.15 makes a collection, inserts and searches through both doors; then the same Milvus
is asked by way of settings that do not fit it: another authority, another name, no client certificate, TLS to plaintext. Last a server that has a
certificate as Milvus' documented recipe makes it, which has no subjectAltName; it counts the bytes that it could decrypt.
"""

import base64
import re
import shutil
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from support import certificates
from support.page import until
from support.paths import python_of
from support.program import command

TOKEN = base64.b64encode(b"root:Milvus").decode()
SCRIPT = """
import sys
from pymilvus import DataType, MilvusClient

port, certs = sys.argv[1:]
client = MilvusClient(uri=f"https://localhost:{port}", token="root:Milvus", secure=True, server_name="localhost", timeout=20,
                      ca_pem_path=f"{certs}/ca.pem", client_pem_path=f"{certs}/client.pem", client_key_path=f"{certs}/client.key")
schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
index = client.prepare_index_params()
index.add_index(field_name="vector", index_name="vector", index_type="FLAT", metric_type="COSINE")
client.create_collection("through_tls", schema=schema, index_params=index, consistency_level="Strong")
client.insert("through_tls", [{"id": number, "vector": [1.0, number / 100, 0.5, 0.25]} for number in range(100)])
hits = client.search("through_tls", data=[[1.0, 0.42, 0.5, 0.25]], limit=3, anns_field="vector", search_params={"metric_type": "COSINE"},
                     consistency_level="Strong")
print(sorted(hit["id"] for hit in hits[0]))
"""


def backend(port, tls=None, host="127.0.0.1"):
    return [{"name": "milvus", "endpoints": [f"{host}:{port}"], "rest": "off"} | ({} if tls is None else {"tls": tls})]


def search(program, certs) -> str:
    done = subprocess.run([python_of("py24"), "-c", SCRIPT, str(program.port), certs], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stderr[-2000:]}\n{program.tail(40)}"
    return done.stdout.strip()


def ask(program, certs):
    """GetVersion through both doors: the status."""
    mine = grpc.ssl_channel_credentials(*((certs / name).read_bytes() for name in ("ca.pem", "client.key", "client.pem")))
    with grpc.secure_channel(f"localhost:{program.port}", mine) as channel:
        try:
            channel.unary_unary("/milvus.proto.milvus.MilvusService/GetVersion")(b"", metadata=[("authorization", TOKEN)], timeout=10)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


@pytest.fixture
def refused(sallyport, certs):
    """refused(port, tls, reason): a request is UNAVAILABLE and the log says why."""

    def check(port, tls, event, reason):
        program = sallyport(backend(port, tls), certs=certs, mode=2)
        assert ask(program, certs) == grpc.StatusCode.UNAVAILABLE
        assert program.wait_event(event, reason=re.compile(re.escape(reason)))

    return check


def test_tls_mode_0_is_plaintext(milvus, sallyport, certs, refused):
    port = milvus().port
    assert search(sallyport(backend(port), certs=certs, mode=2), certs) == "[41, 42, 43]"
    refused(port, {"ca": str(certs / "ca.pem")}, "backend_unreachable", "TLS: the server ")


def test_tls_mode_1_shows_a_certificate(milvus, sallyport, certs, bad_certs, refused):
    port = milvus("tls_mode=1", f"server_pem_path={certs}/server.pem", f"server_key_path={certs}/server.key", f"ca_pem_path={certs}/ca.pem").port
    good = {"ca": str(certs / "ca.pem")}
    assert search(sallyport(backend(port, good), certs=certs, mode=2), certs) == "[41, 42, 43]"
    refused(port, {"ca": str(bad_certs["self-signed"][0])}, "backend_unreachable", "TLS: unable to get local issuer certificate")
    refused(port, {}, "backend_unreachable", "TLS: unable to get local issuer certificate")
    refused(port, good | {"server_name": "milvus.example"}, "backend_unreachable", "TLS: the certificate is for another name: localhost")


def test_tls_mode_2_asks_for_one(milvus, sallyport, certs, bad_certs, refused):
    port = milvus("tls_mode=2", f"server_pem_path={certs}/server.pem", f"server_key_path={certs}/server.key", f"ca_pem_path={certs}/ca.pem").port
    server = {"ca": str(certs / "ca.pem"), "server_name": "localhost"}
    mine = {"cert": str(certs / "client.pem"), "key": str(certs / "client.key")}
    assert search(sallyport(backend(port, server | mine), certs=certs, mode=2), certs) == "[41, 42, 43]"
    stranger = {"cert": str(bad_certs["wrong CA"][0]), "key": str(bad_certs["wrong CA"][1])}
    refused(port, server, "backend_lost", "alert from the server: bad certificate")
    refused(port, server | stranger, "backend_lost", "alert from the server: ")


class Recipe:
    """A TLS server with a certificate that names itself in its common name alone."""

    def __init__(self, certs, folder):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificates.without_extensions(folder, "localhost", (certs / "ca.pem", certs / "ca.key")))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.alerts, self.bytes = [], 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                wire, _ = self.listener.accept()
                with self.context.wrap_socket(wire, server_side=True) as stream:
                    self.bytes += len(stream.recv(1 << 16))
            except ssl.SSLError as error:
                self.alerts.append(error.reason)
            except OSError:
                return


def test_a_certificate_of_the_recipe_without_a_san_is_refused_in_words_that_help(sallyport, certs, folder):
    recipe = Recipe(certs, folder)
    tls = {"ca": str(certs / "ca.pem"), "server_name": "localhost"}
    # It does not listen on ::1, which is no reason to forget what was wrong at 127.0.0.1.
    program = sallyport(backend(recipe.port, tls, host="localhost"), certs=certs, mode=2)
    assert ask(program, certs) == grpc.StatusCode.UNAVAILABLE
    said = program.wait_event("backend_unreachable", depth="0", subject=re.compile("CN=localhost"))
    assert "no subjectAltName" in said["reason"] and "sallyport certs init" in said["reason"]
    until(lambda: recipe.alerts)
    assert recipe.bytes == 0
    unverified = sallyport(backend(recipe.port, {"verify": False}), certs=certs, mode=2, unsafe_insecure_upstream=True)
    assert unverified.wait_event("unsafe_setting", text=re.compile("^unsafe_insecure_upstream is set: .*: backend milvus$"))
    ask(unverified, certs)
    assert recipe.bytes > 0
    recipe.listener.close()


class Guarded:
    """A gRPC server that wants a certificate of an authority of its own, and tells whose certificates it has seen."""

    def __init__(self, shown, believed):
        cert, key = shown
        self.seen = []
        self.server = grpc.server(ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((self,))
        mine = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())], believed.read_bytes(), require_client_auth=True)
        self.port = self.server.add_secure_port("127.0.0.1:0", mine)
        self.server.start()

    def service(self, _details):
        def answer(_request, call):
            self.seen.append(call.auth_context()["x509_common_name"][0].decode())
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


def test_what_the_backend_is_judged_by_and_what_it_is_shown_change_without_a_restart(sallyport, certs, folder):
    """A new file is in force for the next request: the connection that was made with the old ones gets none any more."""
    ours, stranger = certificates.authority(folder, "ours"), certificates.authority(folder, "stranger")
    guarded = Guarded(certificates.leaf(folder, "backend", ours, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,), dns=("localhost",)), ours[0])
    clients = {name: certificates.leaf(folder, name, ours) for name in ("first", "second")}
    files = {"ca": folder / "live-ca.pem", "cert": folder / "live.pem", "key": folder / "live.key"}

    def put(**new):
        for name, source in new.items():
            shutil.copy(source, folder / "new")
            (folder / "new").rename(files[name])

    put(ca=stranger[0], cert=clients["first"][0], key=clients["first"][1])
    program = sallyport(backend(guarded.port, {name: str(file) for name, file in files.items()} | {"server_name": "localhost"}), certs=certs, mode=2)
    assert ask(program, certs) == grpc.StatusCode.UNAVAILABLE
    assert program.wait_event("backend_unreachable")["reason"].startswith("TLS: ")

    def changed(**new):
        mark = program.mark()
        put(**new)
        program.wait_event("certificates_reloaded", since=mark, backend="milvus")

    changed(ca=ours[0])
    until(lambda: ask(program, certs) == grpc.StatusCode.OK)  # the pause after a failure
    assert guarded.seen == ["first"]
    changed(cert=clients["second"][0], key=clients["second"][1])
    until(lambda: ask(program, certs) == grpc.StatusCode.OK and guarded.seen[-1] == "second", timeout=2)
    changed(ca=stranger[0])
    until(lambda: ask(program, certs) == grpc.StatusCode.UNAVAILABLE, timeout=2)
    files["ca"].write_text("no certificate")
    program.wait_event("certificates_not_reloaded", backend="milvus")
    for _ in range(2):  # whoever asks again hears it again
        code, out, err = command("ctl", "reload", "-c", program.file)
        assert code != 0 and "live-ca.pem" in out + err, out + err
    guarded.server.stop(None)

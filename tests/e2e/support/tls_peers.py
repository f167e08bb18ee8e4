"""Other TLS servers that ask for client certificates, with the trust of a kit: nginx and HAProxy of Debian, and Envoy."""

import json
import socket
from pathlib import Path

from support.paths import VENVS, peer
from support.process import Process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class TlsPeer(Process):
    """Runs until `stop`; `port` is where it speaks TLS."""

    def __init__(self, arguments, port: int):
        self.port = port
        super().__init__(arguments)
        while not _listening(port):
            assert self.child.poll() is None, f"{self.arguments[0]} ended:\n{self.tail()}"


def nginx(folder: Path, kit: Path) -> TlsPeer:
    port = free_port()
    configuration = folder / "nginx.conf"
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    configuration.write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {kit}/server.pem; ssl_certificate_key {kit}/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_verify_client on; ssl_client_certificate {kit}/ca.pem; ssl_crl {kit}/crl.pem; ssl_verify_depth 4;
    location / {{ return 200 "ok"; }}
  }}
}}
""")
    return TlsPeer([peer("nginx"), "-c", configuration, "-e", "stderr", "-p", folder], port)


def haproxy(folder: Path, kit: Path) -> TlsPeer:
    port = free_port()
    (folder / "server.pem").write_bytes((kit / "server.pem").read_bytes() + (kit / "server.key").read_bytes())
    configuration = folder / "haproxy.cfg"
    configuration.write_text(f"""
global
  stats timeout 5s
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend door
  bind 127.0.0.1:{port} ssl crt {folder}/server.pem ca-file {kit}/ca.pem crl-file {kit}/crl.pem verify required ssl-min-ver TLSv1.2 alpn h2,http/1.1
  http-request return status 200 content-type text/plain string ok
""")
    return TlsPeer([peer("haproxy"), "-db", "-f", configuration], port)


def envoy(folder: Path, kit: Path) -> TlsPeer:
    port = free_port()
    http = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    manager = {
        "@type": f"type.googleapis.com/{http}", "stat_prefix": "door", "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [{"name": "envoy.filters.http.router",
                          "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    }
    tls = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificates": [{"certificate_chain": {"filename": f"{kit}/server.pem"}, "private_key": {"filename": f"{kit}/server.key"}}],
            "validation_context": {"trusted_ca": {"filename": f"{kit}/ca.pem"}, "crl": {"filename": f"{kit}/crl.pem"}, "max_verify_depth": 4},
        },
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
                           "transport_socket": {"name": "tls", "typed_config": tls}}],
    }
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    return TlsPeer([VENVS / "envoy" / "bin" / "envoy", "-c", configuration, "--concurrency", "1", "--disable-hot-restart", "-l", "off"], port)

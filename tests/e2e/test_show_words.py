"""`certs show` says of each fault of a server's certificate what the clients of Milvus will say, and they do say that; whom it does not name connects.

Method: one server a fault, each with a real chain on a port of its own; `certs show HOST:PORT --ca` of each, asked for by a name and by an address; the
clients themselves, as they come: grpcio, Python's ssl, grpc-go, grpc-js, grpc-java, and Sallyport before such a backend.

Not served: a key that OpenSSL cannot read (unknown-key), for no server has one; a leaf with RSA below 1024 bits, which is too small for any signature that
clients ask for.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from support.faulty_servers import FaultyServers
from support.paths import REPOSITORY
from support.program import command
from support.sayings import CLIENTS_OF_MILVUS, targets

SERVE_NOBODY = ("secp256k1", "DSA")  # not even `certs show`, which reads the file then
NEEDS_NO_SERVER = {"unknown-key", "no-ca", "needs-issuer"}
# Go 1.19 judges the chain; 1.26 offers no signature by which the server may show it, and gets handshake_failure.
DEPENDS_ON_VERSION = {("Go", "MD5")}


@pytest.fixture(scope="module")
def servers():
    folder = Path(tempfile.mkdtemp(prefix="sallyport-words-"))
    made = FaultyServers(folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


def findings(*arguments) -> list:
    code, out, err = command("certs", "show", *arguments, "--json")
    assert code in (0, 1), err
    return json.loads(out)["findings"]


@pytest.fixture(scope="module")
def shown(servers):
    """By fault and host: the findings."""
    ca = ("--ca", servers.ca)
    found = {}
    for target, (fault, host) in targets(servers).items():
        found[fault, host] = findings(*([servers.files[fault], "--host", host] if fault in SERVE_NOBODY else [target]), *ca)
        if fault == "signed by itself":
            found[fault, host] += findings(target)
    found["no name", "localhost"] += findings(servers.files["no name"], *ca)  # of a file nobody knows what it is asked for
    return found


def words_for(client, found) -> set:
    said = (line.partition(": ") for one in found for line in one["said"])
    return {words for who, _, words in said if who == client}


@pytest.mark.parametrize("client", CLIENTS_OF_MILVUS)
def test_a_client_says_what_show_says_it_will(client, servers, shown):
    heard = CLIENTS_OF_MILVUS[client](servers)
    assert heard.keys() == shown.keys()
    wrong = {}
    for which, said in heard.items():
        if (client, which[0]) in DEPENDS_ON_VERSION and said:
            continue
        words = words_for(client, shown[which])
        if not words and said or not all(each in said and said for each in words):
            wrong[which] = f"show: {sorted(words) or 'nothing'}; it: {said[-300:] or 'connects'}"
    assert not wrong, "\n".join(f"{fault} at {host}: {what}" for (fault, host), what in wrong.items())


def test_each_kind_of_finding_has_been_served(shown):
    text = (REPOSITORY / "docs" / "certs-commands.md").read_text()
    table = text[text.index("| finding | weight |"):].partition("\n\n")[0]
    known = {(id_, row.split("|")[2].strip().split()[0]) for row in table.splitlines()[2:] for id_ in re.findall(r"`([a-z-]+)`", row)}
    seen = {(one["id"], one["weight"]) for found in shown.values() for one in found}
    assert seen == {(id_, weight) for id_, weight in known if id_ not in NEEDS_NO_SERVER}
    named = {line.partition(": ")[0] for found in shown.values() for one in found for line in one["said"]}
    assert named == set(CLIENTS_OF_MILVUS)

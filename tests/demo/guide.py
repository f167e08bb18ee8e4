#!/usr/bin/env python3
"""The user guide's page on TLS and users, done with pymilvus against a running server: 2.4.15, 2.6.17 or 3.0.2.

guide.py --uri http[s]://HOST:PORT [--mode 0|1|2] [--ca FILE --cert FILE --key FILE] [--token root:Milvus] [--json FILE]

Mode 0 is plaintext, 1 checks the server's certificate, 2 shows a client certificate as well. The server is expected to have
`common.security.superUsers: root`. Each step prints what was done, what the guide lets one expect, and what was seen; the exit status is 0
only if every step came out as expected, 1 if one did not, 2 if the server could not be reached at all. What the steps make (one user, one
collection) they also remove; rests of an earlier run are removed first.
"""

import argparse
import json
import logging
import os
import sys
import time
from importlib.metadata import version

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # a refused handshake is one of the steps: gRPC's own lines about it would only confuse

logging.disable(logging.CRITICAL)  # and so would the tracebacks that pymilvus logs of each refusal

import grpc  # noqa: E402
from pymilvus import DataType, MilvusClient  # noqa: E402

PYMILVUS = tuple(int(part) for part in version("pymilvus").split(".")[:2])
COLLECTION = "guide"
USER, FIRST, SECOND, THIRD = "user_1", "P@ssw0rd", "P@ssw0rd-2", "P@ssw0rd-3"

WRONG = "UNAUTHENTICATED: auth check failure, please check username and password are correct"
MISSING = "UNAUTHENTICATED: missing authorization in header"


def verdict_of(error: BaseException) -> str:
    """The refusal as it was on the wire. pymilvus wraps the status differently in each version (from 2.6 on a failed Connect reads `Fail
    connecting to server`, with the true status only in its cause), so the chain of causes is searched for it."""
    seen, at = set(), error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        if isinstance(at, grpc.RpcError) and callable(getattr(at, "code", None)) and at.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"{at.code().name}: {at.details()}"
        at = at.__cause__ or at.__context__
    if hasattr(error, "code") and hasattr(error, "message"):
        return f"{error.code}: {error.message}"
    return f"{type(error).__name__}: {error}"


class Guide:
    def __init__(self, options):
        self.options = options
        self.results = []
        self.clients = []

    def client(self, token, certificate=True):
        how = {"uri": self.options.uri, "timeout": 10}
        if token:
            how["token"] = token
        if PYMILVUS >= (2, 6):
            how["dedicated"] = True  # or a second client of the same address and token would share the first one's connection and TLS
        if self.options.mode:
            how |= {"secure": True, "server_name": self.options.server_name}
        if self.options.mode == 2 and certificate:
            how |= {"ca_pem_path": self.options.ca, "client_pem_path": self.options.cert, "client_key_path": self.options.key}
        elif self.options.mode:
            how["server_pem_path"] = self.options.ca
        if not certificate:
            how["timeout"] = 3  # the handshake fails at once, but gRPC goes on trying
        made = MilvusClient(**how)
        self.clients.append(made)
        return made

    def step(self, done, expected, action, holds=None):
        """One step of the guide: `action` gives what was seen; it came out right when that equals `expected`, or when `holds` says so."""
        begun = time.monotonic()
        try:
            seen = action()
        except Exception as error:  # whatever pymilvus raises is an observation here
            seen = verdict_of(error)
        ok = bool(holds(seen)) if holds else seen == expected
        took = time.monotonic() - begun
        number = len(self.results) + 1
        self.results.append({"step": number, "done": done, "expected": expected, "seen": str(seen), "ok": ok, "seconds": round(took, 3)})
        mark, plain = ("\033[32mok\033[0m", "\033[0m") if ok else ("\033[31mFAILED\033[0m", "\033[0m")
        if not sys.stdout.isatty() and not self.options.colour:
            mark, plain = ("ok" if ok else "FAILED"), ""
        print(f"{number:2}. {done}\n      expected  {expected}\n      seen      {seen}\n      result    {mark}{plain}  ({took:.2f} s)", flush=True)
        return seen

    # What the steps do

    def connected(self, token, certificate=True):
        made = self.client(token, certificate)
        return f"connected, server {made.get_server_version()}"

    def collection(self, client):
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
        index = client.prepare_index_params()
        index.add_index(field_name="vector", index_name="vector", index_type="FLAT", metric_type="COSINE")
        client.create_collection(COLLECTION, schema=schema, index_params=index, consistency_level="Strong")
        return f"collections: {client.list_collections()}"

    def inserted(self, client):
        rows = [{"id": number, "vector": [1.0, number / 100, 0.5, 0.25]} for number in range(100)]
        return f"{client.insert(COLLECTION, rows)['insert_count']} rows inserted"

    def searched(self, client):
        hits = client.search(COLLECTION, data=[[1.0, 0.42, 0.5, 0.25]], limit=3, anns_field="vector", search_params={"metric_type": "COSINE"},
                             consistency_level="Strong")
        return f"nearest: {sorted(hit['id'] for hit in hits[0])}"

    def clean(self, root):
        """What an earlier run that broke off may have left."""
        if COLLECTION in root.list_collections():
            root.drop_collection(COLLECTION)
        if USER in root.list_users():
            root.drop_user(USER)

    def done(self, action, *given, **named):
        action(*given, **named)
        return "done"

    def run(self):
        mode, root_token = self.options.mode, self.options.token
        root_name, root_password = root_token.split(":", 1)
        is_connected = lambda seen: seen.startswith("connected")  # noqa: E731
        is_user = f"{{'user_name': '{USER}', 'roles': ()}}"
        fine = "done"

        self.step(f"connect as {root_name}", "connected", lambda: self.connected(root_token), is_connected)
        if not self.results[0]["ok"]:
            return 2
        root = self.clients[-1]
        self.clean(root)

        self.step("connect with a wrong token", WRONG, lambda: self.connected(f"{root_name}:wrong"))
        self.step("connect as a user that does not exist", WRONG, lambda: self.connected(f"nobody:{root_password}"))
        self.step("connect with no token", MISSING, lambda: self.connected(None))
        if mode == 2:
            self.step("connect with no client certificate", "no connection", lambda: self.connected(root_token, certificate=False),
                      lambda seen: "Fail connecting to server" in seen or seen.startswith("UNAVAILABLE"))

        self.step(f"create_user({USER!r}, …)", fine, lambda: self.done(root.create_user, user_name=USER, password=FIRST))
        self.step("create the same user again", f"65535: user already exists: {USER}",
                  lambda: self.done(root.create_user, user_name=USER, password=FIRST))
        self.step("create a user with a password of 5 bytes",
                  "1100: invalid password length: invalid parameter[5 out of range 6 <= value <= 256]",
                  lambda: self.done(root.create_user, user_name="user_2", password="short"))
        self.step(f"describe_user({USER!r})", is_user, lambda: _described(root.describe_user(user_name=USER)))

        self.step(f"connect as {USER}", "connected", lambda: self.connected(f"{USER}:{FIRST}"), is_connected)
        user = self.clients[-1]
        self.step("as it, create a collection", f"collections: ['{COLLECTION}']", lambda: self.collection(user))
        self.step("as it, insert", "100 rows inserted", lambda: self.inserted(user))
        self.step("as it, search", "nearest: [41, 42, 43]", lambda: self.searched(user))
        self.step("as it, create a user", f"PERMISSION_DENIED: PrivilegeCreateOwnership: permission deny to {USER}",
                  lambda: self.done(user.create_user, user_name="user_2", password=FIRST))
        self.step("as it, drop itself", f"PERMISSION_DENIED: PrivilegeDropOwnership: permission deny to {USER}",
                  lambda: self.done(user.drop_user, user_name=USER))

        self.step(f"as it, update_password({USER!r}, …) with a wrong old password",
                  f"1400: old password not correct for {USER}: not authenticated",
                  lambda: self.done(user.update_password, user_name=USER, old_password="not it", new_password=SECOND))
        self.step(f"as it, update_password({USER!r}, …)", fine,
                  lambda: self.done(user.update_password, user_name=USER, old_password=FIRST, new_password=SECOND))
        self.step("connect with the old password", WRONG, lambda: self.connected(f"{USER}:{FIRST}"))
        self.step("connect with the new password", "connected", lambda: self.connected(f"{USER}:{SECOND}"), is_connected)
        self.step("the client that is connected still has the old one", WRONG, lambda: self.done(user.list_collections))

        self.step(f"as {root_name}, a super user, reset the password without the old one", fine,
                  lambda: self.done(root.update_password, user_name=USER, old_password="", new_password=THIRD))
        self.step("connect with the password before the reset", WRONG, lambda: self.connected(f"{USER}:{SECOND}"))
        self.step("connect with the reset password", "connected", lambda: self.connected(f"{USER}:{THIRD}"), is_connected)
        last = self.clients[-1]

        self.step("list_users()", f"['{root_name}', '{USER}']", lambda: str(sorted(root.list_users())))
        self.step(f"as {root_name}, drop oneself", "1401: root user cannot be deleted: privilege not permitted",
                  lambda: self.done(root.drop_user, user_name=root_name))
        self.step("drop the collection", "collections: []", lambda: (last.drop_collection(COLLECTION), f"collections: {last.list_collections()}")[1])
        self.step(f"drop_user({USER!r})", fine, lambda: self.done(root.drop_user, user_name=USER))
        self.step(f"connect as {USER} once more", WRONG, lambda: self.connected(f"{USER}:{THIRD}"))
        self.step("list_users()", f"['{root_name}']", lambda: str(sorted(root.list_users())))
        return 0 if all(result["ok"] for result in self.results) else 1


def _described(answer):
    """user_name and roles, which every version gives; newer ones may add a description."""
    return str({"user_name": answer.get("user_name"), "roles": tuple(answer.get("roles", ()))})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--uri", required=True, help="http[s]://HOST:PORT")
    parser.add_argument("--mode", type=int, choices=(0, 1, 2), default=0, help="tlsMode of the server")
    parser.add_argument("--token", default="root:Milvus")
    parser.add_argument("--ca", help="PEM: who signed the server's certificate (modes 1 and 2)")
    parser.add_argument("--cert", help="PEM: the client's certificate (mode 2)")
    parser.add_argument("--key", help="PEM: its key")
    parser.add_argument("--server-name", default="localhost", help="the name in the server's certificate")
    parser.add_argument("--json", help="a file for the results")
    parser.add_argument("--colour", action="store_true", help="even when the output is no terminal")
    options = parser.parse_args()
    if options.mode and not options.ca or options.mode == 2 and not (options.cert and options.key):
        parser.error("mode 1 needs --ca, mode 2 needs --ca, --cert and --key")

    print(f"pymilvus {version('pymilvus')}, {options.uri}, tlsMode {options.mode}", flush=True)
    guide = Guide(options)
    status = guide.run()
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"pymilvus": version("pymilvus"), "mode": options.mode, "status": status, "steps": guide.results}, file)
    failed = [result["step"] for result in guide.results if not result["ok"]]
    print(f"{len(guide.results)} steps, " + ("all as the guide says" if not failed else f"FAILED: {', '.join(map(str, failed))}"), flush=True)
    sys.stdout.flush()
    os._exit(status)  # gRPC's threads of the refused clients need not be waited for


if __name__ == "__main__":
    main()

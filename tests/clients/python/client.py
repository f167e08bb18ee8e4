#!/usr/bin/env python3
"""The grpcio client of the end-to-end tests: client.py TARGET CA CERT KEY, one channel. What it is told on standard input and what it says on standard
output: tests/clients/README.md."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import grpc

output = threading.Lock()


def say(id_, event, **more):
    with output:
        print(json.dumps({"id": id_, "event": event} | more), flush=True)


class Call:
    """One call, on a thread of its own."""

    def __init__(self, channel, order):
        self.channel, self.order = channel, order
        self.sent, self.received, self.last = 0, 0, b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        began, code, details = time.monotonic(), "OK", ""
        try:
            self._exchange()
        except grpc.RpcError as error:
            code, details = error.code().name, error.details()
        except Exception as error:  # a fault of the library's, which the test is to see
            code, details = type(error).__name__, str(error)
        say(self.order["id"], "ended", code=code, details=details, sent=self.sent, received=self.received,
            text=self.last.decode() if len(self.last) <= 200 else "", seconds=time.monotonic() - began)

    def _exchange(self):
        order = self.order
        with_ = {"timeout": order["timeout"], "metadata": (("authorization", order["token"]),)}
        message = bytes(order["size"]) or order["text"].encode()
        if order["kind"] == "download":
            call = self.channel.unary_stream(order["method"])(message, **with_)
        elif order["kind"] == "upload":
            call = self.channel.stream_unary(order["method"]).future(self._messages(message), **with_)
        else:
            call = self.channel.unary_unary(order["method"]).future(message, **with_)
        say(order["id"], "started")
        if order["kind"] == "download":
            self.sent = 1
            for each in call:
                self._arrived(each)
                say(order["id"], "message")
        else:
            self.sent = self.sent or 1
            self._arrived(call.result())

    def _messages(self, message):
        for number in range(self.order["count"]):
            self.sent = number + 1
            yield message

    def _arrived(self, message):
        self.received, self.last = self.received + 1, message


def main(target, ca, cert, key):
    credentials = grpc.ssl_channel_credentials(*(Path(file).read_bytes() for file in (ca, key, cert)))
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    channel = grpc.secure_channel(target, credentials, options=options)
    for line in sys.stdin:
        Call(channel, json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""A gRPC server for the tests: grpc_backend.py PORT. Messages are plain bytes; what it sees it says on standard output, a JSON object a line.

/sallyport.test.Passage/…
  Echo     unary: the request
  Record   unary: says `recorded` with the request as its id, then returns it
  Digest   unary: sha256 of the request, hex
  Make     unary: a JSON {size, seed}: that many bytes, the same for the same seed
  Collect  client streaming: "<messages> <sha256 of all>"
  Produce  server streaming: a JSON {count, size}: so many messages of that size; says `produced` now and then
  Chat     bidirectional: each message back
  Hold     server streaming: one message, then nothing until it is cancelled; says `cancelled`
  Wait     unary: a JSON {seconds}; says `waiting`, then `cancelled` or answers "done"
  Metadata unary: the request's metadata as JSON; initial and trailing metadata of its own, binary too
  Fail     unary: a JSON {code, details}
/milvus.proto.milvus.MilvusService/GetVersion answers as Milvus does.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import sys

import grpc

SERVICE = "sallyport.test.Passage"


def say(event, **fields):
    print(json.dumps({"event": event} | fields), flush=True)


def made(size, seed) -> bytes:
    """Bytes that do not compress and differ for each seed."""
    return random.Random(seed).randbytes(size)


async def echo(request, context):
    say("echo", size=len(request))
    return request


async def record(request, context):
    say("recorded", id=request.decode())
    return request


async def digest(request, context):
    return hashlib.sha256(request).hexdigest().encode()


async def make(request, context):
    wanted = json.loads(request)
    return made(wanted["size"], wanted["seed"])


async def collect(requests, context):
    count, sum_ = 0, hashlib.sha256()
    async for message in requests:
        count += 1
        sum_.update(message)
    return f"{count} {sum_.hexdigest()}".encode()


async def produce(request, context):
    wanted = json.loads(request)
    message = made(wanted["size"], 0)
    try:
        for number in range(wanted["count"]):
            yield message
            if (number + 1) % 16 == 0:
                say("produced", messages=number + 1, bytes=(number + 1) * wanted["size"])
    except asyncio.CancelledError:
        say("cancelled", method="Produce")
        raise


async def chat(requests, context):
    async for message in requests:
        yield message


async def hold(request, context):
    say("holding", id=request.decode())
    # Not by an exception: a cancellation that comes while a message is being written is not raised in here.
    # This call ends in no other way.
    context.add_done_callback(lambda _: say("cancelled", method="Hold", id=request.decode()))
    yield b"held"
    await asyncio.Event().wait()


async def wait(request, context):
    wanted = json.loads(request)
    say("waiting", **wanted)
    try:
        await asyncio.sleep(wanted["seconds"])
    except asyncio.CancelledError:
        say("cancelled", method="Wait", **wanted)
        raise
    return b"done"


async def metadata(request, context):
    await context.send_initial_metadata((("first-text", "one"), ("first-bin", b"\x00\x01\xff")))
    context.set_trailing_metadata((("last-text", "two"), ("last-bin", b"\xfe\x00\n"), ("last-text", "three")))
    return json.dumps([[k, base64.b64encode(v).decode() if isinstance(v, bytes) else v] for k, v in context.invocation_metadata()]).encode()


async def fail(request, context):
    wanted = json.loads(request)
    await context.abort(grpc.StatusCode[wanted["code"]], wanted["details"])


async def get_version(request, context):
    say("get_version")
    return b"\n\0\x12\x0bv2.3.5-lite"


async def main(port):
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Record": grpc.unary_unary_rpc_method_handler(record),
        "Digest": grpc.unary_unary_rpc_method_handler(digest),
        "Make": grpc.unary_unary_rpc_method_handler(make),
        "Collect": grpc.stream_unary_rpc_method_handler(collect),
        "Produce": grpc.unary_stream_rpc_method_handler(produce),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Hold": grpc.unary_stream_rpc_method_handler(hold),
        "Wait": grpc.unary_unary_rpc_method_handler(wait),
        "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
    }
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler(SERVICE, handlers),
        grpc.method_handlers_generic_handler("milvus.proto.milvus.MilvusService",
                                             {"GetVersion": grpc.unary_unary_rpc_method_handler(get_version)}),
    ))
    chosen = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    say("listening", port=chosen, pid=os.getpid())
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

// The grpc-js client of the end-to-end tests: client.js TARGET CA CERT KEY, one channel. What it is told on standard input and what it says on standard
// output: tests/clients/README.md.
"use strict";

const fs = require("fs");
const readline = require("readline");
const grpc = require("@grpc/grpc-js");

const [target, ca, cert, key] = process.argv.slice(2);
const credentials = grpc.credentials.createSsl(fs.readFileSync(ca), fs.readFileSync(key), fs.readFileSync(cert));
const channel = new grpc.Client(target, credentials, { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
const asItIs = (bytes) => bytes;

function say(id, event, more) {
  process.stdout.write(JSON.stringify({ id, event, ...more }) + "\n");
}

function begin(order) {
  const began = process.hrtime.bigint();
  const count = { sent: 0, received: 0 };
  let last = Buffer.alloc(0);

  const arrived = (message) => {
    count.received += 1;
    last = message;
  };
  const ended = (status) =>
    say(order.id, "ended", {
      code: grpc.status[status.code], details: status.details, ...count, text: last.length > 200 ? "" : last.toString(),
      seconds: Number(process.hrtime.bigint() - began) / 1e9,
    });
  const answered = (error, message) => {
    if (message) arrived(message);
    ended(error || { code: grpc.status.OK, details: "" });
  };

  const message = order.size > 0 ? Buffer.alloc(order.size) : Buffer.from(order.text);
  const metadata = new grpc.Metadata();
  metadata.set("authorization", order.token);
  const options = { deadline: Date.now() + order.timeout * 1000 };
  if (order.kind === "unary") {
    channel.makeUnaryRequest(order.method, asItIs, asItIs, message, metadata, options, answered);
    count.sent = 1;
  } else if (order.kind === "upload") {
    const call = channel.makeClientStreamRequest(order.method, asItIs, asItIs, metadata, options, answered);
    const next = (error) => {
      if (error) return; // the status has been said, or will be
      if (count.sent === order.count) return call.end();
      count.sent += 1;
      call.write(message, next);
    };
    next();
  } else {
    const call = channel.makeServerStreamRequest(order.method, asItIs, asItIs, message, metadata, options);
    count.sent = 1;
    call.on("data", (each) => {
      arrived(each);
      say(order.id, "message");
    });
    call.on("error", () => {}); // `status` has it
    call.on("status", ended);
  }
  say(order.id, "started");
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => begin(JSON.parse(line)));
lines.on("close", () => process.exit(0));

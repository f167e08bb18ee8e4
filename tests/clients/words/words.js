// What grpc-js says of servers: words.js CA TARGET…, a line of JSON each: `target`, and `said`, which is empty where the call has been answered well.
"use strict";

const fs = require("fs");
const grpc = require("@grpc/grpc-js");

const [ca, ...targets] = process.argv.slice(2);
const credentials = grpc.credentials.createSsl(fs.readFileSync(ca));
const asItIs = (bytes) => bytes;

for (const target of targets) {
  const channel = new grpc.Client(target, credentials);
  channel.makeUnaryRequest("/any.Service/Call", asItIs, asItIs, Buffer.from("words"), { deadline: Date.now() + 15000 }, (error) => {
    process.stdout.write(JSON.stringify({ target, said: error ? error.details : "" }) + "\n");
    channel.close();
  });
}

#!/usr/bin/env node
// npm's compiler with the command line that analysers expect of a native one: --version, and --standard-json on stdin.
"use strict";

const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else {
  const input = [];
  process.stdin.on("data", (chunk) => input.push(chunk));
  process.stdin.on("end", () => process.stdout.write(solc.compile(Buffer.concat(input).toString("utf8"))));
}

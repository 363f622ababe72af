// Compiles the contracts with the pinned solc and writes ABI and bytecode, or compares them with what is there (--check).
"use strict";

const fs = require("fs");
const path = require("path");
const solc = require("solc");

const EXPECTED = "0.8.30+commit.73712a01";
const EIP_170 = 24576;
const ARTIFACTS = ["ModelRegistry", "Groth16ModelVerifier", "PlonkModelVerifier"];
const SETTINGS = {
  viaIR: true,
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 1000 },
  // Paths and comments do not change the bytecode.
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

function compile() {
  if (!solc.version().startsWith(EXPECTED)) {
    throw new Error(`solc ${EXPECTED} is needed, this is ${solc.version()}: run npm ci`);
  }
  const root = path.join(__dirname, "src");
  const names = fs.readdirSync(root).filter((name) => name.endsWith(".sol")).sort();
  const sources = Object.fromEntries(names.map((name) => [name, { content: fs.readFileSync(path.join(root, name), "utf8") }]));
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const problems = output.errors || [];
  problems.forEach((problem) => console.error(problem.formattedMessage));
  if (problems.length > 0) throw new Error("the contracts do not compile without errors and warnings");
  return Object.assign({}, ...Object.values(output.contracts));
}

function artifact(name, contract) {
  const runtime = contract.evm.deployedBytecode.object;
  const size = runtime.length / 2;
  if (size > EIP_170) throw new Error(`${name} has ${size} bytes of code, more than the ${EIP_170} of EIP-170`);
  console.log(`${name}: ${size} bytes of code, ${contract.evm.bytecode.object.length / 2} to deploy`);
  return { abi: `${JSON.stringify(contract.abi, null, 1)}\n`, bin: `${contract.evm.bytecode.object}\n`, "bin-runtime": `${runtime}\n` };
}

function main() {
  const check = process.argv.includes("--check");
  const contracts = compile();
  const directory = path.join(__dirname, "artifacts");
  fs.mkdirSync(directory, { recursive: true });
  let stale = false;
  for (const name of ARTIFACTS) {
    for (const [kind, text] of Object.entries(artifact(name, contracts[name]))) {
      const file = path.join(directory, `${name}.${kind}`);
      if (!check) fs.writeFileSync(file, text);
      else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text) {
        console.error(`${file} is not what the sources compile to: run contracts/build.sh`);
        stale = true;
      }
    }
  }
  process.exit(stale ? 1 : 0);
}

main();

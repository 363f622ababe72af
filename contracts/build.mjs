// Compiles src/*.sol with the solc of package.json and writes artifacts/NAME.abi.json and artifacts/NAME.bin (creation
// code, hex). With --check it writes nothing and fails if the committed artifacts are not what the sources yield.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import solc from "solc";

const root = import.meta.dirname;
const check = process.argv.includes("--check");
const CODE_LIMIT = 24576; // EIP-170

const sources = {};
for (const file of readdirSync(join(root, "src")).sort()) {
  sources[file] = { content: readFileSync(join(root, "src", file), "utf8") };
}
const settings = {
  optimizer: { enabled: true, runs: 1_000_000 },
  viaIR: true,
  evmVersion: "cancun",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};
const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
let failed = false;
for (const error of output.errors ?? []) {
  console.error(error.formattedMessage);
  failed = true;
}
for (const [file, contracts] of Object.entries(output.contracts ?? {})) {
  const name = file.replace(/\.sol$/, "");
  const { abi, evm } = contracts[name];
  // Libraries whose functions are all internal have no code of their own to deploy.
  if (abi.every((entry) => entry.type === "error")) continue;
  const size = evm.deployedBytecode.object.length / 2;
  if (size > CODE_LIMIT) {
    console.error(`${name}: ${size} bytes of code exceed ${CODE_LIMIT}`);
    failed = true;
  }
  const artifacts = [
    [`${name}.abi.json`, `${JSON.stringify(abi, null, 1)}\n`],
    [`${name}.bin`, `${evm.bytecode.object}\n`],
  ];
  for (const [artifact, text] of artifacts) {
    const path = join(root, "artifacts", artifact);
    if (!check) {
      writeFileSync(path, text);
    } else if (readFileSync(path, "utf8") !== text) {
      console.error(`artifacts/${artifact} is not what src/${file} yields: run npm run build`);
      failed = true;
    }
  }
  console.log(`${name}: ${size} bytes of code`);
}
process.exitCode = failed ? 1 : 0;

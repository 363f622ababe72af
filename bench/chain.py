"""What proofs for contracts cost, by part, through the command: a table per suite and visibility of the input.

    python3 bench/chain.py --zkml target/release/zkml MODEL.onnx DATA.npz [MODEL.onnx DATA.npz ...]

Calibrates on the data, proves its first sample, and sends the proof to the contracts in an EVM. Setups are for testing.
Memory is the peak of the process that proves. The tables of PLONK's prover are a phase of their own, "keys": a process that
proves more than once pays for them once. Needs nothing but Python.
"""

import argparse
import json
import tempfile
from pathlib import Path

from command import run

REGISTRY = ["--chain-id", "1", "--nonce", "0"]
for party, digit in [("registry", "1"), ("requester", "2"), ("owner", "3")]:
    REGISTRY += [f"--{party}", "0x" + digit * 40]
CLEAR = ["execute", "witness", "weights", "commit", "lookups", "products", "claim reduction", "opening"]


def measure(zkml, model, data, suite, visibility, folder, names):
    """A row of the table: setup, proof, gas."""
    keys, proof = folder / "keys", folder / "proof.zkp"
    asked = [part for name in names for part in ("--visibility", f"{name}={visibility}")]
    setup, _ = run(zkml, "setup", model, "--out", keys, "--suite", suite, "--testing-srs", "--force", *asked)
    card = keys / "model.card"
    context = run(zkml, "context", "--card", card, *REGISTRY)[0]["context"]
    prove = ["prove", "--key", keys / "prover.key", "--input", data, "--out", proof, "--context", context]
    proven, memory = run(zkml, *prove)
    verified, _ = run(zkml, "verify", "--card", card, proof, "--allow-testing")
    gas, _ = run(zkml, "estimate-gas", "--card", card, proof)
    gas["submit"] = run(zkml, "estimate-gas", "--card", card, proof, *REGISTRY)[0]["total"]
    described, _ = run(zkml, "inspect", card)
    for secret in folder.glob("*.secret"):
        secret.unlink()
    phases = proven["phases"]
    return {
        "columns": described["columns"],
        "log_rows": described["log_rows"],
        "constraints": proven["constraints"],
        "setup_seconds": setup["seconds"],
        "clear_seconds": sum(phases.get(name, 0) for name in CLEAR),
        "circuit_seconds": phases["circuit"],
        "keys_seconds": phases["keys"],
        "snark_seconds": phases["SNARK"],
        "prove_seconds": proven["seconds"],
        "verify_seconds": verified["seconds"],
        "bytes": gas["proof_bytes"],
        "memory": memory,
        "gas": gas,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zkml", default="zkml", help="the command")
    parser.add_argument("--suites", default="groth16,plonk")
    parser.add_argument("--visibilities", default="public,committed", help="of the input")
    parser.add_argument("--json", help="where everything measured goes")
    parser.add_argument("files", nargs="+", help="models and their data, in turn")
    arguments = parser.parse_args()
    zkml, rows = arguments.zkml, []
    for model, data in zip(arguments.files[::2], arguments.files[1::2]):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            compiled = folder / "model.zkm"
            run(zkml, "compile", model, "--calibrate", data, "--out", compiled)
            names = [node["name"] for node in run(zkml, "inspect", compiled)[0]["nodes"] if node["op"] == "input"]
            for suite in arguments.suites.split(","):
                for visibility in arguments.visibilities.split(","):
                    row = measure(zkml, compiled, data, suite, visibility, folder, names)
                    rows.append({"model": Path(model).stem, "suite": suite, "input": visibility, **row})
                    print_row(rows[-1], first=len(rows) == 1)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1))
    print_gas(rows)


def print_row(row, first):
    """Sizes and times."""
    if first:
        print("| model, input | suite | columns | constraints | set-up, s | in the clear, s | circuit, s | tables, s | SNARK, s | all, s "
              "| verify, ms | proof, bytes | memory, MB |")
        print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    seconds = (row[f"{name}_seconds"] for name in ["setup", "clear", "circuit", "keys", "snark", "prove"])
    print(f"| {row['model']}, {row['input']} | {row['suite']} | {row['columns']} of 2^{row['log_rows']} | {row['constraints']:,} | "
          + " | ".join(f"{value:.2f}" for value in seconds)
          + f" | {row['verify_seconds'] * 1e3:.0f} | {row['bytes']:,} | {row['memory'] / 1e6:.0f} |", flush=True)


def print_gas(rows):
    """Gas by part of the verifier's contract, and of a registry's submission as a whole."""
    parts = ["base", "calldata", "pairings", "group", "field", "storage", "total", "submit"]
    print("\n| model, input | suite | public bytes | transaction | calldata | pairings | points | hashes, field, memory | key | verifier | registry |")
    print("|---|---|---:|" + "---:|" * len(parts))
    for row in rows:
        gas = row["gas"]
        print(f"| {row['model']}, {row['input']} | {row['suite']} | {gas['tensor_bytes']} | "
              + " | ".join(f"{gas[part]:,}" for part in parts) + " |")


main()

"""Models through the command, compile to verify: a row each.

    python3 bench/models.py --zkml target/release/zkml MODEL.onnx DATA.npz [MODEL.onnx DATA.npz ...]

Profile `fast`, calibrated on the data, 100 bits, one private sample with public raw outputs; the median of the proofs. Memory is the
peak of the process that proves, key included. Needs nothing but Python.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from command import run


def measure(zkml, model, data, folder, proofs):
    compiled, keys, proof = folder / "model.zkm", folder / "keys", folder / "proof.zkp"
    run(zkml, "compile", model, "--calibrate", data, "--out", compiled)
    setup, _ = run(zkml, "setup", compiled, "--out", keys)
    described, _ = run(zkml, "inspect", compiled)
    prove = ["prove", "--key", keys / "prover.key", "--input", data, "--out", proof]
    proven = [run(zkml, *prove) for _ in range(proofs)]
    verified = [run(zkml, "verify", "--card", keys / "model.card", proof)[0] for _ in range(proofs)]
    return {
        "model": Path(model).stem,
        "weights": described["weights"],
        "lookups": described["lookups"],
        "log_rows": setup["log_rows"],
        "setup_seconds": setup["seconds"],
        "predicted_seconds": described["predicted_seconds"],
        "prove_seconds": statistics.median(p["seconds"] for p, _ in proven),
        "verify_seconds": statistics.median(v["seconds"] for v in verified),
        "bytes": proven[0][0]["bytes"],
        "memory": max(memory for _, memory in proven),
        "security_bits": verified[0]["security_bits"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zkml", default="zkml", help="the command")
    parser.add_argument("--proofs", type=int, default=3)
    parser.add_argument("--json", help="where everything measured goes")
    parser.add_argument("files", nargs="+", help="models and their data, in turn")
    arguments = parser.parse_args()
    print("| model | weights | lookups | rows | set-up, s | prove, ms | verify, ms | proof, KB | memory, MB | bits |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for model, data in zip(arguments.files[::2], arguments.files[1::2]):
        with tempfile.TemporaryDirectory() as folder:
            row = measure(arguments.zkml, model, data, Path(folder), arguments.proofs)
        rows.append(row)
        print(f"| {row['model']} | {row['weights']:,} | {row['lookups']:,} | 2^{row['log_rows']} | {row['setup_seconds']:.2f} "
              f"| {row['prove_seconds'] * 1e3:,.0f} | {row['verify_seconds'] * 1e3:.1f} | {row['bytes'] / 1e3:.0f} "
              f"| {row['memory'] / 1e6:,.0f} | {row['security_bits']:.1f} |", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1))


main()

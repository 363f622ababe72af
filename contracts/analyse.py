"""Static analysis of the contracts: python3 contracts/analyse.py, after `pip install slither-analyzer` and `npm ci` in contracts/.

Prints every finding, and fails if there is one that docs/on-chain.md does not explain.
"""

import inspect
import os
import sys
from pathlib import Path

from crytic_compile import CryticCompile
from crytic_compile.platform.solc_standard_json import SolcStandardJson
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import AbstractDetector

HERE = Path(__file__).resolve().parent
# What the section "Static analysis" of docs/on-chain.md explains.
EXPLAINED = {"assembly", "naming-convention"}


def findings():
    os.chdir(HERE / "src")
    sources = {path.name: {"content": path.read_text()} for path in sorted(Path(".").glob("*.sol"))}
    # The contracts are too deep for the compiler without its optimiser.
    settings = {"viaIR": True, "evmVersion": "cancun", "optimizer": {"enabled": True, "runs": 200}}
    project = SolcStandardJson({"language": "Solidity", "sources": sources, "settings": settings})
    slither = Slither(CryticCompile(project, solc=str(HERE / "solc.js")))
    for _, detector in inspect.getmembers(all_detectors, inspect.isclass):
        if issubclass(detector, AbstractDetector) and detector is not AbstractDetector:
            slither.register_detector(detector)
    return [finding for found in slither.run_detectors() for finding in found]


def main():
    unexplained = 0
    for finding in findings():
        known = finding["check"] in EXPLAINED
        unexplained += not known
        print(f"[{finding['impact']}] {finding['check']}{'' if known else ' (NOT EXPLAINED)'}\n{finding['description']}")
    print(f"{unexplained} findings are not explained")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())

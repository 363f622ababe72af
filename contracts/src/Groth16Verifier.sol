// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {KeyStore} from "./KeyStore.sol";

/// @title Verifier of Groth16 proofs over BN254
/// @notice One contract serves one circuit; its key is given once, at deployment, and never changes. Anyone can turn
/// a proof into another of the same statement: never use its bytes as an identifier.
/// @dev Points are checked by the precompiles: coordinates below the modulus, on the curve, in the subgroup.
contract Groth16Verifier {
    /// @notice The key has a length that no number of public inputs explains.
    error InvalidKey();

    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant PROOF_BYTES = 0x100;
    /// @dev α, β, γ, δ.
    uint256 private constant FIXED_BYTES = 0x1c0;
    /// @dev Four times today's prices: a precompile that refuses its input keeps what it was given.
    uint256 private constant MULTIPLY_GAS = 24000;
    uint256 private constant ADD_GAS = 600;
    uint256 private constant PAIRING_GAS = 724000;

    /// @dev The key in the order of the crate's `VerifyingKey::evm_bytes`.
    address private immutable STORE;

    /// @notice How many public inputs a proof has.
    uint256 public immutable PUBLIC_INPUTS;

    /// @param key α, β, γ, δ, and one point for the constant and for each public input.
    constructor(bytes memory key) {
        if (key.length < FIXED_BYTES + 0x40 || (key.length - FIXED_BYTES) % 0x40 != 0) revert InvalidKey();
        PUBLIC_INPUTS = (key.length - FIXED_BYTES) / 0x40 - 1;
        STORE = KeyStore.write(key);
    }

    /// @notice The contract whose code is the key.
    function keyStore() external view returns (address) {
        return STORE;
    }

    /// @notice Whether a proof verifies. Never reverts for malformed proofs: they do not verify.
    /// @param inputs The public inputs, each below r.
    /// @param proof 256 bytes: A, B, C.
    function verify(uint256[] calldata inputs, bytes calldata proof) external view returns (bool) {
        (bool wellFormed, uint256[24] memory pairing) = reduce(inputs, proof);
        if (!wellFormed) return false;
        bool holds;
        assembly ("memory-safe") {
            let done := staticcall(PAIRING_GAS, 8, pairing, 0x300, 0, 0x20)
            holds := and(done, eq(mload(0), 1))
        }
        return holds;
    }

    /// @notice Everything but the pairings.
    /// @return wellFormed Whether lengths and ranges are right; if not, the rest means nothing.
    /// @return pairing The input of the pairing precompile, which also checks A, B and C: (−A, B), (α, β), (Σ xᵢ·ICᵢ, γ),
    /// (C, δ). The proof verifies if and only if the product of the four pairings is one.
    function reduce(uint256[] calldata inputs, bytes calldata proof)
        public
        view
        returns (bool wellFormed, uint256[24] memory pairing)
    {
        if (inputs.length != PUBLIC_INPUTS || proof.length != PROOF_BYTES) return (false, pairing);
        address store = STORE;
        assembly ("memory-safe") {
            let ok := 1
            let P := proof.offset
            // −A; no point of the proof is at infinity.
            {
                let y := calldataload(add(P, 0x20))
                ok := and(lt(y, Q), gt(or(calldataload(P), y), 0))
                let b := or(or(calldataload(add(P, 0x40)), calldataload(add(P, 0x60))),
                    or(calldataload(add(P, 0x80)), calldataload(add(P, 0xa0))))
                ok := and(ok, gt(b, 0))
                ok := and(ok, gt(or(calldataload(add(P, 0xc0)), calldataload(add(P, 0xe0))), 0))
                mstore(pairing, calldataload(P))
                mstore(add(pairing, 0x20), mod(sub(Q, y), Q))
            }
            calldatacopy(add(pairing, 0x40), add(P, 0x40), 0x80)
            extcodecopy(store, add(pairing, 0xc0), 1, 0xc0)
            extcodecopy(store, add(pairing, 0x1c0), 0xc1, 0x80)
            calldatacopy(add(pairing, 0x240), add(P, 0xc0), 0x40)
            extcodecopy(store, add(pairing, 0x280), 0x141, 0x80)
            // The accumulator at S, a point and a scalar after it, then the points of the inputs.
            let S := mload(0x40)
            let IC := add(S, 0xa0)
            let l := inputs.length
            extcodecopy(store, IC, 0x1c1, mul(add(l, 1), 0x40))
            mstore(S, mload(IC))
            mstore(add(S, 0x20), mload(add(IC, 0x20)))
            for { let i := 0 } lt(i, l) { i := add(i, 1) } {
                IC := add(IC, 0x40)
                let input := calldataload(add(inputs.offset, mul(i, 0x20)))
                ok := and(ok, lt(input, R))
                mstore(add(S, 0x40), mload(IC))
                mstore(add(S, 0x60), mload(add(IC, 0x20)))
                mstore(add(S, 0x80), input)
                ok := and(ok, staticcall(MULTIPLY_GAS, 7, add(S, 0x40), 0x60, add(S, 0x40), 0x40))
                ok := and(ok, staticcall(ADD_GAS, 6, S, 0x80, S, 0x40))
            }
            mstore(add(pairing, 0x180), mload(S))
            mstore(add(pairing, 0x1a0), mload(add(S, 0x20)))
            wellFormed := ok
        }
    }
}

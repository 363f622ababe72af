// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {KeyStore} from "./KeyStore.sol";

/// @title Verifier of PLONK proofs over BN254 with one gate term for the next row
/// @notice One contract serves one circuit; its key is given once, at deployment, and never changes.
/// @dev The protocol is eprint 2019/953 with the gate qL·a + qR·b + qO·c + qM·a·b + qN·c' + qC. Points are checked by
/// the precompiles: every point of a proof goes through a multiplication, which fails for coordinates that are not
/// below the base field's modulus or not on the curve; the curve has no other subgroup in G1.
contract PlonkVerifier {
    /// @notice The key has another length, or a number in it is out of range.
    error InvalidKey();

    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 private constant KEY_BYTES = 0x360;
    uint256 private constant PROOF_BYTES = 0x320;
    /// @dev Four times today's prices: a precompile that refuses its input keeps what it was given.
    uint256 private constant MULTIPLY_GAS = 24000;
    uint256 private constant ADD_GAS = 600;

    /// @dev The key followed by its hash, in the order of the crate's `VerifyingKey::evm_bytes`.
    address private immutable STORE;

    /// @notice How many public inputs a proof has.
    uint256 public immutable PUBLIC_INPUTS;

    /// @notice Digest of the circuit's constraints.
    bytes32 public immutable CIRCUIT;

    /// @param key The circuit's digest, n, the number of public inputs, ω, 1/n, nine commitments, τ·G₂.
    constructor(bytes memory key) {
        if (key.length != KEY_BYTES) revert InvalidKey();
        (bytes32 circuit, uint256 n, uint256 inputs, uint256 omega, uint256 inverse) =
            abi.decode(key, (bytes32, uint256, uint256, uint256, uint256));
        bool valid = n >= 8 && n <= 1 << 26 && n & (n - 1) == 0 && inputs <= n && inputs <= 4096;
        valid = valid && omega < R && inverse < R && mulmod(n, inverse, R) == 1;
        // ω has order n exactly.
        uint256 power = omega;
        for (uint256 k = 2; valid && k < n; k <<= 1) {
            power = mulmod(power, power, R);
        }
        if (!valid || power != R - 1) revert InvalidKey();
        PUBLIC_INPUTS = inputs;
        CIRCUIT = circuit;
        STORE = KeyStore.write(abi.encodePacked(key, keccak256(key)));
    }

    /// @notice The contract whose code is the key.
    function keyStore() external view returns (address) {
        return STORE;
    }

    /// @notice Whether a proof verifies. Never reverts for malformed proofs: they do not verify.
    /// @param inputs The public inputs, each below r.
    /// @param proof 800 bytes: nine points and seven scalars.
    function verify(uint256[] calldata inputs, bytes calldata proof) external view returns (bool) {
        (bool wellFormed, uint256[12] memory pairing) = reduce(inputs, proof);
        if (!wellFormed) return false;
        bool holds;
        assembly ("memory-safe") {
            let done := staticcall(gas(), 8, pairing, 0x180, 0, 0x20)
            holds := and(done, eq(mload(0), 1))
        }
        return holds;
    }

    /// @notice Everything but the pairings, for callers that combine several checks against the same τ.
    /// @return wellFormed Whether lengths, ranges and points are right; if not, the rest means nothing.
    /// @return pairing The input of the pairing precompile: left, τ·G₂, −right, G₂. The proof verifies if and only if
    /// the product of the two pairings is one.
    function reduce(uint256[] calldata inputs, bytes calldata proof)
        public
        view
        returns (bool wellFormed, uint256[12] memory pairing)
    {
        if (inputs.length != PUBLIC_INPUTS || proof.length != PROOF_BYTES) return (false, pairing);
        address store = STORE;
        assembly ("memory-safe") {
            // Memory: K the key, C the challenges, S scratch whose first 64 bytes are the accumulator of points.
            let K := mload(0x40)
            let C := add(K, 0x380)
            let S := add(C, 0x200)
            let P := proof.offset
            extcodecopy(store, K, 1, 0x380)
            let ok := 1

            // Adds scalar·(x, y at S+0x40) to the accumulator at S.
            function accumulate(at, scalar) -> done {
                mstore(add(at, 0x80), scalar)
                done := staticcall(MULTIPLY_GAS, 7, add(at, 0x40), 0x60, add(at, 0x40), 0x40)
                done := and(done, staticcall(ADD_GAS, 6, at, 0x80, at, 0x40))
            }
            function fromKey(at, point, scalar) -> done {
                mstore(add(at, 0x40), mload(point))
                mstore(add(at, 0x60), mload(add(point, 0x20)))
                done := accumulate(at, scalar)
            }
            function fromProof(at, point, scalar) -> done {
                calldatacopy(add(at, 0x40), point, 0x40)
                done := accumulate(at, scalar)
            }
            // The next challenge: hash of the state at `at` and of `length` bytes after it.
            function challenge(at, length) -> value {
                let state := keccak256(at, add(length, 0x20))
                mstore(at, state)
                value := mod(state, R)
            }

            // No point of the proof is at infinity; every scalar is below r.
            for { let i := 0 } lt(i, 9) { i := add(i, 1) } {
                let at := add(P, add(mul(i, 0x40), mul(gt(i, 6), 0xe0)))
                ok := and(ok, gt(or(calldataload(at), calldataload(add(at, 0x20))), 0))
            }
            for { let i := 0x1c0 } lt(i, 0x2a0) { i := add(i, 0x20) } {
                ok := and(ok, lt(calldataload(add(P, i)), R))
            }
            let l := inputs.length
            for { let i := 0 } lt(i, l) { i := add(i, 1) } {
                ok := and(ok, lt(calldataload(add(inputs.offset, mul(i, 0x20))), R))
            }

            if ok {
                // Challenges: C+0 β, 0x20 γ, 0x40 α, 0x60 ζ, 0x80 v, 0xa0 u.
                {
                    mstore(S, mload(add(K, 0x360)))
                    calldatacopy(add(S, 0x20), inputs.offset, mul(l, 0x20))
                    calldatacopy(add(S, add(0x20, mul(l, 0x20))), P, 0xc0)
                    mstore(C, challenge(S, add(0xc0, mul(l, 0x20))))
                    mstore(add(C, 0x20), challenge(S, 0))
                    calldatacopy(add(S, 0x20), add(P, 0xc0), 0x40)
                    mstore(add(C, 0x40), challenge(S, 0x40))
                    calldatacopy(add(S, 0x20), add(P, 0x100), 0xc0)
                    mstore(add(C, 0x60), challenge(S, 0xc0))
                    calldatacopy(add(S, 0x20), add(P, 0x1c0), 0xe0)
                    mstore(add(C, 0x80), challenge(S, 0xe0))
                    calldatacopy(add(S, 0x20), add(P, 0x2a0), 0x80)
                    mstore(add(C, 0xa0), challenge(S, 0x80))
                }

                // C+0xc0 ζⁿ − 1, 0xe0 L₁(ζ), 0x100 −Σ xᵢ·Lᵢ(ζ); one inversion for all denominators.
                {
                    let zeta := mload(add(C, 0x60))
                    let n := mload(add(K, 0x20))
                    let power := zeta
                    for { let k := 1 } lt(k, n) { k := shl(1, k) } { power := mulmod(power, power, R) }
                    let vanishing := addmod(power, sub(R, 1), R)
                    ok := and(ok, gt(vanishing, 0))
                    mstore(add(C, 0xc0), vanishing)
                    let omega := mload(add(K, 0x60))
                    let count := add(l, iszero(l))
                    // Per root: the root, its denominator, and the product of the denominators before it.
                    let root := 1
                    let product := 1
                    let at := S
                    for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                        let below := addmod(zeta, sub(R, root), R)
                        mstore(at, root)
                        mstore(add(at, 0x20), below)
                        mstore(add(at, 0x40), product)
                        product := mulmod(product, below, R)
                        root := mulmod(root, omega, R)
                        at := add(at, 0x60)
                    }
                    mstore(at, 0x20)
                    mstore(add(at, 0x20), 0x20)
                    mstore(add(at, 0x40), 0x20)
                    mstore(add(at, 0x60), product)
                    mstore(add(at, 0x80), sub(R, 2))
                    mstore(add(at, 0xa0), R)
                    ok := and(ok, staticcall(gas(), 5, at, 0xc0, at, 0x20))
                    let inverse := mload(at)
                    let scale := mulmod(vanishing, mload(add(K, 0x80)), R)
                    let sum := 0
                    let lagrange := 0
                    for { let i := count } gt(i, 0) { i := sub(i, 1) } {
                        at := sub(at, 0x60)
                        lagrange := mulmod(mulmod(scale, mload(at), R), mulmod(inverse, mload(add(at, 0x40)), R), R)
                        inverse := mulmod(inverse, mload(add(at, 0x20)), R)
                        if l {
                            let input := calldataload(add(inputs.offset, mul(sub(i, 1), 0x20)))
                            sum := addmod(sum, mulmod(lagrange, input, R), R)
                        }
                    }
                    mstore(add(C, 0xe0), lagrange)
                    mstore(add(C, 0x100), sub(R, sum))
                }

                // C+0x120 the factor of z, 0x140 that of the third permutation, 0x160 the constant part, all of α·(…).
                {
                    let beta := mload(C)
                    let gamma := mload(add(C, 0x20))
                    let alpha := mload(add(C, 0x40))
                    let step := mulmod(beta, mload(add(C, 0x60)), R)
                    let a := addmod(calldataload(add(P, 0x1c0)), gamma, R)
                    let b := addmod(calldataload(add(P, 0x1e0)), gamma, R)
                    let c := addmod(calldataload(add(P, 0x200)), gamma, R)
                    let start := mulmod(alpha, mload(add(C, 0xe0)), R)
                    let above := mulmod(addmod(a, step, R), addmod(b, mulmod(step, 5, R), R), R)
                    above := mulmod(above, addmod(c, mulmod(step, 25, R), R), R)
                    mstore(add(C, 0x120), mulmod(alpha, addmod(above, start, R), R))
                    let below := mulmod(
                        addmod(a, mulmod(beta, calldataload(add(P, 0x220)), R), R),
                        addmod(b, mulmod(beta, calldataload(add(P, 0x240)), R), R),
                        R
                    )
                    below := mulmod(mulmod(below, calldataload(add(P, 0x260)), R), alpha, R)
                    mstore(add(C, 0x140), sub(R, mulmod(below, beta, R)))
                    mstore(add(C, 0x160), addmod(mulmod(below, c, R), mulmod(alpha, start, R), R))
                }

                // The right side, starting with qC, whose factor is one.
                mstore(S, mload(add(K, 0x1e0)))
                mstore(add(S, 0x20), mload(add(K, 0x200)))
                {
                    let a := calldataload(add(P, 0x1c0))
                    let b := calldataload(add(P, 0x1e0))
                    ok := and(ok, fromKey(S, add(K, 0xa0), a))
                    ok := and(ok, fromKey(S, add(K, 0xe0), b))
                    ok := and(ok, fromKey(S, add(K, 0x120), calldataload(add(P, 0x200))))
                    ok := and(ok, fromKey(S, add(K, 0x160), mulmod(a, b, R)))
                    ok := and(ok, fromKey(S, add(K, 0x1a0), calldataload(add(P, 0x280))))
                    ok := and(ok, fromKey(S, add(K, 0x2a0), mload(add(C, 0x140))))
                }
                {
                    let u := mload(add(C, 0xa0))
                    ok := and(ok, fromProof(S, add(P, 0xc0), addmod(mload(add(C, 0x120)), u, R)))
                    let factor := sub(R, mload(add(C, 0xc0)))
                    let power := addmod(mload(add(C, 0xc0)), 1, R)
                    ok := and(ok, fromProof(S, add(P, 0x100), factor))
                    factor := mulmod(factor, power, R)
                    ok := and(ok, fromProof(S, add(P, 0x140), factor))
                    ok := and(ok, fromProof(S, add(P, 0x180), mulmod(factor, power, R)))

                    // Wires and permutations with powers of v, and the claimed evaluations with the same factors.
                    let v := mload(add(C, 0x80))
                    let claimed := mulmod(v, calldataload(add(P, 0x1c0)), R)
                    ok := and(ok, fromProof(S, P, v))
                    factor := mulmod(v, v, R)
                    claimed := addmod(claimed, mulmod(factor, calldataload(add(P, 0x1e0)), R), R)
                    ok := and(ok, fromProof(S, add(P, 0x40), factor))
                    factor := mulmod(factor, v, R)
                    claimed := addmod(claimed, mulmod(factor, calldataload(add(P, 0x200)), R), R)
                    ok := and(ok, fromProof(S, add(P, 0x80), addmod(factor, mulmod(u, v, R), R)))
                    factor := mulmod(factor, v, R)
                    claimed := addmod(claimed, mulmod(factor, calldataload(add(P, 0x220)), R), R)
                    ok := and(ok, fromKey(S, add(K, 0x220), factor))
                    factor := mulmod(factor, v, R)
                    claimed := addmod(claimed, mulmod(factor, calldataload(add(P, 0x240)), R), R)
                    ok := and(ok, fromKey(S, add(K, 0x260), factor))

                    // The constant of the linearisation, public inputs minus α·(…), goes to the other side.
                    claimed := addmod(claimed, addmod(mload(add(C, 0x160)), sub(R, mload(add(C, 0x100))), R), R)
                    let shifted := addmod(
                        calldataload(add(P, 0x260)), mulmod(v, calldataload(add(P, 0x280)), R), R
                    )
                    claimed := addmod(claimed, mulmod(u, shifted, R), R)
                    mstore(add(S, 0x40), 1)
                    mstore(add(S, 0x60), 2)
                    ok := and(ok, accumulate(S, sub(R, claimed)))

                    let zeta := mload(add(C, 0x60))
                    ok := and(ok, fromProof(S, add(P, 0x2a0), zeta))
                    ok := and(
                        ok, fromProof(S, add(P, 0x2e0), mulmod(mulmod(u, zeta, R), mload(add(K, 0x60)), R))
                    )
                    mstore(add(pairing, 0xc0), mload(S))
                    mstore(add(pairing, 0xe0), mod(sub(Q, mload(add(S, 0x20))), Q))

                    // The left side.
                    calldatacopy(S, add(P, 0x2a0), 0x40)
                    ok := and(ok, fromProof(S, add(P, 0x2e0), u))
                    mstore(pairing, mload(S))
                    mstore(add(pairing, 0x20), mload(add(S, 0x20)))
                }
                for { let i := 0 } lt(i, 0x80) { i := add(i, 0x20) } {
                    mstore(add(pairing, add(0x40, i)), mload(add(K, add(0x2e0, i))))
                }
                mstore(add(pairing, 0x100), 11559732032986387107991004021392285783925812861821192530917403151452391805634)
                mstore(add(pairing, 0x120), 10857046999023057135944570762232829481370756359578518086990519993285655852781)
                mstore(add(pairing, 0x140), 4082367875863433681332203403145435568316851327593401208105741076214120093531)
                mstore(add(pairing, 0x160), 8495653923123431417604973247489272438418190587263600148770280649306958101930)
            }
            wellFormed := ok
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Bn254, P, InvalidPoint, InvalidKey} from "./Bn254.sol";
import {Columns, Opening} from "./Columns.sol";

/// @title Proofs of the suite `groth16`
/// @notice The opening of the columns and the Groth16 proof (eprint 2016/260) in one product of five pairings.
/// @dev A key is the header of `Columns`, then α, β, δ, and the points of the constant and of the three public inputs. γ is one, so that
/// the public inputs are paired with the same point as the opening.
library Groth16 {
    /// @dev A, B, C.
    uint256 internal constant PROOF_BYTES = 0x100;
    uint256 internal constant KEY_BYTES = 0x2e0;

    uint256 private constant ALPHA = 0xa0;
    uint256 private constant BETA = 0xe0;
    uint256 private constant DELTA = 0x160;
    uint256 private constant CONSTANT = 0x1e0;

    /// @notice Checks a key, and returns what a data contract is to hold.
    function prepareKey(bytes memory key) internal view returns (bytes memory) {
        if (key.length != KEY_BYTES) revert InvalidKey();
        uint256 k;
        assembly ("memory-safe") {
            k := add(key, 0x20)
        }
        Columns.checkKey(k);
        bool valid = Bn254.areValid(k + ALPHA, 1) && Bn254.areValid(k + CONSTANT, 4);
        if (!valid || !Columns.isInG2(k + BETA) || !Columns.isInG2(k + DELTA)) revert InvalidKey();
        return key;
    }

    /// @notice Reverts unless the proof holds for the statement.
    /// @param key The data contract of a key that `prepareKey` returned.
    /// @param weights The data contract of the weights' points, checked before they were stored.
    /// @param weightsAt Where they begin in its code.
    /// @param context The element of the context.
    function verify(
        address key,
        address weights,
        uint256 weightsAt,
        uint256 context,
        bytes calldata tensors,
        bytes calldata committed,
        bytes calldata proof
    ) internal view {
        uint256 k;
        assembly ("memory-safe") {
            k := mload(0x40)
            extcodecopy(key, k, 1, KEY_BYTES)
            mstore(0x40, add(k, KEY_BYTES))
        }
        Opening memory o = Columns.read(k, weights, weightsAt, context, tensors, committed, proof, PROOF_BYTES);
        uint256 inverse = Bn254.inverse(Columns.denominator(o));
        uint256 at = Bn254.frame();
        uint256 minus = Bn254.frame();
        assembly ("memory-safe") {
            mcopy(at, add(k, CONSTANT), 0x40)
        }
        Bn254.add(at, k + CONSTANT + 0x40, o.gamma);
        Bn254.add(at, k + CONSTANT + 0x80, o.xi);
        Bn254.add(at, k + CONSTANT + 0xc0, o.e);
        Columns.add(o, inverse, at, minus, 0);
        pair(k, at, minus, o.messages + Columns.MESSAGES);
    }

    /// @dev (−A, B) (α, β) (C, δ) (sum, [1]₂) (−minus, [τ]₂)
    function pair(uint256 k, uint256 at, uint256 minus, uint256 proof) private view {
        uint256 pairs;
        bool finite;
        assembly ("memory-safe") {
            pairs := mload(0x40)
            calldatacopy(pairs, proof, 0xc0)
            let y := mload(add(pairs, 0x20))
            finite := and(lt(y, P), gt(or(mload(pairs), y), 0))
            mstore(add(pairs, 0x20), sub(P, y))
            let b := or(or(mload(add(pairs, 0x40)), mload(add(pairs, 0x60))),
                or(mload(add(pairs, 0x80)), mload(add(pairs, 0xa0))))
            finite := and(finite, gt(b, 0))
            mcopy(add(pairs, 0xc0), add(k, ALPHA), 0xc0)
            calldatacopy(add(pairs, 0x180), add(proof, 0xc0), 0x40)
            finite := and(finite, gt(or(mload(add(pairs, 0x180)), mload(add(pairs, 0x1a0))), 0))
            mcopy(add(pairs, 0x1c0), add(k, DELTA), 0x80)
            mcopy(add(pairs, 0x300), minus, 0x20)
            mstore(add(pairs, 0x320), mod(sub(P, mload(add(minus, 0x20))), P))
            mcopy(add(pairs, 0x340), add(k, 0x20), 0x80)
        }
        if (!finite) revert InvalidPoint();
        Columns.pairWithGenerator(pairs + 0x240, at);
        Bn254.requirePairing(pairs, 5);
    }
}

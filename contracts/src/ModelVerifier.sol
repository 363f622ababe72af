// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Bn254, R, WrongLength, InvalidPoint} from "./Bn254.sol";
import {Columns, Sizes} from "./Columns.sol";
import {DataContract} from "./DataContract.sol";
import {Groth16} from "./Groth16.sol";
import {Plonk} from "./Plonk.sol";

/// @title Verifier of one model's proofs
/// @notice For contracts that do not want a registry. Key and weights are given once, at deployment, and never change. **It knows nothing of
/// replay**: bind the proof to its use by the context. Proofs can be turned into others of the same statement, so never use their
/// bytes as an identifier.
abstract contract ModelVerifier {
    /// @dev The data contract of the key, followed by the weights' points; and where those begin in its code.
    address internal immutable DATA;
    uint256 internal immutable WEIGHTS_AT;

    /// @param prepared What the suite's `prepareKey` returned.
    /// @param points The points of the weights' columns.
    constructor(bytes memory prepared, bytes memory points) {
        checkWeights(prepared, points);
        WEIGHTS_AT = prepared.length + 1;
        DATA = DataContract.write(abi.encodePacked(prepared, points));
    }

    /// @notice The key, as its suite stores it, then the points of the weights' columns.
    function keyAndWeights() external view returns (bytes memory) {
        return DataContract.read(DATA);
    }

    /// @notice Reverts, with an error that names the reason, unless a proof holds.
    /// @param context The free bytes of the statement, at most 64.
    /// @param tensors The packed public tensors.
    /// @param committed The points of committed tensors, in the statement's order.
    /// @param proof The proof's words.
    /// @return true
    function verify(bytes calldata context, bytes calldata tensors, bytes calldata committed, bytes calldata proof)
        external
        view
        returns (bool)
    {
        if (context.length > 64) revert WrongLength();
        check(uint256(keccak256(context)) % R, tensors, committed, proof);
        return true;
    }

    function check(uint256 context, bytes calldata tensors, bytes calldata committed, bytes calldata proof)
        internal
        view
        virtual;
}

/// @notice Reverts unless weights are as many points as a key says, each on the curve, with coordinates below the field's order.
function checkWeights(bytes memory key, bytes memory weights) pure {
    uint256 word;
    uint256 points;
    assembly ("memory-safe") {
        word := mload(add(key, 0x20))
        points := add(weights, 0x20)
    }
    Sizes memory s = Columns.sizes(word);
    if (weights.length != s.weights * 0x40) revert WrongLength();
    if (!Bn254.areValid(points, s.weights)) revert InvalidPoint();
}

/// @title Verifier of one model's proofs of the suite `groth16`
contract Groth16ModelVerifier is ModelVerifier {
    constructor(bytes memory keyBytes, bytes memory points) ModelVerifier(Groth16.prepareKey(keyBytes), points) {}

    function check(uint256 context, bytes calldata tensors, bytes calldata committed, bytes calldata proof)
        internal
        view
        override
    {
        Groth16.verify(DATA, DATA, WEIGHTS_AT, context, tensors, committed, proof);
    }
}

/// @title Verifier of one model's proofs of the suite `plonk`
contract PlonkModelVerifier is ModelVerifier {
    constructor(bytes memory keyBytes, bytes memory points) ModelVerifier(Plonk.prepareKey(keyBytes), points) {}

    function check(uint256 context, bytes calldata tensors, bytes calldata committed, bytes calldata proof)
        internal
        view
        override
    {
        Plonk.verify(DATA, DATA, WEIGHTS_AT, context, tensors, committed, proof);
    }
}

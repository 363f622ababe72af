// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @dev The order of the curve: the scalar field.
uint256 constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
/// @dev The order of the coordinates' field.
uint256 constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

/// @dev The generator of G2, in the order of EIP-197.
uint256 constant G2_X1 = 11559732032986387107991004021392285783925812861821192530917403151452391805634;
uint256 constant G2_X0 = 10857046999023057135944570762232829481370756359578518086990519993285655852781;
uint256 constant G2_Y1 = 4082367875863433681332203403145435568316851327593401208105741076214120093531;
uint256 constant G2_Y0 = 8495653923123431417604973247489272438418190587263600148770280649306958101930;

/// @notice A list of bytes has another length than key and statement imply.
error WrongLength();
/// @notice A scalar is not below the order of the field.
error NotCanonical();
/// @notice A point is off the curve, outside the subgroup, at infinity, or has a coordinate beyond its modulus.
error InvalidPoint();
/// @dev Its selector, for assembly. A precompile that fails takes all gas that it got; the 64th that is left names the error.
uint256 constant INVALID_POINT = 0xb8fedf87;
/// @notice Two challenges coincide. Honest provers meet this with negligible probability, and try again.
error DegenerateChallenge();
/// @notice The proof does not hold for this statement under this key.
error InvalidProof();
/// @notice The key is malformed.
error InvalidKey();

/// @title Group operations on BN254 by precompiles
/// @dev A frame is 0xa0 bytes of memory: a point that sums up, a point, and a scalar. All functions work on frames in place, so that
/// nothing is copied: the inputs of the two precompiles overlap.
library Bn254 {
    uint256 internal constant FRAME = 0xa0;

    /// @notice Allocates a frame whose sum is at infinity.
    function frame() internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(at, 0)
            mstore(add(at, 0x20), 0)
            mstore(0x40, add(at, FRAME))
        }
    }

    /// @notice Adds `scalar` times the point in memory to the frame's sum; reverts for a point that precompiles refuse.
    function add(uint256 at, uint256 point, uint256 scalar) internal view {
        assembly ("memory-safe") {
            let product := add(at, 0x40)
            mcopy(product, point, 0x40)
            mstore(add(at, 0x80), scalar)
            let ok := staticcall(gas(), 7, product, 0x60, product, 0x40)
            ok := and(ok, staticcall(gas(), 6, at, 0x80, at, 0x40))
            if iszero(ok) {
                mstore(0, INVALID_POINT)
                revert(0x1c, 0x04)
            }
        }
    }

    /// @notice Adds `scalar` times the point in the calldata to the frame's sum; reverts for a point that precompiles refuse.
    function addCalldata(uint256 at, uint256 point, uint256 scalar) internal view {
        assembly ("memory-safe") {
            let product := add(at, 0x40)
            calldatacopy(product, point, 0x40)
            mstore(add(at, 0x80), scalar)
            let ok := staticcall(gas(), 7, product, 0x60, product, 0x40)
            ok := and(ok, staticcall(gas(), 6, at, 0x80, at, 0x40))
            if iszero(ok) {
                mstore(0, INVALID_POINT)
                revert(0x1c, 0x04)
            }
        }
    }

    /// @notice Adds `scalar` times the generator to the frame's sum.
    function addGenerator(uint256 at, uint256 scalar) internal view {
        assembly ("memory-safe") {
            let product := add(at, 0x40)
            mstore(product, 1)
            mstore(add(at, 0x60), 2)
            mstore(add(at, 0x80), scalar)
            let ok := staticcall(gas(), 7, product, 0x60, product, 0x40)
            ok := and(ok, staticcall(gas(), 6, at, 0x80, at, 0x40))
            if iszero(ok) {
                mstore(0, INVALID_POINT)
                revert(0x1c, 0x04)
            }
        }
    }

    /// @notice The inverse of a scalar; reverts for zero.
    function inverse(uint256 a) internal view returns (uint256 result) {
        bool ok;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 0x20)
            mstore(add(at, 0x20), 0x20)
            mstore(add(at, 0x40), 0x20)
            mstore(add(at, 0x60), a)
            mstore(add(at, 0x80), sub(R, 2))
            mstore(add(at, 0xa0), R)
            ok := staticcall(gas(), 5, at, 0xc0, 0, 0x20)
            result := mload(0)
        }
        if (!ok || result == 0) revert DegenerateChallenge();
    }

    /// @notice Reverts unless the pairs at `at` multiply to one.
    /// @param pairs Their number; a failing precompile means that a point is invalid.
    function requirePairing(uint256 at, uint256 pairs) internal view {
        bool ok;
        uint256 one;
        assembly ("memory-safe") {
            ok := staticcall(gas(), 8, at, mul(pairs, 0xc0), 0, 0x20)
            one := mload(0)
        }
        if (!ok) revert InvalidPoint();
        if (one != 1) revert InvalidProof();
    }

    /// @notice Whether points in memory are on the curve, not at infinity, and have coordinates below the field's order.
    function areValid(uint256 points, uint256 count) internal pure returns (bool ok) {
        assembly ("memory-safe") {
            ok := 1
            for { let end := add(points, mul(count, 0x40)) } lt(points, end) { points := add(points, 0x40) } {
                let x := mload(points)
                let y := mload(add(points, 0x20))
                // The curve is y² = x³ + 3; (0, 0) is not on it.
                let right := addmod(mulmod(mulmod(x, x, P), x, P), 3, P)
                ok := and(ok, and(and(lt(x, P), lt(y, P)), eq(mulmod(y, y, P), right)))
            }
        }
    }
}

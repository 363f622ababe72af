// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Bn254, P, R, NotCanonical, InvalidPoint, DegenerateChallenge, InvalidKey} from "./Bn254.sol";
import {Columns, Opening} from "./Columns.sol";

/// @title Proofs of the suite `plonk`
/// @notice The opening of the columns and the PLONK proof (eprint 2019/953, with a gate term for the next row) in one product of two
/// pairings: both are checks against the same [τ]₂.
/// @dev A key is the header of `Columns`, then the circuit's digest, n, the number 3 of public inputs, the root of unity ω of order n, 1/n,
/// and the commitments to qL, qR, qO, qM, qN, qC and to the three permutations. A data contract holds the initial state of the transcript after it.
library Plonk {
    /// @dev Seven points, seven scalars, two points.
    uint256 internal constant PROOF_BYTES = 0x320;
    uint256 internal constant KEY_BYTES = 0x380;

    uint256 private constant CIRCUIT = 0xa0;
    uint256 private constant ROWS = 0xc0;
    uint256 private constant OMEGA = 0x100;
    uint256 private constant ROWS_INVERSE = 0x120;
    uint256 private constant SELECTORS = 0x140;
    uint256 private constant PERMUTATIONS = 0x2c0;
    uint256 private constant STATE = 0x380;
    uint256 private constant STORED_BYTES = 0x3a0;

    /// @dev Offsets in the proof.
    uint256 private constant PRODUCT = 0xc0;
    uint256 private constant QUOTIENT = 0x100;
    uint256 private constant VALUES = 0x1c0;
    uint256 private constant OPENINGS = 0x2a0;

    struct Challenges {
        uint256 beta;
        uint256 gamma;
        uint256 alpha;
        uint256 zeta;
        uint256 v;
        uint256 u;
        /// The order of the field, as in `Opening`.
        uint256 r;
    }

    /// @dev What follows from the challenge ζ alone: ζⁿ − 1, L₁(ζ), and the public inputs' polynomial at ζ.
    struct AtZeta {
        uint256 vanishing;
        uint256 first;
        uint256 inputs;
    }

    /// @notice Checks a key, and returns what a data contract is to hold.
    function prepareKey(bytes memory key) internal view returns (bytes memory) {
        if (key.length != KEY_BYTES) revert InvalidKey();
        uint256 k;
        bytes32 state;
        assembly ("memory-safe") {
            k := add(key, 0x20)
            let at := mload(0x40)
            mcopy(at, add(k, CIRCUIT), sub(KEY_BYTES, CIRCUIT))
            mcopy(add(at, sub(KEY_BYTES, CIRCUIT)), add(k, 0x20), 0x80)
            state := keccak256(at, sub(KEY_BYTES, 0x20))
        }
        Columns.checkKey(k);
        if (!isDomain(k) || !Bn254.areValid(k + PERMUTATIONS, 3)) revert InvalidKey();
        for (uint256 i = 0; i < 6; ++i) {
            uint256 point = k + SELECTORS + i * 0x40;
            // A selector that is zero everywhere is at infinity.
            if (ofKey(point) | ofKey(point + 0x20) != 0 && !Bn254.areValid(point, 1)) revert InvalidKey();
        }
        return abi.encodePacked(key, state);
    }

    function ofKey(uint256 at) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := mload(at)
        }
    }

    /// @dev n is a power of two between 2^3 and 2^26, ω of order n, 1/n its inverse, and the number of public inputs three.
    function isDomain(uint256 k) private pure returns (bool) {
        (uint256 n, uint256 omega, uint256 inverse) = (ofKey(k + ROWS), ofKey(k + OMEGA), ofKey(k + ROWS_INVERSE));
        bool valid = n >= 8 && n <= 1 << 26 && n & (n - 1) == 0 && ofKey(k + ROWS + 0x20) == 3;
        if (!valid || omega >= R || inverse >= R || mulmod(n, inverse, R) != 1) return false;
        for (uint256 i = 2; i < n; i <<= 1) {
            omega = mulmod(omega, omega, R);
        }
        return omega == R - 1;
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
            extcodecopy(key, k, 1, STORED_BYTES)
            mstore(0x40, add(k, STORED_BYTES))
        }
        Opening memory o = Columns.read(k, weights, weightsAt, context, tensors, committed, proof, PROOF_BYTES);
        uint256 p = o.messages + Columns.MESSAGES;
        Challenges memory c = challenges(k, o, p);
        (AtZeta memory z, uint256 inverse) = atZeta(k, o, c);
        uint256 at = Bn254.frame();
        uint256 minus = Bn254.frame();
        uint256 generator = addRight(at, k, p, c, z);
        addOpenings(at, minus, p, c, mulmod(c.zeta, ofKey(k + OMEGA), R));
        Columns.add(o, inverse, at, minus, generator);
        uint256 pairs;
        assembly ("memory-safe") {
            pairs := mload(0x40)
            mcopy(add(pairs, 0xc0), minus, 0x20)
            mstore(add(pairs, 0xe0), mod(sub(P, mload(add(minus, 0x20))), P))
            mcopy(add(pairs, 0x100), add(k, 0x20), 0x80)
        }
        Columns.pairWithGenerator(pairs, at);
        Bn254.requirePairing(pairs, 2);
    }

    /// @dev The transcript: each state is the hash of the one before and of the messages since.
    function challenges(uint256 k, Opening memory o, uint256 p) private pure returns (Challenges memory c) {
        uint256 r = o.r;
        c.r = r;
        bool canonical;
        bool finite;
        assembly ("memory-safe") {
            let state := mload(0x40)
            let next := add(state, 0x20)
            mstore(state, mload(add(k, STATE)))
            mcopy(next, o, 0x60)
            calldatacopy(add(next, 0x60), p, 0xc0)
            mstore(state, keccak256(state, 0x140))
            mstore(c, mod(mload(state), r))
            mstore(state, keccak256(state, 0x20))
            mstore(add(c, 0x20), mod(mload(state), r))
            calldatacopy(next, add(p, PRODUCT), 0x40)
            mstore(state, keccak256(state, 0x60))
            mstore(add(c, 0x40), mod(mload(state), r))
            calldatacopy(next, add(p, QUOTIENT), 0xc0)
            mstore(state, keccak256(state, 0xe0))
            mstore(add(c, 0x60), mod(mload(state), r))
            calldatacopy(next, add(p, VALUES), 0xe0)
            mstore(state, keccak256(state, 0x100))
            mstore(add(c, 0x80), mod(mload(state), r))
            canonical := 1
            for { let i := next } lt(i, add(next, 0xe0)) { i := add(i, 0x20) } {
                canonical := and(canonical, lt(mload(i), r))
            }
            calldatacopy(next, add(p, OPENINGS), 0x80)
            mstore(add(c, 0xa0), mod(keccak256(state, 0xa0), r))

            finite := gt(or(calldataload(add(p, OPENINGS)), calldataload(add(p, 0x2c0))), 0)
            finite := and(finite, gt(or(calldataload(add(p, 0x2e0)), calldataload(add(p, 0x300))), 0))
            for { let i := p } lt(i, add(p, VALUES)) { i := add(i, 0x40) } {
                finite := and(finite, gt(or(calldataload(i), calldataload(add(i, 0x20))), 0))
            }
        }
        if (!canonical) revert NotCanonical();
        if (!finite) revert InvalidPoint();
    }

    /// @dev One inversion serves the Lagrange polynomials and the opening of the columns, whose inverse is returned.
    function atZeta(uint256 k, Opening memory o, Challenges memory c)
        private
        view
        returns (AtZeta memory z, uint256 inverse)
    {
        unchecked {
            uint256 r = o.r;
            uint256 zeta = c.zeta;
            uint256 omega = ofKey(k + OMEGA);
            uint256 power = zeta;
            uint256 n = ofKey(k + ROWS);
            for (uint256 i = 1; i < n; i <<= 1) {
                power = mulmod(power, power, r);
            }
            z.vanishing = addmod(power, r - 1, r);
            if (z.vanishing == 0) revert DegenerateChallenge();
            uint256 square = mulmod(omega, omega, r);
            // ζ − 1, ζ − ω, ζ − ω²
            uint256 d0 = addmod(zeta, r - 1, r);
            uint256 d1 = addmod(zeta, r - omega, r);
            uint256 d2 = addmod(zeta, r - square, r);
            uint256 own = mulmod(mulmod(d0, d1, r), d2, r);
            uint256 opening = Columns.denominator(o);
            inverse = Bn254.inverse(mulmod(own, opening, r));
            uint256 scale = mulmod(z.vanishing, ofKey(k + ROWS_INVERSE), r);
            scale = mulmod(scale, mulmod(inverse, opening, r), r);
            inverse = mulmod(inverse, own, r);
            // Lᵢ(ζ) = ωⁱ·(ζⁿ − 1) / (n·(ζ − ωⁱ))
            z.first = mulmod(scale, mulmod(d1, d2, r), r);
            uint256 sum = mulmod(o.gamma, z.first, r);
            uint256 second = mulmod(mulmod(scale, omega, r), mulmod(d0, d2, r), r);
            sum = addmod(sum, mulmod(o.xi, second, r), r);
            uint256 third = mulmod(mulmod(scale, square, r), mulmod(d0, d1, r), r);
            z.inputs = r - addmod(sum, mulmod(o.e, third, r), r);
        }
    }

    function ofProof(uint256 at) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := calldataload(at)
        }
    }

    /// @dev The linearisation and the batch of openings at ζ. Returns the factor of the generator.
    function addRight(uint256 at, uint256 k, uint256 p, Challenges memory c, AtZeta memory z)
        private
        view
        returns (uint256 generator)
    {
        unchecked {
            uint256 r = c.r;
            assembly ("memory-safe") {
                mcopy(at, add(k, 0x280), 0x40)
            }
            uint256 a = ofProof(p + VALUES);
            uint256 b = ofProof(p + VALUES + 0x20);
            Bn254.add(at, k + SELECTORS, a);
            Bn254.add(at, k + SELECTORS + 0x40, b);
            Bn254.add(at, k + SELECTORS + 0x80, ofProof(p + VALUES + 0x40));
            Bn254.add(at, k + SELECTORS + 0xc0, mulmod(a, b, r));
            Bn254.add(at, k + SELECTORS + 0x100, ofProof(p + VALUES + 0xc0));
            uint256 constant_;
            {
                uint256 above;
                uint256 below;
                (above, below, constant_) = permutation(p, c, z);
                Bn254.addCalldata(at, p + PRODUCT, addmod(above, c.u, r));
                Bn254.add(at, k + PERMUTATIONS + 0x80, r - below);
            }
            uint256 factor = r - z.vanishing;
            uint256 power = z.vanishing + 1;
            Bn254.addCalldata(at, p + QUOTIENT, factor);
            factor = mulmod(factor, power, r);
            Bn254.addCalldata(at, p + QUOTIENT + 0x40, factor);
            Bn254.addCalldata(at, p + QUOTIENT + 0x80, mulmod(factor, power, r));

            uint256 v = c.v;
            factor = v;
            uint256 claimed = mulmod(factor, a, r);
            Bn254.addCalldata(at, p, factor);
            factor = mulmod(factor, v, r);
            claimed = addmod(claimed, mulmod(factor, b, r), r);
            Bn254.addCalldata(at, p + 0x40, factor);
            factor = mulmod(factor, v, r);
            claimed = addmod(claimed, mulmod(factor, ofProof(p + VALUES + 0x40), r), r);
            Bn254.addCalldata(at, p + 0x80, addmod(factor, mulmod(c.u, v, r), r));
            factor = mulmod(factor, v, r);
            claimed = addmod(claimed, mulmod(factor, ofProof(p + VALUES + 0x60), r), r);
            Bn254.add(at, k + PERMUTATIONS, factor);
            factor = mulmod(factor, v, r);
            claimed = addmod(claimed, mulmod(factor, ofProof(p + VALUES + 0x80), r), r);
            Bn254.add(at, k + PERMUTATIONS + 0x40, factor);
            uint256 shifted = addmod(ofProof(p + VALUES + 0xa0), mulmod(v, ofProof(p + VALUES + 0xc0), r), r);
            claimed = addmod(claimed, mulmod(c.u, shifted, r), r);
            generator = addmod(constant_, r - claimed, r);
        }
    }

    /// @dev The factors of the product's and of the third permutation's commitment, and the constant of the linearisation.
    function permutation(uint256 p, Challenges memory c, AtZeta memory z)
        private
        pure
        returns (uint256 above, uint256 below, uint256 constant_)
    {
        unchecked {
            uint256 r = c.r;
            uint256 step = mulmod(c.beta, c.zeta, r);
            uint256 a = addmod(ofProof(p + VALUES), c.gamma, r);
            uint256 b = addmod(ofProof(p + VALUES + 0x20), c.gamma, r);
            uint256 last = addmod(ofProof(p + VALUES + 0x40), c.gamma, r);
            uint256 start = mulmod(c.alpha, z.first, r);
            // 1, 5 and 25 make the three cosets.
            above = mulmod(addmod(a, step, r), addmod(b, mulmod(step, 5, r), r), r);
            above = mulmod(above, addmod(last, mulmod(step, 25, r), r), r);
            above = mulmod(c.alpha, addmod(above, start, r), r);
            below = mulmod(
                addmod(a, mulmod(c.beta, ofProof(p + VALUES + 0x60), r), r),
                addmod(b, mulmod(c.beta, ofProof(p + VALUES + 0x80), r), r),
                r
            );
            below = mulmod(mulmod(below, ofProof(p + VALUES + 0xa0), r), c.alpha, r);
            constant_ = addmod(mulmod(below, last, r), mulmod(c.alpha, start, r), r);
            constant_ = addmod(z.inputs, r - constant_, r);
            below = mulmod(below, c.beta, r);
        }
    }

    /// @dev The openings at ζ and at ζω, on both sides.
    function addOpenings(uint256 at, uint256 minus, uint256 p, Challenges memory c, uint256 shifted) private view {
        unchecked {
            uint256 first = p + OPENINGS;
            assembly ("memory-safe") {
                calldatacopy(minus, first, 0x40)
            }
            Bn254.addCalldata(minus, first + 0x40, c.u);
            Bn254.addCalldata(at, first, c.zeta);
            Bn254.add(at, minus + 0x40, shifted);
        }
    }
}

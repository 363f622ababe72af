// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {
    Bn254, R, G2_X1, G2_X0, G2_Y1, G2_Y0, WrongLength, NotCanonical, InvalidPoint, INVALID_POINT, DegenerateChallenge, InvalidKey
} from "./Bn254.sol";

/// @notice An opening of the combined column, as far as it has been read.
/// @dev The first three words are the SNARK's public inputs, in their order.
struct Opening {
    /// The combination challenge, the first public input of the SNARK.
    uint256 gamma;
    /// The hash of all that the statement and the SNARK speak about: the second.
    uint256 xi;
    /// The list as a polynomial at `xi`: the third.
    uint256 e;
    /// Where the columns' points lie in memory, their number, and which of them is the mask.
    uint256 points;
    uint256 count;
    uint256 mask;
    /// Where the row point lies in memory, followed by the value; and its number of coordinates.
    uint256 row;
    uint256 logRows;
    /// Where the messages of the opening lie in the calldata; the SNARK's proof follows them.
    uint256 messages;
    /// The opening's challenges.
    uint256 alpha;
    uint256 beta;
    uint256 zeta;
    uint256 delta;
    uint256 x;
    /// The random factor of the opening's pairing check beside the SNARK's.
    uint256 factor;
    /// R. The compiler loads a constant that occurs often from the code, for 32 gas each time; this costs 3 or 6.
    uint256 r;
}

/// @notice What a key says about the sizes of statements and proofs.
struct Sizes {
    uint256 logRows;
    uint256 weights;
    uint256 committed;
    uint256 witness;
    uint256 helpers;
    uint256 tensors;
    uint256 outputs;
}

/// @title Column commitments and their opening
/// @notice Sections 4 to 8 of docs/bn254.md: the public inputs of the SNARK, and the multilinear opening of the combined column.
/// @dev A key begins with a word of sizes and the point [τ]₂. From the lowest byte: log₂ of the height; the numbers of columns of
/// weights, committed tensors, witness (without the mask) and helpers; four bytes each for the packed public tensors and for the outputs at
/// their end. The rest is zero.
library Columns {
    /// @dev Bytes of a key before the SNARK's.
    uint256 internal constant KEY_HEADER = 0xa0;
    /// @dev Bytes of the opening's messages: seven points and six scalars.
    uint256 internal constant MESSAGES = 0x280;
    /// @dev Bounds of sizes: they keep memory and loops small whatever a key says.
    uint256 private constant MAX_LOG_ROWS = 28;
    uint256 private constant MAX_COLUMNS = 64;
    uint256 private constant MAX_TENSOR_BYTES = 1 << 16;

    /// @notice The sizes in a key's first word.
    function sizes(uint256 packed) internal pure returns (Sizes memory s) {
        s.logRows = packed & 0xff;
        s.weights = (packed >> 8) & 0xff;
        s.committed = (packed >> 16) & 0xff;
        s.witness = (packed >> 24) & 0xff;
        s.helpers = (packed >> 32) & 0xff;
        s.tensors = (packed >> 40) & 0xffffffff;
        s.outputs = (packed >> 72) & 0xffffffff;
    }

    /// @notice Reverts unless the header of a key is one: sizes in their bounds, [τ]₂ in the group.
    /// @param key Where the key lies in memory.
    function checkKey(uint256 key) internal view {
        uint256 packed;
        assembly ("memory-safe") {
            packed := mload(key)
        }
        Sizes memory s = sizes(packed);
        uint256 columns = s.weights + s.committed + s.witness + s.helpers + 1;
        bool valid = packed >> 104 == 0 && s.logRows >= 2 && s.logRows <= MAX_LOG_ROWS && columns <= MAX_COLUMNS
            && s.tensors <= MAX_TENSOR_BYTES && s.outputs <= s.tensors;
        if (!valid || !isInG2(key + 0x20)) revert InvalidKey();
    }

    /// @notice Whether a point of G2 in memory is in the group and not at infinity: the pairing precompile tells.
    function isInG2(uint256 point) internal view returns (bool ok) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 1)
            mstore(add(at, 0x20), 2)
            mcopy(add(at, 0x40), point, 0x80)
            let some := or(or(mload(point), mload(add(point, 0x20))), or(mload(add(point, 0x40)), mload(add(point, 0x60))))
            ok := and(staticcall(gas(), 8, at, 0xc0, 0, 0x20), gt(some, 0))
        }
    }

    /// @notice Reads a statement and the outer part of a proof, and derives the SNARK's public inputs and the opening's challenges.
    /// @param key Where the key lies in memory; checked before it was stored.
    /// @param weights The data contract of the weights' points; checked before they were stored.
    /// @param weightsAt Where they begin in its code.
    /// @param context The element of the context.
    /// @param snarkBytes The length of the SNARK's proof.
    function read(
        uint256 key,
        address weights,
        uint256 weightsAt,
        uint256 context,
        bytes calldata tensors,
        bytes calldata committed,
        bytes calldata proof,
        uint256 snarkBytes
    ) internal view returns (Opening memory o) {
        uint256 packed;
        assembly ("memory-safe") {
            packed := mload(key)
        }
        Sizes memory s = sizes(packed);
        uint256 own = (s.witness + 1 + s.helpers) * 0x40 + (s.logRows + 1) * 0x20;
        if (
            tensors.length != s.tensors || committed.length != s.committed * 0x40
                || proof.length != own + 0x20 + MESSAGES + snarkBytes
        ) revert WrongLength();
        // R, by a way that the compiler does not see through.
        uint256 order;
        assembly ("memory-safe") {
            order := add(R, iszero(gas()))
        }
        o.r = order;
        o.logRows = s.logRows;
        o.mask = s.weights + s.committed + s.witness;
        o.count = o.mask + 1 + s.helpers;
        (uint256 start, uint256 end) = list(o, s, weights, weightsAt, context, tensors, committed, proof, own);
        uint256 digest = hashList(o, start, end);
        challenge(o, digest, snarkBytes);
    }

    /// @dev Writes the points and, after them, the combination challenge and the list of section 6 to memory. Says where the challenge
    /// lies and where the list ends.
    function list(
        Opening memory o,
        Sizes memory s,
        address weights,
        uint256 weightsAt,
        uint256 context,
        bytes calldata tensors,
        bytes calldata committed,
        bytes calldata proof,
        uint256 own
    ) private view returns (uint256 start, uint256 end) {
        uint256 r = o.r;
        uint256 gamma;
        uint256 points;
        uint256 early = (o.mask + 1) * 0x40;
        uint256 weightBytes = s.weights * 0x40;
        uint256 rowBytes = (s.logRows + 1) * 0x20;
        assembly ("memory-safe") {
            let hashed := mload(0x40)
            points := add(hashed, 0x40)
            mstore(hashed, context)
            calldatacopy(points, tensors.offset, tensors.length)
            mstore(add(hashed, 0x20), keccak256(points, tensors.length))
            let to := points
            if weightBytes {
                extcodecopy(weights, to, weightsAt, weightBytes)
                to := add(to, weightBytes)
            }
            calldatacopy(to, committed.offset, committed.length)
            to := add(to, committed.length)
            let ownPoints := sub(own, rowBytes)
            calldatacopy(to, proof.offset, ownPoints)
            start := add(to, ownPoints)
            gamma := calldataload(add(proof.offset, own))
            mstore(start, gamma)
            mstore(add(start, 0x20), mod(keccak256(hashed, add(early, 0x40)), r))
            let late := add(points, early)
            mstore(add(start, 0x60), mod(keccak256(late, sub(start, late)), r))
            end := add(start, 0x80)
            calldatacopy(end, add(proof.offset, ownPoints), rowBytes)
            end := add(end, rowBytes)
            mstore(0x40, end)
        }
        evaluate(tensors, start, r);
        o.gamma = gamma;
        o.points = points;
        o.row = start + 0x80;
        uint256 messages;
        assembly ("memory-safe") {
            messages := add(add(proof.offset, own), 0x20)
        }
        o.messages = messages;
        if (gamma >= R) revert NotCanonical();
    }

    /// @dev Evaluates the tensors' words at the first word of the list, and writes the value to the second.
    function evaluate(bytes calldata tensors, uint256 start, uint256 r) private pure {
        assembly ("memory-safe") {
            let rho := mload(add(start, 0x20))
            let value := 0
            // 28 bytes a word, from the last to the first; the last may reach beyond the tensors, and is cut there.
            let from := tensors.offset
            let beyond := mod(sub(28, mod(tensors.length, 28)), 28)
            let at := add(add(from, tensors.length), beyond)
            beyond := shl(3, beyond)
            if tensors.length {
                at := sub(at, 28)
                value := shl(beyond, shr(add(beyond, 32), calldataload(at)))
            }
            for {} gt(at, from) {} {
                at := sub(at, 28)
                value := addmod(mulmod(value, rho, r), shr(32, calldataload(at)), r)
            }
            mstore(add(start, 0x40), value)
        }
    }

    /// @dev Hashes the challenge and the list, and evaluates the list at the hash; every word of it must be below r.
    function hashList(Opening memory o, uint256 start, uint256 end) private pure returns (uint256 digest) {
        uint256 r = o.r;
        uint256 xi;
        uint256 e;
        bool ok;
        assembly ("memory-safe") {
            digest := keccak256(start, sub(end, start))
            xi := mod(digest, r)
            ok := 1
            let first := add(start, 0x20)
            for { let at := end } gt(at, first) {} {
                at := sub(at, 0x20)
                let word := mload(at)
                ok := and(ok, lt(word, r))
                e := addmod(mulmod(e, xi, r), word, r)
            }
        }
        if (!ok) revert NotCanonical();
        o.xi = xi;
        o.e = e;
    }

    /// @dev The chain of digests of section 8. The last link, over the rest of the proof, is the factor of section 9.
    function challenge(Opening memory o, uint256 digest, uint256 snarkBytes) private pure {
        uint256 r = o.r;
        uint256 from = o.messages;
        bool finite;
        bool canonical;
        assembly ("memory-safe") {
            let state := mload(0x40)
            let next := add(state, 0x20)
            mstore(state, digest)
            calldatacopy(next, from, 0x40)
            mstore(state, keccak256(state, 0x60))
            mstore(add(o, 0x120), mod(mload(state), r))
            calldatacopy(next, add(from, 0x40), 0x80)
            mstore(state, keccak256(state, 0xa0))
            mstore(add(o, 0x140), mod(mload(state), r))
            calldatacopy(next, add(from, 0xc0), 0x80)
            mstore(state, keccak256(state, 0xa0))
            mstore(add(o, 0x160), mod(mload(state), r))
            calldatacopy(next, add(from, 0x140), 0xc0)
            mstore(state, keccak256(state, 0xe0))
            mstore(add(o, 0x180), mod(mload(state), r))
            canonical := 1
            for { let at := next } lt(at, add(next, 0xc0)) { at := add(at, 0x20) } {
                canonical := and(canonical, lt(mload(at), r))
            }
            calldatacopy(next, add(from, 0x200), 0x40)
            mstore(state, keccak256(state, 0x60))
            mstore(add(o, 0x1a0), mod(mload(state), r))
            calldatacopy(next, add(from, 0x240), add(0x40, snarkBytes))
            mstore(add(o, 0x1c0), mod(keccak256(state, add(0x60, snarkBytes)), r))

            // Precompiles take (0, 0) for the point at infinity: refuse it here.
            finite := 1
            for { let at := from } lt(at, add(from, 0x140)) { at := add(at, 0x40) } {
                finite := and(finite, gt(or(calldataload(at), calldataload(add(at, 0x20))), 0))
            }
            finite := and(finite, gt(or(calldataload(add(from, 0x200)), calldataload(add(from, 0x220))), 0))
            finite := and(finite, gt(or(calldataload(add(from, 0x240)), calldataload(add(from, 0x260))), 0))
        }
        if (!canonical) revert NotCanonical();
        if (!finite) revert InvalidPoint();
    }

    /// @dev The six numbers whose inverses the opening needs: ζ, xζ − 1, x − α, ζ² − 1, ζ − α, 1 − αζ. Their being non-zero says that
    /// ζ ≠ 0, ζ ≠ 1/ζ, α and x are neither ζ (for x, see `add`) nor 1/ζ, and x is not α.
    function denominators(Opening memory o) private pure returns (uint256[6] memory d) {
        unchecked {
            uint256 r = o.r;
            (uint256 z, uint256 x, uint256 alpha) = (o.zeta, o.x, r - o.alpha);
            d[0] = z;
            d[1] = addmod(mulmod(x, z, r), r - 1, r);
            d[2] = addmod(x, alpha, r);
            d[3] = addmod(mulmod(z, z, r), r - 1, r);
            d[4] = addmod(z, alpha, r);
            d[5] = addmod(mulmod(alpha, z, r), 1, r);
        }
    }

    /// @notice The product of all numbers that the opening divides by.
    function denominator(Opening memory o) internal pure returns (uint256 product) {
        uint256 r = o.r;
        uint256[6] memory d = denominators(o);
        product = mulmod(mulmod(d[0], d[1], r), mulmod(d[2], d[3], r), r);
        product = mulmod(product, mulmod(d[4], d[5], r), r);
    }

    /// @dev 1/ζ, 1/(x − 1/ζ), 1/(x − α), 1/(ζ − 1/ζ), 1/(ζ − α), 1/(1/ζ − α) from the inverse of the product of the denominators.
    function invert(Opening memory o, uint256 inverse) private pure returns (uint256[6] memory i) {
        uint256 r = o.r;
        uint256[6] memory d = denominators(o);
        uint256 p1 = mulmod(d[0], d[1], r);
        uint256 p2 = mulmod(p1, d[2], r);
        uint256 p3 = mulmod(p2, d[3], r);
        i[5] = mulmod(inverse, mulmod(p3, d[4], r), r);
        inverse = mulmod(inverse, d[5], r);
        i[4] = mulmod(inverse, p3, r);
        inverse = mulmod(inverse, d[4], r);
        i[3] = mulmod(inverse, p2, r);
        inverse = mulmod(inverse, d[3], r);
        i[2] = mulmod(inverse, p1, r);
        inverse = mulmod(inverse, d[2], r);
        i[1] = mulmod(inverse, d[0], r);
        i[0] = mulmod(inverse, d[1], r);
        i[1] = mulmod(i[1], d[0], r);
        i[3] = mulmod(i[3], d[0], r);
        i[5] = mulmod(i[5], d[0], r);
    }

    /// @dev P_u and P_w at ζ and 1/ζ, and ζ^b.
    struct Rows {
        uint256 uZeta;
        uint256 uInverse;
        uint256 wZeta;
        uint256 wInverse;
        uint256 power;
    }

    function rows(Opening memory o, uint256 inverse) private pure returns (Rows memory p) {
        uint256 low = o.row;
        uint256 high;
        uint256 end;
        unchecked {
            high = low + (((o.logRows + 1) >> 1) << 5);
            end = low + o.logRows * 0x20;
        }
        (p.uZeta, p.power) = equality(low, high, o.zeta, o.r);
        (p.uInverse,) = equality(low, high, inverse, o.r);
        (p.wZeta,) = equality(high, end, o.zeta, o.r);
        (p.wInverse,) = equality(high, end, inverse, o.r);
    }

    /// @dev `Π (1 + z_i·(x^(2^i) − 1))` over the coordinates in memory, and x to the power that follows. x is not zero.
    function equality(uint256 from, uint256 to, uint256 x, uint256 r) private pure returns (uint256 product, uint256 power) {
        assembly ("memory-safe") {
            product := 1
            power := x
            for {} lt(from, to) { from := add(from, 0x20) } {
                product := mulmod(product, addmod(mulmod(sub(power, 1), mload(from), r), 1, r), r)
                power := mulmod(power, power, r)
            }
        }
    }

    /// @dev The coefficients of the points D, G, S, H in the check, and of the generator.
    struct Weights {
        uint256 d;
        uint256 g;
        uint256 s;
        uint256 h;
        uint256 constant_;
        uint256 power;
    }

    function message(uint256 at) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(at)
        }
    }

    /// @dev The values at 1/ζ of S and at ζ of D, which the identities imply.
    function implied(Opening memory o, Rows memory p, uint256 inverse) private pure returns (uint256 s, uint256 d) {
        unchecked {
            uint256 r = o.r;
            uint256 m = o.messages;
            uint256 claimed;
            {
                uint256 at = o.row + o.logRows * 0x20;
                assembly ("memory-safe") {
                    claimed := mload(at)
                }
            }
            uint256 inner = addmod(mulmod(message(m + 0x180), p.wInverse, r), mulmod(message(m + 0x1a0), p.wZeta, r), r);
            inner = mulmod(o.beta, inner, r);
            inner = addmod(inner, mulmod(message(m + 0x140), p.uInverse, r), r);
            inner = addmod(inner, mulmod(message(m + 0x160), p.uZeta, r), r);
            uint256 twice = addmod(message(m + 0x1c0), mulmod(o.beta, claimed, r), r);
            inner = addmod(inner, r - addmod(twice, twice, r), r);
            s = mulmod(o.zeta, addmod(inner, r - mulmod(o.zeta, message(m + 0x1e0), r), r), r);
            d = mulmod(mulmod(p.power, inverse, r), message(m + 0x160), r);
        }
    }

    function weigh(Opening memory o, uint256 inverse) private pure returns (Weights memory a) {
        unchecked {
            uint256 r = o.r;
            uint256[6] memory i = invert(o, inverse);
            Rows memory p = rows(o, i[0]);
            a.power = p.power;
            (uint256 sInverse, uint256 dZeta) = implied(o, p, i[0]);
            uint256 m = o.messages;
            // x − ζ, x − 1/ζ, x − α
            uint256 x0 = addmod(o.x, r - o.zeta, r);
            uint256 x1 = addmod(o.x, r - i[0], r);
            uint256 x2 = addmod(o.x, r - o.alpha, r);
            if (x0 == 0) revert DegenerateChallenge();
            uint256 square = mulmod(o.delta, o.delta, r);
            a.d = o.delta;
            a.g = mulmod(square, i[1], r);
            a.s = mulmod(a.g, o.delta, r);
            a.h = mulmod(mulmod(a.s, o.delta, r), i[2], r);
            // The lines: ((x − 1/ζ)·v − (x − ζ)·v') / (ζ − 1/ζ).
            uint256 lines = addmod(mulmod(x1, message(m + 0x140), r), r - mulmod(x0, message(m + 0x160), r), r);
            lines = mulmod(lines, a.g, r);
            uint256 line = addmod(mulmod(x1, message(m + 0x1e0), r), r - mulmod(x0, sInverse, r), r);
            lines = mulmod(addmod(lines, mulmod(line, a.s, r), r), i[3], r);
            // The parabola.
            uint256 h = mulmod(mulmod(x1, message(m + 0x180), r), i[4], r);
            h = addmod(h, r - mulmod(mulmod(x0, message(m + 0x1a0), r), i[5], r), r);
            h = mulmod(mulmod(h, x2, r), i[3], r);
            uint256 third = mulmod(mulmod(x0, x1, r), mulmod(i[4], i[5], r), r);
            h = addmod(h, mulmod(third, message(m + 0x1c0), r), r);
            a.constant_ = addmod(lines, addmod(mulmod(a.d, dZeta, r), mulmod(a.h, h, r), r), r);
        }
    }

    /// @notice Adds the left side of the opening's check to the SNARK's: `factor·R` to the sum in `at`, which is to be paired with the
    /// generator of G2, and `factor·V` to the sum in `minus`, which is to be negated and paired with [τ]₂.
    /// @param inverse The inverse of `denominator(o)`.
    /// @param generator What else the generator of G1 is multiplied by.
    function add(Opening memory o, uint256 inverse, uint256 at, uint256 minus, uint256 generator) internal view {
        uint256 r = o.r;
        Weights memory a = weigh(o, inverse);
        addColumns(o, at);
        unchecked {
            uint256 m = o.messages;
            uint256 f = o.factor;
            Bn254.addCalldata(at, m + 0x80, mulmod(f, addmod(o.alpha, r - a.power, r), r));
            Bn254.addCalldata(at, m + 0x40, mulmod(f, addmod(a.g, r - 1, r), r));
            Bn254.addCalldata(at, m + 0x100, mulmod(f, a.d, r));
            Bn254.addCalldata(at, m + 0xc0, mulmod(f, a.s, r));
            Bn254.addCalldata(at, m, mulmod(f, a.h, r));
            Bn254.addGenerator(at, addmod(generator, r - mulmod(f, a.constant_, r), r));
            Bn254.addCalldata(at, m + 0x200, mulmod(f, addmod(o.zeta, r - o.x, r), r));
            // factor·V, which the frame keeps, then x times it.
            Bn254.addCalldata(minus, m + 0x240, f);
            Bn254.add(at, minus + 0x40, o.x);
        }
    }

    /// @dev Adds `factor·(mask + Σ γ^c·C_c)`.
    function addColumns(Opening memory o, uint256 at) private view {
        uint256 r = o.r;
        uint256 gamma = o.gamma;
        uint256 power = o.factor;
        uint256 point = o.points;
        uint256 mask;
        uint256 end;
        unchecked {
            mask = point + o.mask * 0x40;
            end = point + o.count * 0x40;
        }
        Bn254.add(at, mask, power);
        assembly ("memory-safe") {
            let product := add(at, 0x40)
            let scalar := add(at, 0x80)
            // The precompiles take (0, 0) for the point at infinity.
            let ok := gt(or(mload(mask), mload(add(mask, 0x20))), 0)
            for {} lt(point, end) { point := add(point, 0x40) } {
                if eq(point, mask) { continue }
                power := mulmod(power, gamma, r)
                mcopy(product, point, 0x40)
                ok := and(ok, gt(or(mload(product), mload(add(product, 0x20))), 0))
                mstore(scalar, power)
                ok := and(ok, staticcall(gas(), 7, product, 0x60, product, 0x40))
                ok := and(ok, staticcall(gas(), 6, at, 0x80, at, 0x40))
                if iszero(ok) { break }
            }
            if iszero(ok) {
                mstore(0, INVALID_POINT)
                revert(0x1c, 0x04)
            }
        }
    }

    /// @notice Writes a pair with the generator of G2.
    function pairWithGenerator(uint256 pair, uint256 point) internal pure {
        assembly ("memory-safe") {
            mcopy(pair, point, 0x40)
            mstore(add(pair, 0x40), G2_X1)
            mstore(add(pair, 0x60), G2_X0)
            mstore(add(pair, 0x80), G2_Y1)
            mstore(add(pair, 0xa0), G2_Y0)
        }
    }
}

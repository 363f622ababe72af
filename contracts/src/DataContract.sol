// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Bytes kept as the code of a contract of their own
/// @notice Keys and commitments are read by every verification and never change. Reading code costs 2600 gas once and 3 a word,
/// reading storage 2100 a word, passing them as calldata and hashing them about 520 a word.
library DataContract {
    /// @notice The bytes could not be stored.
    error NotStored();

    /// @notice Stores bytes behind a STOP instruction, so that a call of the contract does nothing.
    /// @param data At most 24575 bytes.
    function write(bytes memory data) internal returns (address at) {
        if (data.length > 24575) revert NotStored();
        // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE, RETURN: returns everything after these ten bytes.
        bytes memory creation = abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a3d393df300", data);
        assembly ("memory-safe") {
            at := create(0, add(creation, 0x20), mload(creation))
        }
        if (at == address(0) || at.code.length != data.length + 1) revert NotStored();
    }

    /// @notice The bytes of a data contract.
    function read(address at) internal view returns (bytes memory data) {
        uint256 size = at.code.length;
        if (size == 0) return data;
        data = new bytes(size - 1);
        assembly ("memory-safe") {
            extcodecopy(at, add(data, 0x20), 1, mload(data))
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title Verifying keys kept as the code of a contract of their own
/// @notice Reading code costs three gas a word, a tenth of a per cent of reading storage.
library KeyStore {
    /// @notice The key could not be stored.
    error NotStored();

    /// @notice Stores bytes as code behind a STOP instruction, so that nobody can call them.
    /// @param data At most 24575 bytes.
    /// @return store The contract that holds them.
    function write(bytes memory data) internal returns (address store) {
        // PUSH2 size, DUP1, PUSH1 10, PUSH0 pad, CODECOPY, RETURN: eleven bytes that return what follows them.
        bytes memory creation =
            abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a3d393df3", hex"00", data);
        assembly ("memory-safe") {
            store := create(0, add(creation, 0x20), mload(creation))
        }
        if (store == address(0) || store.code.length != data.length + 1) revert NotStored();
    }
}

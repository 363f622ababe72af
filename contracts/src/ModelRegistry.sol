// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {R, WrongLength} from "./Bn254.sol";
import {Columns} from "./Columns.sol";
import {DataContract} from "./DataContract.sol";
import {Groth16} from "./Groth16.sol";
import {checkWeights} from "./ModelVerifier.sol";
import {Plonk} from "./Plonk.sol";

/// @title Registry of models and of proven results
/// @notice A result is accepted only if its proof verifies: that the outputs are what the registered model computes from the inputs.
/// Nobody administers the registry. A model's owner can pause it, change its key for one of the same architecture, add epochs, and hand it over;
/// each of these leaves an event, and what they mean for trust is in docs/on-chain.md.
/// @dev The only code that it calls is precompiles. All identifiers are hashes of what they stand for, so that reorganisations and
/// front-runners cannot make them mean anything else.
contract ModelRegistry {
    /// @notice The proof systems.
    enum Suite {
        None,
        Groth16,
        Plonk
    }

    /// @notice A model. `key` is the data contract of its key, `card` the digest of its card.
    struct Model {
        address key;
        Suite suite;
        bool paused;
        uint32 epochs;
        uint32 keyVersion;
        address owner;
        address pendingOwner;
        bytes32 card;
    }

    /// @notice A key that any number of models may use.
    struct Key {
        address data;
        Suite suite;
    }

    /// @notice A result with its proof.
    /// @param epoch Which commitment to the model's weights the proof is about.
    /// @param nonce Any number that the requester has not used.
    /// @param tensors The packed public tensors: inputs, then outputs.
    /// @param committed The points of committed tensors, in the statement's order.
    /// @param proof The proof's words.
    struct Submission {
        bytes32 modelId;
        uint32 epoch;
        uint256 nonce;
        bytes tensors;
        bytes committed;
        bytes proof;
    }

    /// @notice A key was stored.
    event KeyRegistered(bytes32 indexed keyId, Suite suite, address data);
    /// @notice A model was registered with its first epoch.
    event ModelRegistered(bytes32 indexed modelId, address indexed owner, bytes32 indexed card, bytes32 keyId);
    /// @notice A commitment to the weights was added. Whether it is one to the card's weights is shown by a proof off chain.
    event EpochAdded(bytes32 indexed modelId, uint256 epoch, address weights);
    /// @notice The key of a model was changed for another of the same architecture.
    event KeyRotated(bytes32 indexed modelId, uint256 keyVersion, bytes32 keyId);
    /// @notice A model was paused, or no longer is.
    event PausedSet(bytes32 indexed modelId, bool paused);
    /// @notice An owner offered a model to somebody, or to nobody.
    event OwnershipOffered(bytes32 indexed modelId, address indexed to);
    /// @notice A model has a new owner.
    event OwnershipTransferred(bytes32 indexed modelId, address indexed from, address indexed to);
    /// @notice A requester allowed somebody to submit results in its name, or no longer does.
    event RelayerSet(address indexed requester, address indexed relayer, bool allowed);
    /// @notice A result was proven.
    /// @param inputs The hash of the packed public inputs.
    /// @param committed The hash of the committed tensors' points.
    /// @param outputs The packed public outputs.
    event ResultAccepted(
        bytes32 indexed modelId,
        address indexed requester,
        uint256 nonce,
        uint256 epoch,
        uint256 keyVersion,
        bytes32 inputs,
        bytes32 committed,
        bytes outputs
    );

    /// @notice No model has this identifier.
    error UnknownModel();
    /// @notice No key has this identifier.
    error UnknownKey();
    /// @notice The model has no such epoch.
    error UnknownEpoch();
    /// @notice The sender registered this card before.
    error AlreadyRegistered();
    /// @notice The model's owner paused it.
    error ModelPaused();
    /// @notice The sender does not own the model.
    error NotOwner();
    /// @notice The model was not offered to the sender.
    error NotPendingOwner();
    /// @notice The requester did not allow the sender to submit in its name.
    error NotRelayer();
    /// @notice The requester has used this nonce.
    error NonceUsed();
    /// @notice The key is for other sizes or another [τ]₂ than the model's.
    error OtherArchitecture();
    /// @notice The calldata is not the one encoding of its arguments.
    error NonCanonicalCalldata();

    mapping(bytes32 modelId => Model) private models;
    mapping(bytes32 keyId => Key) private keys;
    mapping(bytes32 modelId => mapping(uint256 epoch => address)) private epochs;
    mapping(address requester => mapping(uint256 block256 => uint256)) private nonces;

    /// @notice Whether a requester lets a relayer submit in its name.
    mapping(address requester => mapping(address relayer => bool)) public isRelayer;

    modifier onlyOwner(bytes32 modelId) {
        if (models[modelId].owner != msg.sender) revert NotOwner();
        _;
    }

    // ---- keys and models -------------------------------------------------------------------------------------------------

    /// @notice Stores a key after checking that it is well formed. Anybody may; whether it belongs to an architecture, and whose setup it comes
    /// from, is for those who use it to check.
    /// @return keyId The hash of suite and key.
    function registerKey(Suite suite, bytes calldata key) external returns (bytes32 keyId) {
        keyId = keccak256(abi.encode(suite, key));
        if (keys[keyId].data != address(0)) return keyId;
        if (suite == Suite.None) revert UnknownKey();
        address data = DataContract.write(suite == Suite.Groth16 ? Groth16.prepareKey(key) : Plonk.prepareKey(key));
        keys[keyId] = Key(data, suite);
        emit KeyRegistered(keyId, suite, data);
    }

    /// @notice Registers a model for the sender.
    /// @param card The digest of the model's card.
    /// @param keyId The key of its architecture.
    /// @param weights The points of the weights' columns: epoch 0.
    /// @return modelId The hash of sender and card.
    function register(bytes32 card, bytes32 keyId, bytes calldata weights) external returns (bytes32 modelId) {
        modelId = keccak256(abi.encode(msg.sender, card));
        Model storage model = models[modelId];
        if (model.owner != address(0)) revert AlreadyRegistered();
        Key memory key = keys[keyId];
        if (key.data == address(0)) revert UnknownKey();
        model.owner = msg.sender;
        model.card = card;
        model.key = key.data;
        model.suite = key.suite;
        emit ModelRegistered(modelId, msg.sender, card, keyId);
        appendEpoch(modelId, model, weights);
    }

    /// @notice Adds a commitment to the weights.
    /// @return epoch Its number.
    function addEpoch(bytes32 modelId, bytes calldata weights) external onlyOwner(modelId) returns (uint256 epoch) {
        epoch = appendEpoch(modelId, models[modelId], weights);
    }

    function appendEpoch(bytes32 modelId, Model storage model, bytes calldata weights) private returns (uint256 epoch) {
        checkWeights(DataContract.read(model.key), weights);
        epoch = model.epochs;
        model.epochs = uint32(epoch) + 1;
        address data = DataContract.write(weights);
        epochs[modelId][epoch] = data;
        emit EpochAdded(modelId, epoch, data);
    }

    /// @notice Changes a model's key for another of the same architecture, of any suite: after a ceremony, for example.
    function rotateKey(bytes32 modelId, bytes32 keyId) external onlyOwner(modelId) {
        Model storage model = models[modelId];
        Key memory key = keys[keyId];
        if (key.data == address(0)) revert UnknownKey();
        // Sizes and [τ]₂: the weights' commitments stay what they are.
        if (header(model.key) != header(key.data)) revert OtherArchitecture();
        model.key = key.data;
        model.suite = key.suite;
        uint32 version = model.keyVersion + 1;
        model.keyVersion = version;
        emit KeyRotated(modelId, version, keyId);
    }

    function header(address key) private view returns (bytes32 digest) {
        uint256 length = Columns.KEY_HEADER;
        assembly ("memory-safe") {
            let at := mload(0x40)
            extcodecopy(key, at, 1, length)
            digest := keccak256(at, length)
        }
    }

    /// @notice Pauses a model, or lets it go on.
    function setPaused(bytes32 modelId, bool paused) external onlyOwner(modelId) {
        models[modelId].paused = paused;
        emit PausedSet(modelId, paused);
    }

    /// @notice Offers a model to a new owner, who must accept; address zero takes the offer back.
    function offerOwnership(bytes32 modelId, address to) external onlyOwner(modelId) {
        models[modelId].pendingOwner = to;
        emit OwnershipOffered(modelId, to);
    }

    /// @notice Takes over a model that was offered to the sender.
    function acceptOwnership(bytes32 modelId) external {
        Model storage model = models[modelId];
        if (model.pendingOwner != msg.sender) revert NotPendingOwner();
        address from = model.owner;
        model.owner = msg.sender;
        model.pendingOwner = address(0);
        emit OwnershipTransferred(modelId, from, msg.sender);
    }

    // ---- results ---------------------------------------------------------------------------------------------------------

    /// @notice Lets somebody submit results in the sender's name, or no longer.
    function setRelayer(address relayer, bool allowed) external {
        isRelayer[msg.sender][relayer] = allowed;
        emit RelayerSet(msg.sender, relayer, allowed);
    }

    /// @notice Accepts a result that was proven for the sender, or reverts with an error that names the reason.
    function submit(Submission calldata result) external {
        requireEnd(canonicalEnd(result, 0x24));
        accept(msg.sender, result);
    }

    /// @notice Accepts a result that was proven for somebody who allowed the sender to submit it.
    function submitFor(address requester, Submission calldata result) external {
        requireEnd(canonicalEnd(result, 0x44));
        if (!isRelayer[requester][msg.sender]) revert NotRelayer();
        accept(requester, result);
    }

    /// @notice Accepts results that were proven for the sender: all of them, or none.
    function submitBatch(Submission[] calldata results) external {
        uint256 heads;
        assembly ("memory-safe") {
            heads := results.offset
        }
        if (heads != 0x44) revert NonCanonicalCalldata();
        uint256 end = 0x44 + results.length * 0x20;
        for (uint256 i = 0; i < results.length; ++i) {
            end = canonicalEnd(results[i], end);
            accept(msg.sender, results[i]);
        }
        requireEnd(end);
    }

    /// @notice Reverts, with an error that names the reason, unless `submit` from this requester would be accepted.
    /// @return true
    function check(address requester, Submission calldata result) external view returns (bool) {
        if (isUsed(requester, result.nonce)) revert NonceUsed();
        verify(requester, result);
        return true;
    }

    function accept(address requester, Submission calldata result) private {
        uint256 nonce = result.nonce;
        uint256 used = nonces[requester][nonce >> 8];
        uint256 bit = 1 << (nonce & 0xff);
        if (used & bit != 0) revert NonceUsed();
        nonces[requester][nonce >> 8] = used | bit;
        (uint256 keyVersion, uint256 split) = verify(requester, result);
        emit ResultAccepted(
            result.modelId,
            requester,
            nonce,
            result.epoch,
            keyVersion,
            keccak256(result.tensors[:split]),
            keccak256(result.committed),
            result.tensors[split:]
        );
    }

    /// @dev Returns the version of the key, and where the outputs begin in the tensors.
    function verify(address requester, Submission calldata result)
        private
        view
        returns (uint256 keyVersion, uint256 split)
    {
        bytes32 modelId = result.modelId;
        Model storage model = models[modelId];
        (address key, Suite suite, bool paused) = (model.key, model.suite, model.paused);
        keyVersion = model.keyVersion;
        if (key == address(0)) revert UnknownModel();
        if (paused) revert ModelPaused();
        address weights = epochs[modelId][result.epoch];
        if (weights == address(0)) revert UnknownEpoch();
        uint256 element = uint256(keccak256(abi.encode(contextOf(requester, modelId, result.epoch, result.nonce)))) % R;
        if (suite == Suite.Groth16) {
            Groth16.verify(key, weights, 1, element, result.tensors, result.committed, result.proof);
        } else {
            Plonk.verify(key, weights, 1, element, result.tensors, result.committed, result.proof);
        }
        uint256 word;
        assembly ("memory-safe") {
            extcodecopy(key, 0, 1, 0x20)
            word := mload(0)
        }
        // The lengths agree with the key's sizes, of which outputs are at most all.
        split = result.tensors.length - ((word >> 72) & 0xffffffff);
    }

    /// @notice The context that the statement of a result must have: it binds the proof to this chain, this registry, the requester, the
    /// model, the epoch and the nonce.
    function contextOf(address requester, bytes32 modelId, uint256 epoch, uint256 nonce) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), requester, nonce, modelId, epoch));
    }

    // ---- calldata --------------------------------------------------------------------------------------------------------

    /// @dev Reverts unless a submission is encoded in the one canonical way, beginning at `start`; returns where it ends. A transaction
    /// that was accepted then says nothing beyond what was proven: no gaps, no overlaps, no bits in paddings.
    function canonicalEnd(Submission calldata result, uint256 start) private pure returns (uint256 end) {
        bytes calldata tensors = result.tensors;
        bytes calldata committed = result.committed;
        bytes calldata proof = result.proof;
        if ((committed.length | proof.length) & 0x1f != 0) revert WrongLength();
        bool canonical;
        assembly ("memory-safe") {
            let length := tensors.length
            let rest := and(length, 0x1f)
            let at := add(start, 0xe0)
            canonical := and(eq(result, start), eq(tensors.offset, at))
            at := add(at, and(add(length, 0x1f), not(0x1f)))
            if rest { canonical := and(canonical, iszero(shl(shl(3, rest), calldataload(sub(at, 0x20))))) }
            at := add(at, 0x20)
            canonical := and(canonical, eq(committed.offset, at))
            at := add(add(at, committed.length), 0x20)
            canonical := and(canonical, eq(proof.offset, at))
            end := add(at, proof.length)
        }
        if (!canonical) revert NonCanonicalCalldata();
    }

    function requireEnd(uint256 end) private pure {
        if (end != msg.data.length) revert NonCanonicalCalldata();
    }

    // ---- views -----------------------------------------------------------------------------------------------------------

    /// @notice A model; reverts if there is none.
    function modelOf(bytes32 modelId) external view returns (Model memory model) {
        model = models[modelId];
        if (model.owner == address(0)) revert UnknownModel();
    }

    /// @notice A key and its bytes, which for PLONK end with the transcript's initial state; reverts if there is none.
    function keyOf(bytes32 keyId) external view returns (Suite suite, bytes memory key) {
        Key memory entry = keys[keyId];
        if (entry.data == address(0)) revert UnknownKey();
        return (entry.suite, DataContract.read(entry.data));
    }

    /// @notice The points of the weights' columns of an epoch; reverts if there is none.
    function weightsOf(bytes32 modelId, uint256 epoch) external view returns (bytes memory) {
        address data = epochs[modelId][epoch];
        if (data == address(0)) revert UnknownEpoch();
        return DataContract.read(data);
    }

    /// @notice Whether a requester has used a nonce.
    function isUsed(address requester, uint256 nonce) public view returns (bool) {
        return nonces[requester][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }
}

#!/bin/sh
# A client of ModelRegistry over JSON-RPC.
#
#   client.sh deploy                                              the registry's address
#   client.sh key groth16|plonk KEY                               stores a key, prints its identifier
#   client.sh register CARD KEY_ID WEIGHTS                        registers a model, prints its identifier
#   client.sh context REQUESTER MODEL_ID EPOCH NONCE              the context that a statement must have
#   client.sh submit MODEL_ID EPOCH NONCE TENSORS COMMITTED PROOF prints the gas used
#   client.sh results MODEL_ID                                    the accepted results
#
# Bytes are hexadecimal with 0x. Needs RPC_URL, PRIVATE_KEY and, for all but deploy, REGISTRY. CAST names the client; the default is npm's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
CAST=${CAST:-$here/node_modules/@foundry-rs/cast-linux-amd64/bin/cast}
export ETH_RPC_URL="${RPC_URL:?set RPC_URL}"

send() { "$CAST" send --json --private-key "${PRIVATE_KEY:?set PRIVATE_KEY}" "$@"; }
# field NAME: a member of the JSON receipt on stdin.
field() { node -e 'const s = require("fs").readFileSync(0, "utf8"); if (!s) process.exit(1); console.log(JSON.parse(s)[process.argv[1]])' "$1"; }
ask() { "$CAST" call "${REGISTRY:?set REGISTRY}" "$@"; }

command=${1:?deploy, key, register, context, submit or results}
shift
case $command in
deploy)
    send --create "0x$(cat "$here/artifacts/ModelRegistry.bin")" | field contractAddress
    ;;
key)
    case $1 in groth16) suite=1 ;; plonk) suite=2 ;; *) echo "groth16 or plonk, not $1" >&2; exit 2 ;; esac
    id=$(ask 'registerKey(uint8,bytes)(bytes32)' "$suite" "$2")
    send "$REGISTRY" 'registerKey(uint8,bytes)' "$suite" "$2" >/dev/null
    echo "$id"
    ;;
register)
    from=$("$CAST" wallet address --private-key "${PRIVATE_KEY:?set PRIVATE_KEY}")
    id=$(ask --from "$from" 'register(bytes32,bytes32,bytes)(bytes32)' "$1" "$2" "$3")
    send "$REGISTRY" 'register(bytes32,bytes32,bytes)' "$1" "$2" "$3" >/dev/null
    echo "$id"
    ;;
context)
    ask 'contextOf(address,bytes32,uint256,uint256)(bytes32)' "$1" "$2" "$3" "$4"
    ;;
submit)
    send "${REGISTRY:?set REGISTRY}" 'submit((bytes32,uint32,uint256,bytes,bytes,bytes))' "($1,$2,$3,$4,$5,$6)" | field gasUsed | { read -r gas && printf '%d\n' "$gas"; }
    ;;
results)
    "$CAST" logs --json --from-block 0 --address "${REGISTRY:?set REGISTRY}" \
        'ResultAccepted(bytes32 indexed modelId, address indexed requester, uint256 nonce, uint256 epoch, uint256 keyVersion, bytes32 inputs, bytes32 committed, bytes outputs)' "$1"
    ;;
*)
    echo "deploy, key, register, context, submit or results, not $command" >&2
    exit 2
    ;;
esac

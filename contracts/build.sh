#!/bin/sh
# Builds the contracts reproducibly: sh contracts/build.sh [--check]
# Needs node and npm. The compiler is npm's solc, pinned by package-lock.json; nothing native is downloaded.
set -eu
cd "$(dirname "$0")"
[ -d node_modules/solc ] || npm ci --no-audit --no-fund --silent
exec node build.js "$@"

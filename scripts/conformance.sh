#!/bin/sh
# Runs every case of the conformance kit against every storage backend and control store, with the real servers, and writes what
# came out to docs/reference/conformance.md. What fails is in the page too, and ends this.
set -eu
cd "$(dirname "$0")/.."
export PENSTOCK_REQUIRE="${PENSTOCK_REQUIRE-redis,postgres,mysql,libsql}"
export PENSTOCK_CONFORMANCE="$PWD/target/conformance"
rm -rf "$PENSTOCK_CONFORMANCE"
mkdir -p "$PENSTOCK_CONFORMANCE"
status=0
# with the features that the whole workspace has, so that nothing is compiled twice
cargo test --workspace --no-fail-fast --test kv --test db --test blob --test degrade --test sql --test file --test sdk || status=$?
cargo build --workspace --bin penstock-conformance
target/debug/penstock-conformance
exit "$status"

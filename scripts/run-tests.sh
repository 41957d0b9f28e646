#!/bin/sh
# Runs every test of the workspace: with cargo-nextest where it is installed, else with cargo itself.
set -eu
cd "$(dirname "$0")/.."
# servers that must be there; one that is missing would otherwise skip its tests
export PENSTOCK_REQUIRE="${PENSTOCK_REQUIRE-redis,postgres,mysql,libsql}"
if cargo nextest --version >/dev/null 2>&1; then
	exec cargo nextest run --workspace "$@"
fi
echo "cargo-nextest is not installed: using cargo test, which is slower and does not stop a test that hangs" >&2
exec cargo test --workspace "$@"

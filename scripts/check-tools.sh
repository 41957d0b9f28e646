#!/bin/sh
# Licences and sources of dependencies, dependencies that nobody uses, spelling. A tool that is missing is
# installed into .tools, once.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.tools/cargo
PATH=$tools/bin:$PATH

need() { # command, crate
	command -v "$1" >/dev/null 2>&1 && return
	echo "installing $2 into .tools" >&2
	cargo install --quiet --locked --root "$tools" "$2"
}

need cargo-deny cargo-deny
need cargo-machete cargo-machete
need typos typos-cli
cargo deny --log-level error check bans licenses sources
cargo machete crates tests bench
typos

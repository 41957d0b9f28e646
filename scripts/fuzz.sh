#!/bin/sh
# Runs the fuzz targets, each for that many minutes: scripts/fuzz.sh [minutes] [target …].
# The seeds are the fixtures of the dialects; what a run adds to them stays in target/fuzz/corpus, and an
# input that breaks a check in target/fuzz/artifacts. The compiler and cargo-fuzz are installed where they
# are missing.
set -eu
cd "$(dirname "$0")/.."

toolchain=nightly-2026-05-20
cargo_fuzz=0.13.2
all="openai_chat_request anthropic_messages_request openai_chat_stream anthropic_messages_stream response sse_splitter"

minutes=${1:-1}
[ $# -gt 0 ] && shift
targets=${*:-$all}

tools=$PWD/.tools/cargo
PATH=$tools/bin:$PATH
if ! rustup run "$toolchain" rustc --version >/dev/null 2>&1; then
	echo "installing $toolchain" >&2
	rustup toolchain install "$toolchain" --profile minimal --no-self-update
fi
if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $cargo_fuzz" ]; then
	echo "installing cargo-fuzz $cargo_fuzz into .tools" >&2
	cargo install --quiet --locked --root "$tools" cargo-fuzz --version "$cargo_fuzz"
fi

fixtures=crates/dialects/corpus
seeds() { # target
	case $1 in
	*_request) ls "$fixtures/${1%_request}"/requests/* ;;
	*_stream) ls "$fixtures/${1%_stream}"/streams/* "$fixtures/${1%_stream}"/broken-streams/* ;;
	response) ls "$fixtures"/*/responses/* "$fixtures"/*/errors/* ;;
	sse_splitter) ls "$fixtures"/*/streams/* "$fixtures"/*/broken-streams/* ;;
	esac
	find "crates/dialects/fuzz-regressions/$1" -type f 2>/dev/null || true
}

for target in $targets; do
	corpus=target/fuzz/corpus/$target
	mkdir -p "$corpus" "target/fuzz/artifacts/$target"
	seeds "$target" | while read -r seed; do
		cp "$seed" "$corpus/$(echo "${seed#crates/dialects/}" | tr / -)"
	done
	cargo "+$toolchain" fuzz run --fuzz-dir fuzz --target-dir target/fuzz/build "$target" "$corpus" -- \
		-max_total_time=$((minutes * 60)) -timeout=20 -print_final_stats=1 \
		-artifact_prefix="target/fuzz/artifacts/$target/"
done

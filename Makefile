# Two commands do all the set-up on a fresh machine: `make run` and `make test`.

CARGO ?= cargo
# arguments for the gateway: make run ARGS="--port 9000"
ARGS ?=
# minutes for each fuzz target: make fuzz MINUTES=10
MINUTES ?= 1

.PHONY: run test check conformance drill bench fuzz services help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/' | expand -t 12

run: ## build what is missing, start on the embedded default, print how to call it
	$(CARGO) build --release --bin penstock
	exec target/release/penstock serve $(ARGS)

test: services ## every test, with the real binary and the official clients
	$(CARGO) build --workspace --bins --tests
	scripts/run-tests.sh

check: ## what a change must pass: format, lints, docs, tests, licences, unused dependencies, spelling
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
	scripts/check-tools.sh
	$(MAKE) test

conformance: services ## run every case against every storage backend, and write docs/reference/conformance.md
	scripts/conformance.sh

drill: services ## make things fail under load, one at a time, and print what clients saw and what was lost
	$(CARGO) build --workspace --bins --tests
	scripts/drill.sh

bench: services ## measure, and write docs/benchmarks/
	$(CARGO) build --release --workspace --bins
	target/release/penstock-bench --out docs/benchmarks

fuzz: ## run every fuzz target, each for MINUTES
	scripts/fuzz.sh $(MINUTES)

services: ## what the tests need beside the toolchain: client libraries, servers
	scripts/test-tools.sh

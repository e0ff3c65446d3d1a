# The only entry points of this repository; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TESTBED := tests/testbed/testbed
LOGS    := target/test-logs
# Cluster tests; `test = false` in Cargo.toml keeps them out of a plain `cargo test`.
CLUSTER_TESTS = cargo test --locked --no-fail-fast --test cluster -- --test-threads=$(THREADS)
# What `make test` shows without the gate too: releases, and what the controller puts right where nobody refuses it.
WITHOUT_GATE = $(addprefix together::,rollout restored edited held primaries wrong)
# Set by test-all: also those that take minutes.
LONG ?=

# CLUSTER=existing uses the current kubeconfig instead of the test-bed's own cluster.
CLUSTER ?= testbed
# KEEP=1 leaves the cluster up after `make test` and `make demo`.
KEEP    ?=
# How many cluster tests run at once: they wait more than they work.
THREADS ?= 6
# GATE=off runs the cluster tests without the admission webhooks.
GATE    ?= on
export CLUSTER KEEP GATE

.PHONY: help check generate build image cluster cluster-down unit test test-all simulate mutations demo bench-gate bench-loop bench-verdict fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "switches: CLUSTER=existing  KEEP=1  GATE=off  THREADS=$(THREADS)  ALLOW_SKIP=1"

check: ## formatting, lints, documentation, arrows between the rooms, drift of generated files
	cargo fmt --check
	@# The glob names also the tests that a plain `cargo test` leaves out.
	cargo clippy --locked --all-targets --test '*' -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet
	cargo test --locked --quiet --test arrows --test generated --test documents

generate: ## write the files that are made from the code: CRDs, admission configurations, tables of documents
	GENERATE=1 cargo test --locked --quiet --test generated
	GENERATE=1 cargo test --locked --quiet --lib providers::tests::failures
	GENERATE=1 cargo test --locked --quiet --lib routing::tests::table

build: ## the release binary, target/release/sluice
	cargo build --locked --release

image: build ## the container image, loaded into the cluster if one is up
	$(TESTBED) image target/release/sluice

cluster: ## bring up a throwaway Kubernetes with gateway, Prometheus and demo app (idempotent)
	$(TESTBED) build
	$(TESTBED) up
	$(TESTBED) addons

cluster-down: ## take it down, also what a killed run left
	$(TESTBED) down

unit: ## unit and property tests: no cluster, no network
	cargo test --locked

test: build ## unit, property, chart, schema and cluster tests; the last line is the count
	@rm -rf $(LOGS)
	@tests/count run $(LOGS) unit cargo test --locked --no-fail-fast
	@$(MAKE) cluster image || [ "$(ALLOW_SKIP)" = 1 ]
	@eval "$$($(TESTBED) env)"; \
	tests/count run $(LOGS) chart cargo test --locked --test chart; \
	tests/count run $(LOGS) graphite cargo test --locked --test graphite; \
	tests/count run $(LOGS) cluster $(CLUSTER_TESTS) --skip long::; \
	GATE=off tests/count run $(LOGS) cluster-without-gate $(CLUSTER_TESTS) $(WITHOUT_GATE); \
	$(if $(LONG),tests/count run $(LOGS) cluster-long $(CLUSTER_TESTS) long::)
	@$(if $(KEEP),,$(TESTBED) down)
	@tests/count sum $(LOGS)

test-all: ## `make test` and the cluster tests that take minutes; the last line is the count of all
	@$(MAKE) test LONG=1

simulate: build ## a million rollouts of the decision and 20,000 whole ones, with every fault, searched for broken rules
	target/release/sluice simulate --rollouts 1000000 --seed 1 --depth decision
	target/release/sluice simulate --rollouts 20000 --seed 1 --depth whole

mutations: ## puts deliberate bugs into a copy of the code, each of which `sluice simulate` has to find (some minutes)
	GENERATE=1 cargo test --locked --quiet --test mutations

demo: build ## the whole job shown on a real cluster, checked; KEEP=1 leaves it for you to look at
	@cargo test --locked --quiet --test demo --no-run
	@cargo test --locked --quiet --test demo

bench-gate: ## speed and memory of the gate beside a bare endpoint, on loopback (some minutes and a release build)
	cargo bench --locked --quiet --bench gate

bench-loop: ## what the loop costs with up to 1,000 Canaries, on an API server of its own (some minutes and a release build)
	$(TESTBED) build
	cargo bench --locked --quiet --bench loop

bench-verdict: ## what the judgement alone takes, without a connection
	cargo bench --locked --quiet --bench verdict

fuzz: ## the fuzz targets for long: INPUTS each (2500000) from SEED (1), optimised; replays
	FUZZ_INPUTS=$(or $(INPUTS),2500000) FUZZ_SEED=$(or $(SEED),1) cargo test --locked --release --test fuzz -- --nocapture

clean: cluster-down ## remove what was built here (the test-bed's download cache stays)
	cargo clean

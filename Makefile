# Two commands: `make demo` runs the whole system on this machine, `make test` runs every test.
# Needs Rust (rustup) and Python 3.11 or later; everything else is installed into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
READY := .venv/.ready
ARGS ?=
# SAM's own dependencies differ from the local stack's, so it gets a place of its own.
SAM_VENV := .venv-sam/bin
SAM_READY := .venv-sam/.ready

.DEFAULT_GOAL := help
.PHONY: help demo stop reset status invoke tenant api-key test lint test-rust test-long mutants test-template test-e2e bench

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): infra/local/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed (set PYTHON=...)"; exit 1; }
	@echo "Installing the local tools into .venv"
	@$(PYTHON) -m venv .venv
	@$(VENV)/pip install --quiet --disable-pip-version-check -r infra/local/requirements.txt
	@touch $@

$(SAM_READY): infra/requirements-sam.txt
	@echo "Installing the SAM command line into .venv-sam"
	@$(PYTHON) -m venv .venv-sam
	@$(SAM_VENV)/pip install --quiet --disable-pip-version-check -r infra/requirements-sam.txt
	@touch $@

demo: $(READY) ## The whole system here, with the main job (ARGS="--no-scenario", "--detach", "--ports 4567,8100", "--sienge-url ...")
	@$(VENV)/python -m infra.local demo $(ARGS)

stop: $(READY) ## Stops what `make demo ARGS=--detach` left running
	@$(VENV)/python -m infra.local stop $(ARGS)

reset: $(READY) ## Stops and deletes the local data
	@$(VENV)/python -m infra.local reset $(ARGS)

status: $(READY) ## What is pending in the running stack
	@$(VENV)/python -m infra.local status $(ARGS)

invoke: $(READY) ## Calls a function of the running stack: FUNCTION=payments EVENT=events/payments-sweep.json
	@$(VENV)/python -m infra.local invoke $(FUNCTION) $(EVENT) $(ARGS)

tenant: $(READY) ## Creates or updates a tenant: ARGS="--stack ponte --tenant 617 --sienge-url ..."
	@$(VENV)/python -m infra.tenant $(ARGS)

api-key: $(READY) ## Creates, lists or revokes API keys: ARGS="--stack ponte --tenant 617 create --role operator --name CRM"
	@$(VENV)/python -m infra.api_keys $(ARGS)

test: lint test-rust test-template test-e2e ## Everything

lint: $(READY) $(SAM_READY) ## Formatting, clippy, dependencies, template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	PATH="$(CURDIR)/$(VENV):$$PATH" cargo deny --log-level error check bans licenses sources
	$(VENV)/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 $(SAM_VENV)/sam validate --lint --template template.yaml

test-rust: ## Unit, property, contract and store tests
	cargo test --workspace --locked

test-long: ## Crashes at every effect, a thousand rounds of races, 50 stories, 1,000 contracts: not part of `make test`, takes long
	PONTE_CRASHES=all PONTE_ROUNDS=1000 PONTE_STORIES=50 PONTE_CONTRACTS=1000 cargo test --workspace --locked --test functions -- crashes agreements races stories big_loads

mutants: ## Faults that the simulation must find: not part of `make test`, takes long (ARGS="a phrase of their names")
	@$(PYTHON) tests/mutants/run.py "$(ARGS)"

test-template: $(READY) ## The template's invariants, and the texts of the mutants
	$(VENV)/python -m pytest -q tests/template tests/mutants

test-e2e: $(READY) ## The real binaries on the local AWS, with the simulator
	$(VENV)/python -m pytest -q tests/e2e

# One command for all, so that the floor is made of the very libraries that the functions are made of.
bench: $(READY) ## Scale, speed and cost, measured (ARGS="--only startup,warm", "--sizes 10000,100000,1000000", "--write")
	cargo build --release --locked --bins --package webhook --package apply --package payments --package import --package reconcile --package api --package bench-floor
	cargo build --profile local --locked --package sienge-simulator
	cargo run --profile local --locked --package bench -- $(ARGS)

.DEFAULT_GOAL := help
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8443
OPS_PORT ?= 8080
CERTS ?= certs/dev
RANCHER_PORT ?= 9443
DEMO ?=
OVERLAY ?= harvester
BIN := .venv/bin

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "status-guard needs Python 3.11 or newer; $(PYTHON) is %d.%d. Say which: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@touch $@

.venv/.installed: .venv/.made requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: install
install: .venv/.installed ## Make .venv with the status-guard command in it

.PHONY: run
run: install ## Serve the webhook with manifests/rules on https://HOST:PORT
	@$(BIN)/status-guard certs dev --out $(CERTS) $(addprefix --host=,$(filter-out 0.0.0.0 ::,$(HOST)))
	@$(BIN)/python dev/hello.py --host $(HOST) --port $(PORT) --certs $(CERTS) --python $(BIN)/python
	@exec $(BIN)/python dev/foreground.py $(BIN)/status-guard serve --roles webhook --rules manifests/rules \
	  --host $(HOST) --port $(PORT) --ops-port $(OPS_PORT) --tls-cert $(CERTS)/tls.crt --tls-key $(CERTS)/tls.key

.PHONY: demo
demo: .venv/.dev ## The gate before a Rancher stand-in, and what it is for; DEMO=--once ends after the story
	@exec $(BIN)/python dev/foreground.py $(BIN)/python dev/demo --port $(PORT) --ops-port $(OPS_PORT) \
	  --rancher-port $(RANCHER_PORT) $(DEMO)

.PHONY: test
test: .venv/.dev lint types contracts ## Everything CI requires
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(BIN)/coverage report --include='app/core/*' --fail-under=100
	$(BIN)/coverage report --fail-under=95

.PHONY: quick
quick: .venv/.dev ## The inner loop: lint, then the tests that start no process
	$(BIN)/ruff check --quiet .
	$(BIN)/pytest -q -x tests/core tests/rules

.PHONY: chaos
chaos: .venv/.dev ## Ten thousand lives of gate and keeper each, ten minutes of an installation; CHAOS_FROM, CHAOS_SEED begin elsewhere
	CHAOS_RUNS=10000 $(BIN)/python -m pytest tests/gate/test_chaos.py tests/gate/test_attack_connection.py tests/keeper/test_chaos.py
	CHAOS_MINUTES=10 $(BIN)/python -m pytest -s tests/cluster/test_chaos.py

.PHONY: lint
lint: .venv/.dev ## ruff: every rule but the commented ignore list, and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: .venv/.dev ## mypy strict
	$(BIN)/mypy

.PHONY: contracts
contracts: .venv/.dev ## Imports point down only
	$(BIN)/lint-imports

.PHONY: bench
bench: .venv/.installed ## CPU, memory and start against a lean Go webhook, in one interleaved run
	$(BIN)/python bench/run.py

.PHONY: bench-cluster
bench-cluster: .venv/.dev ## What a write through an API server costs with no guard, with policies and with the webhook
	PYTHONPATH=bench:tests/support $(BIN)/python bench/cluster/run.py

.PHONY: bench-gate
bench-gate: .venv/.dev ## First tries through the gate and without it, then ten thousand held callers
	PYTHONPATH=.:bench/gate:tests/support $(BIN)/python bench/gate/first_try.py
	PYTHONPATH=.:bench/gate:tests/support $(BIN)/python bench/gate/crowd.py

.PHONY: bench-keeper
bench-keeper: .venv/.dev ## What a keeper of ten thousand objects takes in memory and processor time
	PYTHONPATH=.:bench:bench/keeper:tests/support $(BIN)/python bench/keeper/run.py

.PHONY: test-releases
test-releases: .venv/.dev ## All tests against an API server, on each older Kubernetes release that it can emulate
	for version in 1.33 1.34 1.35; do TEST_KUBE_VERSION=$$version REQUIRE_CLUSTER=1 $(BIN)/python -m pytest tests/cluster || exit; done

.PHONY: manifests
manifests: .venv/.installed ## Render the registration and the keeper's rights from manifests/rules
	$(BIN)/status-guard export webhook --rules manifests/rules --rules manifests/check/checks.statusguard.io.yaml \
	  --kube-version 1.30 --service status-guard/status-guard > manifests/registration/webhooks.yaml.new
	@mv manifests/registration/webhooks.yaml.new manifests/registration/webhooks.yaml
	$(BIN)/status-guard export rbac --rules manifests/rules --rules manifests/check/checks.statusguard.io.yaml \
	  > manifests/keeper/base/watched.yaml.new
	@mv manifests/keeper/base/watched.yaml.new manifests/keeper/base/watched.yaml
	@{ sed '/^spec:/q' manifests/monitoring/prometheusrule.yaml; sed -n '/^groups:/,$$ s/^/  /p' manifests/monitoring/alerts.yaml; } \
	  > manifests/monitoring/prometheusrule.yaml.new
	@mv manifests/monitoring/prometheusrule.yaml.new manifests/monitoring/prometheusrule.yaml

.PHONY: deploy keeper verify undeploy
deploy: .venv/.installed ## Install into the current cluster, OVERLAY=harvester|cert-manager|dev, step by step
	@manifests/deploy.sh up $(OVERLAY)
keeper: ## Install the keeper beside it, which then looks after registration and certificates
	@manifests/deploy.sh keeper $(OVERLAY)
verify: ## Show the guard at work on a kind that is made for this and removed again
	@manifests/check/run.sh
undeploy: ## Remove it, the registration first
	@manifests/deploy.sh down $(OVERLAY)

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
        --no-emit-options --allow-unsafe --strip-extras --no-header --upgrade
.PHONY: lock
lock: .venv/.dev ## Resolve the dependencies anew
	$(LOCK) --build-deps-for=editable --output-file requirements.lock pyproject.toml
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

.PHONY: clean
clean: ## Remove what make made, development certificates included
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* certs/dev certs/demo bench/.build

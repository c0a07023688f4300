# Two commands matter: `make demo` (see it work) and `make test` (see that it works).
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install system demo up test test-unit chaos fuzz check format bench docs lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# The environment is made once and refreshed only when the lock or the project file changes.
$(VENV)/.installed: requirements.lock pyproject.toml
	@echo "Installing the environment (about 90 s the first time) ..."
	@test -x $(BIN)/python || $$(command -v $(PYTHON) || echo python3) -m venv $(VENV)
	@$(BIN)/python -m pip install -q -r requirements.lock 2> >(grep -v "is ignored: it is neither" >&2)
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . 2> >(grep -v "is ignored: it is neither" >&2)
	@touch $@

system: ## PostgreSQL from apt, where it is missing
	@bash local/install_postgres.sh

install: system $(VENV)/.installed ## PostgreSQL and the Python environment

demo: install ## start the platform, load a sample world, train, promote, take the tour
	@$(BIN)/python -m demo

up: install ## start the platform and stay with it (Ctrl-C stops it)
	@$(BIN)/assay up

test: install ## all tests
	@$(BIN)/python -m pytest

test-unit: $(VENV)/.installed ## the quick tests
	@$(BIN)/python -m pytest tests/unit

chaos: install ## the fault suite: parts are killed, stopped and lied to under load (some 10 minutes)
	@$(BIN)/python -m chaos $(CHAOS)

fuzz: install ## every service by random requests: twenty times what the tests ask, and other ones each time
	@ASSAY_FUZZ_DEPTH=20 $(BIN)/python -m pytest tests/integration/serving/fuzz

check: $(VENV)/.installed ## format, lint, types, floors, documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.build --check

format: $(VENV)/.installed ## put the code in shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install ## the figures of benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.installed ## build the documentation site in docs/_build
	@$(BIN)/python -m docs.build

lock: $(VENV)/.installed ## pin requirements.lock afresh from pyproject.toml
	@$(BIN)/pip-compile -q --extra dev --strip-extras --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --no-header --no-annotate --allow-unsafe -o requirements.lock pyproject.toml

clean: ## remove build products (not the data in .assay)
	@rm -rf build dist *.egg-info docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

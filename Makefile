# The index of commands. `make study` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests of a file share what is costly to make, so they go to one process, in order.
SHARED := --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup study test test-all lint format ui bench lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## make the virtual environment from the lock file

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"batchscope needs Python 3.11 to 3.13, {sys.executable} is {v[0]}.{v[1]}; run make setup PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

study: $(READY) ## run the whole study: data to report (dvc repro); PARAMS=studies/quick.yaml runs that one
ifdef PARAMS
	$(BIN)/batchscope study run --params $(PARAMS)
else
	$(BIN)/dvc repro
	@echo "The report is report/index.html; make ui shows every run in MLflow."
endif

test: $(READY) ## run the tests (some minutes)
	$(BIN)/pytest -n 2 $(SHARED)

test-all: $(READY) ## run the tests, the slow ones included
	$(BIN)/pytest -n 2 $(SHARED) -m ''

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(READY) ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: $(READY) ## browse the runs in the MLflow UI, on this machine only
	$(BIN)/batchscope ui

bench: $(READY) ## time the training kernels on this machine
	$(BIN)/python -m benchmarks.kernels
	$(BIN)/python -m benchmarks.gpu

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --extra dev --custom-compile-command "make lock" --output-file requirements.lock --quiet pyproject.toml

clean: ## remove the virtual environment and caches; data, ledger and results stay
	rm -rf $(VENV) .pytest_cache .ruff_cache

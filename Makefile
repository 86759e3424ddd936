# Thin: each target is one line a person could type.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo up check test test-browser test-docker test-kills test-reproduce bench constraints docs

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv && $(BIN)/pip install -q uv && $(BIN)/uv pip install -q -p .venv -c constraints.txt -e '.[example,dev]' && touch $@

demo: setup
	$(BIN)/evenkeel demo

up: setup
	$(BIN)/evenkeel up

check: setup
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/evenkeel check && $(BIN)/python -W ignore -m docs.catalogue --check

test: setup
	$(BIN)/python -m pytest -n 2 --no-loadscope-reorder -m "not browser and not docker and not kills and not reproduce"

test-browser: setup
	$(BIN)/python -m pytest -m browser

test-docker: setup
	$(BIN)/python -m pytest -m docker

test-kills: setup
	$(BIN)/python -m pytest -m kills tests/kills

test-reproduce: setup
	$(BIN)/python -m pytest -m reproduce tests/e2e

bench: setup
	$(BIN)/python -m benchmarks.parsing && $(BIN)/python -m benchmarks.orchestration

docs: setup
	$(BIN)/python -W ignore -m docs.catalogue

constraints:
	uv pip compile -q pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate --upgrade -o constraints.txt

# Bare `make` is what CI runs. Everything lands in .venv, target and build; needs Python >= 3.11 and Rust.
SHELL := /bin/bash
.DELETE_ON_ERROR:

# The first interpreter that is new enough; `make PYTHON=/some/python` overrides.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))

BIN := .venv/bin
RUST := Cargo.toml Cargo.lock $(wildcard ng_engine/*/Cargo.toml) $(shell find ng_engine -name '*.rs')
PACKAGES := ng_engine ng_arrow ngql neurograph ng_shell
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# maturin and plain cargo must agree on the interpreter, or they rebuild each other's PyO3.
export VIRTUAL_ENV := $(CURDIR)/.venv
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
unexport PYTHONHOME PYTHONPATH

.PHONY: all build demo test soak lint format bench instructions instructions-accept docs wheel lock clean
all: lint test instructions

build: .venv/built

demo: .venv/built build/words.parquet
	$(BIN)/ngql --axes "$$($(BIN)/python examples/words_data.py --axes)" -f examples/words.ngql
	$(BIN)/python examples/words.py

test: .venv/built
	cargo test --locked --workspace
	$(BIN)/pytest

# Hours of what `make test` does for minutes: kills, faults, power cuts, damage, and answers against brute force; the
# figures go into the document.
soak: export SOAK := 1
soak: export FIGURES := $(CURDIR)/build/soak.jsonl
soak: .venv/built
	mkdir -p build
	rm -f $(FIGURES)
	cargo test --locked --package ng-core --test crash -- --test-threads=2
	$(BIN)/pytest tests/crash tests/property/test_exactness.py
	$(BIN)/python tests/crash_report.py $(FIGURES) docs/reliability.md

lint: .venv/built
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/stubtest --mypy-config-file pyproject.toml ng_engine._native
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings

format:
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt --all

bench: .venv/built .venv/bench
	$(BIN)/python -m benchmarks

# What the engine's hot paths execute, counted by valgrind (without one it says so) and held to 5 % above the baseline.
instructions: .venv/built
	$(BIN)/python -m benchmarks.instructions

instructions-accept: .venv/built
	$(BIN)/python -m benchmarks.instructions --accept

docs: .venv/built .venv/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs build/docs
	@echo "build/docs/index.html"

wheel: .venv/built
	$(BIN)/maturin build --release --out dist

# Pins every tool and library anew, within the ranges of pyproject.toml.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --upgrade pyproject.toml
lock: .venv/installed
	$(INSTALL) uv
	$(LOCK) --all-extras --group build --group test --group lint --output-file requirements/dev.txt
	$(LOCK) --constraints requirements/dev.txt --group docs --output-file requirements/docs.txt
	$(LOCK) --constraints requirements/dev.txt --group bench --output-file requirements/bench.txt

clean:
	rm -rf .venv target build dist

.venv/installed: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --requirement $<
	@touch $@

.venv/bench .venv/docs: .venv/%: requirements/%.txt .venv/installed
	$(INSTALL) --requirement $<
	@touch $@

.venv/built: .venv/installed pyproject.toml $(RUST)
	$(BIN)/maturin develop --release --locked
	@touch $@

build/words.parquet: examples/words_data.py .venv/installed
	$(BIN)/python $< $@

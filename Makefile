# make run: the demo delivery becomes a published warehouse and a report.  make test: everything is tested.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# A distribution's Python before one on the path: compiled with optimizations, it runs dbt in four fifths of the time
# that a Python compiled without them takes.
PYTHON ?= $(shell for each in /usr/bin/python3.1{1,2,3} python3.1{1,2,3} python3; do \
    "$$each" -c 'import ensurepip, venv' 2> /dev/null && command -v "$$each" && exit; done)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := $(wildcard core privacy intake analysis_py expectations refresh registry simulator benchmarks tests)
MADE_BY_MACROS := $(shell grep -rl --include='*.sql' judge_cells models)
# sqlfluff leaves no garbage, but a sixth of its time went into Python's search for it.
SQLFLUFF := $(BIN)/python -c 'import gc; gc.disable(); from sqlfluff.cli.commands import cli; cli()'
export REGISTRY_DELIVERY ?= exports/demo
export GX_ANALYTICS_ENABLED := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export UV_PYTHON_DOWNLOADS := never
# A hospital's network may have a certificate authority of its own.
export UV_SYSTEM_CERTS ?= true

.PHONY: help install run build test pytest lint format docs oracle torture bench clean distclean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml uv.lock
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] <= (3, 13))' \
	    || { echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV) from uv.lock (once) ..."
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip > /dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv sync --active --frozen --inexact --compile-bytecode --quiet
	@$(BIN)/python -m compileall -q $(filter-out tests benchmarks,$(SOURCES))
	@$(BIN)/dbt parse --quiet  # once: every build, in every vault, starts from what it leaves in target/
	@touch $(STAMP)

install: $(STAMP) ## Create .venv from the lock file

run: $(STAMP) ## Demo exports -> warehouse -> expectations -> analyses -> published file -> report
	@$(BIN)/registry run

build: $(STAMP) ## dbt build alone, into build/warehouse.duckdb
	@$(BIN)/dbt build

test: $(STAMP) ## Lint and run every test, side by side
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: $(STAMP)
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

lint: $(STAMP) ## ruff, mypy and sqlfluff
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/mypy
	@REGISTRY_WAREHOUSE=:memory: $(SQLFLUFF) lint --disable-progress-bar \
	    $(filter-out $(MADE_BY_MACROS),$(shell find models tests/dbt -name '*.sql' -not -path '*/generic/*'))
	@$(SQLFLUFF) lint --disable-progress-bar --config tests/dbt/base_models.sqlfluff $(MADE_BY_MACROS)

format: $(STAMP) ## Write ruff's and sqlfluff's own layout
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)
	@REGISTRY_WAREHOUSE=:memory: $(BIN)/sqlfluff fix --disable-progress-bar models tests/dbt

oracle: $(STAMP) ## Recompute the R oracles (needs R with package survival) and compare afresh
	@tests/oracle/run_all.sh

torture: $(STAMP) ## Kill, fill the disk and read while publishing, the long form (about 20 minutes)
	@$(BIN)/python tests/python/refresh/torture.py

bench: $(STAMP) ## Beside bare DuckDB and Polars, into docs/benchmarks.md (20 minutes; BENCH="--size 342" for one)
	@$(BIN)/python -m benchmarks $(BENCH)

docs: $(STAMP) ## dbt documentation in one page, target/static_index.html; builds where nothing is built yet
	@test -s "$${REGISTRY_WAREHOUSE:-build/warehouse.duckdb}" || $(BIN)/dbt build --quiet
	@$(BIN)/dbt docs generate --static --quiet
	@echo "Open target/static_index.html"

clean: ## Remove what a build writes
	rm -rf build target logs

distclean: clean ## Remove the environment too
	rm -rf $(VENV)

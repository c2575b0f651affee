# The commands of this project, readable as documentation.
#
#   make run     installs, makes ./site from examples/, publishes it, serves it on 127.0.0.1:8000
#   make test    installs, runs every test that needs no server (at most five minutes)
#   make test-servers   those that need PostgreSQL, Redis, RabbitMQ, Chromium, nginx or another Debian program
#   make faults  the long set of injected faults: workers, relays and databases killed again and again
#   make lint    style, types, and who may import whom
#   make bench   what is measured, each against a reference in the same run

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: run test test-servers lint bench clean

run: $(STAMP)
	@test -e site || cp -R examples site
	@$(BIN)/masthead run --site site

test: $(STAMP)
	$(BIN)/python -m pytest -m "not server" -n auto

test-servers: $(STAMP)
	$(BIN)/python -m pytest -m server -n auto

faults: $(STAMP)
	FAULTS=long $(BIN)/python -m pytest tests/faults --timeout 600

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m bench

$(STAMP): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable . --group dev
	@touch $(STAMP)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The commands of this project, readable as documentation.
#
#   make run     installs, makes ./site from examples/, publishes it, serves it on 127.0.0.1:8000
#   make test    installs, runs every test that needs no server (at most five minutes)
#   make test-servers   those that need PostgreSQL, Redis, RabbitMQ, Chromium, nginx or another Debian program
#   make coverage the tests of `make test`, measured: the ten least covered modules, and the total
#   make faults  the long set of injected faults: workers, relays and databases killed again and again
#   make lint    style, types, and who may import whom
#   make docs    the documentation as HTML in build/docs; a warning is an error
#   make bench   what is measured, each against a reference in the same run

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DOCS   := $(VENV)/.installed-docs

.PHONY: run test test-servers coverage faults lint docs bench clean

run: $(STAMP)
	@test -e site || cp -R examples site
	@$(BIN)/masthead run --site site

test: $(STAMP)
	$(BIN)/python -m pytest -m "not server" -n auto

test-servers: $(STAMP)
	$(BIN)/python -m pytest -m server -n auto

coverage: $(STAMP)
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -m "not server" -n auto
	@$(BIN)/coverage combine --quiet
	@mkdir -p build
	@$(BIN)/coverage report --skip-empty --sort=cover > build/coverage.txt
	@sed -n '1,12p;/^TOTAL/p' build/coverage.txt

faults: $(STAMP)
	FAULTS=long $(BIN)/python -m pytest tests/faults --timeout 600

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DOCS)
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs

bench: $(STAMP)
	$(BIN)/python -m bench

$(STAMP): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable . --group dev
	@touch $(STAMP)

$(DOCS): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --group docs
	@touch $(DOCS)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*

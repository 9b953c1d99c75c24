# Every target does its own set-up: python3 (3.11 or newer) and make are enough.
PYTHON ?= python3
PORT ?= 8000
SIZE ?=
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
# A stamp carries the checksum of what is to be installed, so a changed lock is installed by itself.
RUN_READY := $(VENV)/.run-$(firstword $(shell cat requirements.txt | cksum))
DEV_READY := $(VENV)/.dev-$(firstword $(shell cat requirements.txt requirements-dev.txt | cksum))
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(VENV)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
LOCAL := env DEVELOPMENT=1 SITE_URL=http://localhost:$(PORT)

.DEFAULT_GOAL := help
.PHONY: help demo test check conformance bench lock clean
.NOTPARALLEL:

help:  ## Show what there is (this)
	@echo "Smart CDR: make TARGET [NAME=value]"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r target words; do \
		printf '%-12s %s\n' "$$target" "$$words"; done

demo: $(RUN_READY)  ## Run the server with demonstration data on http://localhost:8000 (PORT=8010 elsewhere)
	@$(LOCAL) $(PY) manage.py demo --port $(PORT)

test: $(DEV_READY)  ## Run all tests, on SQLite and on PostgreSQL (ARGS="-k launch" hands words to pytest)
	@$(PY) -m tests.run $(ARGS)

check: $(DEV_READY)  ## Lint, formatting, types, import layers, migrations, Django's own checks
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(LOCAL) $(PY) manage.py makemigrations --check --dry-run
	$(LOCAL) $(PY) manage.py check

conformance: $(DEV_READY)  ## Write docs/conformance.md from the marks on the tests
	@$(PY) -m tests.conformance

bench: $(DEV_READY)  ## Measure the server as in production (SIZE="10k 100k 1M": with so many invented resources)
	@$(PY) -m bench $(if $(SIZE),--sizes $(SIZE)) $(ARGS)

lock: $(DEV_READY)  ## Write requirements*.txt anew from requirements*.in (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) -o requirements.txt requirements.in
	$(LOCK) $(ARGS) -o requirements-dev.txt requirements-dev.in

clean:  ## Remove what the other targets made, the demonstration's database included
	rm -rf $(VENV) .cache .artifacts .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache var demo.json

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Smart CDR needs Python 3.11 or newer; \
	this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12")'
	@echo "Making the virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN_READY): | $(VENV)/bin/python
	@echo "Installing requirements.txt ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(DEV_READY): | $(RUN_READY)
	@echo "Installing requirements-dev.txt ..."
	@$(PIP) -r requirements.txt -r requirements-dev.txt
	@touch $@

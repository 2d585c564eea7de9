# One command runs what CI runs: `make check`. `make help` lists the targets.
#
# The virtual environment .venv is made on first use. Variables you may set:
#   PYTHON=...     the Python to make .venv with (default: the first suitable one found)
#   PIP_FLAGS=...  added to every `pip install`, for example to name another package index

PYTHON ?=
PIP_FLAGS ?=

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt
PINS := pyproject.toml constraints.txt
# Each process has one core: matrices on two threads each would wait for one another.
SIDE_BY_SIDE = OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n $(or $(WORKERS),2)
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 python

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test quick check cases lint docs format bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.stamp-demo ## install what the main job needs and run it
	$(VENV)/bin/ntkfreq compare

test: $(VENV)/.stamp-test ## install the test tools and run tests and doctests
	$(SIDE_BY_SIDE)

quick: $(VENV)/.stamp-test ## run the tests that take seconds: a few minutes on two cores
	$(SIDE_BY_SIDE) -m "not slow"

check: lint docs test ## all that CI runs: format, lint, types, docs, tests, doctests

cases: $(VENV)/.stamp-test ## print the table of rebuilt public reports: right, refused, wrong
	$(PY) -m tests.cases

lint: $(VENV)/.stamp-test ## check format, lint and types
	@failed=0; for tool in "ruff format --check ." "ruff check ." mypy; do \
	    echo "$(PY) -m $$tool"; $(PY) -m $$tool || failed=1; \
	done; exit $$failed

docs: $(VENV)/.stamp-docs ## build the documentation, warnings are errors
	@rm -rf docs/api/generated
	$(PY) -m sphinx -W --keep-going -n -E -q -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "docs: open docs/_build/html/index.html"

format: $(VENV)/.stamp-test ## rewrite the sources in the project's format
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(VENV)/.stamp-bench ## run the benchmarks, named peers in the same run
	@set -e; for script in benchmarks/[!_]*.py; do \
	    test -e "$$script" || { echo "bench: no script in benchmarks/ yet"; exit 0; }; \
	    echo "== $$script"; $(PY) "$$script"; \
	done

hostile: $(VENV)/.stamp-test ## try every public function on hostile input (TRIES=20000, resumable)
	$(PY) -m tests.hostile --tries $(or $(TRIES),20000) --workers $(or $(WORKERS),2) --write

clean: ## remove built pages and caches (.venv and results/ stay)
	rm -rf docs/_build docs/gallery docs/api/generated docs/sg_execution_times.rst
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find ntkfreq tests examples benchmarks validation docs -name __pycache__ -type d \
	    -prune -exec rm -rf {} +

# A stamp is touched only when its installation succeeded. All are dropped when .venv has no usable
# Python, or was installed for a checkout at another place.
SUITABLE := import sys, pip; sys.exit(sys.version_info < (3, 11))
ifneq ($(shell $(PY) -c '$(SUITABLE)' 2>/dev/null && cat $(VENV)/.checkout 2>/dev/null),$(CURDIR))
$(shell rm -f $(VENV)/.stamp-*)
endif

$(VENV)/.stamp-demo: $(PINS) | venv
	@echo "pip: installing ntkfreq and what the main job needs"
	@$(PIP) -e .
	@echo "$(CURDIR)" > $(VENV)/.checkout && touch $@

$(VENV)/.stamp-test: $(PINS) | venv
	@echo "pip: installing ntkfreq, the test tools and PyTorch (README: how to get its CPU build)"
	@$(PIP) -e '.[test]'
	@echo "$(CURDIR)" > $(VENV)/.checkout && touch $@

$(VENV)/.stamp-bench: $(PINS) | venv
	@echo "pip: installing ntkfreq, the test tools, PyTorch and the peers of the benchmarks"
	@$(PIP) -e '.[test,bench]'
	@echo "$(CURDIR)" > $(VENV)/.checkout && touch $@

$(VENV)/.stamp-docs: $(PINS) | venv
	@echo "pip: installing ntkfreq and the documentation tools"
	@$(PIP) -e '.[docs]'
	@echo "$(CURDIR)" > $(VENV)/.checkout && touch $@

# Made when missing or unusable. A name found on the PATH proves nothing (version managers put
# shims there for versions that do not run), so each candidate is run.
.PHONY: venv
venv:
	@$(PY) -c '$(SUITABLE)' >/dev/null 2>&1 && exit 0; \
	test ! -e $(VENV) || echo "venv: $(VENV) has no usable Python and is made anew"; \
	for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    "$$python" -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 11))' \
	        >/dev/null 2>&1 || continue; \
	    echo "venv: making $(VENV) with $$("$$python" -c 'import sys; print(sys.executable)')"; \
	    rm -rf $(VENV); \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	done; \
	echo "venv: none of these is a Python 3.11 or newer with its venv module:" >&2; \
	echo "venv:   $(or $(PYTHON),$(CANDIDATES))" >&2; \
	echo "venv: install one (on Debian and Ubuntu, with its package python3-venv)," >&2; \
	echo "venv: or name it: make PYTHON=/path/to/python ..." >&2; \
	exit 1

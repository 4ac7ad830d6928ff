# Two commands on a fresh machine: `make book` and `make test`. `make help` lists the rest.

MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup book test run check bench full pdf serve lab lock clean

# The first interpreter that the locked packages have wheels for; PYTHON=... names another.
SUITS = -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p $(SUITS); then echo $$p; break; fi; done)
SUITABLE := $(PYTHON)
endif
PY := .venv/bin/python
HTML := _build/html
BUILD_BOOK := $(PY) book/_tools/build.py $(HTML)
NB ?=

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

setup:  ## make .venv with the locked packages and fetch the data sets; an instant when done
	@if [ -z "$(PYTHON)" ]; then \
		echo "setup: Python 3.11 to 3.13 is needed, found $$(python3 --version 2>&1 || true);" \
			"install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi
	@if [ -z "$(SUITABLE)" ] && ! $(PYTHON) $(SUITS); then \
		echo "setup: Python 3.11 to 3.13 is needed, $(PYTHON) is" \
			"$$($(PYTHON) --version 2>&1 | head -n 1);" \
			"name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi
	@$(PYTHON) requirements/bootstrap.py

book: setup  ## set up and render the book to _build/html
	@$(BUILD_BOOK)

check: setup  ## the quick checks: lint, import contract, unit tests, doctests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports
	$(PY) -m mypy
	$(PY) -m pytest -n 2 --dist loadscope companion tests --doctest-modules \
		--ignore tests/notebooks --ignore tests/book

test: check  ## set up and pass every check: `make check`, every notebook, the rendered book
	$(PY) -m pytest -n 2 --dist loadfile tests/notebooks
	OMP_NUM_THREADS=1 $(PY) -m pytest --nbval book -n 2 --dist loadfile
	rm -rf $(HTML) _build/.complete
	@$(BUILD_BOOK)
	COMPANION_BOOK_HTML=$(HTML) $(PY) -m pytest tests/book

run: setup  ## execute notebooks in place: all, or NB="face-detection ..."
	OMP_NUM_THREADS=1 $(PY) book/_tools/run.py $(NB)

bench: setup  ## measure speed side by side with the named peers; writes benchmarks/results.md
	@.venv/bin/uv pip install -q --python $(PY) --target _build/peers --no-deps --require-hashes \
		--no-build-isolation -r requirements/bench.txt
	PYTHONPATH=_build/peers $(PY) -m benchmarks

pdf: book  ## print the book into _build/book.pdf, with Chromium
	$(PY) book/_tools/pdf.py $(HTML) _build/book.pdf

full: setup  ## measure on the public sets that COMPANION_DATA holds: all, or SET="chase gtsrb ..."
	$(PY) -m benchmarks.full_scale $(SET)

serve: book  ## render the book and serve it on http://localhost:8000
	@$(PY) -m http.server --bind 127.0.0.1 --directory $(HTML) 8000

lab: setup  ## open the notebooks in JupyterLab
	.venv/bin/jupyter lab book

lock: setup  ## resolve the versions anew into requirements/*.txt
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra book --extra test \
		pyproject.toml -o requirements/lock.txt
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-deps requirements/bench.in -o requirements/bench.txt

clean:  ## remove what was built: _build, caches (add ALL=1 to remove .venv as well)
	rm -rf _build .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	$(if $(ALL),rm -rf .venv companion.egg-info)

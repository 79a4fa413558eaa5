# Everything is set up in .venv; nothing outside of this folder is touched.

SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
TOOLS := .venv/.tools
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
PINNED := --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --constraint requirements.lock

.PHONY: help demo test lint types layers tests thorough bench weeks lock image-try clean

help:
	@echo 'make demo      set up, then harvest the bundled replica of the site and show the result'
	@echo 'make test      set up, then lint, types, layers, tests'
	@echo 'make thorough  titles, names and posts with 100,000 cases for each property'
	@echo 'make bench     page to post beside other extractors; search; export of 100,000 stories'
	@echo 'make weeks     30 days of the daemon, simulated, in some minutes'
	@echo 'make lock      renew the lock files from pyproject.toml'
	@echo 'make image-try the steps of docker/Dockerfile in a clean Debian root (needs root)'

demo: $(READY)
	$(BIN)/harvester demo

test: lint types layers tests

lint: $(TOOLS)
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check

types: $(TOOLS)
	$(BIN)/mypy

layers: $(TOOLS)
	$(BIN)/lint-imports

tests: $(TOOLS)
	$(BIN)/pytest --numprocesses auto --quiet

thorough: $(TOOLS)
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest --numprocesses auto --timeout 3600 tests/post

bench: $(TOOLS)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[bench]'
	$(BIN)/python -W ignore -m benchmarks.page
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.export

weeks: $(TOOLS)
	$(BIN)/python -m benchmarks.weeks

lock: $(TOOLS)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml \
		--output-file requirements.lock
	$(BIN)/uv pip compile $(PINNED) pyproject.toml --output-file docker/requirements.txt
	printf 'hatchling\neditables\n' | $(BIN)/uv pip compile $(PINNED) - --output-file docker/requirements-build.txt

# The image's steps in a clean Debian root, without Docker: needs root and debootstrap.
image-try:
	docker/try.sh

clean:
	rm -rf .venv .demo dist

$(READY): docker/requirements.txt docker/requirements-build.txt pyproject.toml
	@test -n '$(PYTHON)' || { echo 'harvester needs Python 3.11 to 3.14 (python3.11 with venv)'; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r docker/requirements.txt -r docker/requirements-build.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $(READY)

# With all extras and what the tests compare with: a gigabyte.
$(TOOLS): $(READY) requirements.lock
	$(PIP) --require-hashes -r requirements.lock
	@touch $(TOOLS)

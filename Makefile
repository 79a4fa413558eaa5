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

TORTURE := .torture.jsonl
BENCH := .venv/bench
SCALE ?= 1

.PHONY: help demo test lint types layers tests torture fuzz bench weeks lock image-try clean

help:
	@echo 'make demo      set up, then harvest the bundled replica of the site and show the result'
	@echo 'make test      set up, then lint, types, layers, tests'
	@echo 'make torture   every promise of docs/threat-model.md at the scale of a release, with a table'
	@echo 'make fuzz      an hour of random bytes for what reads pages, lists, sitemaps, posts and WARC files'
	@echo 'make bench     every benchmark, beside what is asked for; SCALE=0.01 for a quick look'
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

# What measures time or memory runs after the rest, with nothing beside it. A gate that skips for want of
# a program is not passed: chromium, faketime, jekyll, strace.
torture: $(TOOLS)
	rm -f $(TORTURE)
	-HARVESTER_TORTURE=$(TORTURE) $(BIN)/pytest -q -m 'gate and not alone' -n auto --timeout 7200
	-HARVESTER_TORTURE=$(TORTURE) $(BIN)/pytest -q -m 'gate and alone' -n 0 --timeout 7200
	$(BIN)/python -m tests.support.figures $(TORTURE)

fuzz: $(TOOLS)
	$(BIN)/python -m tests.fuzz --seconds 3600

# What it compares with gets an environment of its own: one of them may want other versions than we do.
bench: $(TOOLS)
	$(BIN)/pip install --quiet uv
	test -d $(BENCH) || $(BIN)/uv venv --quiet --python $(BIN)/python $(BENCH)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BENCH)/bin/python \
		--constraint requirements.lock --editable '.[bench]'
	mkdir -p benchmarks/results
	$(BENCH)/bin/python -m benchmarks --scale $(SCALE) \
		--json benchmarks/results/bench.json --plot benchmarks/results/bench.svg

weeks: $(TOOLS)
	$(BIN)/python -m benchmarks.weeks

lock: $(TOOLS)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml \
		--output-file requirements.lock
	$(BIN)/uv pip compile $(PINNED) pyproject.toml --output-file docker/requirements.txt
	printf 'hatchling\neditables\n' | $(BIN)/uv pip compile $(PINNED) - --output-file docker/requirements-build.txt
	echo 'pywb>=2.10,<2.11' | $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes \
		--python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-package brotlipy - \
		--output-file tests/support/pywb.lock

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

# With all extras and what the tests compare with: a gigabyte. pywb pins packages that are older than ours.
$(TOOLS): $(READY) requirements.lock tests/support/pywb.lock
	$(PIP) --require-hashes -r requirements.lock
	$(BIN)/python -m venv .venv/pywb
	.venv/pywb/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r tests/support/pywb.lock
	@touch $(TOOLS)

# make demo    a generated scene with known roads through the whole program, into demo/
# make test    the tests that need nothing but this checkout
# make fuzz    broken inputs for ten minutes; those that break roadex go to fuzz-failures/
# make mutants    small changes to the code that the tests must notice, a sample of 200, into mutants/
# make coverage    branches of the package that the tests run; KINDS chooses the tests
# make gpu-check    whether roadex is right and fast on the GPU of this machine, into gpu-check/
# make bench    roadex side by side with what one would use instead, into bench/
# make bench-quick    counts what a run computes and reads
# make lint    style, types and import contracts
# make docs    the documentation site, into docs/_build/html; warnings are errors
# make release-check    a release without publishing: builds and tries what people install
# make sbom    the packages of .venv with versions and licence texts (CycloneDX), into dist/
# make qgis-plugin    the plugin for QGIS as a ZIP file, into dist/
#
# Every target but the last makes or updates .venv first. Nothing but the package index is reached.
#   make test PYTHON=python3.12          which Python to use (3.11, 3.12 or 3.13)
#   make test PROCESSES=8                how many processes run tests side by side (2)
#   make fuzz SECONDS=60 SEED=7          how long, and which inputs (600, 0)
#   make mutants COUNT=50 SEED=7         how many changes, and which (200, 0)
#   make coverage KINDS="not gpu"        the longer tests too
#   make gpu-check GPU_CHECK=folder      where the results go (gpu-check)
#   make env TORCH_INDEX=URL             take torch and torchvision from the package index at URL.
#                                        PyTorch's own index of CPU builds, which its installation
#                                        page names, needs 0.3 GB instead of 5 GB

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
TORCH_INDEX ?=
PROCESSES ?= 2
GPU_CHECK ?= gpu-check
SECONDS ?= 600
SEED ?= 0
COUNT ?= 200
KINDS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.up-to-date
TORCH_PAIR := grep -E '^torch(vision)?==' constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help env demo test fuzz mutants coverage gpu-check bench bench-quick lint style types contracts docs pictures release-check sbom qgis-plugin clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

env: $(STAMP)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "roadex needs Python 3.11, 3.12 or 3.13, and there is no '$(PYTHON)' here." >&2; \
	  echo "Install one, or say where it is: make env PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "roadex needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." >&2; \
	  echo "Say which one to use: make env PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: its venv module is missing." >&2; \
	  echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamp is written last: an installation that was cut off is taken up again.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --index-url $(TORCH_INDEX) \
	  $$($(TORCH_PAIR)))
	$(BIN)/python -m pip install --quiet --progress-bar off -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/roadex demo -o $(DEMO) --overwrite

# One thread each: processes that run side by side are not to compete for cores.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(PROCESSES)

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

# What was tried before is not tried again, unless the code of that change is another.
mutants: $(STAMP)
	$(BIN)/python -m tests.mutants --count $(COUNT) --seed $(SEED)

# With the programs that tests start, each measured by itself; compiled functions are measured by
# the longer test that runs them uncompiled.
coverage: export OMP_NUM_THREADS = 1
coverage: export COVERAGE_FILE = $(CURDIR)/.coverage
coverage: export COVERAGE_PROCESS_START = $(CURDIR)/pyproject.toml
coverage: $(STAMP)
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) $(if $(KINDS),-m "$(KINDS)") --cov=roadex

gpu-check: $(STAMP)
	$(BIN)/python benchmarks/gpu_check.py --out $(GPU_CHECK)

bench: $(STAMP)
	$(BIN)/python benchmarks/bench.py bench

bench-quick: $(STAMP)
	$(BIN)/python -m pytest -m slow tests/test_counted_work.py

lint: style types contracts

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "The site is docs/_build/html/index.html"

# The pictures of the pages, made anew; a test compares those that are committed.
pictures: $(STAMP)
	$(BIN)/python docs/pictures docs/images

release-check: $(STAMP)
	rm -rf dist/release
	$(BIN)/python -m build --no-isolation --outdir dist/release .
	$(BIN)/python -m twine check --strict dist/release/*
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "slow or not slow" tests/test_packaging.py \
	  tests/test_wheel.py tests/test_example_plugin.py
	$(BIN)/python release/check.py

sbom: $(STAMP)
	@mkdir -p dist
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --gather-license-texts --output-reproducible \
	  --output-file dist/roadex.cdx.json $(BIN)/python

qgis-plugin:
	$(PYTHON) workflows/qgis/package.py --output dist

clean:
	rm -rf $(DEMO) $(GPU_CHECK) mutants .coverage* out docs/_build build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find roadex tests benchmarks workflows docs -name __pycache__ -type d -prune -exec rm -rf {} +

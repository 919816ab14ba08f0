# The two commands are `make rollout` and `make test`; both set up what they need and reuse it the next time.
# For your own servers `make setup` is enough: no root, no lab, and nothing that only tests need.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
AM_ROOT := [ "$$(id -u)" = 0 ]

.PHONY: help setup rollout test soak lint bench lab-down packages

help: ## what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1 — \2/p' $(MAKEFILE_LIST)

setup: .venv/operator ## what your own servers need: the command `rollout`, without lab or root
	@echo "Ready: $(BIN)/rollout --help"

rollout: .venv/ready packages ## boot the lab, put it in the state before, roll out, verify, report
	@$(AM_ROOT) || { echo "make rollout boots hosts, which needs root: sudo make rollout"; exit 1; }
	@$(BIN)/python -m lab up on-files
	@$(BIN)/rollout apply lab --reason "make rollout"

test: .venv/ready packages ## lint and every test; without root those that need none, and it says so
	@$(BIN)/python tests/run.py

soak: .venv/ready packages ## the same tests with many more instants and names
	@ROLLOUT_SOAK=1 $(BIN)/python tests/run.py

lint: .venv/ready ## ruff, mypy (strict), and who may import whom
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

bench: .venv/ready packages ## side by side with what one would use instead
	@$(BIN)/python -m bench

lab-down: .venv/ready ## end the lab's hosts; what is cached stays
	@$(BIN)/python -m lab down

packages:
	@if $(AM_ROOT); then lab/install-packages.sh; fi

.venv/operator: requirements.txt pyproject.toml
	@echo "Setting up the Python environment (about a minute, once) …"
	@test -x $(BIN)/pip || python3 -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# By itself, because on a new machine the packages bring what makes an environment.
.venv/ready: requirements-test.txt requirements.txt pyproject.toml | packages
	@$(MAKE) --no-print-directory .venv/operator
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.txt
	@touch $@

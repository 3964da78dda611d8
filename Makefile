# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export XTCREDIT_HOME ?= $(CURDIR)/var

.PHONY: setup demo up test faults backfill cluster fuzz bench peers lint types ci clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## install into .venv (once)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install one, or say make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup ## two months of all items through Airflow; ends with the county table and the bulletin
	@bash dags/airflow.sh demo

up: setup ## Airflow's UI on localhost
	@bash dags/airflow.sh up

test: setup ## all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST)

faults: setup ## the kill campaign: 200 steps killed and run again; writes var/faults/results.json
	PYTHONPATH=$(CURDIR) $(BIN)/python tests/faults/campaign.py --kills 200 --seed 1 --out var/faults/results.json

backfill: setup ## twelve months of ten items at once through Airflow, against month by month; writes var/faults/backfill.json
	PYTHONPATH=$(CURDIR) $(BIN)/python tests/faults/backfill.py --out var/faults/backfill.json

cluster: setup ## the same with CeleryExecutor, two workers, Redis and PostgreSQL; writes var/faults/cluster.json
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cluster]'
	PYTHONPATH=$(CURDIR) $(BIN)/python tests/faults/backfill.py --cluster --out var/faults/cluster.json

fuzz: setup ## 2,000 spoilt files through staging: none may crash, hang or lose a row
	PYTHONPATH=$(CURDIR) $(BIN)/python tests/sources/test_fuzz.py --runs 2000

ROWS ?= 30000000
DBT := .venv-peers/bin/dbt
bench: setup $(DBT) ## the 30-million-row benchmark, and how it grows; ROWS=3000000 for a smaller one
	PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/bench.py --rows $(ROWS)

PEER_ROWS ?= 1000000
peers: setup $(DBT) ## the same job with pandas and with dbt, on the benchmark's city of PEER_ROWS rows
	PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/peers/run.py --files var/bench/city-$(PEER_ROWS) --rows $(PEER_ROWS)

# dbt's requirements are nobody's business of ours: an environment of its own.
$(DBT): benchmarks/peers/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

lint: setup ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict on the packages
	$(BIN)/mypy

clean: ## remove what was made at run time (keeps .venv)
	rm -rf var build *.egg-info

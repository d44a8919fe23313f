# Bare `make` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench soak docs mutation clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/tiltyard: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(BIN)/tiltyard
	$(BIN)/python -m pip install --quiet --group test --group lint
	@touch $@

$(VENV)/.bench: $(BIN)/tiltyard
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

demo: $(BIN)/tiltyard ## judge a simulated floor, or real trade logs with DATA=folder
	$(BIN)/tiltyard demo $(if $(DATA),--data $(DATA))

test: $(VENV)/.test ## run the tests
	$(BIN)/python -m pytest -n 2 -m "not soak"

soak: $(VENV)/.test ## run the long versions of the tests
	$(BIN)/python -m pytest -m soak

lint: $(VENV)/.test ## ruff, mypy and the import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test ## let ruff lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## measure against pandas and duckdb in one run
	$(BIN)/python benchmarks/recompute.py
	$(BIN)/python benchmarks/per_trade.py
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/halt_latency.py
	$(BIN)/python benchmarks/http_latency.py
	$(BIN)/python benchmarks/client.py
	$(BIN)/python benchmarks/scrape.py
	$(BIN)/python benchmarks/alert_chain.py --quick
	$(if $(DATA),$(BIN)/python benchmarks/course.py --data $(DATA))
	$(if $(DATA),$(BIN)/python benchmarks/features.py --data $(DATA))

mutation: $(VENV)/.test ## flip every comparison in checklist and actions
	$(BIN)/python tests/mutation.py

docs: $(VENV)/.test ## run every command and example the documents show
	$(BIN)/python -m pytest tests/docs

clean: ## remove what make made
	rm -rf $(VENV) demo dist .pytest_cache .mypy_cache .ruff_cache

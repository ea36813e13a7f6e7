# What can be made here; `make` alone lists it. Works with GNU make 3.81 and later.
VENV := .venv
BIN := $(VENV)/bin
BOARD := src/ml_board/frontend
PORT ?= 8080
EVENT_STORAGE ?= event_storage
export PYTHON

PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
NODE := $(CURDIR)/tools/with_node $(CURDIR)/$(VENV)

.PHONY: help install demo test lint test-board board benchmarks clean

help:
	@echo "make install     the environment, in $(VENV) (PYTHON=/path/to/python3.11 says with which Python)"
	@echo "make demo        train the example grid with two processes, then serve the board (PORT=$(PORT))"
	@echo "make test        every check and every test"
	@echo "make lint        style, types, imports, generated files"
	@echo "make board       build the board's front end anew, into src/ml_board/static"
	@echo "make benchmarks  the tables of benchmarks/README.md"
	@echo "make clean       remove the environment and what tools left behind"

# A stamp is made last, so that what was broken off is done again.
$(VENV)/.made:
	@python=$$(tools/find_python) && $$python -m venv --clear $(VENV)
	@touch $@

# torch comes first and by this exact spelling: a find-links folder or an index with a CPU build then wins.
$(VENV)/.installed: $(VENV)/.made setup.cfg pyproject.toml constraints.txt
	$(PIP_INSTALL) torch==2.13.0 setuptools
	$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.test-tools: $(VENV)/.installed
	$(PIP_INSTALL) --no-build-isolation --editable '.[test]'
	@touch $@

$(BOARD)/node_modules/.installed: $(VENV)/.test-tools $(BOARD)/package.json $(BOARD)/package-lock.json
	cd $(BOARD) && $(NODE) npm ci --no-audit --no-fund
	@touch $@

install: $(VENV)/.installed
	@echo "The environment is in $(VENV)"

demo: install
	@$(BIN)/python tools/check_port.py $(PORT)
	$(BIN)/mlgym run example/grid_search_example/gs_config.yml --process_count 2 --event_storage_path $(EVENT_STORAGE)
	$(BIN)/ml_board --port $(PORT) --event_storage_path $(EVENT_STORAGE)

lint: $(VENV)/.test-tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/generate_types.py --check
	$(BIN)/python tools/generate_components.py --check

test-board: $(BOARD)/node_modules/.installed
	cd $(BOARD) && $(NODE) npm run typecheck && $(NODE) npm run lint && $(NODE) npm test
	$(NODE) $(BIN)/python tools/compare_board.py

test: lint test-board
	@tools/find_chromium
	$(BIN)/pytest

board: $(BOARD)/node_modules/.installed
	cd $(BOARD) && $(NODE) npm run build

benchmarks: install
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/grid.py

clean:
	rm -rf $(VENV) $(BOARD)/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What can be made here; `make` alone lists it. Works with GNU make 3.81 and later.
VENV := .venv
PEERS := .venv-peers
MLGYM := $(PEERS)/mlgym-0.0.75-py3-none-any.whl
BIN := $(VENV)/bin
BOARD := src/ml_board/frontend
PORT ?= 8080
EVENT_STORAGE ?= event_storage
export PYTHON

PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
NODE := $(CURDIR)/tools/with_node $(CURDIR)/$(VENV)

.PHONY: help install demo test lint test-board board faults benchmarks clean

help:
	@echo "make install     the environment, in $(VENV) (PYTHON=/path/to/python3.11 says with which Python)"
	@echo "make demo        train the example grid with two processes, then serve the board (PORT=$(PORT))"
	@echo "make test        every check and every test"
	@echo "make lint        style, types, imports, generated files"
	@echo "make board       build the board's front end anew, into src/ml_board/static"
	@echo "make faults      the long form of tests/faults: the table of docs/reliability.md"
	@echo "make benchmarks  the tables of benchmarks/README.md"
	@echo "make clean       remove the environment and what tools left behind"

# A stamp is made last, so that what was broken off is done again.
$(VENV)/.made:
	@python=$$(tools/find_python) && $$python -m venv --clear $(VENV)
	@touch $@

# torch comes first and by this exact spelling: a find-links folder or an index with a CPU build then wins.
$(VENV)/.installed: $(VENV)/.made setup.cfg pyproject.toml constraints.txt
	$(PIP_INSTALL) torch==2.13.0 setuptools
	$(PIP_INSTALL) --no-build-isolation --editable '.[xgboost-cpu]'
	@touch $@

$(VENV)/.test-tools: $(VENV)/.installed
	$(PIP_INSTALL) --no-build-isolation --editable '.[test,xgboost-cpu]'
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
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

board: $(BOARD)/node_modules/.installed
	cd $(BOARD) && $(NODE) npm run build

faults: $(VENV)/.test-tools
	$(BIN)/python tests/faults/run_all.py --long

# What we are compared with has an environment of its own, which sees ours behind it.
$(PEERS)/.installed: $(VENV)/.test-tools benchmarks/peers.txt
	$(BIN)/python -m venv --clear $(PEERS)
	$(BIN)/python -c "import site; print(f'import site; site.addsitedir({site.getsitepackages()[0]!r})')" \
		> "$$($(PEERS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/zz_behind.pth"
	$(PEERS)/bin/python -m pip install --disable-pip-version-check --requirement benchmarks/peers.txt
	$(PEERS)/bin/python -m pip download --disable-pip-version-check --no-deps --dest $(PEERS) mlgym==0.0.75
	@touch $@

benchmarks: $(PEERS)/.installed
	$(BIN)/python benchmarks/loop.py --peers $(PEERS)/bin/python
	$(BIN)/python benchmarks/checkpoint.py
	$(BIN)/python benchmarks/grid.py
	$(BIN)/python benchmarks/publish.py --peers $(PEERS)/bin/python
	$(BIN)/python benchmarks/serving.py --peers $(PEERS)/bin/python --mlgym $(MLGYM)
	$(BIN)/python benchmarks/reading.py --peers $(PEERS)/bin/python --mlgym $(MLGYM)
	$(BIN)/python benchmarks/memory.py

clean:
	rm -rf $(VENV) $(PEERS) $(BOARD)/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

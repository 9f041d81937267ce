# Everything that a fresh machine needs beside Python 3.11, g++, make and perl is installed by these targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
# pip's own checks of the network are of no use here and cost seconds.
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-all unit acceptance e2e lint bench clean

demo: $(VENV)/.base
	@mkdir -p $(DEMO)
	@echo "\n$$ llm4cov-lsp generate fixtures/designs/fifo_sync/rtl/fifo_sync.sv -o $(DEMO)/tb_fifo_sync.sv"
	@$(BIN)/llm4cov-lsp generate fixtures/designs/fifo_sync/rtl/fifo_sync.sv -o $(DEMO)/tb_fifo_sync.sv --force

test: lint unit acceptance e2e extension-test browser

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy agent server training
	$(BIN)/lint-imports

# With all extras: tests of what is not installed would pass over themselves.
unit: $(VENV)/.models system
	$(BIN)/python -m pytest tests/unit -n 2

acceptance: $(VENV)/.models system
	$(BIN)/python -m pytest tests/acceptance -n 2 -m "not slow"

# The language server through a client, through Neovim (with Verible's server beside it) and through Emacs.
e2e: $(VENV)/.dev system
	$(BIN)/python -m pytest tests/e2e -m "not slow"

# The VS Code extension: dist/llm4cov.vsix, with this project's wheel in it.
WITH_NODE := $(CURDIR)/extension/scripts/with_node.sh $(abspath $(BIN))/python
.PHONY: extension extension-test browser pictures bench-vscode
extension: $(VENV)/.dev extension/node_modules/.package-lock.json
	$(WITH_NODE) extension/scripts/package.sh $(abspath $(BIN))/python

extension-test: extension/node_modules/.package-lock.json
	cd extension && $(WITH_NODE) npm run --silent check
	cd extension && $(WITH_NODE) npm run --silent unit

# The extension in a real VS Code: code-server, driven in Chromium. What that needs is kept between runs; each step leaves a picture in build/vscode.
TOOLS := $(or $(LLM4COV_TEST_TOOLS),$(HOME)/.cache/llm4cov-test-tools)/code-server
DRIVE := cd extension && LLM4COV_TEST_BIN=$(abspath $(BIN)) $(WITH_NODE) node
browser: extension
	$(WITH_NODE) extension/test/browser/install.sh $(TOOLS)
	cd extension && $(WITH_NODE) node scripts/build.mjs --browser
	$(DRIVE) dist/browser/main.mjs $(TOOLS) ../build/vscode

# The pictures in README and docs.
pictures: browser
	cp build/vscode/main-*-at-a-hole.png docs/vscode-holes.png
	cp build/vscode/main-*-first-green.png docs/vscode-generating.png
	cp build/vscode/main-*-proposed.png docs/vscode-proposed.png

# Activation, the first green line, memory and size, as that editor has them.
bench-vscode: extension
	$(WITH_NODE) extension/test/browser/install.sh $(TOOLS)
	cd extension && $(WITH_NODE) node scripts/build.mjs --browser
	$(DRIVE) dist/browser/bench.mjs $(TOOLS) ../build/vscode-bench ../benchmarks/results/vscode.json

extension/node_modules/.package-lock.json: extension/package-lock.json $(VENV)/.dev
	cd extension && $(WITH_NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Random, cocotb and waveforms on every fixture: about an hour on two cores.
test-all: lint unit $(VENV)/.models extension-test browser
	$(BIN)/python -m pytest tests/acceptance -n 2
	$(BIN)/python -m pytest tests/e2e

bench: $(VENV)/.models
	$(BIN)/python -m benchmarks.judging
	$(BIN)/python -m benchmarks.random_baseline
	$(BIN)/python -m benchmarks.harness
	$(BIN)/python -m benchmarks.closure --budget-s 60
	$(BIN)/python -m benchmarks.store
	$(BIN)/python -m benchmarks.corpus --budget-s 10
	$(BIN)/python -m benchmarks.synthesis --items 30
	$(BIN)/python -m benchmarks.editor
	$(BIN)/python -m benchmarks.models --rounds 0 --cases stimulus --max-tokens 200 --prompt-tokens 1000 --name models_direct
	$(BIN)/python -m benchmarks.models --every 4 --max-tokens 200 --prompt-tokens 1000

# Icarus Verilog, bubblewrap and lcov are what the tests compare with, Neovim and Emacs what they drive; without root they say which of them is missing.
.PHONY: system
system: $(VENV)/.base
	@$(BIN)/python tests/system_packages.py

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# llama.cpp comes as source and takes minutes to compile; pip keeps the result in its own cache for the next environment.
# The part that reads pictures is left out: it is a third of the work.
$(VENV)/.models: $(VENV)/.dev
	CMAKE_ARGS="-DLLAVA_BUILD=OFF $$CMAKE_ARGS" $(BIN)/python -m pip install --quiet --editable '.[dev,models]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

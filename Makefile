# The two commands: `make quickstart` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/quickstart

.PHONY: help install quickstart test check lock clean
help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: .venv/installed  ## .venv with the exact versions of requirements.lock
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --progress-bar off -r requirements.lock
	# --no-deps: the lock has decided; --no-build-isolation: hatchling and editables are in it
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

quickstart: install  ## train on procedural scenes, test, and write a report (CPU, minutes)
	$(BIN)/python -m train fit --config configs/quickstart.yaml --trainer.default_root_dir $(RUN)
	$(BIN)/python -m train test --config configs/quickstart.yaml \
	  --trainer.default_root_dir $(RUN)/untrained
	$(BIN)/python -m train test --config configs/quickstart.yaml \
	  --trainer.default_root_dir $(RUN) --ckpt_path $(RUN)/checkpoints/best.ckpt \
	  --report.beside '{"untrained network": "$(RUN)/untrained/report/metrics.json"}'

# One thread per process: tensors of tests are tiny, and two processes share two cores.
test check: export OMP_NUM_THREADS = 1

test: install  ## the whole suite
	$(BIN)/python -m pytest -q -n auto --maxprocesses 2 --dist worksteal

check: install  ## ruff, mypy and the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 -m "not slow and not gpu"

# In a throwaway environment, so that the lock holds what pyproject.toml asks for and no more. The
# CUDA libraries exist for Linux alone; hatchling and editables build the editable install.
lock:  ## take the newest versions into requirements.lock
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet hatchling editables '.[dev,demo]'
	.venv-lock/bin/python -m pip freeze --exclude segfoundry | sed -E \
	  's/^((nvidia|cuda|triton)[^=]*==.*)$$/\1 ; platform_system == "Linux" and platform_machine == "x86_64"/' \
	  > requirements.lock
	rm -rf .venv-lock

clean:  ## remove what the commands above made
	rm -rf .venv runs data

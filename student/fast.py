"""The fast student as a planner: one forward pass for all three tools, then the request's own numbers.

The network answers for looks; where a request names a tool's value or a degree outright ("saturation -20",
"slightly warmer"), `student.requests` has the last word. A rationale is borrowed from the nearest recorded
intent and labelled as such.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.planner import Answer, Neighbour
from editor.tools import Edit
from student import dataset, heads, requests
from student.minilm import MAX_CHARACTERS
from student.model import WEIGHTS, FastModel, prepare
from student.planners import EMPTY, NOT_COLOUR, rationale

CUT = "Only the first 400 characters of the request were read."
UNSURE = "The student is unsure about this one; the nearest recorded requests may say it better."
UNSURE_BELOW = 0.3  # confidence of the least sure used tool
INDEX_FILE = "neighbours.npz"


class Recorded:
    """Recorded intents in the student's own space: `vectors` (n, d) int8 after `projection` (384, d)."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / INDEX_FILE, allow_pickle=False) as data:
            self._mean, self._projection = data["mean"].astype(np.float32), data["projection"].astype(np.float32)
            self._vectors = data["vectors"].astype(np.float32)
        self._vectors /= np.maximum(np.linalg.norm(self._vectors, axis=1, keepdims=True), 1e-9)
        with (dataset.DATA / "train.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for _, line in zip(self._vectors, file, strict=False)]
        self._intents = [str(row["intent"]) for row in rows]
        self._whys = [str(row.get("why") or "") for row in rows]

    def nearest(self, vector: NDArray[np.float32], k: int = 3) -> tuple[Neighbour, ...]:
        """The k recorded intents closest to a request's unit vector (384,)."""
        query = (vector - self._mean) @ self._projection
        # einsum adds in one fixed order, whatever the number of threads
        similarities = np.einsum("nd,d->n", self._vectors, query / max(float(np.linalg.norm(query)), 1e-9))
        order = np.argsort(-similarities, kind="stable")[:k]
        return tuple(Neighbour(self._intents[i], round(float(similarities[i]), 4), self._whys[i]) for i in order)


class FastPlanner:
    """Planner over `student.model`; the same prompt gives the same edit, alone or among others."""

    name = "student"

    def __init__(self, model: FastModel, recorded: Recorded) -> None:
        self.model = model
        self.recorded = recorded

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> FastPlanner:
        """From a weights folder, from disk alone. Raises `UserError` when it cannot be read."""
        planner = cls(FastModel(folder), Recorded(folder))
        planner.answer("warm up")  # the first pass pays for lazy imports
        return planner

    def answer(self, prompt: str) -> Answer:
        """The edit with its confidence, message, borrowed rationale and nearest recorded requests."""
        started = time.perf_counter()
        answer = self._answer(prompt)
        return replace(answer, latency_ms=(time.perf_counter() - started) * 1000)

    def _answer(self, prompt: str) -> Answer:
        text = prepare(prompt)
        if not any(c.isalnum() for c in text):
            return Answer(Edit(), self.name, message=EMPTY)
        vector = self.model.encode(text)
        outputs = self.model.outputs_of(vector)
        asked = requests.parse(text)
        edit = requests.apply(asked, heads.decode(outputs, self.model.decoding))
        confidence = heads.confidence(outputs, self.model.decoding)
        if asked.whole:
            confidence = dict.fromkeys(confidence, 1.0)  # nothing was guessed
        neighbours = self.recorded.nearest(vector)
        why, source = rationale(neighbours[0])
        message = CUT if len(prompt) > MAX_CHARACTERS else ""
        if edit.is_neutral:
            why, source, message = "", "", NOT_COLOUR
        elif any(confidence[tool] < UNSURE_BELOW for tool in edit.tools):
            message = message or UNSURE
        return Answer(edit, self.name, why, source, message, confidence, neighbours)

    def plan(self, prompt: str) -> Edit:
        """The edit alone."""
        return self.answer(prompt).edit

    def plan_many(self, prompts: Sequence[str]) -> list[Edit]:
        """The edits of several prompts, in their order."""
        return [self.plan(prompt) for prompt in prompts]

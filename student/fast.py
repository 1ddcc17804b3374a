"""The fast student as a planner: one forward pass for all three tools, then the request's own numbers.

The network answers for looks, with the nearest recorded requests beside it (`student.recorded`). Where a
request names a tool's value outright ("saturation -20", "no glow"), `student.requests` has the last word.
A rationale is borrowed from the nearest recorded intent and labelled as such.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from editor.planner import Answer
from editor.tools import Edit
from student import heads, requests
from student.model import WEIGHTS, FastModel
from student.planners import EMPTY, NOT_COLOUR, rationale
from student.recorded import Recorded
from student.tokens import MAX_CHARACTERS, prepare

CUT = "Only the first 400 characters of the request were read."
UNSURE = "The student is unsure about this one; the nearest recorded requests may say it better."
UNSURE_BELOW = 0.3  # confidence of the least sure used tool


class FastPlanner:
    """Planner over `student.model`; the same prompt gives the same edit, alone or among others."""

    name = "student"

    def __init__(self, model: FastModel, recorded: Recorded) -> None:
        self.model = model
        self.recorded = recorded

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> FastPlanner:
        """From a weights folder, from disk alone. Raises `UserError` when it cannot be read."""
        planner = cls(FastModel(folder), Recorded.load(folder))
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
            return Answer(Edit(), self.name, version=self.model.name, message=EMPTY)
        vector, outputs = self.model.read(text)
        found = self.recorded.closest(vector)
        outputs = self.recorded.mixed(outputs, found)
        asked = requests.parse(text)
        edit = requests.apply(asked, heads.decode(outputs, self.model.decoding))
        confidence = heads.confidence(outputs, self.model.decoding)
        if asked.whole:
            confidence = dict.fromkeys(confidence, 1.0)  # nothing was guessed
        neighbours = self.recorded.nearest(found)
        why, source = rationale(neighbours[0])
        message = CUT if len(prompt) > MAX_CHARACTERS else ""
        if edit.is_neutral:
            why, source, message = "", "", NOT_COLOUR
        elif any(confidence[tool] < UNSURE_BELOW for tool in edit.tools):
            message = message or UNSURE
        return Answer(edit, self.name, why, source, message, confidence, neighbours, version=self.model.name)

    def plan(self, prompt: str) -> Edit:
        """The edit alone."""
        return self.answer(prompt).edit

    def plan_many(self, prompts: Sequence[str]) -> list[Edit]:
        """The edits of several prompts, in their order."""
        return [self.plan(prompt) for prompt in prompts]

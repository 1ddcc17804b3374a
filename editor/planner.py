"""What the editor asks of a planner: a prompt in, an edit out. It knows nothing of models.

Any object with `name` and `answer(prompt) -> Answer` serves; `plan(prompt) -> Edit` is the short
door for callers that want the edit alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from editor.tools import Edit, ToolName


@dataclass(frozen=True)
class Neighbour:
    """A recorded intent that a planner drew on or suggests instead."""

    intent: str
    similarity: float  # cosine in the planner's embedding space, -1..1
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """A planner's edit and what it can say about it."""

    edit: Edit
    planner: str  # name of the planner, as shown to people
    version: str = field(default="", kw_only=True)  # which weights or model answered, where the planner knows
    why: str = ""  # rationale in words
    why_source: str = ""  # where the rationale comes from, as shown to people: "nearest recorded intent: ..."
    message: str = ""  # one sentence for the user when nothing was changed or something is odd
    confidence: dict[ToolName, float] = field(default_factory=dict)  # calibrated, 0..1, per tool
    neighbours: tuple[Neighbour, ...] = ()
    latency_ms: float = 0.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


class Planner(Protocol):
    """A planner: the same prompt gives the same edit; it never raises on any text, however odd or long."""

    name: str

    def answer(self, prompt: str) -> Answer:
        """The edit for a prompt with its reasons."""
        ...

    def plan(self, prompt: str) -> Edit:
        """The edit for a prompt."""
        ...

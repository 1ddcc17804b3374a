"""From a writer's scores to answers: what to write next, and the loop that writes a batch.

Greedy and deterministic, in the schema's order. A key is written when, given that its turn has come, its
probability passes a threshold; a number is the mean of its distribution, which stands nearer to the teacher's than
the likeliest number does. Knows the grammar; of the network only how to ask it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from editor.tools import TOOLS, Edit
from student.grammar import END, NONE, PLACE, Draft, State, grammar

if TYPE_CHECKING:
    from student.writer import Request, Writer

Floats = NDArray[np.float64]
_STOPS = (END, NONE)


@dataclass(frozen=True)
class Decoding:
    """Thresholds, chosen on validation."""

    unused: tuple[float, float, float] = (0.5, 0.5, 0.5)  # a tool stays unused from this probability on
    keep: float = 0.5  # a key is written from this probability on
    mean: bool = True  # numbers are means; False: the likeliest numbers

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self) | {"unused": list(self.unused)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Decoding:
        """The reverse of `to_dict`."""
        return cls(tuple(data["unused"]), data["keep"], data["mean"])


@torch.no_grad()
def write(writer: Writer, requests: Sequence[Request], decoding: Decoding) -> list[str]:
    """Answers, JSON, to a batch of requests, each by its tool's grammar."""
    drafts = [Draft(grammar(tool)) for tool, _ in requests]
    session = writer.begin(requests)
    while True:
        scores = session.logits().cpu().numpy().astype(np.float64)
        pieces = [PLACE[END]] * len(drafts)  # a finished answer's row runs on, unread
        for i, draft in enumerate(drafts):
            if not draft.finished:
                pieces[i], number = decide(draft, scores[i], decoding)
                draft.write(pieces[i], number)
        if all(draft.finished for draft in drafts):
            break
        session.feed(pieces)
    return [draft.text for draft in drafts]


def decide(draft: Draft, scores: Floats, decoding: Decoding) -> tuple[int, float | None]:
    """What to write next, of scores over all pieces: the piece, and a number where it differs from the piece's."""
    choices = draft.grammar.states[draft.state]
    odds = _odds(choices, scores)
    if choices[0].value is not None:
        best, number = _number(choices, odds, decoding.mean)
        return PLACE[choices[best].piece], number
    return PLACE[choices[_key(draft, choices, odds, decoding)].piece], None


def _odds(choices: State, scores: Floats) -> Floats:
    chosen = scores[[PLACE[choice.piece] for choice in choices]]
    odds = np.exp(chosen - chosen.max())
    return odds / odds.sum()


def _stop(choices: State) -> int:
    return next(i for i, choice in enumerate(choices) if choice.piece in _STOPS)


def _key(draft: Draft, choices: State, odds: Floats, decoding: Decoding) -> int:
    """Place of the next key, preset or stop among the choices."""
    stop = _stop(choices)
    first = draft.state == 0
    tool = draft.grammar.tool
    if first and odds[stop] >= decoding.unused[TOOLS.index(tool)]:
        return stop
    keys = [i for i in range(len(choices)) if i != stop]
    likeliest = max(keys, key=lambda i: odds[i])
    if tool == "filter":
        return likeliest
    left = 1.0
    for i in keys:
        if odds[i] >= decoding.keep * left:
            return i
        left -= odds[i]
    return likeliest if first else stop


def _number(choices: State, odds: Floats, mean: bool) -> tuple[int, float | None]:
    """Place of the number to go on with, and the number to write."""
    values = np.array([choice.value for choice in choices])
    likeliest = int(odds.argmax())
    if not mean or values.max() > 100:  # hue is an angle: between 5 and 355 there is no mean
        return likeliest, None
    number = float(np.round(odds @ values))
    if number == 0 and 0 not in values:
        return likeliest, None
    return int(np.abs(values - number).argmin()), number


def to_edit(answers: Sequence[str]) -> Edit:
    """The edit that the three tools' answers, JSON in the order of `TOOLS`, make."""
    return Edit.from_dict({tool: json.loads(answer) for tool, answer in zip(TOOLS, answers, strict=True)})

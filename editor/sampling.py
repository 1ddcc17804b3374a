"""Seeded random samples: which intents are judged, and on which pictures. The same seed, the same sample."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

from editor.campaigns import Candidate, Comparison
from editor.errors import UserError
from editor.tools import Edit

# The prompts of the blind test of Sultan et al. 2024; the paper shows seven, the eighth is this project's.
PAPER_PROMPTS = (
    "X ray",
    "Dark Atmosphere",
    "Neon",
    "Shadow Depth",
    "Cold Tone",
    "Charlie Chaplin",
    "welding mask",
    "golden hour",
)


@dataclass(frozen=True)
class Recorded:
    """An intent with the teacher's edit of it."""

    intent: str
    edit: Edit


@dataclass(frozen=True)
class Drawn:
    """An intent to be judged on a picture."""

    intent: str
    picture: str
    teacher: Edit


def draw(rows: Sequence[Recorded], pictures: Sequence[str], count: int, seed: int) -> list[Drawn]:
    """`count` different intents at random, each on a picture; pictures are used equally often.

    Requests that the teacher answered with no edit are left out: nothing would be rendered.
    Raises `UserError` when there are fewer rows or no pictures.
    """
    usable = [row for row in rows if not row.edit.is_neutral]
    if not pictures:
        raise UserError("Choose at least one picture.")
    if not 1 <= count <= len(usable):
        raise UserError(f"Choose between 1 and {len(usable):,} samples.")
    rng = random.Random(seed)
    chosen = rng.sample(usable, count)
    wheel: list[str] = []
    while len(wheel) < count:
        wheel += rng.sample(list(pictures), len(pictures))
    return [Drawn(row.intent, picture, row.edit) for row, picture in zip(chosen, wheel, strict=False)]


def cross(prompts: Sequence[str], pictures: Sequence[str], edits: dict[tuple[str, str], Edit]) -> list[Comparison]:
    """Every prompt on every picture for every two planners; `edits` by (planner, prompt).

    Raises `UserError` for fewer than two planners.
    """
    planners = list(dict.fromkeys(planner for planner, _ in edits))
    if len(planners) < 2:
        raise UserError("Choose at least two planners to compare.")
    return [
        Comparison(prompt, picture, Candidate(a, edits[a, prompt]), Candidate(b, edits[b, prompt]))
        for prompt, picture, (a, b) in product(prompts, pictures, combinations(planners, 2))
    ]

"""Unlabelled requests for distillation: recorded training texts recombined, and colour names.

They carry no teacher edit; the students that are distilled answer them (`student.distil`). Nothing of the
validation or test split goes in, and no text that coincides with one of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from student.dataset import Row, normalise

ENDINGS = (
    *("but darker", "but brighter", "but warmer", "but colder", "but softer", "with more contrast", "less saturated"),
    *("more saturated", "at night", "at sunset", "at dawn", "in winter", "in summer", "in autumn", "in the rain"),
    *("in the fog", "on film", "on old film", "vibes", "aesthetic", "look", "filter", "mood", "in black and white"),
    *(
        "cinematic",
        "vintage",
        "moody",
        "pastel",
        "dreamy",
        "gritty",
        "faded",
        "neon",
        "subtle",
        "extreme",
        "by candlelight",
    ),
)
OPENINGS = (
    "make it look like",
    "i want",
    "give me",
    "something like",
    "the colours of",
    "as if in",
    "very",
    "slightly",
)


def recombine(rows: Sequence[Row], held_out: Sequence[Row], size: int, seed: int = 0) -> list[str]:
    """About `size` different requests made of training texts."""
    rng = np.random.default_rng(seed)
    texts = [t for row in rows for t in (row.intent, row.similar) if t and len(t) < 60]
    barred = {normalise(t) for row in (*rows, *held_out) for t in (row.intent, row.similar or "")}
    found: dict[str, str] = {}
    for _ in range(size):
        a, b = (texts[i] for i in rng.integers(len(texts), size=2))
        kind = rng.random()
        if kind < 0.5:
            text = f"{a} {ENDINGS[rng.integers(len(ENDINGS))]}"
        elif kind < 0.7:
            text = f"{OPENINGS[rng.integers(len(OPENINGS))]} {a}"
        else:
            text = f"{a} {('and', 'meets', 'with', ',')[rng.integers(4)]} {b}"
        if (key := normalise(text)) not in barred:
            found.setdefault(key, text)
    for name in colour_names():
        if (key := normalise(name)) not in barred:
            found.setdefault(key, name)
    return list(found.values())


def colour_names() -> list[str]:
    """The 949 colour names of the XKCD survey (CC0), as matplotlib carries them."""
    from matplotlib.colors import XKCD_COLORS

    return [name.removeprefix("xkcd:") for name in XKCD_COLORS]

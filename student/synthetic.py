"""Made-up training rows: degrees and antonyms of the controls, and requests that are not about colour.

A sentence encoder puts "more contrast" next to "less contrast" and "slightly" next to "much"; the recorded
corpus shows each pair a few times only. These rows spell them out. They follow the teacher's conventions
(plain comparative about 20 to 25, slightly 10, much 40) and never repeat a recorded text: see `rows`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from editor.tools import COLORS, Edit
from student.dataset import Row, normalise

DOMAIN = "synthetic"

# factor on the plain value, and the words for it
DEGREES: dict[float, tuple[str, ...]] = {
    0.3: ("barely", "a hint", "the tiniest bit"),
    0.45: ("slightly", "a little", "a bit", "a touch", "somewhat", "a tad", "subtly"),
    1.0: ("", "make it", "please", "noticeably"),
    1.7: ("much", "a lot", "far", "way", "considerably", "really"),
    2.3: ("extremely", "massively", "insanely", "as much as possible,"),
}

# words that follow a degree: parameter and the plain value
COMPARATIVES: dict[str, tuple[str, int]] = {
    "warmer": ("temperature", 20),
    "cooler": ("temperature", -20),
    "colder": ("temperature", -25),
    "hotter": ("temperature", 25),
    "brighter": ("exposure", 20),
    "lighter": ("exposure", 18),
    "darker": ("exposure", -20),
    "dimmer": ("exposure", -18),
    "more exposed": ("exposure", 20),
    "less exposed": ("exposure", -20),
    "more contrast": ("contrast", 22),
    "less contrast": ("contrast", -22),
    "contrastier": ("contrast", 22),
    "flatter": ("contrast", -22),
    "more saturated": ("saturation", 25),
    "less saturated": ("saturation", -25),
    "more colourful": ("saturation", 25),
    "more muted": ("saturation", -25),
    "more vibrance": ("vibrance", 25),
    "less vibrance": ("vibrance", -25),
    "sharper": ("sharpen", 25),
    "more texture": ("structure", 25),
    "more glow": ("bloom", 25),
    "glowier": ("bloom", 25),
    "more magenta": ("tint", 20),
    "greener tint": ("tint", -20),
    "brighter highlights": ("highlights", 22),
    "darker highlights": ("highlights", -22),
    "brighter shadows": ("shadows", 22),
    "darker shadows": ("shadows", -22),
    "more faded": ("linearOffset", 18),
    "deeper blacks": ("linearOffset", -12),
    "lighter midtones": ("brightness", 20),
    "darker midtones": ("brightness", -20),
}

# words before or after a colour's plural: parameter and the plain value
SHIFTS: dict[str, tuple[str, int]] = {
    "stronger": ("saturation", 28),
    "richer": ("saturation", 25),
    "more intense": ("saturation", 30),
    "calmer": ("saturation", -25),
    "more muted": ("saturation", -30),
    "weaker": ("saturation", -25),
    "darker": ("luminance", -22),
    "deeper": ("luminance", -18),
    "lighter": ("luminance", 20),
    "brighter": ("luminance", 22),
}


_OTHER = Path(__file__).parent / "not_colour.txt"
_FILLINGS: dict[str, tuple[str, ...]] = {
    "ab": (
        "tree",
        "car",
        "lamp post",
        "logo",
        "tourist",
        "bird",
        "chair",
        "sign",
        "wire",
        "shadow of the photographer",
        "watermark",
        "hat",
        "dog",
        "cat",
        "moustache",
        "second person",
        "bicycle",
        "trash can",
        "phone",
        "balloon",
        "rainbow",
        "boat",
        "mirror",
        "window",
        "poster",
        "horse",
        "scratch",
        "date stamp",
        "sofa",
        "bottle",
        "cup",
        "face",
        "tattoo",
        "pair of glasses",
        "crowd",
        "moon",
        "spaceship",
        "castle",
    ),
    "p": (
        "peru",
        "france",
        "kenya",
        "japan",
        "canada",
        "norway",
        "egypt",
        "brazil",
        "india",
        "texas",
        "berlin",
        "madrid",
        "rome",
        "tokyo",
        "london",
    ),
    "l": ("french", "spanish", "german", "japanese", "italian", "arabic", "hindi"),
    "f": ("banana", "pizza", "burger", "sandwich", "coffee", "apple", "taxi", "cake"),
}


def degree_rows() -> Iterator[Row]:
    """Every comparative with every degree."""
    for (factor, words), (comparative, (parameter, plain)) in itertools.product(DEGREES.items(), COMPARATIVES.items()):
        edit = Edit.from_dict({"adjust": {parameter: _scaled(plain, factor)}})
        for word in words:
            text = f"{comparative} please" if word == "please" else f"{word} {comparative}".strip()
            yield Row(text, "", edit, None, DOMAIN)


def colour_rows() -> Iterator[Row]:
    """Every colour with every shift and degree."""
    for factor, words in DEGREES.items():
        for colour, (shift, (parameter, plain)) in itertools.product(COLORS, SHIFTS.items()):
            edit = Edit.from_dict({"selective_adjust": {colour: {parameter: _scaled(plain, factor)}}})
            for word in words:
                text = f"{shift} {colour}s please" if word == "please" else f"{word} {shift} {colour}s".strip()
                yield Row(text, "", edit, None, DOMAIN)


def other_rows(seed: int = 0) -> Iterator[Row]:
    """Requests for which no colour tool is right."""
    rng = np.random.default_rng(seed)

    for line in _OTHER.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            for _ in range(8 if "{" in line else 1):
                yield Row(_filled(line, rng), "", Edit(), None, DOMAIN)


def _filled(template: str, rng: np.random.Generator) -> str:
    a, b = rng.choice(_FILLINGS["ab"], 2, replace=False)
    n, m = rng.integers(2, 90, 2)
    p, l, f = (rng.choice(_FILLINGS[key]) for key in "plf")  # noqa: E741
    return template.format(a=a, b=b, n=n, m=m, p=p, l=l, f=f)


def rows(recorded: Iterable[str], seed: int = 0) -> list[Row]:
    """All synthetic rows whose texts are not among the recorded ones, each text once."""
    known = {normalise(text) for text in recorded}
    found = []
    for row in itertools.chain(degree_rows(), colour_rows(), other_rows(seed)):
        key = normalise(row.intent)
        if key not in known:
            known.add(key)
            found.append(row)
    return found


def _scaled(plain: int, factor: float) -> int:
    """A multiple of 5 but never 0, as the teacher writes values, within ±100."""
    value = max(5, round(abs(plain) * factor / 5) * 5)
    return int(np.sign(plain)) * min(value, 100)

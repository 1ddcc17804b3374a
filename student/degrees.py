"""Requests by degree, read without a model: "slightly warmer", "much darker reds", "contrast down a touch".

One clause at a time: it is read only when every word of it is understood. How far a word goes was learned from
the teacher's training rows (their medians); within a control the scale never turns back, so that
"slightly warmer" < "warmer" < "much warmer".
"""

from __future__ import annotations

import re
from functools import cache

from student import lexicon

# Degree words, weakest first; the place in the list is the level, PLAIN the level of no word at all.
LEVELS: tuple[str, ...] = (
    "barely, ever so slightly, the tiniest bit, a hair, just a hair, a hint, only just, a sliver, a whisper, hardly",
    "a touch, just a touch, only a touch, a tad, a smidge, a pinch, a shade, a notch, one notch, one click, gently",
    "slightly, a bit, a little, a little bit, just a bit, little, bit, lil, a trifle",
    "somewhat, moderately, fairly",
    "",
    "noticeably, visibly, clearly, quite",
    "considerably, significantly, substantially, quite a bit",
    "much, a lot, way, way way, far, a great deal, heavily, strongly",
    "very, very much, really, super, so much, massively, very very",
    "extremely, incredibly, hugely, ultra",
    "insanely, absurdly, mega",
)
PLAIN = LEVELS.index("")
DEGREES = {word: level for level, words in enumerate(LEVELS) for word in words.split(", ") if word}

# Size of a change at each level.
TONES = (5, 10, 15, 20, 25, 30, 35, 45, 55, 75, 80)
COLOURS = (5, 10, 15, 25, 35, 40, 45, 55, 60, 75, 85)
DETAILS = {
    "structure": (5, 10, 15, 25, 30, 35, 40, 50, 60, 75, 80),
    "sharpen": (5, 10, 15, 25, 35, 40, 45, 55, 60, 75, 80),
    "bloom": (5, 10, 15, 25, 35, 40, 45, 60, 65, 80, 90),
}

_TONE_NOUNS = {
    n: p for n, (p, s) in lexicon.PARAMETERS.items() if p in ("highlights", "shadows", "brightness") and s > 0
}
_TONE_NOUNS |= dict.fromkeys(("blacks", "the blacks", "black point"), "linearOffset")
_MASSES = {
    n: target for n, target in lexicon.PARAMETERS.items() if len(n) > 2 and n not in ("tint", "detail", "details")
}
_NOUNS = {n: target for n, target in _MASSES.items() if target[0] not in ("hue", "bloom")} | {  # "glow up" is slang
    "colour": ("saturation", 1),
    "color": ("saturation", 1),
    "light": ("exposure", 1),
}
_AMOUNTS = {
    n: t for n, t in _MASSES.items() if t[0] not in ("hue", "highlights", "shadows")
}  # "more shadows" are darker
_AMOUNTS |= {"colour": ("saturation", 1), "color": ("saturation", 1)}
_PROPERTIES = {  # after "more" and "less", "very" and "too"
    "contrasty": ("contrast", 1),
    "saturated": ("saturation", 1),
    "colourful": ("saturation", 1),
    "colorful": ("saturation", 1),
    "desaturated": ("saturation", -1),
    "vibrant": ("vibrance", 1),
    "faded": ("linearOffset", 1),
    "warm": ("temperature", 1),
    "cold": ("temperature", -1),
    "cool": ("temperature", -1),
    "flat": ("contrast", -1),
    "magenta": ("tint", 1),
    "pink": ("tint", 1),
    "sharp": ("sharpen", 1),
    "glowy": ("bloom", 1),
    "bright": ("exposure", 1),
    "dark": ("exposure", -1),
}
_COMPARATIVES = {
    "warmer": ("temperature", 1),
    "hotter": ("temperature", 1),
    "cooler": ("temperature", -1),
    "colder": ("temperature", -1),
    "chillier": ("temperature", -1),
    "brighter": ("exposure", 1),
    "lighter": ("exposure", 1),
    "darker": ("exposure", -1),
    "dimmer": ("exposure", -1),
    "sharper": ("sharpen", 1),
    "crisper": ("sharpen", 1),
    "contrastier": ("contrast", 1),
    "flatter": ("contrast", -1),
    "glowier": ("bloom", 1),
    "pinker": ("tint", 1),
    "greener": ("green.saturation", 1),
}
_SHADES = {"brighter": 1, "lighter": 1, "lifted": 1, "darker": -1, "deeper": -1, "heavier": -1, "blacker": -1}
_STRENGTHS = {"stronger": 1, "richer": 1, "more vivid": 1, "more saturated": 1, "bolder": 1}
_STRENGTHS |= {"weaker": -1, "calmer": -1, "more muted": -1, "less saturated": -1, "paler": -1, "muted": -1}
_MOVES = {"up": 1, "higher": 1, "down": -1, "lower": -1}
_VERBS = {"raise": 1, "increase": 1, "lift": 1, "lower": -1, "reduce": -1, "decrease": -1, "drop": -1}
_PICTURE = r"it|this|everything|the (?:picture|photo|image|video|clip|shot)"
_POLITE = (
    rf"^(?:(?:please|pls|just|now|can you|could you|make (?:{_PICTURE})(?: look)?|i want (?:it|this)(?: to be)?"
    r"|it should be|turn it|let'?s go|go) )*"
)
_TAIL = r"(?: (?:please|pls|overall|in general|thanks))*$"


def read(clause: str) -> dict[str, float] | None:
    """Flat parameter names to values of one clause in plain lower case; None when it is not fully understood."""
    text = re.sub(_POLITE, "", clause.strip(" ,;.!"))
    for kind, pattern in _patterns().items():
        if match := pattern.match(text):
            return _meaning(kind, match)
    return None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    any_of = lexicon.alternatives
    degree = rf"(?:(?P<degree>{any_of(DEGREES)}) )?"
    late = rf"(?: (?P<late>{any_of(DEGREES)}))?"
    colour = any_of(c for c in lexicon.COLOURS if c.endswith("s") or c.startswith("skin"))
    thing = rf"(?:the )?(?:(?P<colour>{colour})|(?P<noun>{any_of(_NOUNS)}))"
    toned = rf"(?:the )?(?:(?P<colour>{colour})|(?P<tone>{any_of(_TONE_NOUNS)}))"
    measures = any_of(_AMOUNTS | _PROPERTIES)
    forms = {
        "comparative": rf"{degree}(?P<word>{any_of(_COMPARATIVES)}){late}",
        "share": rf"{degree}(?P<way>more|less) (?:(?P<hue>{any_of(lexicon.COLORS)})|(?P<noun>{measures})){late}",
        "shade": rf"{degree}(?P<shade>{any_of(_SHADES)}) {toned}",
        "shaded": rf"{toned} {degree}(?P<shade>{any_of(_SHADES)}){late}",
        "strength": rf"{degree}(?P<strength>{any_of(_STRENGTHS)}) (?P<colour>{colour})",
        "strong": rf"(?:the )?(?P<colour>{colour}) {degree}(?P<strength>{any_of(_STRENGTHS)}){late}",
        "move": rf"{thing} {degree}(?P<move>{any_of(_MOVES)}){late}",
        "verb": rf"(?P<verb>{any_of(_VERBS)}) {thing}{late}",
        "property": rf"(?P<degree>{any_of(DEGREES)}) (?P<too>too )?(?P<noun>{any_of(_PROPERTIES)})",
    }
    return {kind: re.compile(rf"{form}{_TAIL}") for kind, form in forms.items()}


def _meaning(kind: str, match: re.Match[str]) -> dict[str, float] | None:
    part = match.groupdict()
    level = DEGREES.get(part.get("degree") or part.get("late") or "", PLAIN)
    name, sign = _target(kind, part)
    if name in DETAILS and sign < 0:  # less glow than none is a matter of looks
        return None
    return {name: float(sign * amount(name, level))}


def _target(kind: str, part: dict[str, str | None]) -> tuple[str, int]:
    """(parameter, sign) of a clause."""
    if kind == "comparative":
        return _COMPARATIVES[str(part["word"])]
    sign = {"less": -1}.get(str(part.get("way")), 1) * (-1 if part.get("too") else 1)
    for key, signs in (("shade", _SHADES), ("strength", _STRENGTHS), ("move", _MOVES), ("verb", _VERBS)):
        if part.get(key):
            sign = signs[str(part[key])]
    if part.get("colour") or part.get("hue"):
        colour = lexicon.COLOURS[str(part.get("colour") or part.get("hue"))]
        return f"{colour}.{'luminance' if kind in ('shade', 'shaded') else 'saturation'}", sign
    if part.get("tone"):
        return _TONE_NOUNS[str(part["tone"])], sign
    name, way = (_NOUNS | _AMOUNTS | _PROPERTIES)[str(part["noun"])]
    return name, sign * way


def amount(name: str, level: int) -> int:
    """Size of a change of a parameter at a degree level."""
    if name in DETAILS:
        return DETAILS[name][level]
    return COLOURS[level] if name.endswith(".saturation") else TONES[level]

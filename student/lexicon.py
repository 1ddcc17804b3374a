"""The words in which people name the controls: the vocabulary of `student.requests`.

Plain tables and the patterns made of them; the controls' own names and titles come from `editor.tools`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from editor.tools import COLORS, PRESETS, Adjust

PER_STOP = 50.0  # exposure +50 is one stop (editor.tools)
PER_KELVIN = 0.02  # the teacher's: "1000 kelvin cooler" is temperature -20


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def alternatives(phrases: Iterable[str]) -> str:
    """A regular expression of any of the phrases, the longest first."""
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=lambda p: (-len(p), p)))


def _own_names() -> dict[str, tuple[str, int]]:
    fields = Adjust.model_fields
    return {n.lower(): (p, 1) for p, info in fields.items() for n in (p, str(info.title))}


# Name -> (parameter, sign): "coolness 30" is temperature -30.
PARAMETERS: dict[str, tuple[str, int]] = {
    **_own_names(),
    **{
        name: (parameter, 1)
        for parameter, names in {
            "exposure": "exposition, exp, ex, ev",
            "linearOffset": "linear offset, offset, fade, fading, matte, haze, blacks, black point, black level, lift",
            "contrast": "contrasts, con",
            "brightness": "midtones, mids, mid tones, gamma",
            "highlights": "highlight, whites, lights, hi, hl, hls",
            "shadows": "shadow, darks, sh",
            "saturation": "sat, colour saturation, color saturation, colour strength, color strength",
            "vibrance": "vib, vibrancy",
            "hue": "hue shift, hue rotation, hues",
            "temperature": "temp, warmth, warmness, white balance, wb, colour temperature, color temperature",
            "tint": "magenta, magenta tint",
            "structure": "clarity, texture, local contrast, detail, details",
            "sharpen": "sharpness, sharpening, sharp",
            "bloom": "glow, soft glow, halo, blooming",
        }.items()
        for name in names.split(", ")
    },
    "coolness": ("temperature", -1),
    "coldness": ("temperature", -1),
    "green tint": ("tint", -1),
}

COLOURS: dict[str, str] = {
    **{spelling: colour for colour in COLORS for spelling in (colour, f"{colour}s")},
    "aqua": "cyan",
    "aquas": "cyan",
    "turquoise": "cyan",
    "skin": "orange",
    "skin tone": "orange",
    "skin tones": "orange",
}
ASPECTS: dict[str, str] = {
    "saturation": "saturation",
    "sat": "saturation",
    "luminance": "luminance",
    "lum": "luminance",
    "lightness": "luminance",
}


def _signed(table: tuple[tuple[str, int, str], ...]) -> dict[str, tuple[str, int]]:
    return {word: (parameter, sign) for parameter, sign, words in table for word in words.split(", ")}


# What a percentage may stand before: "20% warmer".
COMPARATIVES = _signed(
    (
        ("temperature", 1, "warmer, hotter"),
        ("temperature", -1, "cooler, colder"),
        ("exposure", 1, "brighter, lighter"),
        ("exposure", -1, "darker, dimmer"),
        ("sharpen", 1, "sharper, crisper"),
        ("contrast", 1, "contrastier, punchier"),
        ("contrast", -1, "softer, flatter"),
        ("saturation", 1, "saturated, colour, color, colourful, colorful"),
        ("saturation", -1, "desaturated, black and white, b&w, greyscale, grayscale"),
        ("vibrance", 1, "vibrant"),
        ("linearOffset", 1, "faded"),
        ("red.saturation", 1, "redder"),
        ("green.saturation", 1, "greener"),
        ("blue.saturation", 1, "bluer"),
        ("yellow.saturation", 1, "yellower"),
    )
)
# What "by" may stand after, beside these: "desaturate by 30%".
ACTIONS = COMPARATIVES | _signed(
    (
        ("temperature", 1, "warm, warm up"),
        ("temperature", -1, "cool, cool down"),
        ("exposure", 1, "brighten, lighten"),
        ("exposure", -1, "darken, dim"),
        ("sharpen", 1, "sharpen"),
        ("saturation", 1, "saturate"),
        ("saturation", -1, "desaturate"),
    )
)

VERBS: dict[str, int] = {
    **dict.fromkeys(words("increase raise boost up bump add set lift push more"), 1),
    **dict.fromkeys(words("decrease lower reduce drop cut down pull less"), -1),
}
BRIGHTER = ("brighter", "lighter", "up", "over", "more", "overexposed")
DARKER = ("darker", "down", "under", "less", "underexposed", "dimmer")

# Words around explicit requests that ask for nothing themselves.
FILLERS = frozenset(
    words(
        """a an and also apply at bring but by can could do filter for give i image in increase it its just like lut
        make me my now of on only overall photo picture pic please pls plus preset put raise set should so some
        strength that the then this to turn up use value video clip want with would you look effect intensity around
        about shot nothing else thanks thank slider sliders points"""
    )
)


def _preset_names() -> dict[str, str]:
    """Spoken names: 'faded retro', 'high noon fade', 'red duotone', 'teal and orange' (the classic one)."""
    names: dict[str, str] = {}
    for preset in PRESETS:
        spoken = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", preset).replace("_", " ").lower()
        names |= {preset.lower(): preset, spoken: preset, spoken.replace(" ", ""): preset}
        if spoken.startswith("faded "):
            rest = spoken.removeprefix("faded ")
            names |= {f"{rest} fade": preset, f"faded {rest.replace(' ', '')}": preset}
        if spoken.startswith("duotone "):
            names[f"{spoken.removeprefix('duotone ')} duotone"] = preset
        if spoken.startswith("teal and orange "):
            names |= {spoken.replace("and", sign): preset for sign in ("&", "n")}
    classic = ("teal and orange", "teal & orange", "teal n orange", "orange and teal", "orange & teal")
    return names | dict.fromkeys(classic, "teal_and_orange_1")


PRESET_NAMES = _preset_names()
ANY_NAME = alternatives([*PARAMETERS, *COLOURS, *ASPECTS, *PRESET_NAMES])

_ONES = words("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen")
_ONES += ["seventeen", "eighteen", "nineteen"]
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
_WORDS = {word: n for n, word in enumerate(_ONES)} | {word: 20 + 10 * n for n, word in enumerate(_TENS)}
NUMBER_WORDS = re.compile(
    rf"\b(?:(?P<hundred>(?:one |a )hundred)|(?P<tens>{'|'.join(_TENS)})[- ](?P<ones>{'|'.join(_ONES[1:10])})"
    rf"|(?P<one>{alternatives(set(_WORDS) - {'one'})}))\b"  # "one" is mostly a pronoun
)


def number_value(match: re.Match[str]) -> str:
    """Digits for a number in words."""
    if match["hundred"]:
        return "100"
    if match["one"]:
        return str(_WORDS[match["one"]])
    return str(_WORDS[match["tens"]] + _WORDS[match["ones"]])


STOPS: dict[str, float] = {
    "half a": 0.5,
    "half": 0.5,
    "1/2": 0.5,
    "1/3": 1 / 3,
    "a third of a": 1 / 3,
    "2 thirds of a": 2 / 3,
    "2/3": 2 / 3,
    "a quarter of a": 0.25,
    "a": 1.0,
    "minus one": -1.0,
    "minus a": -1.0,
    "plus one": 1.0,
    "one": 1.0,
    "one full": 1.0,
    "a full": 1.0,
}


def stops(text: str, half: bool) -> float:
    """Stops in '+1.5', 'half a', '1/3', 'a'; `half` adds a half ('a stop and a half')."""
    sign, size = (-1.0 if text.startswith("-") else 1.0), text.lstrip("+-")
    return sign * ((STOPS[size] if size in STOPS else float(size)) + (0.5 if half else 0.0))


# The colour's own look: its saturation, not its lightness, may be what "the colours" means.
_COLOUR_CHANGES = ("saturation", "vibrance", "hue", "temperature", "tint", "selective.saturation", "filter")
_NO = r"\b(?:no|without|zero|don'?t add|do not add|not any|never)(?: any| the| a| more| extra| added| too much)* "
_KEEP = (
    r"\b(?:don'?t|do not|never|without|not) (?:touch|chang|alter|adjust|mess with|shift)(?:e|ing)?(?: (?:the|my|any))* "
)
_LEAVE = r"\b(?:keep|leave)(?: (?:the|my|all|all the))* "
_AS_IS = r" (?:alone|as (?:it is|is|they are)|the same|unchanged|untouched|where it is|where they are)"
_END = r"(?=$|[,;.!]| (?:and|but|just|only|please|or)\b)"


def _constraint(pattern: str, *forbidden: str, acts: bool = False) -> tuple[re.Pattern[str], frozenset[str], bool]:
    return re.compile(pattern), frozenset(forbidden), acts


def _untouched() -> list[tuple[re.Pattern[str], frozenset[str], bool]]:
    """'don't touch the contrast', 'leave the temperature as it is', for every parameter."""
    spoken: dict[str, list[str]] = {}
    for name, (parameter, _) in PARAMETERS.items():
        if len(name) > 3:
            spoken.setdefault(parameter, []).append(name)
    phrases = []
    for parameter, names in spoken.items():
        any_name = alternatives(names)
        phrases.append(_constraint(rf"{_KEEP}(?:{any_name}){_END}", parameter))
        phrases.append(_constraint(rf"{_LEAVE}(?:{any_name})(?:{_AS_IS}){_END}", parameter))
    return phrases


# (phrase, what it forbids, whether it may also ask for the opposite when it stands alone)
CONSTRAINTS: tuple[tuple[re.Pattern[str], frozenset[str], bool], ...] = (
    _constraint(r"\bset (?:everything|all)(?: else| sliders| values)? to 0(?: except(?: for)?)?"),
    _constraint(r"\b(?:and )?(?:nothing|no) (?:more|else)" + _END),
    _constraint(
        rf"{_NO}(?:blur|blurring|blurriness|bloom|glow|glowing|halos?|soft glow|soft focus|diffusion){_END}", "bloom"
    ),
    _constraint(r"\b(?:not|don'?t make it) (?:glowing|glowy)" + _END, "bloom"),
    _constraint(rf"{_NO}(?:sharpening|sharpness|sharpen){_END}", "sharpen"),
    _constraint(r"\b(?:don'?t|do not|not) (?:sharpen|sharper|sharpened)" + _END, "sharpen"),
    _constraint(rf"{_NO}(?:clarity|structure|texture|local contrast){_END}", "structure"),
    _constraint(rf"{_NO}(?:filters?|presets?|luts?){_END}", "filter"),
    _constraint(r"\b(?:don'?t|do not) use (?:a |any )?(?:filters?|presets?|luts?)" + _END, "filter"),
    _constraint(
        rf"{_NO}(?:fade|fading|haze|matte|milky blacks|lifted blacks|washed blacks){_END}", "linearOffset+", acts=True
    ),
    _constraint(r"\b(?:not|don'?t make it) (?:faded|washed out|hazy|matte)" + _END, "linearOffset+", acts=True),
    _constraint(rf"{_NO}(?:tint|colou?r cast|cast){_END}", "tint", acts=True),
    _constraint(rf"{_NO}(?:hue shift|hue changes?){_END}", "hue"),
    _constraint(r"\b(?:no|without) (?:more|extra|added) contrast" + _END, "contrast+"),
    _constraint(rf"{_NO}(?:warmth|warming){_END}", "temperature+", acts=True),
    _constraint(r"\b(?:not|don'?t make it|without getting) warm(?:er)?" + _END, "temperature+", acts=True),
    _constraint(r"\b(?:not|don'?t make it|without getting) (?:cool|cold)(?:er)?" + _END, "temperature-", acts=True),
    _constraint(r"\b(?:not|don'?t make it|without getting|no) (?:darker|darkening)" + _END, "exposure-", "brightness-"),
    _constraint(r"\b(?:don'?t darken it|without darkening(?: it)?)" + _END, "exposure-", "brightness-"),
    _constraint(r"\b(?:not|don'?t make it|without getting) (?:brighter|lighter)" + _END, "exposure+", "brightness+"),
    _constraint(r"\b(?:don'?t brighten it|without brightening(?: it)?)" + _END, "exposure+", "brightness+"),
    _constraint(r"\b(?:no|without|don'?t|not) desaturat(?:e|ed|ing|ion)" + _END, "saturation-", "vibrance-"),
    _constraint(rf"{_KEEP}(?:colou?rs?){_END}", *_COLOUR_CHANGES),
    _constraint(rf"{_LEAVE}(?:colou?rs?)(?:{_AS_IS})?{_END}", *_COLOUR_CHANGES),
    _constraint(rf"(?<!never the )(?<!always the )\bsame colou?rs?{_END}", *_COLOUR_CHANGES),
    *_untouched(),
)

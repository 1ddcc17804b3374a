"""Explicit requests in a prompt, read without a model: "saturation -20", "vivid at 40%", "no blur", "much warmer".

Values that a prompt names are taken as they are; negations become things an edit must not do; what is left over
is for a planner. Reading is conservative: a number counts only next to the name of a control, and never as a
year, a focal length, a frame rate or an age. The conventions are the teacher's: a bare colour means its saturation,
a percentage of a comparative its parameter ("20% warmer" is temperature +20), one stop is 50, 100 kelvin are 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from editor.tools import COLORS, SPATIAL_PARAMETERS, Adjust, Edit, Filter, SelectiveAdjust, limits
from student import degrees, lexicon

Value = float | str


@dataclass(frozen=True)
class Requests:
    """What a prompt asks for in so many words."""

    exact: dict[str, Value] = field(default_factory=dict)
    """Flat names to values: "contrast": 15, "orange.saturation": 20, "filter.name": "vivid", "filter.intensity": 60."""
    forbidden: frozenset[str] = frozenset()
    """Parameters ("bloom"; "exposure-" is darkening, "temperature+" warming), "filter", "selective.saturation"."""
    remainder: str = ""
    """The prompt without what was read."""
    whole: bool = False
    """True when nothing is left over: the exact values are the whole edit. Only then are degrees read, too."""


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    exact: dict[str, Value] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    acts: bool = False  # alone, the phrase may ask for more than a constraint: "no warmth" cools


def parse(prompt: str) -> Requests:
    """Read a prompt; never raises. An empty `Requests` when nothing explicit is in it."""
    if len(prompt) > 400 or "{" in prompt:
        return Requests(remainder=prompt)
    text = plain(prompt)
    found: list[_Found] = []
    for item in sorted(_scan(text), key=lambda f: (f.start, -f.end)):
        if not found or item.start >= found[-1].end:
            found.append(item)
    exact: dict[str, Value] = {}
    for item in found:
        exact |= item.exact
    forbidden = frozenset().union(*(item.forbidden for item in found))
    remainder = _remainder(text, found)
    whole = bool(found) and not any(item.acts for item in found) and not _content(remainder)
    if not whole and (by_degree := _by_degree(remainder)) is not None:
        return Requests(exact | by_degree, forbidden, "", whole=True)
    return Requests(exact, forbidden, remainder, whole)


def _by_degree(text: str) -> dict[str, Value] | None:
    """Values of "slightly warmer, much less contrast"; None unless every clause is understood."""
    clauses = [clause for clause in re.split(r"[,;.!]| and | but | with ", text) if _content(clause)]
    values = [degrees.read(clause) for clause in clauses]
    if not values or any(value is None for value in values):
        return None
    return {name: amount for value in values if value for name, amount in value.items()}


def apply(requests: Requests, edit: Edit) -> Edit:
    """An edit made to honour the requests: exact values set, forbidden changes taken out.

    When the requests are the whole prompt the given edit counts for nothing.
    """
    base = Edit() if requests.whole else _without(edit, requests.forbidden)
    return _with(base, requests.exact)


def plain(prompt: str) -> str:
    """Lower case with one spelling of minus, percent and numbers: "Blacks minus thirty-five" is "blacks -35"."""
    text = prompt.lower().replace("\u2212", "-").replace("\u2013", "-").replace("’", "'")
    text = lexicon.NUMBER_WORDS.sub(lexicon.number_value, text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)  # teal-and-orange
    text = re.sub(r"\bminus (?=\d)", "-", text)
    text = re.sub(r"\bplus (?=\d)", "+", text)
    text = re.sub(r"(?<=\d) ?(?:percent|per cent|pct)\b", "%", text)
    return " ".join(text.split())


def _scan(text: str) -> Iterator[_Found]:
    yield from _presets(text)
    yield from _named(text)
    yield from _shares(text)
    yield from _light(text)
    yield from _constraints(text)


_NUMBER = r"(?P<number>[-+]? ?\d{1,3}(?:\.\d+)?)(?P<percent> ?%)?"
_UNIT = r"(?P<degrees> ?(?:°|degrees?\b|deg\b))?"
# After a number only an end, a mark, a joining word or another control may follow: not "years", "mm", "fps", "s".
_JOIN = r"and|with|but|plus|then|please|pls|also|on top|overall|no|without|while"


@cache
def _after() -> str:
    return rf"(?![\w%]|[.:/]\w)(?= *(?:$|[,;.!?)+&|]|-(?=\d)|(?:{_JOIN})\b|(?:{lexicon.ANY_NAME})\b))"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    verb = rf"(?:\b(?P<verb>{lexicon.alternatives(lexicon.VERBS)})(?: the| my)? )?"
    joint = r"(?: ?(?:by|to|at|of|is|=|:|up|down|should be|set|slider) ?| )*"
    colours = lexicon.alternatives(lexicon.COLOURS)
    several = rf"(?:{colours})(?:(?:,| and| &|, and) (?:{colours}))*"
    return {
        "named": re.compile(
            rf"{verb}\b(?:(?P<name>{lexicon.alternatives(lexicon.PARAMETERS)})"
            rf"|(?P<colours>{several})(?: (?P<aspect>{lexicon.alternatives(lexicon.ASPECTS)}))?"
            rf"|(?P<more>{lexicon.alternatives(lexicon.ASPECTS)}))"
            rf"(?P<joint>{joint}){_NUMBER}{_UNIT}(?: points?| pts)?{_after()}"
        ),
        "hue": re.compile(
            rf"\b(?:rotate|shift|turn|hue)(?: the)? (?:hues?|colou?rs?)(?: by)? {_NUMBER}{_UNIT}{_after()}"
        ),
        "share": re.compile(
            rf"(?<![\w.])(?P<number>\d{{1,3}}) ?% (?P<way>more |less |extra |of )?(?:the )?"
            rf"(?:(?P<comparative>{lexicon.alternatives(lexicon.COMPARATIVES)})"
            rf"|(?P<colour>{colours})|(?P<name>{lexicon.alternatives(lexicon.PARAMETERS)}))(?=$|[,;.!]| (?:{_JOIN})\b)"
        ),
        "by": re.compile(
            rf"(?:\b(?P<colour>{colours}) )?\b(?P<action>{lexicon.alternatives(lexicon.ACTIONS)})(?: it| this)?"
            rf"(?: up| down)? by {_NUMBER}{_after()}"
        ),
        "give": re.compile(
            rf"\b(?:(?P<add>add) (?P<plus>\d{{1,3}})%? to|(?:take) (?P<minus>\d{{1,3}})%? (?:off|from))(?: the)? "
            rf"(?P<name>{lexicon.alternatives(lexicon.PARAMETERS)})\b"
        ),
        "stops": re.compile(
            r"(?<![\w.])(?:exposure )?(?:(?P<verb>up|down|brighten|darken|overexpose|underexpose|push it|pull it) )?"
            rf"(?:by )?(?P<number>[-+]?(?:\d(?:\.\d+)?|{lexicon.alternatives(lexicon.STOPS)}))(?P<half> and a half)? ?"
            r"(?:ev|stops?)\b(?P<and_half> and a half)?"
            rf"(?: (?P<way>{lexicon.alternatives((*lexicon.BRIGHTER, *lexicon.DARKER))}))?{_after()}"
        ),
        "kelvin": re.compile(r"(?<![\w.])(?P<number>\d{2,4}) ?(?:k|kelvin) (?P<way>warmer|hotter|cooler|colder)\b"),
        "preset": re.compile(
            rf"\b(?P<name>{lexicon.alternatives(lexicon.PRESET_NAMES)})(?: (?P<kind>filter|preset|lut|look|effect))?"
            rf"(?P<joint>,? (?:(?:only|just|laid over|set|turned down|turned up|with an? intensity|intensity|of) )?"
            rf"(?:at|to|on|of|by|@)? ?|, ?|: ?)(?P<number>\d{{1,3}})(?P<percent> ?%)?{_after()}"
        ),
        "fraction": re.compile(
            rf"(?<![\w.])(?P<number>\d{{1,3}}) ?% (?:of )?(?:the )?"
            rf"(?P<name>{lexicon.alternatives(lexicon.PRESET_NAMES)})(?: (?:filter|preset|lut|look|effect))?{_after()}"
        ),
    }


def _presets(text: str) -> Iterator[_Found]:
    for kind in ("preset", "fraction"):
        for match in _patterns()[kind].finditer(text):
            name, intensity = lexicon.PRESET_NAMES[match["name"]], float(match["number"])
            marked = kind == "fraction" or match["percent"] or match["kind"] or match["joint"].strip()
            vague = name == "negative" or (name.startswith("teal_and_orange") and intensity <= 6)
            if intensity <= 100 and (marked or not vague) and _opens(text, match):
                yield _Found(*match.span(), {"filter.name": name, "filter.intensity": intensity})


def _named(text: str) -> Iterator[_Found]:
    colours: list[str] = []  # of the item before, for "blue saturation 20 luminance -30"
    end = -1
    for match in _patterns()["named"].finditer(text):
        names = _names(match, colours if _content(text[end : match.start()]) == [] and end >= 0 else [])
        value = _value(match, names)
        if not names or value is None or (match["colours"] and not match["aspect"] and not _opens(text, match)):
            continue
        colours = [n.partition(".")[0] for n in names if "." in n]
        end = match.end()
        yield _item(match, dict.fromkeys(names, value))
    for match in _patterns()["hue"].finditer(text):
        yield _item(match, {"hue": float(match["number"].replace(" ", ""))})
    for match in _patterns()["give"].finditer(text):
        name, sign = lexicon.PARAMETERS[match["name"]]
        yield _item(match, {name: sign * float(match["plus"] or "-" + match["minus"])})


def _names(match: re.Match[str], before: list[str]) -> list[str]:
    if match["name"]:
        return [lexicon.PARAMETERS[match["name"]][0]]
    aspect = lexicon.ASPECTS[match["aspect"] or match["more"] or "saturation"]
    if match["more"]:
        return [f"{colour}.{aspect}" for colour in before]
    spoken = re.findall(lexicon.alternatives(lexicon.COLOURS), match["colours"])
    if "skin" in {s.split()[0] for s in spoken} and not match["aspect"]:
        return []
    return [f"{lexicon.COLOURS[s]}.{aspect}" for s in spoken]


def _value(match: re.Match[str], names: list[str]) -> float | None:
    """The signed value in a name-first item, None where the number is no such value."""
    typed = match["number"].replace(" ", "")
    value, joint = float(typed), match["joint"].split()
    if match["degrees"] and names != ["hue"]:
        return None
    if "." in typed:  # "exposure -0.7" is in stops
        return value * lexicon.PER_STOP if names == ["exposure"] and abs(value) <= 4 else None
    if abs(value) > (360 if names == ["hue"] else 200):
        return None
    sign = -1 if "down" in joint or lexicon.VERBS.get(match["verb"] or "", 1) < 0 else 1
    if ("to" in joint and "by" not in joint) or typed[0] in "+-":
        sign = 1
    if match["name"]:
        sign *= lexicon.PARAMETERS[match["name"]][1]
    if value == 0 and names[0].endswith("saturation"):  # "sat 0" is no colour, not no change
        return -100.0
    return sign * value


def _shares(text: str) -> Iterator[_Found]:
    for match in _patterns()["share"].finditer(text):
        value = float(match["number"]) * (-1 if (match["way"] or "").strip() == "less" else 1)
        if match["comparative"]:
            name, sign = lexicon.COMPARATIVES[match["comparative"]]
        elif match["colour"]:
            if not match["way"] or match["colour"].startswith("skin"):
                continue
            name, sign = f"{lexicon.COLOURS[match['colour']]}.saturation", 1
        else:
            name, sign = lexicon.PARAMETERS[match["name"]]
        if _opens(text, match):
            yield _item(match, {name: sign * value})
    for match in _patterns()["by"].finditer(text):
        name, sign = lexicon.ACTIONS[match["action"]]
        if match["colour"] and name != "exposure":
            continue
        name = f"{lexicon.COLOURS[match['colour']]}.luminance" if match["colour"] else name
        if _opens(text, match):
            yield _item(match, {name: sign * abs(float(match["number"].replace(" ", "")))})


def _opens(text: str, match: re.Match[str]) -> bool:
    """True when no word that asks for something stands right before: "foliage 25% less saturated" is not global."""
    before = re.search(r"([^\W_]+|[^\w\s]) *$", text[: match.start()])
    return before is None or not _content(before[1])


def _light(text: str) -> Iterator[_Found]:
    """Photographers' units: stops of exposure and kelvin of white balance."""
    for match in _patterns()["stops"].finditer(text):
        value = lexicon.stops(match["number"], bool(match["half"] or match["and_half"]))
        down = match["verb"] in ("down", "darken", "underexpose", "pull it") or match["way"] in lexicon.DARKER
        if _opens(text, match):
            yield _item(match, {"exposure": value * lexicon.PER_STOP * (-1 if down and value > 0 else 1)})
    for match in _patterns()["kelvin"].finditer(text):
        sign = 1 if match["way"] in ("warmer", "hotter") else -1
        yield _item(match, {"temperature": sign * float(match["number"]) * lexicon.PER_KELVIN})


def _constraints(text: str) -> Iterator[_Found]:
    for pattern, forbidden, acts in lexicon.CONSTRAINTS:
        for match in pattern.finditer(text):
            yield _Found(*match.span(), forbidden=forbidden, acts=acts)


def _item(match: re.Match[str], values: dict[str, float]) -> _Found:
    """Values clamped to their ranges; a negative value of a control that only adds forbids it instead."""
    exact: dict[str, Value] = {}
    acts = False
    for name, value in values.items():
        acts |= name in SPATIAL_PARAMETERS and value < 0
        low, high = (-100.0, 100.0) if "." in name else limits(name)
        exact[name] = value % 360 if name == "hue" else min(max(value, low), high)
    return _Found(*match.span(), exact, acts=acts)


def _remainder(text: str, found: list[_Found]) -> str:
    parts, end = [], 0
    for item in found:
        parts.append(text[end : item.start])
        end = item.end
    return " ".join("".join([*parts, text[end:]]).split()).strip(" ,;.")


def _content(text: str) -> list[str]:
    """The words that ask for something."""
    return [word for word in re.findall(r"[^\W_]+", text) if word not in lexicon.FILLERS]


def _without(edit: Edit, forbidden: frozenset[str]) -> Edit:
    """The edit without what it must not do."""
    adjust, colours = edit.adjust, edit.selective_adjust
    if adjust is not None:
        barred = {p for p, v in adjust if p in forbidden or f"{p}{'+' if v > 0 else '-'}" in forbidden}
        adjust = adjust.model_copy(update=dict.fromkeys(barred, 0.0))
    if colours is not None and "selective.saturation" in forbidden:
        colours = SelectiveAdjust(**{c: shift.model_copy(update={"saturation": 0.0}) for c, shift in colours})
    return Edit(adjust=adjust, selective_adjust=colours, filter=None if "filter" in forbidden else edit.filter)


def _with(edit: Edit, exact: dict[str, Value]) -> Edit:
    """The edit with exact values set."""
    adjust, colours = dict(edit.adjust or Adjust()), dict(edit.selective_adjust or SelectiveAdjust())
    chosen = edit.filter
    for name, value in exact.items():
        group, _, parameter = name.partition(".")
        if group in COLORS:
            colours[group] = colours[group].model_copy(update={parameter: value})
        elif group != "filter":
            adjust[name] = value
    if "filter.name" in exact:
        chosen = Filter(name=str(exact["filter.name"]), intensity=float(exact["filter.intensity"]))
    return Edit(adjust=Adjust(**adjust), selective_adjust=SelectiveAdjust(**colours), filter=chosen)

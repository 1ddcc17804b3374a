"""Reading a language model's reply: strict about meaning, forgiving about wrapping.

What is forgiven is listed in `parse_reply`; anything else is a typed failure that keeps the raw text.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from editor.tools import ADJUST_PARAMETERS, COLORS, PRESETS, TOOLS, ColorShift, Edit, ToolName, limits

FailureKind = Literal["no_json", "not_an_object", "unknown_key", "wrong_type", "unknown_preset", "empty"]


@dataclass(frozen=True)
class Reply:
    """A parsed reply for one tool: a valid edit of that tool alone, and what had to be forgiven."""

    edit: Edit
    rationale: str = ""
    clamped: int = 0  # numbers that were out of range


class ReplyError(ValueError):
    """A reply that cannot be read; `kind` is counted, `raw` is kept."""

    def __init__(self, kind: FailureKind, detail: str, raw: str):
        super().__init__(f"{kind}: {detail}")
        self.kind: FailureKind = kind
        self.raw = raw


def parse_reply(raw: str, tool: ToolName) -> Reply:
    """Read a reply for one tool. Forgives prose and code fences around the JSON, null and missing keys,
    "none", a list with one preset or one preset repeated, and clamps numbers. Raises `ReplyError`.
    """
    value, clamped = _clean(_find_json(raw), tool, raw)
    return Reply(Edit.from_dict({tool: value}), _rationale(raw), clamped)


def parse_zero_shot(raw: str) -> Reply:
    """Read a reply that holds all three tools. Raises `ReplyError`."""
    data = _find_json(raw)
    if not isinstance(data, dict):
        raise ReplyError("not_an_object", type(data).__name__, raw)
    if unknown := data.keys() - set(TOOLS):
        raise ReplyError("unknown_key", ", ".join(sorted(unknown)), raw)
    cleaned = {tool: _clean(data.get(tool), tool, raw) for tool in TOOLS}
    edit = Edit.from_dict({tool: value for tool, (value, _) in cleaned.items()})
    return Reply(edit, _rationale(raw), sum(clamped for _, clamped in cleaned.values()))


def _rationale(raw: str) -> str:
    match = re.search(r"^\W*TOOL\W*:\s*(.+)$", raw, re.MULTILINE)
    return match[1].strip() if match else ""


def _find_json(raw: str) -> Any:
    """The last complete JSON object in the text (a rationale may quote one earlier); or a bare none."""
    if not raw.strip():
        raise ReplyError("empty", "nothing was said", raw)
    decoder = json.JSONDecoder()
    found: Any = None
    position, seen = 0, False
    while (start := raw.find("{", position)) >= 0:
        try:
            found, position = decoder.raw_decode(raw, start)
            seen = True
        except (ValueError, RecursionError):
            position = start + 1
    if seen:
        return found
    if re.search(r"(?:JSON\W*:\s*|^)\W*(?:none|null)\W*$", raw.strip(), re.IGNORECASE):
        return None
    raise ReplyError("no_json", "no JSON object in the reply", raw)


def _clean(data: Any, tool: ToolName, raw: str) -> tuple[dict[str, Any] | None, int]:
    if data is None or (isinstance(data, str) and data.strip().lower() in ("none", "null", "")):
        return None, 0
    if not isinstance(data, dict):
        raise ReplyError("not_an_object", f"{tool} is {type(data).__name__}", raw)
    if data.keys() == {tool}:  # the tool's name around its values
        return _clean(data[tool], tool, raw)
    if tool == "adjust":
        bounds = {parameter: limits(parameter) for parameter in ADJUST_PARAMETERS}
        return _clean_numbers(data, bounds, raw)
    if tool == "filter":
        return _clean_filter(data, raw)
    if unknown := data.keys() - set(COLORS):
        raise ReplyError("unknown_key", ", ".join(sorted(unknown)), raw)
    bounds = dict.fromkeys(ColorShift.model_fields, (-100.0, 100.0))
    shifts = {}
    for color, shift in data.items():
        if shift is not None and not isinstance(shift, dict):
            raise ReplyError("wrong_type", f"{color} is {type(shift).__name__}", raw)
        shifts[color] = _clean_numbers(shift or {}, bounds, raw)
    return {color: values for color, (values, _) in shifts.items()}, sum(n for _, n in shifts.values())


def _clean_numbers(
    data: dict[str, Any], bounds: dict[str, tuple[float, float]], raw: str
) -> tuple[dict[str, float], int]:
    if unknown := data.keys() - bounds.keys():
        raise ReplyError("unknown_key", ", ".join(sorted(unknown)), raw)
    values, clamped = {}, 0
    for name, value in data.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ReplyError("wrong_type", f"{name} is {value!r}", raw)
        low, high = bounds[name]
        values[name] = min(max(float(value), low), high)
        clamped += values[name] != value
    return values, clamped


def _clean_filter(data: dict[str, Any], raw: str) -> tuple[dict[str, Any] | None, int]:
    if unknown := data.keys() - {"name", "intensity"}:
        raise ReplyError("unknown_key", ", ".join(sorted(unknown)), raw)
    name = data.get("name")
    if isinstance(name, list) and len(set(map(str, name))) == 1:  # one preset, repeated
        name = name[0]
    if name is None or (isinstance(name, str) and name.strip().lower() in ("none", "")):
        return None, 0
    if not isinstance(name, str):
        raise ReplyError("wrong_type", f"name is {name!r}", raw)
    known = {preset.lower(): preset for preset in PRESETS}
    parts = {part.strip().lower() for part in name.split(",")}
    if len(parts) != 1 or (preset := known.get(parts.pop())) is None:
        raise ReplyError("unknown_preset", name, raw)
    numbers, clamped = _clean_numbers({"intensity": data.get("intensity")}, {"intensity": (0.0, 100.0)}, raw)
    if "intensity" not in numbers:
        raise ReplyError("wrong_type", "intensity is missing", raw)
    return {"name": preset, **numbers}, clamped

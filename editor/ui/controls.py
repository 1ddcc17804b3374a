"""The controls of the Edit tab, derived from the tools, and the settings that they show.

A control's range, label, unit and meaning come from `editor.tools`; only the grouping on the page is
this module's own. It knows nothing of Gradio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from editor.tools import (
    ADJUST_PARAMETERS,
    COLORS,
    SELECTIVE_PARAMETERS,
    SPATIAL_PARAMETERS,
    TOOLS,
    Adjust,
    ColorShift,
    Edit,
    Filter,
    SelectiveAdjust,
    ToolName,
)

LIGHT = ("exposure", "brightness", "contrast", "highlights", "shadows", "linearOffset")
GROUPS: dict[str, tuple[str, ...]] = {
    "Light": LIGHT,
    "Colour": tuple(p for p in ADJUST_PARAMETERS if p not in (*LIGHT, *SPATIAL_PARAMETERS)),
    "Detail": SPATIAL_PARAMETERS,
}
TOOL_LABELS: dict[ToolName, str] = {
    "adjust": "Adjust",
    "selective_adjust": "Selective colour",
    "filter": "Preset",
}
STRONGEST = 200  # per cent; `Edit.scaled` takes factors up to 2


@dataclass(frozen=True)
class Control:
    """One slider."""

    name: str  # its name in the API: "exposure", "red_saturation", "intensity"
    label: str
    minimum: float
    maximum: float
    meaning: str
    unit: str = "%"
    neutral: float = 0


def _control(name: str, tool: type[Adjust] | type[ColorShift] | type[Filter], parameter: str) -> Control:
    info = tool.model_fields[parameter]
    bounds = {k: getattr(m, k) for m in info.metadata for k in ("ge", "le") if hasattr(m, k)}
    extra = info.json_schema_extra
    unit = str(extra["unit"]) if isinstance(extra, dict) else ""
    return Control(name, info.title or parameter, bounds["ge"], bounds["le"], info.description or "", unit)


ADJUST: tuple[Control, ...] = tuple(_control(p, Adjust, p) for p in ADJUST_PARAMETERS)
SELECTIVE: tuple[Control, ...] = tuple(_control(f"{c}_{p}", ColorShift, p) for c, p in SELECTIVE_PARAMETERS)
INTENSITY: Control = _control("intensity", Filter, "intensity")


@dataclass(frozen=True)
class Settings:
    """What the controls show: an edit, which tools take part, and how strongly (per cent, 0..200)."""

    edit: Edit = field(default_factory=Edit)
    off: frozenset[ToolName] = frozenset()
    strength: dict[ToolName, float] = field(default_factory=lambda: dict.fromkeys(TOOLS, 100.0))
    overall: float = 100.0

    @property
    def effective(self) -> Edit:
        """The edit that is rendered and exported: switches and strengths applied."""
        factors: dict[str, float] = {
            t: 0.0 if t in self.off else self.strength[t] * self.overall / 10_000 for t in TOOLS
        }
        return self.edit if set(factors.values()) == {1.0} else self.edit.scaled(**factors)

    @property
    def values(self) -> list[Any]:
        """Values of all controls, in the order of `NAMES`."""
        adjust = self.edit.adjust or Adjust()
        selective = self.edit.selective_adjust or SelectiveAdjust()
        chosen = self.edit.filter or Filter()
        return [
            *(value for _, value in adjust),
            *(getattr(getattr(selective, c), p) for c, p in SELECTIVE_PARAMETERS),
            chosen.name,
            chosen.intensity,
            *(t not in self.off for t in TOOLS),
            *(self.strength[t] for t in TOOLS),
            self.overall,
        ]

    @classmethod
    def of(cls, values: Sequence[Any]) -> Settings:
        """Settings from the controls' values. Raises `EditError` for a value out of range."""
        rest = iter(values)
        edit = Edit.from_dict(
            {
                "adjust": {p: _number(rest) for p in ADJUST_PARAMETERS},
                "selective_adjust": {c: {p: _number(rest) for p in ColorShift.model_fields} for c in COLORS},
                "filter": {"name": next(rest) or "none", "intensity": _number(rest)},
            }
        )
        off = frozenset(t for t in TOOLS if not next(rest))
        return cls(edit, off, {t: _number(rest) for t in TOOLS}, _number(rest))

    def with_preset(self, name: str) -> Settings:
        """Another preset: at its present intensity, or whole where it had none; switched on."""
        intensity = self.edit.filter.intensity if self.edit.filter else 100.0
        edit = self.edit.model_copy_validated(filter=Filter(name=name, intensity=intensity))
        return replace(self, edit=edit, off=self.off - {"filter"})

    def changed(self, other: Settings) -> tuple[str, ...]:
        """Names of the controls whose values differ."""
        return tuple(n for n, a, b in zip(NAMES, self.values, other.values, strict=True) if a != b)


NAMES: tuple[str, ...] = (
    *(c.name for c in ADJUST),
    *(c.name for c in SELECTIVE),
    "preset",
    INTENSITY.name,
    *(f"{t}_on" for t in TOOLS),
    *(f"{t}_strength" for t in TOOLS),
    "overall_strength",
)

# Control -> its dotted name in the event store; the switches are events of their own.
PARAMETERS: dict[str, str] = {
    **{c.name: f"adjust.{c.name}" for c in ADJUST},
    **{c.name: f"selective_adjust.{c.name.replace('_', '.')}" for c in SELECTIVE},
    "preset": "filter.name",
    INTENSITY.name: "filter.intensity",
    **{f"{t}_strength": f"{t}.strength" for t in TOOLS},
    "overall_strength": "overall.strength",
}


def preset_label(name: str) -> str:
    """A preset's name for people: "teal_and_orange_1" -> "teal and orange 1"."""
    return name.replace("_", " ")


def _number(values: Iterator[Any]) -> float:
    """The next value; an emptied number field counts as neutral."""
    value = next(values)
    return 0.0 if value is None else float(value)

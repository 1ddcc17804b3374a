"""Command-line options of the edit's parameters, derived from `editor.tools`: names, ranges and help are there once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from editor.errors import UserError
from editor.tools import COLORS, PRESETS, Adjust, ColorShift, Edit, Filter, SelectiveAdjust

NO_FILTER = "none"
FULL_INTENSITY = 100.0


@dataclass(frozen=True)
class EditOption:
    """One parameter as an option: `name` is the function argument, `path` its place in the edit's JSON."""

    name: str
    path: tuple[str, ...]
    flags: tuple[str, ...]
    panel: str
    field: FieldInfo

    def parameter(self) -> Parameter:
        """The argument as typer reads it; not given is None."""
        option = typer.Option(*self.flags, help=self._help(), rich_help_panel=self.panel, **self._limits())
        kind: Any = str if self.path == ("filter", "name") else float
        return Parameter(self.name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])

    def _help(self) -> str:
        if self.path == ("filter", "name"):
            return f"A preset's name or a .cube file: {', '.join(PRESETS)}; {NO_FILTER} removes the filter."
        return self.field.description or ""

    def _limits(self) -> dict[str, Any]:
        bounds = {
            b: getattr(m, a) for m in self.field.metadata for a, b in (("ge", "min"), ("le", "max")) if hasattr(m, a)
        }
        return {**bounds, "metavar": "NUMBER"} if bounds else {"metavar": "NAME|FILE"}


def edit_options() -> Iterator[EditOption]:
    """All 14 + 12 + 2 parameters: --contrast ..., --orange-saturation ..., --filter, --intensity."""
    for name, field in Adjust.model_fields.items():
        dashed = re.sub(r"([A-Z])", r"-\1", name).lower()
        flags = tuple(dict.fromkeys((f"--{dashed}", f"--{name}")))
        yield EditOption(f"adjust_{name}", ("adjust", name), flags, "Adjust", field)
    for color in COLORS:
        title = SelectiveAdjust.model_fields[color].title
        for name, field in ColorShift.model_fields.items():
            path = ("selective_adjust", color, name)
            described = FieldInfo.merge_field_infos(field, description=f"{title}: {field.description}")
            yield EditOption(f"{color}_{name}", path, (f"--{color}-{name}",), "Selective adjust", described)
    yield EditOption("filter_name", ("filter", "name"), ("--filter",), "Filter", Filter.model_fields["name"])
    yield EditOption(
        "filter_intensity", ("filter", "intensity"), ("--intensity",), "Filter", Filter.model_fields["intensity"]
    )


def overridden(edit: Edit, given: dict[tuple[str, ...], Any]) -> Edit:
    """The edit with some parameters, keyed by their path, replaced. Raises UserError for impossible values.

    A filter named without an intensity keeps the edit's own, or is at 100.
    """
    if not given:
        return edit
    data = edit.to_dict()
    for path, value in given.items():
        place = data
        for key in path[:-1]:
            if not place.get(key):
                place[key] = {}
            place = place[key]
        place[path[-1]] = value
    chosen = data["filter"]
    if chosen and "name" not in chosen:
        raise UserError("--intensity needs a --filter: name a preset or a .cube file.")
    if chosen:
        chosen.setdefault("intensity", FULL_INTENSITY)
    return Edit.from_dict(data)

"""The three colour tools: every parameter's name, range, unit, neutral value and meaning, once.

Sliders, JSON Schema, prompts, decoding limits, command-line options and documentation are all
derived from these models. Nothing here knows how a parameter is rendered or predicted.
Source: the tool contract of Sultan et al. (EMNLP 2024), made precise in this project's README.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from editor.errors import UserError

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def _signed(label: str, meaning: str) -> Any:
    """-100..100, neutral 0."""
    return Field(default=0, ge=-100, le=100, title=label, description=meaning, json_schema_extra={"unit": "%"})


def _positive(label: str, meaning: str) -> Any:
    """0..100, neutral 0."""
    return Field(default=0, ge=0, le=100, title=label, description=meaning, json_schema_extra={"unit": "%"})


class Tool(BaseModel):
    """Base of the tools: unknown keys, wrong types, NaN and out-of-range values are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Adjust(Tool):
    """Global adjustments: 14 parameters, all neutral at 0, in the order in which they are rendered."""

    exposure: Number = _signed("Exposure", "Scene light: +50 doubles it (one stop), -50 halves it.")
    linearOffset: Number = _signed("Fade", "Lifts the blacks to a faded haze (+) or sinks them (-).")
    contrast: Number = _signed("Contrast", "Steeper (+) or flatter (-) tones around middle grey.")
    brightness: Number = _signed("Brightness", "Midtones up or down; black and white stay put.")
    highlights: Number = _signed("Highlights", "Bright parts up or down.")
    shadows: Number = _signed("Shadows", "Dark parts up or down.")
    saturation: Number = _signed("Saturation", "Strength of all colours; -100 is black and white.")
    vibrance: Number = _signed("Vibrance", "Strength of muted colours; vivid colours and skin are spared.")
    hue: Annotated[Number, Field(json_schema_extra={"unit": "°"})] = Field(
        default=0,
        ge=0,
        le=360,
        title="Hue",
        description="Turns every colour round the hue circle; 360 is the same as 0.",
    )
    temperature: Number = _signed("Temperature", "Warm, orange (+) or cold, blue (-) toning.")
    tint: Number = _signed("Tint", "Magenta (+) or green (-) toning.")
    structure: Number = _positive("Structure", "Local contrast: brings out texture and form.")
    sharpen: Number = _positive("Sharpen", "Crisper fine edges.")
    bloom: Number = _positive("Bloom", "Soft glow around bright parts.")


class ColorShift(Tool):
    """Change of one of the six colours; neutral at 0."""

    saturation: Number = _signed("Saturation", "Strength of this colour; -100 removes it.")
    luminance: Number = _signed("Luminance", "Lighter (+) or darker (-) rendering of this colour.")


class SelectiveAdjust(Tool):
    """Per-colour adjustments: six colours x saturation and luminance, 12 parameters."""

    red: ColorShift = Field(default=ColorShift(), title="Red")
    orange: ColorShift = Field(default=ColorShift(), title="Orange")
    yellow: ColorShift = Field(default=ColorShift(), title="Yellow")
    green: ColorShift = Field(default=ColorShift(), title="Green")
    cyan: ColorShift = Field(default=ColorShift(), title="Cyan")
    blue: ColorShift = Field(default=ColorShift(), title="Blue")


class Filter(Tool):
    """One .cube preset at an intensity; preset `none` or intensity 0 is no filter."""

    name: str = Field(default="none", min_length=1, max_length=100, title="Preset", description="A preset's name.")
    intensity: Number = Field(
        default=0,
        ge=0,
        le=100,
        title="Intensity",
        description="Blend of the preset with the unfiltered picture; 100 is the whole look.",
        json_schema_extra={"unit": "%"},
    )


ToolName = Literal["adjust", "selective_adjust", "filter"]
TOOLS: tuple[ToolName, ...] = ("adjust", "selective_adjust", "filter")
COLORS: tuple[str, ...] = tuple(SelectiveAdjust.model_fields)
ADJUST_PARAMETERS: tuple[str, ...] = tuple(Adjust.model_fields)
SPATIAL_PARAMETERS: tuple[str, ...] = ("structure", "sharpen", "bloom")
SELECTIVE_PARAMETERS: tuple[tuple[str, str], ...] = tuple((c, p) for c in COLORS for p in ColorShift.model_fields)

# The presets of luts/ and the look each must have; a test compares the names with the folder.
PRESETS: dict[str, str] = {
    "lovely_day": "bright, airy, gently warm sunny day",
    "action": "punchy contrast, slightly desaturated, steel-cool shadows",
    "vivid": "saturated, contrasty, neutral in hue",
    "north": "crisp cool blue, clean Nordic light",
    "purple_rain": "violet cast, purple shadows",
    "winter": "cold blue-white, lifted, low saturation",
    "faded_Retro": "faded 1970s film: yellowed highlights, lifted blacks",
    "faded_HighNoon": "faded, dry golden sun: desert, western",
    "faded_Mist": "faded, cool grey, hazy, low contrast",
    "faded_Terra": "faded, earthy brown and terracotta",
    "faded_Vista": "faded green-teal landscape matte",
    "faded_C1": "faded, clean neutral matte, slightly cyan shadows",
    "faded_AL2": "faded, peach-pink analogue film",
    "teal_and_orange_1": "classic balanced teal and orange",
    "teal_and_orange_2": "soft, matte teal and orange",
    "teal_and_orange_3": "strong, contrasty teal and orange",
    "teal_and_orange_4": "orange, warm-dominant teal and orange",
    "teal_and_orange_5": "teal, cool-dominant teal and orange",
    "teal_and_orange_6": "dark and moody teal and orange",
    "fortune": "rich gold highlights, deep dark shadows, luxurious",
    "duotone_red": "luminance mapped from black through red to white",
    "duotone_pink": "luminance mapped from black through pink to white",
    "duotone_green": "luminance mapped from black through green to white",
    "duotone_yellow": "luminance mapped from black through yellow to white",
    "duotone_orange": "luminance mapped from black through orange to white",
    "spring": "fresh light greens, soft pinkish highlights",
    "enchanted": "fairy tale: magenta-violet highlights, teal shadows, soft",
    "ultra": "extreme contrast and saturation, HDR-like",
    "firecracker": "hot reds and oranges, fiery contrast",
    "cyberpunk": "neon magenta highlights, cyan and blue shadows",
    "darkness": "low-key, crushed, desaturated",
    "night_vision": "green phosphor monochrome",
    "negative": "inverted colours",
}


class Edit(Tool):
    """A chain of the three tools; `None` means that the tool is not used. Neutral: all None."""

    adjust: Adjust | None = None
    selective_adjust: SelectiveAdjust | None = None
    filter: Filter | None = None

    @field_validator("*", mode="after")
    @classmethod
    def _neutral_is_none(cls, tool: Tool | None) -> Tool | None:
        """One spelling for 'not used': a tool whose values are all neutral becomes None."""
        return None if tool is None or is_neutral(tool) else tool

    def uses(self, tool: ToolName) -> bool:
        """True when the tool changes something."""
        return getattr(self, tool) is not None

    @property
    def tools(self) -> tuple[ToolName, ...]:
        """Names of the tools in use."""
        return tuple(t for t in TOOLS if self.uses(t))

    @property
    def is_neutral(self) -> bool:
        """True when the edit returns its input unchanged."""
        return not self.tools

    def without_spatial(self) -> Edit:
        """The part of the edit that a LUT can carry: structure, sharpen and bloom at 0."""
        if self.adjust is None:
            return self
        return self.model_copy_validated(adjust=self.adjust.model_copy(update=dict.fromkeys(SPATIAL_PARAMETERS, 0.0)))

    @property
    def spatial(self) -> dict[str, float]:
        """Non-neutral spatial parameters, {} when a LUT carries the whole edit."""
        if self.adjust is None:
            return {}
        return {p: v for p in SPATIAL_PARAMETERS if (v := getattr(self.adjust, p))}

    def model_copy_validated(self, **tools: Tool | None) -> Edit:
        """A copy with the given tools replaced, validated again."""
        return Edit.model_validate({t: tools.get(t, getattr(self, t)) for t in TOOLS})

    def scaled(self, adjust: float = 1.0, selective_adjust: float = 1.0, filter: float = 1.0) -> Edit:
        """The edit at other strengths (1 = as it is, 0 = off, up to 2), clamped to the ranges.

        Hue is an angle: it is scaled along the shorter way round.
        """
        return Edit(
            adjust=self.adjust and _scale_adjust(self.adjust, adjust),
            selective_adjust=self.selective_adjust and _scale_selective(self.selective_adjust, selective_adjust),
            filter=self.filter
            and Filter(name=self.filter.name, intensity=_clamp(self.filter.intensity * filter, 0, 100)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; only non-neutral values are written, unused tools are None."""
        return {
            "adjust": self.adjust and {p: _plain(v) for p, v in self.adjust if v},
            "selective_adjust": self.selective_adjust
            and {c: {p: _plain(v) for p, v in shift} for c, shift in self.selective_adjust if not is_neutral(shift)},
            "filter": self.filter and {"name": self.filter.name, "intensity": _plain(self.filter.intensity)},
        }

    def to_json(self, indent: int | None = None) -> str:
        """JSON text of `to_dict`."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @classmethod
    def from_dict(cls, data: Any) -> Edit:
        """Validate plain data. Raises `EditError` naming the first wrong field."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise EditError(_message(error)) from None

    @classmethod
    def from_json(cls, text: str | bytes) -> Edit:
        """Validate JSON text. Raises `EditError` with the place of the fault."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise EditError(f"not valid JSON: {error}") from None
        return cls.from_dict(data)

    @classmethod
    def load(cls, path: str | Path) -> Edit:
        """Read a recipe file."""
        return cls.from_json(Path(path).read_bytes())


class EditError(UserError):
    """An edit that breaks the contract; the message is one sentence that names the field."""


def is_neutral(tool: Tool) -> bool:
    """True when a tool (or one colour's shift) leaves the picture as it is."""
    if isinstance(tool, Filter):
        return tool.name == "none" or tool.intensity == 0
    if isinstance(tool, SelectiveAdjust):
        return all(is_neutral(shift) for _, shift in tool)
    return all(value == 0 or (name == "hue" and value == 360) for name, value in tool)


def limits(parameter: str) -> tuple[float, float]:
    """(minimum, maximum) of an Adjust parameter."""
    low = next(m.ge for m in Adjust.model_fields[parameter].metadata if hasattr(m, "ge"))
    high = next(m.le for m in Adjust.model_fields[parameter].metadata if hasattr(m, "le"))
    return float(low), float(high)


def json_schema(preset_names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """JSON Schema of an Edit; with `preset_names` the filter's name is limited to them."""
    schema = Edit.model_json_schema()
    if preset_names is not None:
        schema["$defs"]["Filter"]["properties"]["name"]["enum"] = ["none", *preset_names]
    return schema


def describe(edit: Edit) -> str:
    """The edit as one readable line: 'contrast +5, temperature +35; orange saturation +25; ...'."""
    parts = []
    if edit.adjust:
        parts.append(", ".join(f"{p} {_signed_text(p, v)}" for p, v in edit.adjust if v))
    if edit.selective_adjust:
        parts.append(
            ", ".join(f"{c} {p} {_signed_text(p, v)}" for c, shift in edit.selective_adjust for p, v in shift if v)
        )
    if edit.filter:
        parts.append(f"{edit.filter.name} at {_plain(edit.filter.intensity)}%")
    return "; ".join(parts) or "no change"


def _signed_text(parameter: str, value: float) -> str:
    return f"{_plain(value)}°" if parameter == "hue" else f"{_plain(value):+}"


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else round(value, 2)


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _scale_adjust(adjust: Adjust, strength: float) -> Adjust:
    values = {p: _clamp(v * strength, *limits(p)) for p, v in adjust if p != "hue"}
    angle = adjust.hue - 360 if adjust.hue > 180 else adjust.hue
    return Adjust(**values, hue=_clamp(angle * strength, -180, 180) % 360)


def _scale_selective(selective: SelectiveAdjust, strength: float) -> SelectiveAdjust:
    return SelectiveAdjust.model_validate(
        {c: {p: _clamp(v * strength, -100, 100) for p, v in shift} for c, shift in selective}
    )


def _message(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "edit"
    if first["type"] == "extra_forbidden":
        return f"{field}: no such parameter"
    given = first["input"]
    shown = f" (got {given!r})" if isinstance(given, int | float | str) and len(str(given)) < 40 else ""
    return f"{field}: {first['msg'][0].lower()}{first['msg'][1:]}{shown}"

"""The prompts: teacher (one-shot and zero-shot), student, augmentation.

Every parameter, range and preset comes from `editor.tools`. Follows the prompt design of Sultan et al.
(EMNLP 2024): one prompt a tool, a rationale line (TOOL) before the answer line (JSON). Replies are read
by `student.replies`. Knows no network.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from editor.tools import (
    ADJUST_PARAMETERS,
    COLORS,
    PRESETS,
    Adjust,
    ColorShift,
    Edit,
    ToolName,
    limits,
)

Variant = Literal["one-shot", "zero-shot", "student"]
VARIANTS: tuple[Variant, ...] = ("one-shot", "zero-shot", "student")
Message = dict[str, str]


def _adjust_lines() -> str:
    lines = []
    for parameter in ADJUST_PARAMETERS:
        low, high = limits(parameter)
        lines.append(f"- {parameter} ({low:.0f} to {high:.0f}): {Adjust.model_fields[parameter].description}")
    return "\n".join(lines)


def _selective_lines() -> str:
    shifts = [f"- {name} (-100 to 100): {field.description}" for name, field in ColorShift.model_fields.items()]
    return f"For each of the colours {', '.join(COLORS)}:\n" + "\n".join(shifts)


def _preset_lines() -> str:
    return "\n".join(f"- {name}: {look}" for name, look in PRESETS.items())


SHAPES: dict[ToolName, str] = {
    "adjust": '{"contrast": 5, "temperature": 35}',
    "selective_adjust": '{"orange": {"saturation": 25, "luminance": 10}}',
    "filter": '{"name": "faded_HighNoon", "intensity": 40}',
}

INSTRUCTIONS: dict[ToolName, str] = {
    "adjust": f"""You are a colourist. A user names a look for a photo or a video; you set the global Adjust tool.
Its parameters, all neutral at 0:
{_adjust_lines()}
Use few parameters and believable amounts: 5 to 15 is gentle, 20 to 40 clearly visible, more is for extreme looks.
Leave neutral parameters out. If the request is not about colour, light or texture, answer {{}}.""",
    "selective_adjust": f"""You are a colourist. A user names a look for a photo or a video;
you set the Selective Adjust tool.
{_selective_lines()}
Use it only where single colours matter for the look; otherwise answer {{}}. Leave neutral colours out.""",
    "filter": f"""You are a colourist. A user names a look for a photo or a video;
you choose a preset and its intensity (0 to 100).
The presets:
{_preset_lines()}
Rules: choose the one preset closest to the look, never two. Take a duotone only when one single colour is the look.
Intensity: 20 to 40 a hint, 50 to 70 clear, 80 to 100 when the preset is the look itself.
If no preset fits, or the request is not about colour, answer {{"name": "none", "intensity": 0}}.""",
}

FORMAT = """Answer with exactly two lines:
TOOL: what the look needs from this tool, in one sentence.
JSON: the values as one JSON object."""

# One worked example a tool, after the paper's: a golden hour look, and the welding mask for the filter.
EXAMPLES: dict[ToolName, tuple[str, str, dict[str, Any]]] = {
    "adjust": (
        "a golden hour filter look",
        "Low sun: clearly warm, gently brighter highlights, soft glow, slightly deeper shadows.",
        {"contrast": 5, "highlights": 15, "shadows": -10, "vibrance": 15, "temperature": 35, "bloom": 10},
    ),
    "selective_adjust": (
        "a golden hour filter look",
        "Oranges and yellows glow, the blue of the sky steps back.",
        {
            "orange": {"saturation": 25, "luminance": 10},
            "yellow": {"saturation": 20, "luminance": 10},
            "blue": {"saturation": -20, "luminance": -5},
        },
    ),
    "filter": (
        "welding mask",
        "Seen through dark green glass: the green monochrome preset, clearly but not wholly.",
        {"name": "night_vision", "intensity": 60},
    ),
}

ZERO_SHOT = f"""You are a colourist. A user names a look for a photo or a video; you set three tools.
1. adjust, global parameters, neutral at 0:
{_adjust_lines()}
2. selective_adjust. {_selective_lines()}
3. filter, one preset at an intensity of 0 to 100:
{_preset_lines()}
Answer with one JSON object with the keys "adjust", "selective_adjust" and "filter"; null for a tool that is not needed,
neutral values left out, like {{"adjust": {SHAPES["adjust"]}, "selective_adjust": null, "filter": {SHAPES["filter"]}}}.
If the request is not about colour, light or texture, all three are null."""

STUDENT: dict[ToolName, str] = {
    "adjust": "Set the Adjust tool (JSON, neutral values left out). "
    + ", ".join(f"{p} {limits(p)[0]:.0f}..{limits(p)[1]:.0f}" for p in ADJUST_PARAMETERS),
    "selective_adjust": "Set the Selective Adjust tool (JSON, neutral colours left out). "
    f"{', '.join(COLORS)}: saturation -100..100, luminance -100..100",
    "filter": f"Choose a preset (JSON, name and intensity 0..100). none, {', '.join(PRESETS)}",
}


def messages(intent: str, tool: ToolName, variant: Variant = "one-shot") -> list[Message]:
    """Chat messages that ask for one tool; for `zero-shot` the tool is ignored: all three are asked at once."""
    if variant == "zero-shot":
        return [{"role": "system", "content": ZERO_SHOT}, {"role": "user", "content": intent}]
    if variant == "student":
        return [{"role": "user", "content": student_prompt(intent, tool)}]
    example, rationale, values = EXAMPLES[tool]
    return [
        {"role": "system", "content": f"{INSTRUCTIONS[tool]}\n\n{FORMAT}"},
        {"role": "user", "content": example},
        {"role": "assistant", "content": f"TOOL: {rationale}\nJSON: {json.dumps(values)}"},
        {"role": "user", "content": intent},
    ]


def student_prompt(intent: str, tool: ToolName) -> str:
    """The concise prompt without rationale, shared by training and serving."""
    return f"{STUDENT[tool]}\nLook: {intent}\nJSON:"


def student_answer(edit: Edit, tool: ToolName) -> str:
    """What the student is trained to say for a tool: {} or none when it is not used."""
    value = edit.to_dict()[tool]
    if value is None:
        value = {"name": "none", "intensity": 0} if tool == "filter" else {}
    return json.dumps(value)


AUGMENTATION = """Write one new request for a photo or video look that wants the same result as the given one.
Other words, or another thing with the same look; short, as users type; no explanation."""

# Three shots, as in the paper; the pairs are this project's own.
AUGMENTATION_SHOTS = (
    ("autumn forest", "october leaves in a park"),
    ("horror film", "haunted house at night"),
    ("old family photo", "grandma's album 1950"),
)


def augmentation_messages(intent: str) -> list[Message]:
    """Chat messages that ask for a similar intent."""
    shots = [
        {"role": role, "content": text}
        for pair in AUGMENTATION_SHOTS
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    return [{"role": "system", "content": AUGMENTATION}, *shots, {"role": "user", "content": intent}]

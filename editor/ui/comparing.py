"""Handlers of the Compare tab: one prompt, one picture, several planners. Plain functions without Gradio components."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from editor.asking import PATIENCE, Reply, ask_all
from editor.errors import UserError
from editor.planner import Answer
from editor.tools import TOOLS, Edit
from editor.ui.context import Context
from editor.ui.controls import ADJUST, SELECTIVE, TOOL_LABELS, preset_label
from editor.ui.editing import read_media
from editor.ui.exports import new_file
from editor.ui.media import Media

MOST = 4  # planners side by side
Answers = tuple[Reply, ...]


@dataclass(frozen=True)
class Column:
    """One planner's place on the page."""

    planner: str
    reply: Reply | None = None  # None while it is asked
    picture: str = field(default="", repr=False)  # data URL of the graded picture


@dataclass(frozen=True)
class Compared:
    """What is known so far."""

    prompt: str
    media: Media
    before: str = field(repr=False)
    columns: tuple[Column, ...] = ()

    @property
    def answers(self) -> Answers:
        """The replies that have arrived, in the planners' order."""
        return tuple(column.reply for column in self.columns if column.reply)


def choose_file(context: Context, path: str | None) -> Media:
    """A picture or clip of the user's own. Raises `UserError`."""
    if not path:
        raise UserError("No file arrived; choose it again.")
    media = read_media(path, Path(path).name)
    context.previews.of(media)
    return media


def choose_sample(context: Context, name: str) -> Media:
    """One of the samples."""
    sample = next((s for s in context.samples if s.name == name), None)
    if sample is None:
        raise UserError(f"There is no sample {name!r}; there are {', '.join(s.name for s in context.samples)}.")
    path = sample.loader()
    return replace(read_media(str(path), path.name), credit=f"{sample.credit} ({sample.licence})")


def first_sample(context: Context) -> Media:
    """What is compared on until a picture is chosen. Raises `UserError` where there are no samples."""
    if not context.samples:
        raise UserError("Open a picture or a clip first.")
    return choose_sample(context, context.samples[0].name)


def choose_frame(context: Context, seconds: float, media: Media | None) -> Media:
    """Another frame of the clip."""
    if media is None or media.kind != "video":
        raise UserError("Open a clip to choose a frame.")
    return replace(media, seconds=round(min(max(seconds, 0.0), media.duration), 3))


def compare(
    context: Context, prompt: str, planners: Sequence[str], media: Media | None, patience: float = PATIENCE
) -> Iterator[Compared]:
    """Ask the planners and show each answer as it arrives; without a picture the first sample is used."""
    chosen = chosen_planners(context, planners)
    if not prompt.strip():
        raise UserError("Describe a vibe first.")
    media = media or first_sample(context)
    shown = Compared(prompt, media, context.previews.of(media).before, tuple(Column(name) for name in chosen))
    yield shown
    for reply in ask_all({name: context.planners[name] for name in chosen}, prompt, patience):
        column = Column(reply.planner, *_graded(context, reply, media))
        shown = replace(shown, columns=tuple(column if c.planner == reply.planner else c for c in shown.columns))
        yield shown


def chosen_planners(context: Context, planners: Sequence[str]) -> list[str]:
    """Two to four known planners in the page's order. Raises `UserError`."""
    unknown = [name for name in planners if name not in context.planners]
    if unknown:
        raise UserError(f"There is no planner {unknown[0]!r}; choose among {', '.join(context.planners)}.")
    chosen = [name for name in context.planners if name in planners]
    if not 2 <= len(chosen) <= MOST:
        raise UserError(f"Choose two to {MOST} planners.")
    return chosen


def _graded(context: Context, reply: Reply, media: Media) -> tuple[Reply, str]:
    """The reply with its picture; an edit that cannot be rendered (unknown preset) becomes a problem."""
    if reply.answer is None:
        return reply, ""
    try:
        return reply, context.previews.graded(media, reply.answer.edit, context.presets)
    except UserError as error:
        return replace(reply, answer=None, problem=str(error)), ""


def differences(answers: Answers) -> list[tuple[str, list[str], bool]]:
    """(parameter, value for each planner, differs) for every parameter that some planner uses."""
    edits = [reply.answer.edit for reply in answers if reply.answer]
    tables = [_values(edit) for edit in edits]
    names = [name for name in _ORDER if any(name in table for table in tables)]
    rows = [(name, [table.get(name, "–") for table in tables]) for name in names]
    return [(name, values, len(set(values)) > 1) for name, values in rows]


_SELECTIVE = {c.name: c.name.replace("_", " ").capitalize() for c in SELECTIVE}
_ORDER = (*(c.label for c in ADJUST), *_SELECTIVE.values(), "Preset", "Preset intensity")


def _values(edit: Edit) -> dict[str, str]:
    """The non-neutral values of an edit by their names on the page."""
    data = edit.to_dict()
    values = {c.label: _signed(v, c.unit) for c in ADJUST if (v := (data["adjust"] or {}).get(c.name))}
    for name, label in _SELECTIVE.items():
        colour, parameter = name.split("_")
        if value := (data["selective_adjust"] or {}).get(colour, {}).get(parameter):
            values[label] = _signed(value)
    if chosen := data["filter"]:
        values |= {"Preset": preset_label(chosen["name"]), "Preset intensity": f"{chosen['intensity']:g}"}
    return values


def _signed(value: float, unit: str = "") -> str:
    return f"{value:g}°" if unit == "°" else f"{value:+g}".replace("-", "−")


def tools_used(edit: Edit) -> str:
    """The tools of an edit in words."""
    return ", ".join(TOOL_LABELS[tool] for tool in TOOLS if edit.uses(tool)) or "No tool"


def costs(answer: Answer) -> str:
    """Latency, and tokens and cost where they are known."""
    facts = [f"{answer.latency_ms:,.0f} ms" if answer.latency_ms >= 1 else "under 1 ms"]
    if answer.tokens_in is not None and answer.tokens_out is not None:
        facts.append(f"{answer.tokens_in:,} + {answer.tokens_out:,} tokens")
    if answer.cost_usd is not None:
        facts.append(f"${answer.cost_usd:.4f}")
    return " · ".join(facts)


def carry_over(context: Context, planner: str, media: Media | None, answers: Answers) -> tuple[str | None, str]:
    """(path of the picture or clip, recipe) to open in the Edit tab."""
    answer = next((reply.answer for reply in answers if reply.planner == planner and reply.answer), None)
    if answer is None or media is None:
        raise UserError("Compare first, then open an answer in Edit.")
    path = Path(media.path)
    copy = new_file(media.name)
    shutil.copyfile(path, copy)
    return str(copy), answer.edit.to_json()

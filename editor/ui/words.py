"""What the planner decided, in words: HTML for the page. Every text from outside is escaped here."""

from __future__ import annotations

from html import escape

from editor.planner import Answer
from editor.tools import SELECTIVE_PARAMETERS, TOOLS, Edit, ToolName
from editor.ui.controls import ADJUST, TOOL_LABELS, preset_label
from editor.ui.history import Step

LOW_CONFIDENCE = 0.5
SHOWN_NEIGHBOURS = 5


def decision(step: Step) -> str:
    """The planner's answer of a step as HTML; "" when the step rests on no answer."""
    answer = step.answer
    if answer is None:
        return ""
    unsure = min(answer.confidence.values(), default=1.0) < LOW_CONFIDENCE
    # The neighbours of what is no request for colours are none either.
    neighbours = _neighbours(answer, "Did you mean" if unsure else "Drew on") if answer.edit.tools else ""
    values = f"<ul>{''.join(_tool(answer, tool) for tool in TOOLS)}</ul>" if answer.edit.tools else ""
    details = values + ("" if unsure else neighbours)
    return (
        f'<div class="decision"><p class="asked">{_summary(step.prompt, answer)}</p>'
        f"{_why(answer)}{_taste(step.taste)}{neighbours if unsure else ''}"
        f'<p class="model">{escape(_facts(answer))}</p>'
        f"{f'<details><summary>Values and sources</summary>{details}</details>' if details else ''}</div>"
    )


def _summary(prompt: str, answer: Answer) -> str:
    """“golden hour” - Adjust, Selective colour, Preset faded HighNoon."""
    chosen = answer.edit.filter
    tools = [
        TOOL_LABELS[t] + (f" {preset_label(chosen.name)}" if t == "filter" and chosen else "")
        for t in answer.edit.tools
    ]
    asked = f"<b>“{escape(_short(prompt))}”</b>" if prompt.strip() else ""
    rest = ", ".join(tools) or answer.message
    return f"{asked} — {escape(rest)}" if asked else escape(rest)


def _why(answer: Answer) -> str:
    parts = [answer.message] if answer.message and answer.edit.tools else []
    shown = "".join(f'<p class="message">{escape(part)}</p>' for part in parts)
    if answer.why:
        source = f' <cite class="source">({escape(answer.why_source)})</cite>' if answer.why_source else ""
        shown += f'<p class="why">{escape(answer.why)}{source}</p>'
    return shown


def _taste(words: str) -> str:
    """Says that the controls are not quite the planner's."""
    return f'<p class="taste">Your taste was applied: {escape(words)}.</p>' if words else ""


def _tool(answer: Answer, tool: ToolName) -> str:
    name, confidence = TOOL_LABELS[tool], answer.confidence.get(tool)
    sure = f' <span class="sure">{confidence:.0%} sure</span>' if confidence is not None else ""
    if not answer.edit.uses(tool):
        return f'<li class="unused"><b>{name}</b>not used{sure}</li>'
    return f"<li><b>{name}</b>{escape(_values(answer.edit, tool))}{sure}</li>"


def _values(edit: Edit, tool: ToolName) -> str:
    """A tool's values with the sliders' names: "Contrast +5, Temperature +35"."""
    adjust, selective, chosen = edit.adjust, edit.selective_adjust, edit.filter
    if tool == "adjust" and adjust:
        values = ((c, getattr(adjust, c.name)) for c in ADJUST)
        return ", ".join(f"{c.label} {_signed(value, c.unit)}" for c, value in values if value)
    if tool == "selective_adjust" and selective:
        moved = ((c, p, getattr(getattr(selective, c), p)) for c, p in SELECTIVE_PARAMETERS)
        return ", ".join(f"{c} {p} {_signed(value)}" for c, p, value in moved if value).capitalize()
    return f"{preset_label(chosen.name)} at {chosen.intensity:g} %" if chosen else ""


def _signed(value: float, unit: str = "%") -> str:
    return f"{value:g}°" if unit == "°" else f"{value:+g}".replace("-", "−")


def _neighbours(answer: Answer, title: str) -> str:
    """Recorded intents as buttons that ask for them."""
    if not answer.neighbours:
        return ""
    buttons = "".join(
        f'<button type="button" class="chip" data-prompt="{escape(n.intent)}" title="{n.similarity:.0%} similar">'
        f"{escape(_short(n.intent))}</button>"
        for n in answer.neighbours[:SHOWN_NEIGHBOURS]
    )
    return f'<div class="neighbours"><span>{title}</span>{buttons}</div>'


def _facts(answer: Answer) -> str:
    facts = [f"Answered by {answer.planner}", f"{answer.latency_ms:.0f} ms"]
    if answer.tokens_in is not None and answer.tokens_out is not None:
        facts.append(f"{answer.tokens_in} + {answer.tokens_out} tokens")
    if answer.cost_usd is not None:
        facts.append(f"${answer.cost_usd:.4f}")
    return " · ".join(facts)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:119] + "…"

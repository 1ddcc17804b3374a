"""What the planner decided, in words: HTML for the page. Every text from outside is escaped here."""

from __future__ import annotations

from html import escape

from editor.planner import Answer
from editor.tools import TOOLS, Edit, ToolName, describe
from editor.ui.controls import TOOL_LABELS
from editor.ui.history import Step

LOW_CONFIDENCE = 0.5
SHOWN_NEIGHBOURS = 5


def decision(step: Step) -> str:
    """The planner's answer of a step as HTML; "" when the step rests on no answer."""
    answer = step.answer
    if answer is None:
        return ""
    parts = [f'<p class="asked">“{escape(_short(step.prompt))}”</p>' if step.prompt.strip() else ""]
    if answer.message:
        parts.append(f'<p class="message">{escape(answer.message)}</p>')
    if not answer.edit.is_neutral:
        parts.append(f'<ul class="tools">{"".join(_tool(answer, tool) for tool in TOOLS)}</ul>')
    if answer.why:
        source = f' <cite class="source">{escape(answer.why_source)}</cite>' if answer.why_source else ""
        parts.append(f'<p class="why">{escape(answer.why)}{source}</p>')
    parts += [_neighbours(answer), f'<p class="model">{_facts(answer)}</p>']
    return f'<div class="decision">{"".join(parts)}</div>'


def _tool(answer: Answer, tool: ToolName) -> str:
    name, confidence = TOOL_LABELS[tool], answer.confidence.get(tool)
    sure = f' <span class="sure" title="confidence">{confidence:.0%} sure</span>' if confidence is not None else ""
    if not answer.edit.uses(tool):
        return f'<li class="unused"><b>{name}</b> not used{sure}</li>'
    alone = Edit(**{tool: getattr(answer.edit, tool)})
    return f"<li><b>{name}</b> {escape(describe(alone))}{sure}</li>"


def _neighbours(answer: Answer) -> str:
    """Recorded intents as buttons that ask for them; suggestions when the planner is unsure."""
    if not answer.neighbours:
        return ""
    unsure = answer.edit.is_neutral or min(answer.confidence.values(), default=1.0) < LOW_CONFIDENCE
    buttons = "".join(
        f'<button type="button" class="chip" data-prompt="{escape(n.intent)}" title="{n.similarity:.0%} similar">'
        f"{escape(_short(n.intent))}</button>"
        for n in answer.neighbours[:SHOWN_NEIGHBOURS]
    )
    return f'<p class="neighbours"><span>{"Did you mean" if unsure else "Drew on"}</span> {buttons}</p>'


def _facts(answer: Answer) -> str:
    facts = [f"Answered by {answer.planner}", f"{answer.latency_ms:.0f} ms"]
    if answer.tokens_in is not None and answer.tokens_out is not None:
        facts.append(f"{answer.tokens_in} + {answer.tokens_out} tokens")
    if answer.cost_usd is not None:
        facts.append(f"${answer.cost_usd:.4f}")
    return escape(" · ".join(facts))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:119] + "…"

"""The Compare tab's contact sheet: a list of prompts × planners as one picture and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from editor.asking import PATIENCE, Reply, ask_all
from editor.errors import UserError
from editor.pipeline import PREVIEW_SIZE, render
from editor.ui.comparing import chosen_planners, first_sample
from editor.ui.context import Context
from editor.ui.exports import new_file
from editor.ui.media import Media
from editor.ui.previews import encode

MOST_PROMPTS = 40
CELL = 320  # pixels wide
MARGIN, LINE = 12, 22
GROUND, INK, QUIET = (38, 38, 38), (236, 236, 236), (170, 170, 170)


@dataclass(frozen=True)
class Sheet:
    """A sheet that is being made; `path` and `data` are set when it is done."""

    done: int
    total: int
    path: str | None = None  # PNG
    data: str | None = None  # JSON
    shown: str = field(default="", repr=False)  # the picture as a JPEG data URL


def contact_sheet(
    context: Context, prompts: str, planners: Sequence[str], media: Media | None, patience: float = PATIENCE
) -> Iterator[Sheet]:
    """Ask every planner every prompt (one a line); yields the progress, at last the files."""
    chosen = chosen_planners(context, planners)
    asked = list(dict.fromkeys(line.strip() for line in prompts.splitlines() if line.strip()))
    if not 1 <= len(asked) <= MOST_PROMPTS:
        raise UserError(f"Write 1 to {MOST_PROMPTS} prompts, one on a line.")
    media = media or first_sample(context)
    yield Sheet(0, len(asked))
    rows = []
    for number, prompt in enumerate(asked, 1):
        replies = {r.planner: r for r in ask_all({n: context.planners[n] for n in chosen}, prompt, patience)}
        rows.append((prompt, [replies[name] for name in chosen]))
        yield Sheet(number, len(asked))
    picture, data = new_file("contact-sheet.png"), new_file("contact-sheet.json")
    drawn = draw_sheet(context, rows, media)
    drawn.save(picture)
    data.write_text(json.dumps([_record(prompt, replies) for prompt, replies in rows], indent=2, ensure_ascii=False))
    yield Sheet(len(asked), len(asked), str(picture), str(data), encode(np.asarray(drawn)))


def _record(prompt: str, replies: Sequence[Reply]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for reply in replies:
        answer = reply.answer
        answers[reply.planner] = (
            {"edit": answer.edit.to_dict(), "why": answer.why, "latency_ms": round(answer.latency_ms, 1)}
            if answer
            else {"problem": reply.problem}
        )
    return {"prompt": prompt, "answers": answers}


def draw_sheet(context: Context, rows: Sequence[tuple[str, Sequence[Reply]]], media: Media) -> Image.Image:
    """A row a prompt: the original, then each planner's picture, with names above and prompts to the left's top."""
    pixels = context.previews.of(media).pixels
    height = max(1, round(CELL * pixels.shape[0] / pixels.shape[1]))
    small = cv2.resize(pixels, (CELL, height), interpolation=cv2.INTER_AREA)
    names = ["Original", *(reply.planner for reply in rows[0][1])]
    width = MARGIN + len(names) * (CELL + MARGIN)
    step = LINE + height + MARGIN
    sheet = Image.new("RGB", (width, MARGIN + LINE + len(rows) * step), GROUND)
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        pen.text((MARGIN + column * (CELL + MARGIN), MARGIN), _fit(name), QUIET, _font())
    for row, (prompt, replies) in enumerate(rows):
        top = MARGIN + LINE + row * step
        pen.text((MARGIN, top), _fit(prompt, len(names) * CELL), INK, _font())
        sheet.paste(Image.fromarray(small), (MARGIN, top + LINE))
        for column, reply in enumerate(replies, 1):
            place = (MARGIN + column * (CELL + MARGIN), top + LINE)
            graded, problem = _cell(context, small, reply)
            if graded is None:
                pen.multiline_text(place, _wrap(problem), QUIET, _font())
            else:
                sheet.paste(Image.fromarray(graded), place)
    return sheet


def _cell(context: Context, small: NDArray, reply: Reply) -> tuple[NDArray | None, str]:
    """The graded cell, or why there is none."""
    if reply.answer is None:
        return None, reply.problem
    try:
        return render(small, reply.answer.edit, context.presets, PREVIEW_SIZE), ""
    except UserError as error:
        return None, str(error)


@cache
def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which knows more scripts than Pillow's own font."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 14)


def _fit(text: str, width: float = CELL) -> str:
    """The text's beginning that fits on a line."""
    if _font().getlength(text) <= width:
        return text
    while text and _font().getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _wrap(text: str) -> str:
    """The text on lines of a cell's width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font().getlength(longer) <= CELL or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)

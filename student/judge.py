"""A vision model as annotator: the reality check's sheet judged through an OpenAI-compatible endpoint.

Describe, then choose: the model first describes what changed in each picture, then answers the two
questions as JSON; both orders are asked, since models favour a side. Its answers are stored under its
own name and never mixed with people's. Set `JUDGE_BASE_URL`, `JUDGE_API_KEY`, `JUDGE_MODEL`.
Command: `python -m student.judge SET_ID [--database URL]`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from sqlalchemy import Engine
from tqdm import tqdm

from editor.database import open_database
from editor.errors import UserError, run_command
from editor.ratings import Sample, all_samples, rate
from student.teacher import Endpoint

Pixels = NDArray[np.uint8]
Draw = Callable[[Sample], tuple[Pixels, Pixels, Pixels]]  # original, student, teacher
ORDERS = ("student_first", "teacher_first")
LONG_SIDE = 512  # pixels sent to the model

PROMPT = """A person asked for this look: "{intent}".
The first picture is the original, then come edit A and edit B of it.
First describe in one sentence each how A and how B differ from the original in light, colour and texture.
Then answer on the last line with JSON alone:
{{"a_relevant": true or false, "b_relevant": true or false, "same_look": true or false}}
relevant: somebody who asked for the look could accept the edit. same_look: at a glance A and B are the same look."""


def messages(intent: str, pictures: Sequence[Pixels]) -> list[dict[str, Any]]:
    """A chat with the pictures as JPEG data URLs, in the order original, A, B."""
    content: list[dict[str, Any]] = [{"type": "text", "text": PROMPT.format(intent=intent)}]
    content += [{"type": "image_url", "image_url": {"url": _data_url(pixels)}} for pixels in pictures]
    return [{"role": "user", "content": content}]


def _data_url(pixels: Pixels) -> str:
    scale = min(1.0, LONG_SIDE / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(small[..., ::-1]))
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()


def parse(raw: str, order: str) -> tuple[bool, bool]:
    """(student relevant, same look) from a reply. Raises `ValueError`."""
    data = json.loads(raw[raw.rindex("{") : raw.rindex("}") + 1])
    values = [data[key] for key in ("a_relevant", "b_relevant", "same_look")]
    if not all(isinstance(value, bool) for value in values):
        raise ValueError("answers must be true or false")
    return values[0 if order == "student_first" else 1], values[2]


async def judge(engine: Engine, endpoint: Endpoint, samples: Sequence[Sample], draw: Draw) -> tuple[int, int]:
    """Ask for every sample in both orders. Returns answers stored and answers that could not be read."""
    import openai

    stored = failed = 0
    async with endpoint.client() as client:
        for sample in tqdm(samples, unit="sample"):
            original, student, teacher = draw(sample)
            for order in ORDERS:
                edits = (student, teacher) if order == "student_first" else (teacher, student)
                chat: Any = messages(sample.intent, (original, *edits))
                try:
                    completion = await client.chat.completions.create(
                        model=endpoint.model, messages=chat, temperature=endpoint.temperature
                    )
                    relevant, mimics = parse(completion.choices[0].message.content or "", order)
                except (openai.OpenAIError, ValueError, KeyError, TypeError, IndexError):
                    failed += 1
                    continue
                rate(engine, sample.id, "model", relevant, mimics, judge=endpoint.model, order=order)
                stored += 1
    return stored, failed


def endpoint_from_environment() -> Endpoint:
    """The judge's endpoint. Raises `UserError` when none is set."""
    model, base_url = os.environ.get("JUDGE_MODEL"), os.environ.get("JUDGE_BASE_URL")
    key = os.environ.get("JUDGE_API_KEY")
    if not model or not (base_url or key):
        raise UserError("No judge is set: set JUDGE_MODEL, and JUDGE_BASE_URL or JUDGE_API_KEY.")
    return Endpoint(model, base_url, key or "none")


def draw(sample: Sample) -> tuple[Pixels, Pixels, Pixels]:
    """Render a sample on its picture."""
    from editor.gallery import picture_pixels
    from editor.pipeline import render
    from editor.presets import Presets

    original = picture_pixels(sample.picture)
    presets = Presets.builtin()
    return original, render(original, sample.student, presets), render(original, sample.teacher, presets)


def run(
    set_id: Annotated[str, typer.Argument(help="The reality check's id, as the page shows it.")],
    database: Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL.")] = None,
) -> None:
    """Let a vision model judge a reality check. The last line is JSON."""
    endpoint = endpoint_from_environment()
    engine = open_database(database)
    stored, failed = asyncio.run(judge(engine, endpoint, all_samples(engine, set_id), draw))
    typer.echo(json.dumps({"judge": endpoint.model, "stored": stored, "failed": failed}))


if __name__ == "__main__":
    run_command(lambda: typer.run(run))

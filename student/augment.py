"""Mistake-driven augmentation (the paper's RQ2): more intents like those that a student gets wrong.

A mistake is a tool's answer on a training row: another preset than the teacher's, or a cosine below the
tool's mean over the rows where both use it, or a used tool missed. The new row is a similar intent with
the teacher's original answer. Similar intents come from the live teacher, or offline from the corpus's
own `similar` column. Knows no model: it is given edits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from editor.tools import TOOLS, Edit, ToolName
from student.dataset import Row, normalise
from student.metrics import Vectors, compare
from student.prompts import augmentation_messages
from student.teacher import Endpoint

MAX_CHARACTERS = 200  # a longer "similar intent" is an explanation, not an intent


@dataclass(frozen=True)
class Mistakes:
    """Per tool, which rows were answered wrongly: bool arrays (n,)."""

    by_tool: dict[ToolName, NDArray[np.bool_]]

    @property
    def rows(self) -> NDArray[np.int_]:
        """Indices of rows with a mistake in any tool."""
        return np.flatnonzero(np.any(list(self.by_tool.values()), axis=0))


def find_mistakes(rows: Sequence[Row], answers: Sequence[Edit]) -> Mistakes:
    """Compare a student's answers on its own training rows with the teacher's."""
    outcomes = compare(Vectors.of([row.edit for row in rows]), Vectors.of(answers))
    found: dict[ToolName, NDArray[np.bool_]] = {}
    for i, tool in enumerate(TOOLS):
        asked, given, quality = outcomes.teacher_used[:, i], outcomes.student_used[:, i], outcomes.quality[:, i]
        both = asked & given
        # A preset is right or wrong (quality 1 or 0); cosines count from their mean down.
        bound = 1.0 if tool == "filter" else float(quality[both].mean()) if both.any() else 0.0
        found[tool] = (asked & ~given) | (both & (quality < bound - 1e-9))  # not by rounding
    return Mistakes(found)


def from_corpus(rows: Sequence[Row], mistakes: Mistakes, known: Sequence[str] = ()) -> list[Row]:
    """New rows from the `similar` column of the mistaken rows; nothing already `known` or trained on."""
    taken = {normalise(row.intent) for row in rows} | {normalise(text) for text in known}
    return _new_rows([(rows[i], rows[i].similar or "") for i in mistakes.rows], taken)


def from_teacher(
    rows: Sequence[Row], mistakes: Mistakes, endpoint: Endpoint, known: Sequence[str] = (), concurrency: int = 8
) -> list[Row]:
    """New rows from the live teacher's three-shot prompt; calls that fail add nothing."""
    wrong = [rows[i] for i in mistakes.rows]
    texts = asyncio.run(_similar([row.intent for row in wrong], endpoint, concurrency))
    taken = {normalise(row.intent) for row in rows} | {normalise(text) for text in known}
    return _new_rows(list(zip(wrong, texts, strict=True)), taken)


def _new_rows(pairs: Sequence[tuple[Row, str]], taken: set[str]) -> list[Row]:
    new = []
    for row, said in pairs:
        text = " ".join(said.split()).strip("\"'")
        key = normalise(text)
        if key and len(text) <= MAX_CHARACTERS and key not in taken:
            taken.add(key)
            new.append(replace(row, intent=text, similar=None, domain=f"augmented: {row.domain}"))
    return new


async def _similar(intents: Sequence[str], endpoint: Endpoint, concurrency: int) -> list[str]:
    import openai

    limit = asyncio.Semaphore(concurrency)
    async with endpoint.client() as client:

        async def one(intent: str) -> str:
            async with limit:
                try:
                    completion = await client.chat.completions.create(
                        model=endpoint.model,
                        messages=augmentation_messages(intent),  # type: ignore[arg-type]
                        temperature=0.7,
                    )
                    return completion.choices[0].message.content or ""
                except (openai.OpenAIError, AttributeError, TypeError, IndexError):
                    return ""

        return list(await asyncio.gather(*map(one, intents)))

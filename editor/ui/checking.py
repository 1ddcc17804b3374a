"""Handlers of the Reality check tab: new sets, annotation, results. Plain functions without Gradio components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from editor import ratings
from editor.asking import PATIENCE, ask_all
from editor.errors import UserError
from editor.gallery import keep
from editor.ratings import PERSON, QUESTIONS, Sample, Summary
from editor.sampling import draw
from editor.tools import Edit
from editor.ui.context import Context
from editor.ui.exports import new_file
from editor.ui.voting import named_media, store_of, voter

TEACHER = "recorded teacher"


@dataclass(frozen=True)
class Sheet:
    """A sample to judge; without `sample` the annotator has answered them all."""

    position: int
    total: int
    sample: str = ""
    intent: str = ""
    original: str = field(default="", repr=False)  # data URLs
    student: str = field(default="", repr=False)
    teacher: str = field(default="", repr=False)


@dataclass(frozen=True)
class Example:
    """A picture of the guideline page with what to answer about it."""

    words: str
    edit: Edit


# "golden hour" on the first sample photo; the answers follow the guidelines' text.
EXAMPLE_INTENT = "golden hour"
EXAMPLES = tuple(
    Example(words, Edit.from_dict(edit))
    for words, edit in (
        (
            "Teacher: warm light, soft glow",
            {"adjust": {"temperature": 35, "contrast": 5, "bloom": 12}, "filter": {"name": "fortune", "intensity": 25}},
        ),
        (
            "Relevant: yes. Mimics: yes, a little weaker",
            {"adjust": {"temperature": 27, "contrast": 5, "bloom": 8}, "filter": {"name": "fortune", "intensity": 20}},
        ),
        ("Relevant: yes. Mimics: no, faded and pink", {"filter": {"name": "faded_AL2", "intensity": 90}}),
        ("Relevant: no, cold. Mimics: no", {"adjust": {"temperature": -30, "contrast": 15}}),
    )
)


@dataclass(frozen=True)
class Drawing:
    """A set that is being made; `id` is set when it is there."""

    done: int
    total: int
    id: str = ""


def all_sets(context: Context) -> list[tuple[str, str]]:
    """(id, title) of every reality check, newest first."""
    return ratings.sets(store_of(context).engine)


def create_set(
    context: Context,
    title: str,
    student: str,
    count: float,
    pictures: Sequence[str],
    uploads: Sequence[str] | None,
    seed: float,
    patience: float = PATIENCE,
) -> Iterator[Drawing]:
    """Draw test intents at random, let the student answer them, and freeze both edits."""
    engine = store_of(context).engine
    if context.recorded is None:
        raise UserError("This server has no recorded teacher answers to compare with.")
    if student not in context.planners:
        raise UserError(f"There is no planner {student!r}; choose one of {', '.join(context.planners)}.")
    if not title.strip():
        raise UserError("Give the reality check a title.")
    shown = [*pictures, *(keep(path, Path(path).name) for path in uploads or ())]
    drawn = draw(context.recorded(), list(dict.fromkeys(shown)), int(count or 0), int(seed or 0))
    samples: list[tuple[str, str, Edit, Edit]] = []
    for number, sample in enumerate(drawn):
        yield Drawing(number, len(drawn))
        named_media(context, sample.picture)
        (reply,) = ask_all({student: context.planners[student]}, sample.intent, patience)
        if reply.answer is None:
            raise UserError(f"No reality check was made: for “{sample.intent}”, {reply.problem}")
        samples.append((sample.intent, sample.picture, reply.answer.edit, sample.teacher))
    made = ratings.create_set(engine, " ".join(title.split())[:200], student, TEACHER, samples, int(seed or 0))
    yield Drawing(len(drawn), len(drawn), made)


def next_sheet(context: Context, set_id: str, visitor: str) -> Sheet:
    """The first sample that this browser has not judged yet."""
    engine = store_of(context).engine
    if not set_id:
        return Sheet(0, 0)
    sample = ratings.next_sample(engine, set_id, voter(context, visitor))
    if sample is None:
        total = len(ratings.all_samples(engine, set_id))
        return Sheet(total, total)
    return _sheet(context, sample)


def _sheet(context: Context, sample: Sample) -> Sheet:
    media = named_media(context, sample.picture)
    student, teacher = (context.previews.graded(media, e, context.presets) for e in (sample.student, sample.teacher))
    original = context.previews.of(media).before
    return Sheet(sample.position, sample.total, sample.id, sample.intent, original, student, teacher)


def example_pictures(context: Context) -> tuple[str, list[dict[str, str]]]:
    """The guideline page's pictures: (original, frames with what to answer); none without sample photos."""
    photo = next((sample.name for sample in context.samples if sample.kind == "image"), None)
    if photo is None:
        return "", []
    media = named_media(context, photo)
    frames = [{"label": e.words, "picture": context.previews.graded(media, e.edit, context.presets)} for e in EXAMPLES]
    return context.previews.of(media).before, frames


def annotate(context: Context, sample: str, relevant: str | None, mimics: str | None, visitor: str) -> None:
    """Store the answers "yes" or "no" to both questions; a second answer to a sample changes nothing."""
    if not {relevant, mimics} <= {"yes", "no"}:
        raise UserError("Answer both questions, then go on.")
    engine = store_of(context).engine
    ratings.rate(engine, sample, voter(context, visitor), relevant == "yes", mimics == "yes")


@dataclass(frozen=True)
class Outcome:
    """Results of a reality check."""

    people: tuple[Summary, ...]
    models: tuple[Summary, ...]  # never mixed with people's
    annotators: int
    samples: int
    query: str  # SQL of the rows behind every number
    files: tuple[str, ...] = ()  # table and ratings as CSV


def outcome(context: Context, set_id: str) -> Outcome:
    """Work the results out from the ratings."""
    if not set_id:
        raise UserError("Choose a reality check first.")
    engine = store_of(context).engine
    total = len(ratings.all_samples(engine, set_id))
    frame = ratings.ratings_frame(engine, set_id)
    summaries = ratings.summarise(frame, total)
    query = str(ratings.ratings_query(set_id).compile(engine, compile_kwargs={"literal_binds": True}))
    annotators = frame.loc[frame["judge"] == PERSON, "annotator"].nunique()
    people = tuple(s for s in summaries if s.judge == PERSON)
    models = tuple(s for s in summaries if s.judge != PERSON)
    files = write_files(summaries, frame) if len(frame) else ()
    return Outcome(people, models, int(annotators), total, query, files)


def write_files(summaries: Sequence[Summary], frame: pd.DataFrame) -> tuple[str, ...]:
    """The table and the ratings as CSV; annotators are numbered, not named."""
    table, rows = new_file("reality-check-table.csv"), new_file("reality-check-ratings.csv")
    records: list[dict[str, Any]] = [asdict(summary) for summary in summaries]
    pd.DataFrame(records).replace({"question": QUESTIONS}).to_csv(table, index=False)
    frame.assign(annotator=pd.factorize(frame["annotator"])[0] + 1).to_csv(rows, index=False)
    return str(table), str(rows)

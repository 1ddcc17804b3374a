"""Reality check: annotators say whether a look fits its intent and whether the student mimics the teacher.

Two questions a sample as in Sultan et al. 2024; at least three people, majority vote, Krippendorff's
alpha. A vision model's answers are kept under its own name and never counted with people's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Engine, Select, func, select

from editor.errors import UserError
from editor.schema import Rating, RatingSample, RatingSet
from editor.stats import krippendorff_alpha, wilson_interval
from editor.store import insert_once, new_id, now_ms
from editor.tools import Edit

PERSON = "person"
MINIMUM_ANNOTATORS = 3
QUESTIONS = {
    "relevant": "Is the edited picture relevant to the request?",
    "mimics": "Does the student's picture show the same look as the teacher's?",
}
GUIDELINES = """
**Look at the original first, then at the edit, for a few seconds each.**

1. *Relevant?* Say **yes** when somebody who typed this request could accept the picture as an answer, even if you
   would have gone further. Say **no** when the look points elsewhere (cold for "golden hour"), when nothing visible
   happened, or when the picture is damaged (blocked shadows, burnt skin) without the request asking for it.
2. *Mimics?* Say **yes** when both pictures show the same look at a glance: same warmth, same mood of light, same
   strength of colour. Small differences in amount are a yes; a different cast, preset or contrast is a no.

*Examples.* "golden hour": warm light and a soft glow is relevant, a green cast is not. "black & white": any colour
left is not relevant. Teacher faded and warm, student faded and neutral: relevant perhaps, but it does not mimic.
"""


@dataclass(frozen=True)
class Sample:
    """What an annotator judges."""

    id: str
    position: int  # from 1
    total: int
    intent: str
    picture: str
    student: Edit
    teacher: Edit


def create_set(
    engine: Engine,
    title: str,
    student: str,
    teacher: str,
    samples: Sequence[tuple[str, str, Edit, Edit]],
    seed: int = 0,
) -> str:
    """Freeze samples of (intent, picture, student's edit, teacher's edit). Returns the set's id."""
    if not samples:
        raise UserError("A reality check needs at least one sample.")
    set_id = new_id()
    with engine.begin() as connection:
        head = {"id": set_id, "title": title, "student": student, "teacher": teacher, "seed": seed, "at": now_ms()}
        connection.execute(insert_once(engine, RatingSet).values(**head))
        rows: list[dict[str, Any]] = [
            {
                "id": new_id(),
                "set_id": set_id,
                "position": position,
                "intent": intent,
                "picture": picture,
                "student_edit": student_edit.to_json(),
                "teacher_edit": teacher_edit.to_json(),
            }
            for position, (intent, picture, student_edit, teacher_edit) in enumerate(samples, 1)
        ]
        connection.execute(insert_once(engine, RatingSample), rows)
    return set_id


def sets(engine: Engine) -> list[tuple[str, str]]:
    """(id, title) of every set, newest first."""
    with engine.connect().execution_options(read_only=True) as connection:
        query = select(RatingSet.id, RatingSet.title).order_by(RatingSet.at.desc(), RatingSet.id)
        return [(row.id, row.title) for row in connection.execute(query)]


def all_samples(engine: Engine, set_id: str) -> list[Sample]:
    """The samples of a set in order. Raises `UserError` for a set that does not exist."""
    with engine.connect().execution_options(read_only=True) as connection:
        query = select(RatingSample.__table__).where(RatingSample.set_id == set_id).order_by(RatingSample.position)
        rows = connection.execute(query).all()
    if not rows:
        raise UserError("This reality check does not exist; choose another.")
    return [
        Sample(
            row.id,
            row.position,
            len(rows),
            row.intent,
            row.picture,
            Edit.from_json(row.student_edit),
            Edit.from_json(row.teacher_edit),
        )
        for row in rows
    ]


def next_sample(engine: Engine, set_id: str, annotator_id: str) -> Sample | None:
    """The first sample that the annotator has not answered yet, None when all are done."""
    with engine.connect().execution_options(read_only=True) as connection:
        mine = (Rating.annotator_id == annotator_id) & (Rating.judge == PERSON)
        done = set(connection.execute(select(Rating.sample_id).where(mine)).scalars())
    return next((sample for sample in all_samples(engine, set_id) if sample.id not in done), None)


def rate(
    engine: Engine,
    sample_id: str,
    annotator_id: str,
    relevant: bool,
    mimics: bool,
    judge: str = PERSON,
    order: str = "student_first",
) -> None:
    """Store one annotator's answers to a sample; a second answer changes nothing."""
    with engine.begin() as connection:
        if not connection.scalar(select(func.count()).where(RatingSample.id == sample_id)):
            raise UserError("This sample does not exist; open the reality check again.")
        row = {"id": new_id(), "sample_id": sample_id, "annotator_id": annotator_id, "judge": judge, "order": order}
        connection.execute(
            insert_once(engine, Rating).values(**row, relevant=bool(relevant), mimics=bool(mimics), at=now_ms())
        )


def ratings_query(set_id: str) -> Select[*tuple[Any, ...]]:
    """One row a rating: the rows behind every number of a reality check."""
    return (
        select(
            RatingSample.position.label("sample"),
            RatingSample.intent,
            Rating.annotator_id.label("annotator"),
            Rating.judge,
            Rating.order,
            Rating.relevant,
            Rating.mimics,
        )
        .join(Rating, Rating.sample_id == RatingSample.id)
        .where(RatingSample.set_id == set_id)
        .order_by(RatingSample.position, Rating.at, Rating.id)
    )


def ratings_frame(engine: Engine, set_id: str) -> pd.DataFrame:
    """The rows of `ratings_query`: sample, intent, annotator, judge, order, relevant, mimics."""
    query = ratings_query(set_id)
    with engine.connect().execution_options(read_only=True) as connection:
        rows = connection.execute(query)
        return pd.DataFrame(rows.all(), columns=list(rows.keys()))


@dataclass(frozen=True)
class Summary:
    """One question's outcome by one kind of judge."""

    question: str
    judge: str  # person, or a model's name
    samples: int  # with enough answers for a majority
    yes: int
    share: float
    low: float
    high: float
    alpha: float  # Krippendorff, nominal
    waiting: int  # samples that still need answers


def summarise(frame: pd.DataFrame, total: int) -> list[Summary]:
    """Majority votes and agreement of every question, people and each model apart.

    A tie is no majority and counts as a no. A model answers in two orders: both must say yes.
    """
    found = []
    for judge, mine in frame.groupby("judge"):
        raters = mine["annotator"] if judge == PERSON else mine["order"]
        needed = MINIMUM_ANNOTATORS if judge == PERSON else 2
        for question in QUESTIONS:
            grid = pd.DataFrame({"rater": raters, "sample": mine["sample"], "yes": mine[question].astype(float)})
            table = grid.pivot(index="rater", columns="sample", values="yes")
            enough = table.loc[:, table.notna().sum() >= needed]
            yes = int((enough.mean() > 0.5).sum())
            low, high = wilson_interval(yes, enough.shape[1])
            share = yes / enough.shape[1] if enough.shape[1] else math.nan
            alpha = krippendorff_alpha(table)
            waiting = total - enough.shape[1]
            found.append(Summary(question, str(judge), enough.shape[1], yes, share, low, high, alpha, waiting))
    return found

"""Reality check: drawing a set, annotating, resuming, results; without a browser."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sqlalchemy import text

from editor.errors import UserError
from editor.ratings import QUESTIONS, all_samples, rate
from editor.sampling import Recorded
from editor.store import Store
from editor.ui import checking, reality_check
from tests.judging import COLD, WARM, Fake, context_of, pixels_of

PEOPLE = ["a" * 32, "b" * 32, "c" * 32]


@pytest.fixture
def context(tmp_path, photo):
    path = tmp_path / "meadow.png"
    Image.fromarray(photo.pixels).save(path)
    store = Store(f"sqlite:///{tmp_path / 'events.db'}")
    rows = [Recorded(f"look {i}", COLD) for i in range(20)]
    yield context_of([Fake("student")], path, store=store, recorded=lambda: rows)
    store.engine.dispose()


def make(context, count=4, **changes):
    options = {"title": "t", "student": "student", "pictures": ["meadow"], "seed": 1} | changes
    *steps, done = checking.create_set(
        context, options["title"], options["student"], count, options["pictures"], None, options["seed"]
    )
    assert [step.done for step in steps] == list(range(count))
    return done.id


def annotate(context, set_id, visitor, relevant="yes", mimics="no"):
    while (sheet := checking.next_sheet(context, set_id, visitor)).sample:
        checking.annotate(context, sheet.sample, relevant, mimics, visitor)
    return sheet


def test_a_set_is_a_seeded_sample_with_both_edits_frozen(context):
    first, again = (all_samples(context.store.engine, make(context)) for _ in range(2))
    assert [s.intent for s in first] == [s.intent for s in again]
    other = all_samples(context.store.engine, make(context, seed=2))
    assert [s.intent for s in first] != [s.intent for s in other]
    assert {(s.student.to_json(), s.teacher.to_json()) for s in first} == {(WARM.to_json(), COLD.to_json())}
    assert checking.all_sets(context)[0][1] == "t"


def test_a_sheet_shows_original_student_and_teacher(context, photo):
    sheet = checking.next_sheet(context, make(context), PEOPLE[0])
    original, student, teacher = (pixels_of(p).astype(int) for p in (sheet.original, sheet.student, sheet.teacher))
    assert np.abs(original - photo.pixels).mean() < 5
    assert student[..., 0].mean() - student[..., 2].mean() > teacher[..., 0].mean() - teacher[..., 2].mean()
    sample, said, shown, *_ = reality_check.show_sheet(sheet)
    assert sample == sheet.sample
    assert f"“{sheet.intent}”" in said
    assert "1 of 4" in said
    assert [frame["label"] for frame in shown["frames"]] == ["Original", "Student", "Teacher"]


def test_the_guidelines_show_examples_with_their_answers(context, photo, tmp_path):
    original, frames = checking.example_pictures(context)
    assert np.abs(pixels_of(original).astype(int) - photo.pixels).mean() < 5
    teacher, mimic, other, cold = (pixels_of(frame["picture"]).astype(int) for frame in frames)
    assert np.abs(mimic - teacher).mean() < min(np.abs(other - teacher).mean(), np.abs(cold - teacher).mean())
    assert (cold[..., 2] - cold[..., 0]).mean() > (teacher[..., 2] - teacher[..., 0]).mean()
    assert "Mimics: yes" in frames[1]["label"]
    bare = type(context)(context.planners, context.presets)
    assert checking.example_pictures(bare) == ("", [])


def test_annotation_is_resumed_where_it_stopped(context):
    set_id = make(context)
    first = checking.next_sheet(context, set_id, PEOPLE[0])
    with pytest.raises(UserError, match="Answer both questions"):
        checking.annotate(context, first.sample, "yes", None, PEOPLE[0])
    assert checking.next_sheet(context, set_id, PEOPLE[0]) == first
    checking.annotate(context, first.sample, "yes", "no", PEOPLE[0])
    checking.annotate(context, first.sample, "no", "no", PEOPLE[0])  # a double click
    assert checking.next_sheet(context, set_id, PEOPLE[0]).position == 2
    assert checking.next_sheet(context, set_id, PEOPLE[1]).position == 1
    done = annotate(context, set_id, PEOPLE[0])
    assert "answered all 4 samples" in reality_check.show_sheet(done)[1]
    assert "no reality check yet" in reality_check.show_sheet(checking.next_sheet(context, "", PEOPLE[0]))[1]


def test_people_and_models_are_counted_apart(context):
    set_id = make(context)
    for visitor, mimics in zip(PEOPLE, ("yes", "yes", "no"), strict=True):
        annotate(context, set_id, visitor, mimics=mimics)
    for sample in all_samples(context.store.engine, set_id):
        for order in ("student_first", "teacher_first"):
            rate(context.store.engine, sample.id, "model", False, False, judge="vision-1", order=order)
    found = checking.outcome(context, set_id)
    assert found.annotators == 3
    assert {(s.question, s.yes, s.samples, s.waiting) for s in found.people} == {
        ("relevant", 4, 4, 0),
        ("mimics", 4, 4, 0),
    }
    assert {(s.judge, s.yes) for s in found.models} == {("vision-1", 0)}
    html, query, table, answers = reality_check.show_outcome(found, set_id)
    people, models = html.split("Model&#39;s judgement: vision-1")[0], html.split("Model&#39;s judgement: vision-1")[-1]
    assert "People (3 annotators, 4 samples)" in people
    assert '<th scope="row">Relevant to the request</th><td>4 of 4</td><td>100 %</td><td>51 to 100 %</td>' in people
    assert "not by people" in models
    with context.store.engine.connect() as connection:
        assert len(connection.execute(text(query)).all()) == 3 * 4 + 2 * 4
    assert set(pd.read_csv(table["value"])["judge"]) == {"person", "vision-1"}
    assert set(pd.read_csv(table["value"])["question"]) == set(QUESTIONS.values())
    assert not set(pd.read_csv(answers["value"])["annotator"].astype(str)) & set(PEOPLE)


def test_no_answers_yet(context):
    html, _, *files = reality_check.show_outcome(checking.outcome(context, make(context)), "id")
    assert "No answers yet" in html
    assert "python -m student.judge id" in html
    assert [f["visible"] for f in files] == [False, False]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"student": "oracle"}, "no planner 'oracle'"),
        ({"title": " "}, "title"),
        ({"pictures": []}, "at least one picture"),
        ({"count": 21}, "between 1 and 20 samples"),
        ({"count": 0}, "between 1 and 20 samples"),
    ],
)
def test_what_is_missing_is_said(context, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        make(context, **changes)


def test_a_failing_student_and_a_server_without_recordings_are_said(context, tmp_path):
    context.planners["student"].error = UserError("The weights are missing.")
    with pytest.raises(UserError, match=r"No reality check was made: for “look \d+”, The weights are missing"):
        make(context)
    assert checking.all_sets(context) == []
    bare = context_of([Fake("student")], tmp_path / "meadow.png", store=context.store)
    with pytest.raises(UserError, match="no recorded teacher answers"):
        make(bare)
    with pytest.raises(UserError, match="Choose a reality check"):
        checking.outcome(context, "")

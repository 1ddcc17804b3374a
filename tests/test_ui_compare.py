"""Compare: several planners at once, what differs, carrying over, the contact sheet; without a browser."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor.asking import ask_all
from editor.errors import UserError
from editor.pipeline import render
from editor.presets import Presets
from editor.samples import clip_path
from editor.tools import Edit, Filter
from editor.ui import compare, comparing, sheet
from tests.judging import COLD, WARM, Fake, context_of, pixels_of


@pytest.fixture
def photo_path(tmp_path, photo):
    path = tmp_path / "meadow.png"
    Image.fromarray(photo.pixels).save(path)
    return path


@pytest.fixture
def planners():
    facts = {"why": "late <sun>", "why_source": "the teacher", "tokens_in": 420, "tokens_out": 88, "cost_usd": 0.0013}
    return [Fake("student", latency_ms=12.4), Fake("teacher", COLD, latency_ms=1400, **facts)]


@pytest.fixture
def context(planners, photo_path):
    return context_of(planners, photo_path)


def last(iterator):
    return list(iterator)[-1]


def test_answers_come_as_they_arrive_and_failures_say_what_happened():
    slow, quick = Fake("slow"), Fake("quick", COLD)
    sorry, broken = (
        Fake("sorry", error=UserError("The weights are missing.")),
        Fake("broken", error=ZeroDivisionError()),
    )
    slow.go.clear()
    asked = ask_all({p.name: p for p in (slow, quick, sorry, broken)}, "warm")
    first = [next(asked) for _ in range(3)]
    assert {r.planner for r in first} == {"quick", "sorry", "broken"}
    slow.go.set()
    assert next(asked).answer.edit == WARM
    problems = {r.planner: r.problem for r in first}
    assert problems["sorry"] == "The weights are missing."
    assert problems["broken"].startswith("broken failed")


def test_a_planner_that_stays_silent_is_given_up_on():
    silent, quick = Fake("silent"), Fake("quick")
    silent.go.clear()
    replies = list(ask_all({"silent": silent, "quick": quick}, "warm", patience=0.3))
    silent.go.set()
    assert [r.planner for r in replies] == ["quick", "silent"]
    assert replies[1].problem == "silent did not answer within 0.3 seconds."


def test_every_planner_gets_its_own_graded_picture_of_the_same_size(context, photo):
    steps = list(comparing.compare(context, "sunset", ["teacher", "student"], None))
    assert [len(step.answers) for step in steps] == [0, 1, 2]
    columns = {c.planner: c for c in steps[-1].columns}
    assert list(columns) == ["student", "teacher"]  # the page's order, whoever was first
    for name, edit in (("student", WARM), ("teacher", COLD)):
        shown = pixels_of(columns[name].picture).astype(int)
        assert np.abs(shown - render(photo.pixels, edit, context.presets, 33)).mean() < 5
    assert pixels_of(steps[-1].before).shape == pixels_of(columns["student"].picture).shape


def test_an_unknown_preset_is_that_planners_problem_alone(photo_path):
    odd = Fake("odd", Edit(filter=Filter(name="vivd", intensity=50)))
    compared = last(comparing.compare(context_of([Fake("student"), odd], photo_path), "warm", ["student", "odd"], None))
    problems = {r.planner: r.problem for r in compared.answers}
    assert problems["student"] == ""
    assert "did you mean vivid" in problems["odd"]


@pytest.mark.parametrize(
    ("prompt", "chosen", "sentence"),
    [
        ("warm", ["student"], "two to 4"),
        ("warm", ["student", "oracle"], "no planner 'oracle'"),
        (" ", ["student", "teacher"], "Describe a vibe"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(context, prompt, chosen, sentence):
    with pytest.raises(UserError, match=sentence):
        next(comparing.compare(context, prompt, chosen, None))


def test_differences_are_marked(context):
    compared = last(comparing.compare(context, "sunset", ["student", "teacher"], None))
    rows = {name: (values, differs) for name, values, differs in comparing.differences(compared.answers)}
    assert rows == {
        "Contrast": (["+5", "+5"], False),
        "Temperature": (["+35", "−30"], True),
        "Blue saturation": (["–", "+10"], True),
        "Preset": (["vivid", "–"], True),
        "Preset intensity": (["40", "–"], True),
    }
    table = compare.difference_table(compared)
    assert table.count('class="differs"') == 4
    assert '<th scope="row">Contrast</th><td>+5</td><td>+5</td><td></td>' in table


def test_words_name_tools_reasons_and_costs_and_escape_what_planners_say(context):
    compared = last(comparing.compare(context, "sunset", ["student", "teacher"], None))
    student, teacher = (compare.answer_words(c) for c in compared.columns)
    assert "Adjust, Preset" in student
    assert "12 ms" in student
    assert "tokens" not in student
    assert "late &lt;sun&gt;" in teacher
    assert "1,400 ms · 420 + 88 tokens · $0.0013" in teacher


def test_the_page_is_updated_in_every_slot(context):
    page_parts = 6 + 5 * comparing.MOST
    for step in comparing.compare(context, "sunset", ["student", "teacher"], None):
        assert len(compare.show(context, step)) == page_parts


def test_an_answer_is_carried_over_with_its_picture(context, photo_path):
    compared = last(comparing.compare(context, "sunset", ["student", "teacher"], None))
    path, recipe = comparing.carry_over(context, "teacher", compared.media, compared.answers)
    assert Edit.from_json(recipe) == COLD
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(photo_path)))
    with pytest.raises(UserError, match="Compare first"):
        comparing.carry_over(context, "nobody", compared.media, compared.answers)


def test_media_of_the_users_own(context, photo_path):
    media = comparing.choose_file(context, str(photo_path))
    assert (media.name, media.kind) == ("meadow.png", "image")
    assert comparing.choose_sample(context, "meadow").credit == "A. Author (CC0 1.0)"
    for refuse, sentence in [
        (lambda: comparing.choose_file(context, None), "No file"),
        (lambda: comparing.choose_sample(context, "beach"), "meadow"),
        (lambda: comparing.choose_frame(context, 1.0, media), "Open a clip"),
    ]:
        with pytest.raises(UserError, match=sentence):
            refuse()


def test_the_contact_sheet_holds_every_picture_and_the_edits(context, photo):
    steps = list(sheet.contact_sheet(context, "sunset\n\n sunset \nnight sky", ["student", "teacher"], None))
    assert [(s.done, s.total) for s in steps] == [(0, 2), (1, 2), (2, 2), (2, 2)]
    data = json.loads(Path(steps[-1].data).read_text())
    assert [row["prompt"] for row in data] == ["sunset", "night sky"]
    assert Edit.from_dict(data[1]["answers"]["teacher"]["edit"]) == COLD
    said, picture, png, data_file = compare.show_sheet(steps[-1])
    assert picture.startswith('<img src="data:image/jpeg;base64,')
    assert (said, png["value"], data_file["value"]) == ("", steps[-1].path, steps[-1].data)
    pixels = np.asarray(Image.open(steps[-1].path)).astype(int)
    cell_height = round(sheet.CELL * photo.pixels.shape[0] / photo.pixels.shape[1])
    top, step = sheet.MARGIN + 2 * sheet.LINE, sheet.LINE + cell_height + sheet.MARGIN
    for row in range(2):
        cells = [
            pixels[
                top + row * step : top + row * step + cell_height,
                sheet.MARGIN + column * (sheet.CELL + sheet.MARGIN) :,
            ][:, : sheet.CELL]
            for column in range(3)
        ]
        original, warm, cold = (cell.mean(axis=(0, 1)) for cell in cells)
        assert warm[0] - warm[2] > original[0] - original[2] > cold[0] - cold[2]


def test_the_contact_sheet_says_what_failed(photo_path):
    broken = Fake("broken", error=UserError("The weights of this student are missing, train it first please."))
    context = context_of([Fake("student"), broken], photo_path)
    made = last(sheet.contact_sheet(context, "sunset", ["student", "broken"], None))
    answers = json.loads(Path(made.data).read_text())[0]["answers"]
    assert answers["broken"] == {"problem": str(broken.error)}
    assert answers["student"]["edit"] == WARM.to_dict()


def test_a_sheet_of_nothing_or_of_too_much_is_refused(context):
    for prompts in ("  \n", "\n".join(map(str, range(41)))):
        with pytest.raises(UserError, match="1 to 40 prompts"):
            next(sheet.contact_sheet(context, prompts, ["student", "teacher"], None))


def test_no_sample_and_no_picture(context):
    bare = type(context)(context.planners, Presets.builtin())
    with pytest.raises(UserError, match="Open a picture"):
        next(comparing.compare(bare, "warm", ["student", "teacher"], None))
    with pytest.raises(UserError, match="Open a picture"):
        next(sheet.contact_sheet(bare, "warm", ["student", "teacher"], None))


def test_a_frame_of_a_clip_is_compared(planners, photo_path):
    context = context_of(planners, photo_path)
    opened = comparing.choose_file(context, str(clip_path()))
    later = comparing.choose_frame(context, 3.0, opened)
    assert (opened.kind, later.seconds) == ("video", 3.0)
    assert comparing.choose_frame(context, 99.0, opened).seconds == pytest.approx(opened.duration, abs=0.01)
    first, other = (last(comparing.compare(context, "warm", ["student", "teacher"], m)) for m in (opened, later))
    assert first.before != other.before
    assert all(column.picture for column in other.columns)
    frame = compare.show_media(context, opened)[2]
    assert frame["visible"] is True

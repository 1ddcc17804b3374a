"""The default student as people meet it: steady, unbreakable, honest about what it does not know."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from editor.errors import UserError
from editor.tools import TOOLS, Edit
from student.fast import CUT, FastPlanner
from student.planners import EMPTY, NOT_COLOUR, load_planner

PROMPTS = [
    "golden hour over the harbour",
    "1920s silent film",
    "teal shadows, orange skin",
    "saturation -20",
    "no blur, just brighter",
    "😀🔥🥶",
    "как зимнее утро",
    "夕焼けの海",
    "غروب الشمس",
    "goldne huor vibs",
    "#nofilter",
    "what is the capital of peru",
]


@pytest.fixture(scope="module")
def planner():
    return FastPlanner.load()


def test_the_default_student_is_the_fast_one(planner):
    assert type(load_planner("student")) is type(planner)


def test_same_edit_alone_among_others_and_in_any_order(planner):
    alone = [planner.plan(prompt) for prompt in PROMPTS]
    assert planner.plan_many(PROMPTS) == alone
    assert planner.plan_many(PROMPTS[::-1]) == alone[::-1]


def test_same_outputs_whatever_the_number_of_blas_threads(planner):
    from threadpoolctl import threadpool_limits

    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            read = [planner.model.read(prompt) for prompt in PROMPTS]
            found.append([planner.recorded.mixed(own, planner.recorded.closest(vector)) for vector, own in read])
    assert np.array_equal(found[0], found[1])


def test_serving_loads_no_library_of_training():
    unwanted = {"torch", "transformers", "onnx", "scipy", "pandas", "skimage", "sklearn"}
    code = f"import sys, student.fast; print({unwanted} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "set()"


def test_same_edits_from_several_threads_at_once(planner):
    expected = [planner.plan(prompt) for prompt in PROMPTS]
    got: dict[int, list[Edit]] = {}
    threads = [threading.Thread(target=lambda i=i: got.update({i: planner.plan_many(PROMPTS)})) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(got.values()) == [expected] * 3


@pytest.mark.parametrize(
    "prompt",
    [
        *("", " \n\t", "\x00", "\ud800", "?" * 50, "\u202e\u200b", "{}", "-" * 3000, "\u202ewarm", "a" * 10_000),
        *(
            "warm " * 2_000,
            "🔥" * 5_000,
            "漢" * 10_000,
            "ก็" * 4_000,
            "null",
            "NaN",
            "'; drop table edits; --",
            "%s %d {0}",
        ),
    ],
    ids=lambda p: repr(p[:12]),
)
def test_any_text_is_answered(planner, prompt):
    answer = planner.answer(prompt)
    assert Edit.from_dict(answer.edit.to_dict()) == answer.edit
    assert not answer.edit.is_neutral or answer.message


def test_length_costs_nothing_because_the_text_is_cut_first(planner):
    short = "warm evening in the garden " * 14
    tokens = planner.model.tokenizer.ids
    assert len(tokens(short + "x" * 10_000)) <= len(tokens(short)) + 70
    assert planner.answer("warm evening " * 100).message == CUT


def test_empty_and_off_topic_requests_say_so(planner):
    assert planner.answer("  ").message == EMPTY
    answer = planner.answer("what is the capital of peru")
    assert answer.edit.is_neutral
    assert answer.message == NOT_COLOUR
    assert answer.why == ""


def test_exact_values_are_taken_as_they_are(planner):
    answer = planner.answer("contrast 15, saturation -20")
    assert answer.edit == Edit.from_dict({"adjust": {"contrast": 15, "saturation": -20}})
    assert set(answer.confidence.values()) == {1.0}


def test_answers_carry_confidence_reason_and_neighbours(planner):
    answer = planner.answer("golden hour on the beach")
    assert set(answer.confidence) == set(TOOLS)
    assert all(0 <= c <= 1 for c in answer.confidence.values())
    assert answer.why_source.startswith("nearest recorded intent: ")
    assert answer.why == answer.neighbours[0].why
    similarities = [n.similarity for n in answer.neighbours]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] > 0.5
    assert answer.latency_ms > 0
    assert answer.version == planner.model.name


def test_a_recorded_intent_is_its_own_nearest_neighbour(planner):
    from student.dataset import load

    rows = load("train")[:40]
    found = [planner.answer(row.intent).neighbours[0].intent for row in rows]
    assert sum(a == row.intent for a, row in zip(found, rows, strict=True)) >= 36


def test_missing_weights_are_one_plain_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        FastPlanner.load(tmp_path)

import math

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support
from sklearn.metrics.pairwise import cosine_similarity

from editor.tools import Edit
from student import metrics
from student.dataset import load
from student.metrics import Vectors, adjust_vector, compare, cosine, edit_scores, score, selective_vector


def edit(adjust=None, selective=None, filter=None):
    return Edit.from_dict({"adjust": adjust, "selective_adjust": selective, "filter": filter})


def vivid(intensity=50):
    return {"name": "vivid", "intensity": intensity}


def test_each_range_is_scaled_by_its_half_width():
    vector = adjust_vector(edit({"exposure": 100, "contrast": -100, "bloom": 50, "structure": 100}))
    assert sorted(vector[vector != 0]) == [-1, 1, 1, 2]


def test_hue_is_its_sine_and_cosine_parts_with_no_change_as_zero():
    def hue(degrees):
        return adjust_vector(edit({"hue": degrees, "contrast": 0.001}))[-2:]

    np.testing.assert_array_equal(hue(0), [0, 0])
    np.testing.assert_array_equal(hue(360), [0, 0])
    np.testing.assert_allclose(hue(90), [0.5, 0.5])
    np.testing.assert_allclose(hue(180), [0, 1], atol=1e-15)
    for degrees in (10, 57, 200, 350):  # the chord of the angle
        assert np.linalg.norm(hue(degrees)) == pytest.approx(abs(math.sin(math.radians(degrees) / 2)))
    assert np.linalg.norm(hue(350) - hue(10)) < 0.2 < np.linalg.norm(hue(350) - hue(180))


def test_selective_vector_is_colour_by_colour():
    vector = selective_vector(edit(selective={"red": {"saturation": 50}, "blue": {"luminance": -100}}))
    np.testing.assert_allclose(vector, [0.5] + [0] * 10 + [-1])


def test_cosine_agrees_with_scikit_learn_and_defines_the_zero_cases():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40, 12))
    np.testing.assert_allclose(cosine(a, b), np.diag(cosine_similarity(a, b)))
    zero, one = np.zeros(3), np.ones(3)
    assert (cosine(zero, zero), cosine(zero, one), cosine(one, one)) == (1, 0, pytest.approx(1))


def test_a_worked_example_of_all_conditionings():
    teacher = [edit({"contrast": 50}), edit({"contrast": 50}, filter=vivid()), edit({"exposure": 40}), edit()]
    student = [edit({"contrast": 10}), edit(filter=vivid(80)), edit({"contrast": 40}), edit({"tint": 5})]
    result = edit_scores(teacher, student)
    adjust = result["adjust"]
    assert adjust["precision"] == pytest.approx(2 / 3, abs=1e-6)  # used by the student 3 times, rightly twice
    assert adjust["recall"] == pytest.approx(2 / 3, abs=1e-6)
    assert adjust["quality"] == 0.5  # cosines 1 and 0
    assert adjust["quality_teacher"] == pytest.approx(1 / 3, abs=1e-6)  # a missed tool scores 0
    assert adjust["quality_all"] == 0.25  # a tool used in vain scores 0
    assert adjust["final"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5), abs=1e-6)
    assert result["filter"] | {"final": 1, "quality": 1, "intensity_mae": 30} == result["filter"]
    assert result["filter"]["quality_all"] == 1
    assert result["selective_adjust"]["selection"] is None  # nobody uses it: undefined, left out of the mean
    assert result["overall"] == pytest.approx((adjust["final"] + 1) / 2, abs=1e-6)
    assert result["not_colour"]["recall"] == 0


def test_the_raw_cosine_uses_the_values_as_they_are():
    teacher, student = [edit({"contrast": 50, "bloom": 50})], [edit({"contrast": 50})]
    adjust = edit_scores(teacher, student)["adjust"]
    assert adjust["quality_raw"] == pytest.approx(1 / math.sqrt(2), abs=1e-6)
    assert adjust["quality"] == pytest.approx(0.5 / math.sqrt(1.25), abs=1e-6)


def test_selection_agrees_with_scikit_learn():
    rows = load("test")
    teacher, student = Vectors.of([r.edit for r in rows]), Vectors.of([r.edit for r in rows[::-1]])
    result = score(compare(teacher, student), resamples=0)
    for i, tool in enumerate(("adjust", "selective_adjust", "filter")):
        p, r, f, _ = precision_recall_fscore_support(teacher.used[:, i], student.used[:, i], average="binary")
        expected = [result[tool][k] for k in ("precision", "recall", "selection")]
        np.testing.assert_allclose([p, r, f], expected, atol=1e-6)


def test_the_teacher_against_itself_is_perfect_and_a_used_tool_nobody_gives_scores_zero():
    edits = [row.edit for row in load("test")[:300]]
    assert edit_scores(edits, edits)["overall"] == 1
    assert edit_scores(edits, [Edit()] * len(edits))["overall"] == 0


def test_the_bootstrap_interval_covers_a_known_proportion():
    teacher = [edit(filter=vivid())] * 400
    student = [edit(filter=vivid())] * 300 + [edit(filter={"name": "north", "intensity": 50})] * 100
    result = score(compare(Vectors.of(teacher), Vectors.of(student)), resamples=4000)
    half_width = 1.96 * math.sqrt(0.75 * 0.25 / 400)  # normal approximation of a proportion
    np.testing.assert_allclose(result["filter"]["quality_ci"], [0.75 - half_width, 0.75 + half_width], atol=0.004)
    again = score(compare(Vectors.of(teacher), Vectors.of(student)), resamples=4000)
    assert again == result


def test_subsets_and_popularity_score_their_own_intents():
    teacher = [edit({"contrast": 20}), edit({"contrast": 20}), edit({"contrast": 20})]
    student = [edit({"contrast": 5}), edit({"contrast": -5}), edit({"tint": 5})]
    outcomes = compare(Vectors.of(teacher), Vectors.of(student))
    by_group = metrics.subsets(["a", "b", "a"], outcomes)
    assert (by_group["a"]["n"], by_group["a"]["adjust"]["quality"]) == (2, 0.5)
    assert by_group["b"]["adjust"]["quality"] == -1
    assert by_group["b"]["adjust"]["final"] == 0
    popular = metrics.popularity([6, 2, None], outcomes)
    assert {name: s["n"] for name, s in popular.items()} == {"r1": 2, "r3": 1, "r5": 1}
    assert metrics.popularity([None, None, None], outcomes) == {}


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="1 teacher edits but 2"):
        edit_scores([Edit()], [Edit()] * 2)

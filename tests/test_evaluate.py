import json

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from editor.pipeline import render
from editor.planner import Answer
from editor.presets import Presets
from editor.tools import Edit
from student import evaluate, look, metrics, report
from student.dataset import Row, write_rows
from student.evaluate import main, second_labelling
from student.look import compare_looks, photos, rendered, summarise


def edit(**tools):
    return Edit.from_dict(tools)


ROWS = [
    Row("golden hour", "low sun", edit(adjust={"temperature": 35, "bloom": 20}), None, "light", calls=5),
    Row("noir city street at night", "", edit(adjust={"saturation": -100, "contrast": 40}), None, "screen", calls=1),
    Row("vivid", "", edit(filter={"name": "vivid", "intensity": 60}), None, "presets", calls=3),
    Row("add a dog", "", Edit(), None, "direct", calls=3),
]


class Fake:
    def __init__(self, name, edits, confidence=0.9):
        self.name, self.edits, self.confidence = name, edits, confidence

    def answer(self, prompt):
        return Answer(self.edits[prompt], self.name, confidence={"adjust": self.confidence})


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data file and planners that answer it: one perfect, one idle."""
    right = {row.intent: row.edit for row in ROWS}
    fakes = {name: Fake(name, dict.fromkeys(right, Edit())) for name in evaluate.YARDSTICKS}
    fakes["student"] = Fake("student", right)
    monkeypatch.setattr(evaluate, "load_planner", fakes.__getitem__)
    write_rows(ROWS, tmp_path / "rows.jsonl")
    return tmp_path / "rows.jsonl"


def last_json(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_last_line_has_the_stated_keys_and_a_perfect_student_scores_one(data, capsys):
    assert main(["--planner", "student", "--data", str(data)]) == 0
    result = last_json(capsys)
    assert (result["planner"], result["n"], result["overall"], result["overall_ci"]) == ("student", 4, 1, [1, 1])
    for tool in ("adjust", "filter"):
        assert result[tool] == dict.fromkeys(("precision", "recall", "selection", "quality", "final"), 1)
    assert result["look_error"] == {"median": 0, "below_half": 1, "strength_ratio": 1}
    assert result["not_colour_f1"] == 1
    assert result["yardsticks"] == {"constant": 0, "nearest": 0, "knn": 0}
    assert result["table"]["knn"]["look_error"]["median"] == 1  # doing nothing
    assert result["calibration_error"]["adjust"] == pytest.approx(0.1)  # always right, says 0.9
    assert {name: s["n"] for name, s in result["domains"].items()} == dict.fromkeys(
        ("direct", "light", "presets", "screen"), 1
    )
    assert {name: s["n"] for name, s in result["lengths"].items()} == {"1 word": 1, "2-3 words": 2, "4-6 words": 1}
    assert {name: s["n"] for name, s in result["popularity"].items()} == {"r1": 4, "r3": 3, "r5": 1}


def test_json_prints_one_line_and_no_look_skips_rendering(data, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "compare_looks", lambda *_: pytest.fail("rendered"))
    assert main(["--planner", "student", "--data", str(data), "--json", "--no-look"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["look_error"] is None


def test_a_second_labelling_is_scored_like_a_planner(data, tmp_path, capsys):
    second = [Row("Golden hour!", "", edit(adjust={"temperature": 20, "bloom": 60}), None, "x"), ROWS[1], ROWS[3]]
    write_rows([*second, Row("not in the data", "", Edit(), None, "x")], tmp_path / "second.jsonl")
    arguments = ["--data", str(data), "--against", str(tmp_path / "second.jsonl"), "--no-look", "--json"]
    assert main(arguments) == 0
    result = last_json(capsys)
    assert (result["planner"], result["n"]) == ("teacher again", 3)
    a, b = (metrics.adjust_vector(r.edit) for r in (ROWS[0], second[0]))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert result["adjust"]["quality"] == pytest.approx((cosine + 1) / 2, abs=1e-6)
    assert main([*arguments, "--planner", "student"]) == 0
    result = last_json(capsys)
    assert result["planner"] == "student"
    assert result["n"] == 3  # every planner on the same intents
    assert set(result["yardsticks"]) == {"teacher again", "constant", "nearest", "knn"}


def test_mistakes_give_one_sentence(data, tmp_path, capsys):
    (tmp_path / "broken.jsonl").write_text(json.dumps({"intent": "a", "edit": {}}) + "\n{")
    assert main(["--planner", "knn", "--data", str(tmp_path / "broken.jsonl")]) == 1
    assert "broken.jsonl, line 2" in capsys.readouterr().err
    write_rows([Row("elsewhere", "", Edit(), None, "x")], tmp_path / "other.jsonl")
    assert main(["--data", str(data), "--against", str(tmp_path / "other.jsonl")]) == 1
    assert "no intent in common" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--data", str(data)])


def test_batches_are_used_where_asked_for():
    class Batched(Fake):
        def plan_many(self, prompts):
            return [self.edits[p] for p in prompts]

        def answer(self, prompt):
            pytest.fail("asked one by one")

    planner = Batched("b", {row.intent: row.edit for row in ROWS})
    given = evaluate.answers(planner, [r.intent for r in ROWS], batched=True)
    assert [a.edit for a in given] == [r.edit for r in ROWS]


def test_joining_keeps_the_data_rows_and_the_labelling_edits():
    joined, answers = second_labelling(ROWS, [Row("VIVID", "", edit(adjust={"contrast": 5}), None, "x")])
    assert [row.intent for row in joined] == ["vivid"]
    assert answers[0].edit == edit(adjust={"contrast": 5})


def test_a_recorded_result_is_a_row_and_the_page_shows_the_latest(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["evaluate.py", "--planner", "student"])
    main(["--planner", "student", "--data", str(data), "--json", "--no-look"])
    result = last_json(capsys)
    rows, page = tmp_path / "results.jsonl", tmp_path / "RESULTS.md"
    old = json.loads(json.dumps(result))
    old["table"]["student"]["overall"] = 0.123
    for figures in (old, result):
        report.record({"kind": "evaluation", "data": "test.jsonl", **figures}, rows, page)
    bench = dict.fromkeys(("p50_ms", "p95_ms", "load_s", "rss_mb", "size_mb", "batch64_per_s"), 1.5)
    report.record({"kind": "bench", "planner": "student", **bench}, rows, page)
    assert len(rows.read_text().splitlines()) == 3
    text = page.read_text()
    assert "| **overall** | 1.000 [1.000, 1.000] | 0.000 [0.000, 0.000] |" in text
    assert "0.123" not in text
    assert "`python -m student.evaluate --planner student`" in text
    assert "| student | 1.5 |" in text


# --- look error ---


def test_the_small_photos_look_like_the_real_pipeline():
    """The LUT render of the editor (65 nodes, 16 bit) differs by less than a just noticeable difference."""
    presets = Presets.builtin()
    given = edit(
        adjust={"contrast": 30, "temperature": 25, "structure": 30, "bloom": 30},
        filter={"name": "vivid", "intensity": 50},
    )
    for photo, lab in zip(photos(), rendered(given, presets), strict=True):
        expected = render(photo, given, presets)[:: look.STEP, :: look.STEP].reshape(-1, 3)
        assert deltaE_ciede2000(rgb2lab(expected), lab).mean() < 0.3


def test_look_error_of_known_cases():
    teacher = [edit(adjust={"exposure": 40}), edit(adjust={"temperature": 40}), Edit()]
    same, nothing, half = (
        teacher,
        [Edit()] * 3,
        [edit(adjust={"exposure": 20}), edit(adjust={"temperature": 20}), Edit()],
    )
    looks = compare_looks(teacher, {"same": same, "nothing": nothing, "half": half})
    np.testing.assert_array_equal(looks["same"].errors, [0, 0])  # the third has no teacher's look to miss
    np.testing.assert_array_equal(looks["nothing"].errors, [1, 1])
    np.testing.assert_allclose(looks["half"].errors, 0.5, atol=0.08)
    assert summarise(looks["half"])["strength_ratio"] == pytest.approx(0.5, abs=0.08)
    assert summarise(looks["nothing"])["below_half"] == 0


def test_the_distance_is_the_mean_over_photos_of_ciede2000():
    given, presets = edit(adjust={"saturation": -100}), Presets.builtin()
    expected = []
    for photo in photos():
        small = photo[:: look.STEP, :: look.STEP]
        graded = np.clip(render(small, given, presets), 0, 1)
        expected.append(deltaE_ciede2000(rgb2lab(small), rgb2lab(graded)).mean())
    looks = compare_looks([given], {"nothing": [Edit()]})["nothing"]
    assert looks.teacher[0] == pytest.approx(np.mean(expected), rel=0.01)


def test_a_data_set_without_any_look_has_no_error():
    looks = compare_looks([Edit()], {"idle": [Edit()]})["idle"]
    assert summarise(looks)["median"] is None


# --- calibration ---


def test_calibration_error_finds_a_planted_one():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=200_000)
    calibrated = rng.uniform(size=confidence.size) < confidence
    assert metrics.calibration_error(confidence, calibrated) < 0.01
    boastful = rng.uniform(size=confidence.size) < confidence - 0.2 * (confidence > 0.5)
    assert metrics.calibration_error(confidence, boastful) == pytest.approx(0.1, abs=0.01)
    assert metrics.calibration_error(np.full(3, np.nan), np.ones(3, bool)) is None


def test_right_means_rightly_unused_or_close_to_the_teacher():
    teacher = [edit(adjust={"contrast": 50})] * 3 + [Edit()] * 2
    student = [edit(adjust={"contrast": 5}), edit(adjust={"tint": 5}), Edit(), Edit(), edit(adjust={"tint": 5})]
    outcomes = metrics.compare(metrics.Vectors.of(teacher), metrics.Vectors.of(student))
    assert metrics.right(outcomes)[:, 0].tolist() == [True, False, False, True, False]

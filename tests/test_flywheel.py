"""The loop from SIMULATED traffic to a promoted student, on a tiny corpus with a tiny random base."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from editor.database import open_database
from editor.errors import UserError
from editor.tools import Edit
from student import dataset, flywheel
from student.dataset import Row, load, normalise, read_rows, write_rows
from student.flywheel import Options, difference, promote, recommend, spin
from student.metrics import Vectors, compare, edit_scores
from student.planners import load_planner
from student.simulate import make_world, simulate
from tests.tiny import tiny_bert

torch.set_num_threads(1)

LOOKS = {
    "golden": {"adjust": {"temperature": 35}, "filter": {"name": "faded_HighNoon", "intensity": 40}},
    "neon": {"adjust": {"tint": 40, "contrast": 20}, "filter": {"name": "cyberpunk", "intensity": 70}},
    "faded": {"adjust": {"linearOffset": 30}, "selective_adjust": {"blue": {"saturation": -30}}},
    "night": {"adjust": {"exposure": -40}, "selective_adjust": {"orange": {"luminance": 20}}},
}
TRAINING = "--epochs 12 --batch 16 --lr 3e-3 --synthetic 0 --precision fp32 --threads 1 --ema 0.9 --evaluate-from 0.7"


def corpus_rows(numbers):
    """Four looks under many names."""
    texts = [f"{look} film {chr(97 + n % 26)} {chr(97 + n // 26)}" for n in numbers for look in LOOKS]
    return [Row(text, "", Edit.from_dict(LOOKS[text.split()[0]]), None, "test") for text in texts]


@pytest.fixture(autouse=True)
def small_corpus(tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    write_rows(corpus_rows(range(70)), data / "train.jsonl")
    write_rows(corpus_rows(range(70, 72)), data / "added.jsonl")
    write_rows(corpus_rows(range(200, 215)), data / "test.jsonl")
    monkeypatch.setattr(dataset, "DATA", data)
    dataset._corpus.cache_clear()
    yield
    dataset._corpus.cache_clear()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    from transformers import BertConfig, BertModel

    folder = tiny_bert(tmp_path_factory.mktemp("tiny") / "base")
    narrow = {"num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    torch.manual_seed(0)
    BertModel(BertConfig.from_pretrained(folder, hidden_size=384, **narrow)).save_pretrained(
        folder
    )  # as wide as served
    return folder


@pytest.fixture
def traffic(tmp_path):
    """URL of a database in which users keep the corpus's own answers most often."""
    world = make_world(intents=120, seed=1, zipf=0.0)
    world.appeal[:] = -np.sort(-world.appeal, axis=2)  # candidate 0, the intent's own, is the best
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = open_database(url)
    simulate(engine, world, calls=120 * 25, seed=1, progress=False)
    engine.dispose()
    return url


def test_from_simulated_traffic_to_a_promoted_student(traffic, base, user_home, monkeypatch):
    folder = user_home / "candidates" / "first"
    arguments = ["--database", traffic, "--name", "first", "--base", str(base), "--training", TRAINING]
    arguments += ["--against", "constant", "--held-out-percent", "30", "--minimum-held-out", "20"]
    result = CliRunner().invoke(flywheel.app, arguments, catch_exceptions=False)
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["promote"], last["reason"]
    assert 0 < last["difference"][1] <= last["difference"][0] <= last["difference"][2]

    kept = {part: read_rows(folder / f"{part}.jsonl") for part in ("traffic", "corpus", "validation", "held-out")}
    sides = [{normalise(row.intent) for row in rows} for rows in kept.values()]
    assert all(not a & b for i, a in enumerate(sides) for b in sides[:i])
    assert len(sides[0]) + len(sides[3]) == 120
    found = json.loads((folder / "report.json").read_text("utf-8"))
    assert found["counts"]["asks"] == 3000
    assert found["counts"]["held_out"] == found["figures"]["traffic"]["n"] == len(sides[3])
    text = (folder / "report.md").read_text("utf-8")
    assert "**Recommendation: promote.**" in text
    assert "events.db" not in text + json.dumps(found)  # a database's URL may hold a password

    with pytest.raises(UserError, match="add --yes"):
        CliRunner().invoke(flywheel.app, ["promote", "first"], catch_exceptions=False)
    assert not (user_home / "student").exists()
    said = CliRunner().invoke(flywheel.app, ["promote", "first", "--yes"], catch_exceptions=False).stdout
    assert f"VIBEGRADE_STUDENT={user_home / 'student'}" in said

    monkeypatch.setenv("VIBEGRADE_STUDENT", str(user_home / "student"))
    student = load_planner("student")
    rows = load("test")
    assert edit_scores([row.edit for row in rows], [student.plan(row.intent) for row in rows])["overall"] > 0.6


def test_a_finished_stage_is_not_repeated_and_other_options_are_refused(traffic, base, tmp_path):
    quick = TRAINING.replace("--epochs 12", "--epochs 1")
    options = Options(base=str(base), training=quick, against="constant", held_out_percent=30)
    first = spin(tmp_path / "c", traffic, options)
    weights = (tmp_path / "c" / "weights" / "student.safetensors").stat().st_mtime_ns
    again = spin(tmp_path / "c", f"sqlite:///{tmp_path / 'nothing.db'}", options)
    assert (tmp_path / "c" / "weights" / "student.safetensors").stat().st_mtime_ns == weights
    assert again == first
    assert not first["promote"]  # fewer held-out intents than the usual minimum
    with pytest.raises(UserError, match="other options"):
        spin(tmp_path / "c", traffic, Options(base=str(base), training=quick, against="nearest"))


def test_mistaken_traffic_is_augmented_by_the_teacher(traffic, base, tmp_path, replay):
    quick = TRAINING.replace("--epochs 12", "--epochs 1")
    result = spin(tmp_path / "c", traffic, Options(base=str(base), training=quick, against="constant", augment=True))
    (new,) = read_rows(tmp_path / "c" / "augmented.jsonl")  # the server has the same answer for all
    assert result["counts"]["augmented"] == 1
    trained_on = read_rows(tmp_path / "c" / "training" / "rows.jsonl")
    assert trained_on[-1] == new
    assert len(trained_on) == result["counts"]["traffic"] + result["counts"]["corpus"] + 1


def test_too_little_traffic_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="too few to learn from"):
        spin(tmp_path / "c", f"sqlite:///{tmp_path / 'empty.db'}", Options())


def figures(n=200, traffic=(0.05, 0.02, 0.08), corpus=(0.0, -0.01, 0.01)):
    return {"traffic": {"n": n, "difference": traffic}, "corpus": {"n": 900, "difference": corpus}}


@pytest.mark.parametrize(
    ("found", "promoted", "reason"),
    [
        (figures(), True, "better on held-out traffic"),
        (figures(n=99), False, "Only 99 held-out intents"),
        (figures(traffic=(0.01, -0.01, 0.03)), False, "not shown to be better"),
        (figures(corpus=(-0.05, -0.07, -0.03)), False, "forgot part of the corpus"),
    ],
)
def test_recommendation_and_its_reason(found, promoted, reason):
    assert recommend(found, 100)[0] is promoted
    assert reason in recommend(found, 100)[1]


def outcomes(right):
    """Outcomes on 200 rows of which the given ones were answered as the teacher did, the others by nothing."""
    rows = corpus_rows(range(50))
    said = [row.edit if good else Edit() for row, good in zip(rows, right, strict=True)]
    return compare(Vectors.of([row.edit for row in rows]), Vectors.of(said))


def test_difference_is_paired():
    rng = np.random.default_rng(0)
    some = rng.random(200) < 0.5
    more = some | (np.arange(200) < 20)
    assert difference(outcomes(some), outcomes(some), resamples=50) == (0.0, 0.0, 0.0)
    gap, low, high = difference(outcomes(more), outcomes(some), resamples=300)
    assert 0 < low < gap < high  # never worse on any intent, so the paired interval is above 0
    _, wide_low, wide_high = difference(outcomes(more), outcomes(rng.permutation(some)), resamples=300)
    assert wide_high - wide_low > 1.5 * (high - low)
    assert gap == pytest.approx(-difference(outcomes(some), outcomes(more), resamples=2)[0])


def candidate(folder, mark, good=True):
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "config.json").write_text(mark)
    (folder / "report.json").write_text(json.dumps({"promote": good, "reason": "Only 3 held-out intents."}))
    return folder


def test_promoting_keeps_the_weights_that_were_there(tmp_path):
    target = tmp_path / "student"
    assert promote(candidate(tmp_path / "a", "one"), target) is None
    before = promote(candidate(tmp_path / "b", "two"), target)
    assert before is not None
    assert (before / "config.json").read_text() == "one"
    assert (target / "config.json").read_text() == "two"
    assert not list(tmp_path.glob("*.part"))


def test_promoting_against_the_advice_needs_a_word(tmp_path):
    poor = candidate(tmp_path / "a", "one", good=False)
    with pytest.raises(UserError, match=r"Only 3 held-out intents.*--anyway"):
        promote(poor, tmp_path / "student")
    assert not (tmp_path / "student").exists()
    promote(poor, tmp_path / "student", anyway=True)
    assert (tmp_path / "student" / "config.json").read_text() == "one"
    with pytest.raises(UserError, match="no finished candidate"):
        promote(tmp_path / "elsewhere", tmp_path / "student")

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from editor.errors import UserError
from editor.folders import cache_folder
from editor.tools import ADJUST_PARAMETERS, Edit
from student import minilm
from student.dataset import Row, load, training_rows
from student.neighbours import Index, embed_corpus
from student.planners import (
    PLANNERS,
    ConstantPlanner,
    KnnPlanner,
    NearestPlanner,
    RecordedPlanner,
    build_edit,
    load_planner,
    odd,
    shorter_way,
)
from student.tokens import spell_emoji

PROMPTS = ["golden hour", "🔥", "make it look like a rainy night in tokyo", "ночной город", "lo-fi   VHS!!", "a" * 300]
ODD = ["", "   ", "?!…", "asdf", "x" * 10_000, "\ud83d", "\0", "🏳️‍🌈" * 400, "add a dog", "'; DROP TABLE users; --"]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIBEGRADE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def index():
    rows = load("train")[:300]
    return Index(rows, embed_corpus([row.intent for row in rows]))


def small_index(rows):
    return Index(rows, embed_corpus([row.intent for row in rows]))


def row(intent, why="because", **edit):
    return Row(intent, why, Edit.from_dict(edit), None, "x")


def test_the_encoder_agrees_with_transformers(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = minilm.weights_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for prompt in PROMPTS:
        batch = tokenizer([spell_emoji(prompt)], truncation=True, max_length=64, return_tensors="pt")
        with torch.no_grad():
            expected = torch.nn.functional.normalize(model(**batch).last_hidden_state.mean(1)).numpy()[0]
        np.testing.assert_allclose(minilm.encoder().encode(prompt), expected, atol=2e-6)


def test_batches_give_the_vectors_of_single_texts():
    many = minilm.encoder().encode_many(PROMPTS * 3)
    single = np.array([minilm.encoder().encode(p) for p in PROMPTS * 3])
    np.testing.assert_allclose(many, single, atol=1e-6)


def test_emoji_are_told_apart():
    fire, ice = (minilm.encoder().encode(e) for e in "🔥🥶")
    assert fire @ ice < 0.6
    assert fire @ minilm.encoder().encode("fire") > 0.9


def test_the_same_vector_on_one_thread_and_two():
    encoder = minilm.encoder()
    with threadpool_limits(2):
        two = [encoder.encode(p) for p in PROMPTS]
    with threadpool_limits(1):
        one = [encoder.encode(p) for p in PROMPTS]
    np.testing.assert_array_equal(one, two)


def test_corpus_vectors_are_computed_once_and_repaired_when_cut_off(monkeypatch):
    texts = ["golden hour", "noir", "lone \ud83d surrogate"]
    first = embed_corpus(texts)
    files = {path for path in cache_folder().iterdir() if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(minilm.Encoder, "encode_many", lambda *_: pytest.fail("computed again"))
        np.testing.assert_array_equal(embed_corpus(texts), first)
    for file in files:
        file.write_bytes(file.read_bytes()[:200])
    np.testing.assert_array_equal(embed_corpus(texts), first)
    assert {path for path in cache_folder().iterdir() if path.is_file()} == files  # no partial files are left


def test_a_cache_that_cannot_be_written_only_costs_the_cache(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VIBEGRADE_HOME", str(tmp_path / "file"))
    assert embed_corpus(["warm"]).shape == (1, minilm.DIMENSIONS)
    assert "could not be kept" in capsys.readouterr().err


def test_nearest_agrees_with_a_full_sort(index):
    for prompt in PROMPTS:
        similarities = index.similarities(prompt)
        order, cosines = index.nearest(prompt, 10)
        np.testing.assert_array_equal(order, np.argsort(-similarities, kind="stable")[:10])
        np.testing.assert_array_equal(cosines, similarities[order])
    assert len(index.nearest("warm", 10_000)[0]) == len(index.rows)


def test_a_recorded_intent_is_its_own_nearest_neighbour(index):
    for recorded in index.rows[:20]:
        answer = NearestPlanner(index).answer(recorded.intent)
        assert answer.edit == recorded.edit
        assert answer.neighbours[0].intent == recorded.intent
        assert answer.neighbours[0].similarity == pytest.approx(1, abs=2e-3)
        assert answer.why_source == f"nearest recorded intent: {recorded.intent}"


def test_knn_is_the_weighted_mean_and_vote_of_its_neighbours():
    rows = [
        row("warm summer evening", adjust={"temperature": 40}, filter={"name": "vivid", "intensity": 60}),
        row("warm summer night", adjust={"temperature": 20, "hue": 350}),
        row("warm summer morning", adjust={"temperature": 20, "hue": 10}),
    ]
    planner = KnnPlanner(small_index(rows))
    weights = np.clip(planner.index.similarities("warm summer day"), 0, 1) ** planner.power
    weights /= weights.sum()
    edit = planner.plan("warm summer day")
    assert edit.adjust.temperature == round(weights @ [40, 20, 20])
    assert edit.adjust.hue == round(weights @ [0, -10, 10]) % 360  # 350° and 10° meet at 0°, not at 180°
    assert (edit.filter is not None) == (weights[0] >= 0.5)
    assert edit.selective_adjust is None


def recorded(index):
    return RecordedPlanner(index.rows, lambda: index)


@pytest.mark.parametrize("kind", [NearestPlanner, KnnPlanner, recorded])
@pytest.mark.parametrize("prompt", ODD + PROMPTS)
def test_no_text_is_an_error(index, kind, prompt):
    answer = kind(index).answer(prompt)
    assert bool(answer.message) == answer.edit.is_neutral  # whenever nothing changes, the answer says so
    assert answer == kind(index).answer(prompt) or answer.latency_ms  # equal but for the clock
    assert kind(index).plan(prompt) == answer.edit


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=80))
def test_any_text_gets_a_valid_edit(index, prompt):
    edit = KnnPlanner(index).plan(prompt)
    assert Edit.from_json(edit.to_json()) == edit


def test_texts_that_are_no_requests_are_told_why():
    assert "golden hour" in odd("")
    assert "golden hour" in odd(" …!")
    assert "2,000" in odd("x" * 2001)
    assert [odd(p) for p in ("🔥", "10", "noir", "日本")] == [""] * 4


def test_a_request_near_no_tool_rows_changes_nothing():
    rows = [row("add a dog"), row("add a cat"), row("noir", adjust={"saturation": -100})]
    for kind in (NearestPlanner, KnnPlanner):
        answer = kind(small_index(rows)).answer("add a horse")
        assert answer.edit.is_neutral
        assert "does not read like a request for a look" in answer.message


def test_a_request_near_nothing_changes_nothing():
    answer = NearestPlanner(small_index([row("noir", adjust={"saturation": -100})])).answer("zzkkqqvv 55")
    assert answer.edit.is_neutral
    assert "No recorded request comes close" in answer.message


def test_the_recorded_teacher_answers_its_own_intents_and_labels_the_rest():
    rows = [row("Golden hour", why="low sun", adjust={"temperature": 35}), row("noir", adjust={"saturation": -100})]
    built = []
    planner = RecordedPlanner(rows, lambda: built.append(1) or small_index(rows))
    exact = planner.answer("golden HOUR!")
    assert not built  # a recorded request needs no index, which takes a minute to make
    near = planner.answer("golden hour at the sea")
    assert (exact.edit, exact.why, exact.why_source) == (rows[0].edit, "low sun", "recorded teacher")
    assert near.why_source == "nearest recorded intent: Golden hour"


def test_the_constant_planner_is_the_training_mean():
    edit, other = ConstantPlanner().plan("noir"), ConstantPlanner().plan("golden hour")
    train = [r.edit for r in training_rows()]
    expected = np.mean([e.adjust.contrast if e.adjust else 0 for e in train])
    assert edit.adjust.contrast == pytest.approx(expected, abs=0.005)
    names = [e.filter.name for e in train if e.filter]
    assert edit.filter.name == max(set(names), key=names.count)
    assert edit == other


def test_build_edit_rounds_clamps_and_wraps():
    values = np.zeros(len(ADJUST_PARAMETERS))
    values[ADJUST_PARAMETERS.index("contrast")] = 140
    values[ADJUST_PARAMETERS.index("bloom")] = -3
    values[ADJUST_PARAMETERS.index("hue")] = -10.4
    edit = build_edit(values, np.r_[-120.0, np.zeros(11)], "vivid", 49.6)
    assert edit.to_dict() == {
        "adjust": {"contrast": 100, "hue": 350},
        "selective_adjust": {"red": {"saturation": -100, "luminance": 0}},
        "filter": {"name": "vivid", "intensity": 50},
    }
    np.testing.assert_array_equal(shorter_way(np.full(14, 350.0))[ADJUST_PARAMETERS.index("hue")], -10)


def test_unknown_planners_are_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"no planner 'gpt'; choose one of .*knn"):
        load_planner("gpt")
    assert {"student", "nearest", "knn", "constant", "recorded", "generative"} <= set(PLANNERS)


def test_the_yardsticks_load_neither_torch_nor_transformers():
    code = "import sys, student.planners; print({'torch', 'transformers', 'onnxruntime'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "set()"

"""From a run to shipped files and back, on a tiny model: what is written is what is served."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import special

from editor.tools import Edit
from student import dataset, distil, export, heads
from student.dataset import Row
from student.examples import WORDS
from student.fast import FastPlanner
from student.metrics import adjust_vector
from student.model import FastModel
from student.network import StudentNetwork, Texts, load_encoder, predict
from student.recorded import DIRECTION_SHARE, USE_SHARE, Closest, Index, Recorded
from tests.test_train import ROWS
from tests.tiny import TEXTS, tiny_bert

torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder of an untrained tiny student, on a corpus of twenty rows."""
    base = tiny_bert(tmp_path / "base")
    folder = tmp_path / "runs" / "tiny"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    network = StudentNetwork(load_encoder(str(base)), WORDS, hidden=16)
    save_file(network.state_dict(), folder / "best.safetensors")
    (folder / "config.json").write_text(json.dumps({"name": "tiny", "base": str(base), "hidden": 16}))
    data = tmp_path / "data"
    data.mkdir()
    rows = [Row(f"{row.intent} {i}", row.why, row.edit, row.similar, "test") for i, row in enumerate(ROWS)]
    dataset.write_rows(rows[:12], data / "train.jsonl")
    dataset.write_rows(rows[12:], data / "added.jsonl")
    monkeypatch.setattr(dataset, "DATA", data)
    monkeypatch.setattr(export, "load", lambda split: rows[:5])
    return folder


def vectors_of(model):
    """Texts to unit vectors (n, width), as an index wants them."""
    return lambda texts: np.stack([model.read(text)[0] for text in texts])


def test_exported_folder_serves(run, tmp_path):
    scores = export.write_weights(run, tmp_path / "weights")
    assert scores["n"] == 5
    assert all(0 <= scores[tool]["calibration_error"] <= 1 for tool in ("adjust", "selective_adjust", "filter"))
    planner = FastPlanner.load(tmp_path / "weights")
    answer = planner.answer("golden hour 3")
    assert len(answer.neighbours) == 3
    network, base = distil.load_run(run)
    expected = predict(network, Texts(base, TEXTS), half=False)
    got = np.stack([planner.model.outputs(text) for text in TEXTS])
    assert got == pytest.approx(expected, abs=0.05)  # 8-bit matrices


def test_constants_can_come_from_a_twin(run, tmp_path):
    export.write_weights(run, tmp_path / "twin")
    config = json.loads((tmp_path / "twin" / "config.json").read_text())
    config["decoding"]["thresholds"] = [0.21, 0.22, 0.23]
    (tmp_path / "twin" / "config.json").write_text(json.dumps(config))
    export.write_weights(run, tmp_path / "weights", twin=tmp_path / "twin")
    assert FastModel(tmp_path / "weights").decoding.thresholds == (0.21, 0.22, 0.23)


def test_neighbours_are_found_by_intent_or_similar_text(run, tmp_path):
    export.write_weights(run, tmp_path / "weights")
    model, recorded = FastModel(tmp_path / "weights"), Recorded.load(tmp_path / "weights")
    found = recorded.nearest(recorded.closest(model.read("golden hour 0")[0]))
    assert found[0].intent == "golden hour 0"
    assert len({n.intent for n in found}) == 3
    assert found[0].similarity >= found[1].similarity >= found[2].similarity


def test_a_recorded_request_pulls_the_answer_towards_its_edit(run, tmp_path):
    """Slow reference: the mix of one row alone is a weighted sum that can be written down."""
    export.write_weights(run, tmp_path / "weights")
    model = FastModel(tmp_path / "weights")
    edit = Edit.from_dict({"adjust": {"contrast": 30}})
    rows = [Row("golden hour", "", edit, None, "test"), Row("no blur", "", Edit(), None, "test")]
    recorded = Recorded(Index.of(rows, vectors_of(model)), [])
    outputs = model.outputs("golden hour")
    near = Closest(np.array([0, 1]), np.array([1.0, 0.0], np.float32))
    mixed = recorded.mixed(outputs, near)
    use = special.expit(outputs[0])
    assert special.expit(mixed[0]) == pytest.approx((1 - USE_SHARE) * use + USE_SHARE, abs=1e-6)
    direction = outputs[heads.ADJUST] / np.linalg.norm(outputs[heads.ADJUST])
    expected = (1 - DIRECTION_SHARE) * direction + DIRECTION_SHARE * adjust_vector(edit) / np.linalg.norm(
        adjust_vector(edit)
    )
    assert mixed[heads.ADJUST] / np.linalg.norm(outputs[heads.ADJUST]) == pytest.approx(expected, abs=0.01)
    assert mixed[heads.PRESET] == pytest.approx(outputs[heads.PRESET])


def test_an_index_keeps_the_rows_it_is_told_to(run, tmp_path):
    export.write_weights(run, tmp_path / "weights")
    model = FastModel(tmp_path / "weights")
    whole = Index.of(ROWS[:6], vectors_of(model))
    some = whole.keeping(np.array([True, False, True, True, False, True]))
    assert np.array_equal(some.adjust, whole.adjust[[0, 2, 3, 5]])
    assert some.row.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]  # intents, then similar texts
    assert np.array_equal(some.vectors, whole.vectors[[0, 2, 3, 5, 6, 8, 9, 11]])

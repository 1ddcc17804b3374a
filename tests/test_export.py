"""From a run to shipped files and back, on a tiny model: what is written is what is served."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from student import dataset, distil, export, minilm
from student.dataset import Row
from student.examples import WORDS
from student.fast import FastPlanner, Recorded
from student.model import FastModel
from student.network import StudentNetwork, Texts, load_encoder, predict
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
    dataset.write_rows(rows, data / "train.jsonl")
    for module in (dataset, export):
        monkeypatch.setattr(module, "DATA", data)
    monkeypatch.setattr(export, "load", lambda split: rows)
    monkeypatch.setattr(minilm, "DIMENSIONS", 32)
    return folder


def test_exported_folder_serves(run, tmp_path):
    scores = export.write_weights(run, tmp_path / "weights")
    assert scores["n"] == len(ROWS)
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


def test_neighbours_keep_their_order_in_few_dimensions(run, tmp_path):
    export.write_weights(run, tmp_path / "weights")
    model, recorded = FastModel(tmp_path / "weights"), Recorded(tmp_path / "weights")
    vector = model.encode("golden hour 0")
    assert recorded.nearest(vector)[0].intent == "golden hour 0"

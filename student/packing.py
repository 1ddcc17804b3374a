"""Matrices as few bits: 8-bit ones with a scale a row, signs of changes with five in a byte. NumPy only.

It knows no network; `student.network` and `student.adapter` say which matrices are kept how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Tensors = dict[str, NDArray[Any]]

WEIGHTS_FILE = "student.safetensors"  # the files of a weights folder
CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"

SCALE = ".scale"  # suffix of the tensor that holds an 8-bit matrix's row scales
SIGNS, STEP = ".signs", ".step"  # suffixes of a changed matrix's packed signs and row scales
TRITS = 5  # numbers -1, 0, 1 in a byte: 3^5 = 243
_POWERS = 3 ** np.arange(TRITS, dtype=np.uint8)
DAMPING = 0.01  # of the mean moment, added to the diagonal
COLUMNS = 128  # rounded before the others are told
_FRACTIONS = np.arange(0.3, 1.31, 0.1)  # of a row's mean change: what is smaller stays unchanged


def quantise(matrix: Floats) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """(rows, n) float32 as int8 and one scale a row, so that matrix ≈ int8 · scale; zero rows stay zero."""
    scale = (np.abs(matrix).max(axis=1, keepdims=True) / 127).astype(np.float16).astype(np.float32)
    whole = np.round(np.divide(matrix, scale, out=np.zeros_like(matrix), where=scale > 0))
    return np.clip(whole, -127, 127).astype(np.int8), scale[:, 0].astype(np.float16)


def dequantise(tensors: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """All tensors as float32, 8-bit matrices multiplied by their row scales."""
    whole = {name: values.astype(np.float32) for name, values in tensors.items() if not name.endswith(SCALE)}
    for name in whole:
        if name + SCALE in tensors:
            whole[name] *= tensors[name + SCALE].astype(np.float32)[:, None]
    return whole


def ternary(change: Floats, moments: NDArray[np.float64]) -> tuple[NDArray[np.int8], Floats]:
    """(rows, n) → signs -1, 0, 1 and one scale a row, so that inputs times signs · scale stay what they were.

    `moments` (n, n) are the sums of the products of the matrix's inputs. Scales have the least squared error;
    then column after column is rounded and its error made good by the columns that follow.
    Source: Frantar et al. (2023) GPTQ.
    """
    from scipy import linalg  # serving can do without

    scale = np.maximum(_scales(change), np.float32(1e-12))
    n = change.shape[1]
    damped = moments + DAMPING * np.trace(moments) / n * np.eye(n)
    upper = linalg.cholesky(linalg.inv(damped))
    left = change.astype(np.float64)
    signs = np.zeros(change.shape, np.int8)
    for start in range(0, n, COLUMNS):
        end = min(start + COLUMNS, n)
        errors = np.zeros((len(change), end - start))
        for c in range(start, end):
            signs[:, c] = np.clip(np.round(left[:, c] / scale), -1, 1)
            errors[:, c - start] = (left[:, c] - signs[:, c] * scale) / upper[c, c]
            left[:, c:end] -= np.outer(errors[:, c - start], upper[c, c:end])
        left[:, end:] -= errors @ upper[start:end, end:]
    return signs, scale


def signs_of(change: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Signs and row scales of a change that holds nothing else: -scale, 0 or scale in each row."""
    scale = np.maximum(np.abs(change).max(axis=1), np.float32(1e-12))
    return np.round(change / scale[:, None]).astype(np.int8), scale


def _scales(change: Floats) -> Floats:
    """(rows,) the scales with which -1, 0, 1 come nearest to each row."""
    size = np.abs(change)
    gain, scales = np.full(len(change), -1.0), np.zeros(len(change), np.float32)
    for fraction in _FRACTIONS:
        kept = size > fraction * size.mean(axis=1, keepdims=True)
        count, total = np.maximum(kept.sum(axis=1), 1), (size * kept).sum(axis=1)
        better = total**2 / count > gain  # by how much the squared error falls
        gain[better], scales[better] = (total**2 / count)[better], (total / count)[better]
    return scales


def pack(signs: NDArray[np.int8]) -> NDArray[np.uint8]:
    """(rows, n) of -1, 0, 1 as bytes (rows, n/5 rounded up)."""
    rows, n = signs.shape
    digits = np.ones((rows, -(-n // TRITS) * TRITS), np.uint8)
    digits[:, :n] = signs + 1
    return (digits.reshape(rows, -1, TRITS) @ _POWERS).astype(np.uint8)


def unpack(packed: NDArray[np.uint8], n: int) -> NDArray[np.int8]:
    """The (rows, n) signs that `pack` packed."""
    digits = packed[..., None] // _POWERS % 3
    return digits.reshape(len(packed), -1)[:, :n].astype(np.int8) - 1

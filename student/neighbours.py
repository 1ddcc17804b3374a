"""Recorded intents near a request: an index of sentence vectors over corpus rows.

The vectors are computed once and kept, as float16, in the user's cache folder under a key of their content.
Knows nothing of edits. Command (run once at set-up): `python -m student.neighbours`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.folders import cache_folder
from editor.planner import Neighbour
from student import minilm
from student.dataset import Row, load, training_rows
from student.tokens import MAX_CHARACTERS, MAX_TOKENS

Floats = NDArray[np.float32]


@lru_cache(maxsize=8192)
def embed(text: str) -> Floats:
    """Unit vector of one text, (384,), read-only; kept for a while, so that planners can share it."""
    vector = minilm.encoder().encode(text)
    vector.setflags(write=False)
    return vector


def embed_corpus(texts: Sequence[str]) -> Floats:
    """Unit vectors (n, 384) of texts, float16 precision, computed once and cached on disk."""
    digest = hashlib.sha256(f"{minilm.PACKAGE} {MAX_CHARACTERS} {MAX_TOKENS}".encode())
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    path = cache_folder() / f"minilm-{digest.hexdigest()[:24]}.npy"
    vectors = _read(path, len(texts))
    if vectors is None:
        vectors = minilm.encoder().encode_many(texts).astype(np.float16)
        _write(path, vectors)
    return vectors.astype(np.float32)


def _read(path: Path, rows: int) -> NDArray[np.float16] | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):  # absent, or cut off
        return None
    whole = vectors.shape == (rows, minilm.DIMENSIONS) and vectors.dtype == np.float16
    return vectors if whole else None


def _write(path: Path, vectors: NDArray[np.float16]) -> None:
    """All or nothing, also when two processes write at once; a full disk only costs the cache."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.save(file, vectors)
        os.replace(file.name, path)
    except OSError as error:
        print(f"The sentence vectors could not be kept in {path.parent}: {error.strerror}.", file=sys.stderr)


def largest(values: Floats, k: int) -> NDArray[np.int_]:
    """Positions of the k largest values (all where there are fewer), largest first, equal ones in file order.

    As a stable sort of all would say, at a thirtieth of its cost.
    """
    k = min(k, len(values))
    candidates = np.flatnonzero(values >= np.partition(values, -k)[-k])
    return candidates[np.argsort(-values[candidates], kind="stable")][:k]


class Index:
    """Rows and their vectors; finds the nearest recorded intents of a request."""

    def __init__(self, rows: Sequence[Row], vectors: Floats) -> None:
        self.rows = list(rows)
        self.vectors = vectors  # (n, 384), unit length

    def similarities(self, prompt: str) -> Floats:
        """Cosine of the prompt with every row, (n,), -1..1."""
        # einsum adds in one fixed order, whatever the number of threads
        return np.einsum("nd,d->n", self.vectors, embed(prompt))

    def nearest(self, prompt: str, k: int) -> tuple[NDArray[np.int_], Floats]:
        """Positions of the k most similar rows, best first (ties: file order), and their cosines."""
        similarities = self.similarities(prompt)
        order = largest(similarities, k)
        return order, similarities[order]

    def neighbours(self, prompt: str, k: int = 5) -> tuple[Neighbour, ...]:
        """The k nearest recorded intents, to show or suggest."""
        order, similarities = self.nearest(prompt, k)
        pairs = zip(order, similarities, strict=True)
        return tuple(Neighbour(self.rows[i].intent, round(float(s), 4), self.rows[i].why) for i, s in pairs)


@cache
def recorded_index() -> Index:
    """The index over everything recorded for training and validation, loaded once a process."""
    rows = [*training_rows(), *load("validation")]
    return Index(rows, embed_corpus([row.intent for row in rows]))


@cache
def training_index() -> Index:
    """The index over the training rows alone: what a yardstick may know."""
    known, n = recorded_index(), len(training_rows())
    return Index(known.rows[:n], known.vectors[:n])


def main() -> int:
    """Compute and keep the vectors of the recorded intents."""
    index = recorded_index()
    print(f"{len(index.rows):,} recorded intents indexed in {cache_folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

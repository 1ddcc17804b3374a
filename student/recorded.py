"""The recorded requests in the fast student's own space: a second opinion, a rationale, suggestions. NumPy only.

The network has averaged its training rows; the rows nearest to a request still know more about it. Their
directions and tool use are mixed into the network's (Khandelwal et al., 2020, do so for language models).
Presets are not: the network alone chooses better. Constants tuned on validation, rows of training alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from editor.planner import Neighbour
from student import dataset, heads
from student.dataset import Row
from student.examples import Targets
from student.neighbours import largest

Floats = NDArray[np.float32]

INDEX_FILE = "neighbours.npz"
DIMENSIONS = 64
K, POWER = 20, 30  # neighbours, and the power of their cosine that weighs them
SHOWN = 3  # recorded rows beside an answer; a row has two texts at most, so that K texts are enough
DIRECTION_SHARE, USE_SHARE = 0.4, 0.3  # what the neighbours have to say beside the network


@dataclass(frozen=True, eq=False)
class Index:
    """Texts of recorded rows as vectors, and what the rows ask for. 8-bit parts are fractions of 127."""

    mean: Floats  # (width,)
    projection: Floats  # (width, DIMENSIONS) principal axes of the intents
    vectors: NDArray[np.int8]  # (texts, DIMENSIONS)
    row: NDArray[np.int32]  # (texts,) whose text it is: an intent or a similar one
    used: NDArray[np.int8]  # (rows, 2) Adjust, Selective Adjust: 127 or 0
    adjust: NDArray[np.int8]  # (rows, 15) unit vectors
    selective: NDArray[np.int8]  # (rows, 12) unit vectors

    @classmethod
    def of(cls, rows: Sequence[Row], encode: Callable[[Sequence[str]], Floats]) -> Index:
        """The index of some rows; `encode` gives texts' unit vectors (n, width) in the student's space."""
        texts = [(row.intent, i) for i, row in enumerate(rows)]
        texts += [(row.similar, i) for i, row in enumerate(rows) if row.similar]
        vectors = encode([text for text, _ in texts])
        mean = vectors[: len(rows)].mean(axis=0)
        _, axes = np.linalg.eigh(np.cov((vectors[: len(rows)] - mean).T))
        projection = axes[:, ::-1][:, :DIMENSIONS].astype(np.float32)
        projected = (vectors - mean) @ projection
        largest = np.maximum(np.abs(projected).max(axis=1, keepdims=True), 1e-9)
        targets = Targets.of_edits([row.edit for row in rows])
        parts = (projected / largest, targets.use[:, :2], targets.adjust, targets.selective)
        eighths, *asked = (_eight_bits(part) for part in parts)
        return cls(mean, projection, eighths, np.array([i for _, i in texts], np.int32), *asked)

    def keeping(self, rows: NDArray[np.bool_]) -> Index:
        """The index of some of its rows, in their order."""
        texts = rows[self.row]
        place = (np.cumsum(rows) - 1).astype(np.int32)
        asked = (self.used[rows], self.adjust[rows], self.selective[rows])
        return Index(self.mean, self.projection, self.vectors[texts], place[self.row[texts]], *asked)

    def save(self, folder: Path) -> None:
        """Write the index beside the weights."""
        np.savez_compressed(folder / INDEX_FILE, **vars(self))


class Closest(NamedTuple):
    """The texts nearest to a request, best first, equally near ones in file order."""

    texts: NDArray[np.int_]  # their numbers in the index
    similarities: Floats  # cosines


class Recorded:
    """An index ready for questions."""

    def __init__(self, index: Index, lines: Sequence[bytes]) -> None:
        self._index = index
        self._lines = lines  # JSON of each row, read when it is asked for
        vectors = index.vectors.astype(np.float32)
        self._vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    @classmethod
    def load(cls, folder: Path) -> Recorded:
        """From a weights folder and the corpus beside it."""
        with np.load(folder / INDEX_FILE, allow_pickle=False) as data:
            index = Index(**{name: data[name] for name in Index.__dataclass_fields__})
        return cls(index, list(islice(dataset.filed_lines(), len(index.used))))

    def similarities(self, vector: Floats) -> Floats:
        """Cosine of a request's vector (width,) with every text, (texts,)."""
        query = (vector - self._index.mean) @ self._index.projection
        # einsum adds in one fixed order, whatever the number of threads
        return np.einsum("nd,d->n", self._vectors, query / max(float(np.linalg.norm(query)), 1e-9))

    def closest(self, vector: Floats) -> Closest:
        """The K texts nearest to a request's vector (width,)."""
        similarities = self.similarities(vector)
        order = largest(similarities, K)
        return Closest(order, similarities[order])

    def nearest(self, found: Closest) -> tuple[Neighbour, ...]:
        """The recorded rows with the most similar text, best first."""
        best: dict[int, float] = {}
        for row, similarity in zip(self._index.row[found.texts], found.similarities, strict=True):
            best.setdefault(int(row), float(similarity))
        return tuple(self._neighbour(row, similarity) for row, similarity in list(best.items())[:SHOWN])

    def _neighbour(self, row: int, similarity: float) -> Neighbour:
        asked = json.loads(self._lines[row])
        return Neighbour(str(asked["intent"]), round(similarity, 4), str(asked.get("why") or ""))

    def mixed(self, outputs: NDArray[np.float64], found: Closest) -> NDArray[np.float64]:
        """Raw outputs (66,) with the neighbours' tool use and directions mixed in."""
        weights = np.clip(found.similarities.astype(float), 1e-3, 1) ** POWER
        weights /= weights.sum()
        rows = self._index.row[found.texts]
        result = outputs.copy()
        use = heads.sigmoid(outputs[heads.USE])
        use[:2] += USE_SHARE * (weights @ (self._index.used[rows] / 127) - use[:2])
        result[heads.USE] = np.log(use / (1 - use))
        for part, directions in ((heads.ADJUST, self._index.adjust), (heads.SELECTIVE, self._index.selective)):
            length = max(float(np.linalg.norm(outputs[part])), 1e-9)
            theirs = weights @ (directions[rows] / 127)
            theirs = theirs / max(float(np.linalg.norm(theirs)), 1e-9)
            result[part] = (1 - DIRECTION_SHARE) * outputs[part] + DIRECTION_SHARE * length * theirs
        return result


def _eight_bits(values: Floats) -> NDArray[np.int8]:
    return np.round(values * 127).astype(np.int8)

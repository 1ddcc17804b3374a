"""The index of recorded requests: what is nearest, exactly as a full sort would say."""

import json

import numpy as np
import pytest

from student.neighbours import largest
from student.recorded import DIMENSIONS, Index, K, Recorded


@pytest.mark.parametrize("n", [1, 3, 50, 5000])
@pytest.mark.parametrize("levels", [1, 4, 10_000])
def test_the_largest_are_those_of_a_stable_sort(n, levels):
    values = (np.random.default_rng(n).integers(0, levels, n) / levels).astype(np.float32)  # few levels: many ties
    for k in (1, 6, 20):
        assert np.array_equal(largest(values, k), np.argsort(-values, kind="stable")[:k])


@pytest.fixture
def recorded():
    """300 rows of intent and similar text that lie in a few places, so that many are equally near."""
    rng = np.random.default_rng(0)
    rows, places = 300, rng.integers(-127, 128, (12, DIMENSIONS)).astype(np.int8)
    index = Index(
        mean=np.zeros(DIMENSIONS, np.float32),
        projection=np.eye(DIMENSIONS, dtype=np.float32),
        vectors=places[rng.integers(0, 12, 2 * rows)],
        row=np.tile(np.arange(rows, dtype=np.int32), 2),
        used=np.zeros((rows, 2), np.int8),
        adjust=np.zeros((rows, 15), np.int8),
        selective=np.zeros((rows, 12), np.int8),
    )
    return Recorded(index, [json.dumps({"intent": f"intent {i}", "why": None}).encode() for i in range(rows)])


def test_equally_near_texts_come_in_file_order(recorded):
    for vector in np.random.default_rng(1).normal(size=(10, DIMENSIONS)).astype(np.float32):
        similarities = recorded.similarities(vector)
        order = np.argsort(-similarities, kind="stable")[:K]
        found = recorded.closest(vector)
        assert similarities[order[-1]] in similarities[np.setdiff1d(np.arange(600), order)]  # a tie at the border
        assert np.array_equal(found.texts, order)
        assert np.array_equal(found.similarities, similarities[order])


def test_shown_are_the_first_three_rows_of_a_full_sort(recorded):
    vector = np.random.default_rng(2).normal(size=DIMENSIONS).astype(np.float32)
    similarities = recorded.similarities(vector)
    rows = dict.fromkeys(int(i) % 300 for i in np.argsort(-similarities, kind="stable"))  # an intent, a similar text
    shown = recorded.nearest(recorded.closest(vector))
    assert [n.intent for n in shown] == [f"intent {row}" for row in list(rows)[:3]]
    assert shown[0].similarity == pytest.approx(similarities.max(), abs=1e-4)
    assert shown[0].why == ""

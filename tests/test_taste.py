"""Personal taste on SIMULATED users with planted wishes: it helps soon and never hurts beyond a bound."""

import numpy as np
import pytest

from editor.taste import CAP, PARAMETERS, learn
from editor.tools import Adjust, Edit

NONE = learn([])


def planned_edits(rng, n):
    """Edits with the sparsity and size of the planner's."""
    values = rng.choice([0, 0, 5, 10, 15, 20, 30], (n, len(PARAMETERS))) * rng.choice([-1, 1], (n, len(PARAMETERS)))
    positive = [PARAMETERS.index(p) for p in ("structure", "sharpen", "bloom")]
    values[:, positive] = np.abs(values[:, positive])
    return values


def edit(values):
    low = {p: 0 if p in ("structure", "sharpen", "bloom") else -100 for p in PARAMETERS}
    numbers = {p: float(np.clip(v, low[p], 100)) for p, v in zip(PARAMETERS, values, strict=True)}
    return Edit(adjust=Adjust(**{**numbers, "contrast": numbers["contrast"] or 1.0}))


def distance(a, b):
    return np.abs([getattr(a.adjust, p) - getattr(b.adjust, p) for p in PARAMETERS]).mean()


def errors(wish, exports, seed, noise=8.0):
    """Mean distance to what the simulated user wants: without the taste, and with it after n exports."""
    rng = np.random.default_rng(seed)
    plans = planned_edits(rng, exports)
    pairs = [(edit(p), edit(p + wish + rng.normal(0, noise, len(PARAMETERS)))) for p in plans]
    taste = learn(pairs)
    fresh = planned_edits(rng, 200)
    wanted = [edit(p + wish) for p in fresh]
    before = np.mean([distance(edit(p), w) for p, w in zip(fresh, wanted, strict=True)])
    after = np.mean([distance(taste.apply(edit(p)), w) for p, w in zip(fresh, wanted, strict=True)])
    return before, after


def wish(**values):
    return np.array([values.get(p, 0) for p in PARAMETERS], float)


def test_tens_of_exports_are_enough():
    planted = wish(temperature=12, contrast=-10, saturation=8)
    halved = [errors(planted, 30, seed) for seed in range(10)]
    assert np.mean([after / before for before, after in halved]) < 0.4
    early = [errors(planted, 5, seed) for seed in range(10)]
    assert np.mean([after / before for before, after in early]) < 0.9


def test_it_never_hurts_beyond_a_bound():
    """A user without any wish, only noise: the error that the taste adds stays small at every length."""
    for exports in (1, 2, 3, 5, 10, 30, 100):
        added = [errors(wish(), exports, seed)[1] for seed in range(10)]
        assert np.mean(added) < 0.5
        assert max(added) < 1.5


def test_correction_is_capped_and_in_range():
    wild = [(edit(wish(contrast=5)), edit(wish(contrast=100)))] * 50
    taste = learn(wild)
    moved = taste.apply(edit(wish(contrast=5)))
    assert moved.adjust.contrast <= 5 + CAP
    assert taste.apply(edit(wish(contrast=95))).adjust.contrast == 100


def test_words_name_the_largest_wishes():
    rng = np.random.default_rng(0)
    plans = planned_edits(rng, 40)
    taste = learn([(edit(p), edit(p + wish(temperature=15, contrast=-9))) for p in plans])
    assert taste.words() == "warmer, less contrast"
    assert NONE.words() == ""


def test_without_exports_or_without_adjust_nothing_changes():
    golden = edit(wish(temperature=30))
    assert NONE.apply(golden) == golden
    cube = Edit.from_dict({"filter": {"name": "vivid", "intensity": 40}})
    taste = learn([(golden, edit(wish(temperature=60)))] * 10)
    assert taste.apply(cube) == cube
    assert learn([(golden, cube), (cube, golden)]).exports == 0


@pytest.mark.parametrize("gain", [-0.5, 0.5])
def test_a_wish_for_everything_stronger_or_gentler_is_learned(gain):
    rng = np.random.default_rng(1)
    plans = planned_edits(rng, 60)
    taste = learn([(edit(p), edit(p * (1 + gain))) for p in plans])
    assert np.sign(taste.gain[PARAMETERS.index("temperature")]) == np.sign(gain)

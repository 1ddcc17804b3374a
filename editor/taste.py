"""A person's taste: a small correction of the planner's Adjust values, learned from what they exported.

For each parameter the exported value is modelled as (1 + gain) * planned + offset with Gaussian priors on
gain and offset (Bayesian ridge, closed form); a parameter is left alone until the exports speak for a
correction. Off unless switched on, capped, forgotten with a reset. Only retuned answers teach: a dropped
tool says nothing about amounts. Source: Bishop 2006, sections 3.3 and 3.4.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from editor.schema import Ask, Export
from editor.tools import ADJUST_PARAMETERS, Adjust, Edit, limits

PARAMETERS = tuple(p for p in ADJUST_PARAMETERS if p != "hue")  # an angle has no "more" and "less"
PRIOR_OFFSET = 6.0  # standard deviation of people's constant wishes, in the parameter's units
PRIOR_GAIN = 0.3
NOISE = 10.0  # spread of single exports around a person's taste
CAP = 25.0  # largest correction of a parameter
PROOF = 1.0  # log Bayes factor from which a correction is believed
WORTH_SAYING = 2.5  # mean correction from which it is put into words
WORDS = {
    "exposure": ("brighter", "darker"),
    "linearOffset": ("more faded", "deeper blacks"),
    "contrast": ("more contrast", "less contrast"),
    "brightness": ("brighter midtones", "darker midtones"),
    "highlights": ("brighter highlights", "softer highlights"),
    "shadows": ("lighter shadows", "darker shadows"),
    "saturation": ("more colour", "less colour"),
    "vibrance": ("more vibrance", "less vibrance"),
    "temperature": ("warmer", "cooler"),
    "tint": ("more magenta", "greener"),
    "structure": ("more structure", "less structure"),
    "sharpen": ("sharper", "softer"),
    "bloom": ("more glow", "less glow"),
}


@dataclass(frozen=True)
class Taste:
    """Posterior means for each of `PARAMETERS`; all zero without exports."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    exports: int

    def apply(self, edit: Edit) -> Edit:
        """The planner's edit moved towards the person's taste; an edit without Adjust stays as it is."""
        if edit.adjust is None or not self.exports:
            return edit
        planned = _vector(edit.adjust)
        moved = planned + np.clip(self.gain * planned + self.offset, -CAP, CAP)
        values = {p: float(np.clip(round(v), *limits(p))) for p, v in zip(PARAMETERS, moved, strict=True)}
        return edit.model_copy_validated(adjust=Adjust(**values, hue=edit.adjust.hue))

    def words(self) -> str:
        """The taste in words: "warmer, less contrast"; "" while there is nothing to say."""
        order = np.argsort(-np.abs(self.offset))
        said = [WORDS[PARAMETERS[i]][int(self.offset[i] < 0)] for i in order if abs(self.offset[i]) >= WORTH_SAYING]
        return ", ".join(said[:4])


def _vector(adjust: Adjust) -> NDArray[np.float64]:
    return np.array([getattr(adjust, p) for p in PARAMETERS])


def learn(pairs: Sequence[tuple[Edit, Edit]]) -> Taste:
    """Fit a taste to (planned, exported) edits; pairs in which either lacks Adjust are left out."""
    kept = [(_vector(a.adjust), _vector(b.adjust)) for a, b in pairs if a.adjust and b.adjust]
    if not kept:
        return Taste(np.zeros(len(PARAMETERS)), np.zeros(len(PARAMETERS)), 0)
    planned, final = (np.array(side) for side in zip(*kept, strict=True))  # (n, 13) each
    change = final - planned
    prior = np.diag([1 / PRIOR_GAIN**2, 1 / PRIOR_OFFSET**2])
    gains, offsets = [], []
    for x, y in zip(planned.T, change.T, strict=True):
        design = np.column_stack([x, np.ones_like(x)])
        precision, evidence = design.T @ design / NOISE**2 + prior, design.T @ y / NOISE**2
        gain, offset = posterior = np.linalg.solve(precision, evidence)
        # Log Bayes factor of "this person corrects this parameter" against "only noise" (Bishop 2006, 3.86).
        proof = (evidence @ posterior - np.linalg.slogdet(precision)[1] + np.linalg.slogdet(prior)[1]) / 2
        gains.append(gain if proof > PROOF else 0.0)
        offsets.append(offset if proof > PROOF else 0.0)
    return Taste(np.array(gains), np.array(offsets), len(kept))


def taste_of(engine: Engine, user_id: str, since: int = 0) -> Taste:
    """The taste that a user's stored exports show; `since` (Unix ms) is the time of the last reset.

    The planned side is the planner's own answer, also where a taste was applied to it: a taste that people keep
    confirms itself, one that they correct shrinks. The last export of an answer speaks for it, in whatever form.
    """
    query = (
        select(Ask.id, Ask.adjust, Export.edit)
        .join(Export, Export.ask_id == Ask.id)
        .where(Export.user_id == user_id, Export.at >= since, Ask.adjust.is_not(None))
        .order_by(Export.at)
    )
    with engine.connect().execution_options(read_only=True) as connection:
        last = {row.id: row for row in connection.execute(query)}
    pairs = [(Edit.from_dict({"adjust": json.loads(row.adjust)}), Edit.from_json(row.edit)) for row in last.values()]
    return learn(pairs)

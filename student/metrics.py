"""Agreement of a student's edits with the teacher's: tool selection, quality, finals, intervals.

NumPy only; knows nothing of models, files or rendering. The definitions are those of Sultan et al.
(EMNLP 2024) made precise: a tool is *used* when something in it is not neutral; quality is the preset's
accuracy (filter) or the cosine of the parameter vectors; final = harmonic mean of selection F1 and quality;
overall = mean of the three finals. The paper does not say over which intents quality is averaged, so three
conditionings are computed; `both` (teacher and student use the tool) is the headline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from editor.tools import ADJUST_PARAMETERS, COLORS, SELECTIVE_PARAMETERS, TOOLS, Edit, limits

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONDITIONINGS = ("both", "teacher", "all")
_HUE = ADJUST_PARAMETERS.index("hue")
_LINEAR = [i for i in range(len(ADJUST_PARAMETERS)) if i != _HUE]
_HALF_WIDTHS = np.array([(high - low) / 2 for low, high in map(limits, ADJUST_PARAMETERS)])


def adjust_values(edit: Edit) -> Floats:
    """The 14 Adjust values as they are (hue in degrees, 360 as 0), in rendering order; zeros when unused."""
    if edit.adjust is None:
        return np.zeros(len(ADJUST_PARAMETERS))
    values = np.array([getattr(edit.adjust, p) for p in ADJUST_PARAMETERS], dtype=float)
    values[_HUE] %= 360
    return values


def adjust_vector(edit: Edit) -> Floats:
    """The Adjust values for comparing, (15,): see `scale_adjust`."""
    return scale_adjust(adjust_values(edit))


def scale_adjust(values: Floats) -> Floats:
    """(..., 14) Adjust values to (..., 15): 13 over their range's half width, then hue's two parts.

    The half width is 100 for -100..100 and 50 for 0..100. Hue h becomes (sin h, 1 - cos h) / 2: the
    sine and cosine parts of its angle, moved so that 0° (no change) is the zero vector. Its length is
    |sin(h/2)|: 0 at 0° and 360°, 1 at 180°, and 350° is as small as 10° with the opposite sign.
    """
    values = np.asarray(values, dtype=float)
    angle = np.deg2rad(values[..., _HUE] % 360)
    parts = np.stack([np.sin(angle), 1 - np.cos(angle)], axis=-1) / 2
    return np.concatenate([values[..., _LINEAR] / _HALF_WIDTHS[_LINEAR], parts], axis=-1)


def selective_vector(edit: Edit) -> Floats:
    """The 12 SelectiveAdjust values over their half width 100, (12,), colour by colour; zeros when unused."""
    if edit.selective_adjust is None:
        return np.zeros(len(SELECTIVE_PARAMETERS))
    shifts = (getattr(edit.selective_adjust, c) for c in COLORS)
    return np.array([(s.saturation, s.luminance) for s in shifts], dtype=float).ravel() / 100


def cosine(a: Floats, b: Floats) -> Floats:
    """Row-wise cosine of (..., d) arrays; 1 where both are zero, 0 where one is."""
    lengths = np.linalg.norm(a, axis=-1), np.linalg.norm(b, axis=-1)
    product = lengths[0] * lengths[1]
    ratio = np.divide((a * b).sum(-1), product, out=np.zeros_like(product), where=product > 0)
    return np.where((lengths[0] == 0) & (lengths[1] == 0), 1.0, np.clip(ratio, -1, 1))


@dataclass(frozen=True, eq=False)
class Vectors:
    """n edits as arrays, ready to compare."""

    used: Bools  # (n, 3) in the order of TOOLS
    values: Floats  # (n, 14) Adjust values as they are
    adjust: Floats  # (n, 15)
    selective: Floats  # (n, 12)
    preset: NDArray[np.str_]  # (n,) "" when no filter
    intensity: Floats  # (n,) 0..100

    @classmethod
    def of(cls, edits: Sequence[Edit]) -> Vectors:
        """Arrays of a list of edits."""
        filters = [edit.filter for edit in edits]
        values = np.array([adjust_values(edit) for edit in edits]).reshape(-1, len(ADJUST_PARAMETERS))
        return cls(
            used=np.array([[edit.uses(tool) for tool in TOOLS] for edit in edits], dtype=bool).reshape(-1, 3),
            values=values,
            adjust=scale_adjust(values),
            selective=np.array([selective_vector(edit) for edit in edits]).reshape(-1, len(SELECTIVE_PARAMETERS)),
            preset=np.array([f.name if f else "" for f in filters], dtype=str),
            intensity=np.array([f.intensity if f else 0.0 for f in filters], dtype=float),
        )


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What happened for each of n intents: the raw material of every score and interval."""

    teacher_used: Bools  # (n, 3)
    student_used: Bools  # (n, 3)
    quality: Floats  # (n, 3) scaled cosine, scaled cosine, preset equal
    raw: Floats  # (n, 3) the same on unscaled values
    intensity_error: Floats  # (n,) absolute, in percent of intensity; counts where both use the filter

    def __len__(self) -> int:
        return len(self.quality)

    def __getitem__(self, which: Bools | NDArray[np.int_]) -> Outcomes:
        """The outcomes of a subset."""
        return Outcomes(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def compare(teacher: Vectors, student: Vectors) -> Outcomes:
    """Intent by intent; quality of tools that neither uses is 1, that only one uses 0."""
    adjust, selective = cosine(teacher.adjust, student.adjust), cosine(teacher.selective, student.selective)
    preset = (teacher.preset == student.preset).astype(float)
    return Outcomes(
        teacher_used=teacher.used,
        student_used=student.used,
        quality=np.stack([adjust, selective, preset], axis=1),
        raw=np.stack([cosine(teacher.values, student.values), selective, preset], axis=1),
        intensity_error=np.abs(teacher.intensity - student.intensity),
    )


def score(outcomes: Outcomes, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """All scores with bootstrap 95% intervals (intents resampled); `resamples=0` leaves the intervals out.

    {"n", "overall", "overall_ci", "overall_teacher", "overall_all", "overall_raw", "not_colour": {...},
    "adjust" | "selective_adjust" | "filter": {"precision", "recall", "selection", "quality", "final", ...}}.
    Each figure x has its interval in x_ci. None where nothing defines it (a tool that nobody uses).
    """
    point = _scores(outcomes, np.ones((1, len(outcomes))))
    bands: dict[str, Floats] = {}
    if resamples and len(outcomes):
        counts = np.random.default_rng(seed).multinomial(
            len(outcomes), np.full(len(outcomes), 1 / len(outcomes)), size=resamples
        )
        bands = {key: _interval(values) for key, values in _scores(outcomes, counts.astype(float)).items()}
    result: dict[str, Any] = {"n": len(outcomes)}
    for key, values in point.items():
        group, _, name = key.rpartition(".")
        target = result.setdefault(group, {}) if group else result
        target[name] = _plain(values[0])
        if bands:
            target[f"{name}_ci"] = [_plain(v) for v in bands[key]]
    return result


def _scores(outcomes: Outcomes, weights: Floats) -> dict[str, Floats]:
    """Every score for each row of `weights` (resamples, n), the number of times an intent is drawn."""
    scores: dict[str, Floats] = {}
    finals: dict[str, list[Floats]] = {name: [] for name in (*CONDITIONINGS, "raw")}
    for i, tool in enumerate(TOOLS):
        teacher, student = outcomes.teacher_used[:, i], outcomes.student_used[:, i]
        selection = _selection(teacher, student, weights)
        quality = _qualities(teacher, student, outcomes.quality[:, i], weights)
        quality["raw"] = _qualities(teacher, student, outcomes.raw[:, i], weights)["both"]
        for name, values in quality.items():
            finals[name].append(harmonic_mean(selection["selection"], values))
        scores |= {f"{tool}.{name}": values for name, values in selection.items()}
        scores |= {f"{tool}.quality{_suffix(name)}": values for name, values in quality.items()}
        scores |= {f"{tool}.final{_suffix(name)}": finals[name][-1] for name in quality}
    both = outcomes.teacher_used[:, 2] & outcomes.student_used[:, 2]
    scores["filter.intensity_mae"] = _mean(outcomes.intensity_error, both, weights)
    for name, three in finals.items():
        scores[f"overall{_suffix(name)}"] = _mean_of_defined(np.stack(three))
    asked, given = (used.sum(axis=1) == 0 for used in (outcomes.teacher_used, outcomes.student_used))
    nothing = _selection(asked, given, weights)
    scores |= {f"not_colour.{name}": values for name, values in nothing.items()}
    return scores


def _suffix(conditioning: str) -> str:
    return "" if conditioning == "both" else f"_{conditioning}"


def _selection(teacher: Bools, student: Bools, weights: Floats) -> dict[str, Floats]:
    """Precision, recall and F1 ("selection") of a yes; 0 where the denominator is 0 but a yes exists."""
    hits, asked, given = (weights @ x.astype(float) for x in (teacher & student, teacher, student))
    defined = asked + given > 0
    precision, recall = (np.where(defined, _ratio(hits, total, 0.0), np.nan) for total in (given, asked))
    return {"precision": precision, "recall": recall, "selection": _ratio(2 * hits, asked + given, np.nan)}


def _qualities(teacher: Bools, student: Bools, quality: Floats, weights: Floats) -> dict[str, Floats]:
    missed_is_zero = np.where(teacher & ~student, 0.0, quality)
    return {
        "both": _mean(quality, teacher & student, weights),
        "teacher": _mean(missed_is_zero, teacher, weights),
        "all": _mean(np.where(teacher != student, 0.0, quality), np.ones_like(teacher), weights),
    }


def _mean(values: Floats, where: Bools, weights: Floats) -> Floats:
    return _ratio(weights @ np.where(where, values, 0.0), weights @ where.astype(float), np.nan)


def _ratio(a: Floats, b: Floats, otherwise: float) -> Floats:
    return np.divide(a, b, out=np.full_like(b, otherwise), where=b > 0)


def harmonic_mean(selection: Floats, quality: Floats) -> Floats:
    """2ab/(a+b); 0 where selection is 0 or quality not above 0, nan where selection is undefined."""
    a, b = np.asarray(selection, dtype=float), np.nan_to_num(np.asarray(quality, dtype=float), nan=0.0)
    result = np.where((a > 0) & (b > 0), 2 * a * b / np.where(a + b > 0, a + b, 1), 0.0)
    return np.where(np.isnan(a), np.nan, result)


def _mean_of_defined(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(0), defined.sum(0).astype(float), np.nan)


def _interval(values: Floats) -> Floats:
    defined = values[~np.isnan(values)]
    return np.percentile(defined, [2.5, 97.5]) if len(defined) else np.full(2, np.nan)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def subsets(groups: Sequence[str], outcomes: Outcomes, resamples: int = 0) -> dict[str, dict[str, Any]]:
    """The scores of each group of intents, in order of first appearance; `groups` holds n names."""
    names = np.array(groups)
    return {group: score(outcomes[names == group], resamples) for group in dict.fromkeys(groups)}


def popularity(calls: Sequence[int | None], outcomes: Outcomes, at_least: Sequence[int] = (1, 3, 5)) -> dict[str, Any]:
    """The paper's r_i: scores of the intents with at least i calls; {} where no call counts are known."""
    if not any(calls):
        return {}
    counts = np.array([c or 0 for c in calls])
    return {f"r{i}": score(outcomes[counts >= i], resamples=0) for i in at_least if (counts >= i).any()}


def edit_scores(teacher: Sequence[Edit], student: Sequence[Edit], resamples: int = 0) -> dict[str, Any]:
    """`score` of two lists of edits, in one call."""
    if len(teacher) != len(student):
        raise ValueError(f"{len(teacher)} teacher edits but {len(student)} student edits")
    return score(compare(Vectors.of(teacher), Vectors.of(student)), resamples)


GOOD_COSINE = 0.7  # an answer of Adjust or Selective that points this much the teacher's way counts as right


def right(outcomes: Outcomes) -> Bools:
    """(n, 3): the tool's answer is as the teacher's: rightly unused, the same preset, or a cosine of 0.7 or more."""
    unused = ~outcomes.teacher_used & ~outcomes.student_used
    return unused | (outcomes.teacher_used & outcomes.student_used & (outcomes.quality >= GOOD_COSINE))


def calibration_error(confidence: Floats, is_right: Bools, bins: int = 10) -> float | None:
    """Expected calibration error: mean |confidence - share right| over equal-width bins, weighted by their size.

    `confidence` (n,) in 0..1, nan where the planner gave none; None when it never did. Source: Guo et al. (2017).
    """
    given = ~np.isnan(confidence)
    if not given.any():
        return None
    confidence, hit = confidence[given], is_right[given].astype(float)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, confidence - hit, minlength=bins)  # sum of differences in each bin
    return round(float(np.abs(gaps).sum() / len(confidence)), 6)

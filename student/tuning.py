"""Constants of the decoding, chosen on validation outputs: thresholds, strengths, calibration. NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from student import heads
from student.heads import Decoding
from student.metrics import GOOD_COSINE, Vectors, cosine, harmonic_mean

Floats = NDArray[np.float64]

GRID = np.arange(0.2, 0.81, 0.01)  # of thresholds
SLACK = 0.002  # of Adjust's final
STRENGTH = 0.92  # of the teacher's mean vector length and intensity: less look error, the rendered ratio above 0.85


def fit(outputs: Floats, teacher: Vectors) -> Decoding:
    """All constants: thresholds, strengths that match the teacher's, calibration."""
    decoding = calibrate(outputs, teacher, choose(outputs, teacher))
    return replace(decoding, strengths=_strengths(outputs, teacher, decoding))


def _strengths(outputs: Floats, teacher: Vectors, decoding: Decoding) -> tuple[float, float, float]:
    """Factors that bring the mean vector lengths and the mean intensity to STRENGTH of the teacher's."""
    student = Vectors.of([heads.decode(row, decoding) for row in outputs])
    both = teacher.used & student.used
    lengths = [
        (np.linalg.norm(v.adjust, axis=1), np.linalg.norm(v.selective, axis=1), v.intensity) for v in (teacher, student)
    ]
    adjust, selective, intensity = (
        round(STRENGTH * float(theirs[rows].mean() / ours[rows].mean()), 3) if rows.any() else STRENGTH
        for theirs, ours, rows in zip(*lengths, both.T, strict=True)
    )
    return adjust, selective, intensity


def choose(outputs: Floats, teacher: Vectors) -> Decoding:
    """Thresholds of tool use that maximise each tool's final; curves are smoothed against luck.

    Adjust's curve is flat, for nearly every request about colour asks for it. Within SLACK of its best, that
    threshold is taken which best tells the requests that ask for no tool at all.
    """
    scores, quality, asked = heads.tool_scores(outputs), _quality(outputs, teacher), teacher.used
    finals = [
        _smooth([_final(asked[:, tool], scores[:, tool] > t, quality[:, tool]) for t in GRID]) for tool in range(3)
    ]
    selective, preset = (float(GRID[finals[tool].argmax()]) for tool in (1, 2))
    others = (scores[:, 1] <= selective) & (scores[:, 2] <= preset)
    none = np.logical_not(asked.any(axis=1))
    told = _smooth([_f1(none, others & (scores[:, 0] <= t)) for t in GRID])
    adjust = float(GRID[np.where(finals[0] >= finals[0].max() - SLACK, told, -1).argmax()])
    return Decoding(thresholds=(round(adjust, 3), round(selective, 3), round(preset, 3)))


def _smooth(curve: Sequence[float]) -> Floats:
    return np.convolve(np.pad(curve, 7, "edge"), np.ones(15) / 15, "valid")


def _f1(asked: NDArray[np.bool_], given: NDArray[np.bool_]) -> float:
    return float(2 * (asked & given).sum() / max(asked.sum() + given.sum(), 1))


def _quality(outputs: Floats, teacher: Vectors) -> Floats:
    """Quality (n, 3) as if every tool were used."""
    names = np.array(heads.PRESET_NAMES)[outputs[:, heads.PRESET].argmax(1)]
    adjust = cosine(outputs[:, heads.ADJUST], teacher.adjust)
    selective = cosine(outputs[:, heads.SELECTIVE], teacher.selective)
    return np.stack([adjust, selective, (names == teacher.preset).astype(float)], axis=1)


def _final(asked: NDArray[np.bool_], given: NDArray[np.bool_], quality: Floats) -> float:
    hits = asked & given
    if not hits.any():
        return 0.0
    return float(harmonic_mean(np.array(_f1(asked, given)), quality[hits].mean()))


def calibrate(outputs: Floats, teacher: Vectors, decoding: Decoding) -> Decoding:
    """Fit the weights of sureness: a logistic regression per tool, apart for used and unused."""
    used = heads.used(outputs, decoding)
    quality, signs = _quality(outputs, teacher), heads.signs(outputs)
    fitted = []
    for tool in range(3):
        same = teacher.used[:, tool] == used[:, tool]
        right = same & (~used[:, tool] | (quality[:, tool] >= GOOD_COSINE))
        cases = [used[:, tool] == case for case in (False, True)]
        fitted.append(tuple(_logistic(signs[case, tool], right[case]) for case in cases))
    return replace(decoding, sureness=tuple(fitted))


def _logistic(signs: Floats, right: NDArray[np.bool_]) -> tuple[float, ...]:
    """Weights (3,) of signs (n, 3) that minimise the log loss, drawn a little towards 0."""

    def loss(w: Floats) -> float:
        odds = signs @ w
        return float(np.mean(np.logaddexp(0, odds) - right * odds) + 1e-3 * (w[1:] ** 2).sum())

    weights = minimize(loss, np.zeros(3)).x if len(signs) else np.zeros(3)
    return tuple(round(float(w), 4) for w in weights)

"""Constants of the decoding, chosen on validation outputs: thresholds, strengths, calibration. NumPy and SciPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from student import heads
from student.heads import Decoding, softmax
from student.metrics import Vectors, cosine, harmonic_mean

Floats = NDArray[np.float64]


def fit(outputs: Floats, teacher: Vectors) -> Decoding:
    """All constants: thresholds, strengths that match the teacher's, calibration."""
    decoding = calibrate(outputs, teacher, choose(outputs, teacher))
    return replace(decoding, strengths=_strengths(outputs, teacher, decoding))


def _strengths(outputs: Floats, teacher: Vectors, decoding: Decoding) -> tuple[float, float, float]:
    """Teacher's over student's mean vector length, and intensity, where both use the tool."""
    student = Vectors.of([heads.decode(row, decoding) for row in outputs])
    both = teacher.used & student.used
    pairs = [
        (np.linalg.norm(v.adjust, axis=1), np.linalg.norm(v.selective, axis=1), v.intensity) for v in (teacher, student)
    ]
    ratios = [float(a[both[:, i]].mean() / b[both[:, i]].mean()) for i, (a, b) in enumerate(zip(*pairs, strict=True))]
    return round(ratios[0], 3), round(ratios[1], 3), round(ratios[2], 3)


def choose(outputs: Floats, teacher: Vectors) -> Decoding:
    """Thresholds of tool use that maximise each tool's final; the curve is smoothed against luck."""
    scores = heads.tool_scores(outputs)
    grid = np.arange(0.2, 0.81, 0.01)
    quality = _quality(outputs, teacher)
    thresholds = []
    for tool in range(3):
        used = teacher.used[:, tool]
        finals = [_final(used, scores[:, tool] > t, quality[:, tool]) for t in grid]
        smooth = np.convolve(np.pad(finals, 7, "edge"), np.ones(15) / 15, "valid")
        thresholds.append(round(float(grid[int(smooth.argmax())]), 3))
    return Decoding(thresholds=(thresholds[0], thresholds[1], thresholds[2]))


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
    return float(harmonic_mean(2 * hits.sum() / (asked.sum() + given.sum()), quality[hits].mean()))


def calibrate(outputs: Floats, teacher: Vectors, decoding: Decoding) -> Decoding:
    """Fit scale and shift of the tool-use logits and the preset's temperature by log loss."""
    fits = [_logistic(outputs[:, tool], teacher.used[:, tool]) for tool in range(3)]
    (a, b), (c, d), (e, f) = fits
    names = {name: i for i, name in enumerate(heads.PRESET_NAMES)}
    rows = np.flatnonzero([p in names for p in teacher.preset])
    places = np.array([names[str(teacher.preset[i])] for i in rows])
    presets = outputs[rows][:, heads.PRESET]

    def surprise(t: Floats) -> float:
        return float(-np.log(softmax(presets / t[0])[np.arange(len(rows)), places] + 1e-12).mean())

    temperature = round(float(minimize(surprise, [1.0], method="Nelder-Mead").x[0]), 4)
    return replace(decoding, use_scale=(a, c, e), use_shift=(b, d, f), preset_temperature=temperature)


def _logistic(logits: Floats, yes: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and shift of logits that minimise the log loss (Platt)."""

    def loss(x: Floats) -> float:
        scaled = x[0] * logits + x[1]
        return float(np.mean(np.logaddexp(0, scaled) - yes * scaled))

    scale, shift = minimize(loss, [1.0, 0.0], method="Nelder-Mead").x
    return round(float(scale), 4), round(float(shift), 4)


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean gap between confidence and share right over equal-width bins, weighted by size (Guo et al., 2017)."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[places == b].mean() - right[places == b].mean()) * (places == b).mean() for b in set(places)]
    return float(sum(gaps))

"""What the fast student puts out, and how it becomes an edit. NumPy only; knows no network.

One row of 66 raw outputs: three tool-use logits; for Adjust and Selective Adjust a direction (any length)
and the logarithm of the vector's length; 33 preset logits; the intensity's logit. Vectors are those of
`student.metrics`, so that what is learnt is what is measured; direction and length are apart because a
cosine leaves the length free, and a mean over unsure values would make every edit timid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from editor.tools import (
    ADJUST_PARAMETERS,
    COLORS,
    PRESETS,
    SELECTIVE_PARAMETERS,
    TOOLS,
    Adjust,
    ColorShift,
    Edit,
    Filter,
    SelectiveAdjust,
    ToolName,
    limits,
)

Floats = NDArray[np.float64]

PRESET_NAMES = tuple(PRESETS)
USE = slice(0, 3)
ADJUST = slice(3, 18)
ADJUST_LENGTH = 18
SELECTIVE = slice(19, 31)
SELECTIVE_LENGTH = 31
PRESET = slice(32, 32 + len(PRESET_NAMES))
INTENSITY = PRESET.stop
OUTPUTS = INTENSITY + 1

_LINEAR = [p for p in ADJUST_PARAMETERS if p != "hue"]
_LIMITS = np.array([limits(p) for p in _LINEAR])  # (13, 2)
_HALF_WIDTHS = (_LIMITS[:, 1] - _LIMITS[:, 0]) / 2
LOG_LENGTHS = -5.0, 1.5  # of vectors, least and most
_HUE_FLOOR = 0.13  # length of the hue part below which hue stays neutral: sin(15°/2)


@dataclass(frozen=True)
class Decoding:
    """Constants chosen on validation, stored beside the weights."""

    thresholds: tuple[float, float, float] = (0.5, 0.5, 0.5)  # a tool is used when its `tool_scores` lies above
    strengths: tuple[float, float, float] = (1.0, 1.0, 1.0)  # factor on lengths and intensity
    floor: float = 2.0  # values below it, in percent, are left neutral
    sureness: tuple[tuple[tuple[float, ...], ...], ...] = (((2.0, 0.0, 0.0), (0.0, 0.0, 0.0)),) * 3
    """Per tool, unused then used: weights of `signs` for the log odds that the teacher would agree."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Decoding:
        """From the JSON of a weights folder."""
        values: dict[str, Any] = {k: _tuples(v) for k, v in data.items()}
        return cls(**values)


def sigmoid(x: Floats) -> Floats:
    """Logistic function, without overflow."""
    return 0.5 * (1 + np.tanh(np.asarray(x, dtype=float) / 2))


def softmax(x: Floats) -> Floats:
    """Probabilities over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def tool_scores(outputs: Floats) -> Floats:
    """(..., 66) raw outputs → (..., 3) what speaks for using each tool, 0..1.

    Adjust and Selective: the probability of use. Filter: that times the square root of the surest preset's
    probability, so that no preset is better than a guessed one.
    """
    scores = sigmoid(outputs[..., USE])
    scores[..., 2] *= np.sqrt(softmax(outputs[..., PRESET]).max(axis=-1))
    return scores


def used(outputs: Floats, decoding: Decoding) -> NDArray[np.bool_]:
    """(..., 66) raw outputs → (..., 3) which tools are used."""
    return np.asarray(tool_scores(outputs) > decoding.thresholds)


def decode(outputs: Floats, decoding: Decoding) -> Edit:
    """The edit of one row of raw outputs (66,): whole numbers, inside their ranges."""
    use = used(outputs, decoding)
    strength = decoding.strengths
    adjust = _vector(outputs[ADJUST], outputs[ADJUST_LENGTH], strength[0])
    selective = _vector(outputs[SELECTIVE], outputs[SELECTIVE_LENGTH], strength[1])
    intensity = float(np.clip(np.round(100 * sigmoid(outputs[INTENSITY]) * strength[2]), 5, 100))
    return Edit(
        adjust=_adjust(adjust, decoding.floor) if use[0] else None,
        selective_adjust=_selective(selective, decoding.floor) if use[1] else None,
        filter=Filter(name=PRESET_NAMES[int(outputs[PRESET].argmax())], intensity=intensity) if use[2] else None,
    )


def signs(outputs: Floats) -> Floats:
    """(..., 66) raw outputs → (..., 3 tools, 3) what sureness shows in: 1, the use logit, and a third sign.

    That is the log of the direction's raw length (the network leaves it short where it wavers), for the
    filter the log probability of its surest preset.
    """
    third = [np.log(np.linalg.norm(outputs[..., part], axis=-1) + 1e-9) for part in (ADJUST, SELECTIVE)]
    third.append(np.log(softmax(outputs[..., PRESET]).max(axis=-1)))
    use = outputs[..., USE]
    return np.stack([np.ones_like(use), use, np.stack(third, axis=-1)], axis=-1)


def confidence(outputs: Floats, decoding: Decoding) -> dict[ToolName, float]:
    """Per tool the calibrated probability, 0..1, that the answer is as the teacher's.

    That is: rightly unused, the same preset, or a cosine of 0.7 or more (`student.metrics.right`).
    """
    use = used(outputs, decoding)
    odds = [np.dot(decoding.sureness[i][int(use[i])], sign) for i, sign in enumerate(signs(outputs))]
    return {tool: round(float(sigmoid(o)), 4) for tool, o in zip(TOOLS, odds, strict=True)}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _vector(direction: Floats, log_length: float, strength: float) -> Floats:
    length = strength * np.exp(np.clip(log_length, *LOG_LENGTHS))
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-9) * length)


def _whole(values: Floats, floor: float, low: Floats | float, high: Floats | float) -> Floats:
    return np.clip(np.where(np.abs(values) < floor, 0, np.round(values)), low, high) + 0.0  # no -0


def _adjust(vector: Floats, floor: float) -> Adjust:
    values = _whole(vector[:13] * _HALF_WIDTHS, floor, _LIMITS[:, 0], _LIMITS[:, 1])
    sine, cosine = 2 * vector[13], 1 - 2 * vector[14]  # see metrics.scale_adjust
    turned = np.hypot(vector[13], vector[14]) >= _HUE_FLOOR
    hue = float(np.round(np.rad2deg(np.arctan2(sine, cosine)) % 360)) if turned else 0.0
    return Adjust(**dict(zip(_LINEAR, map(float, values), strict=True)), hue=hue % 360)


def _selective(vector: Floats, floor: float) -> SelectiveAdjust:
    values = dict(zip(SELECTIVE_PARAMETERS, _whole(vector * 100, floor, -100, 100), strict=True))
    shifts = {c: ColorShift(saturation=values[c, "saturation"], luminance=values[c, "luminance"]) for c in COLORS}
    return SelectiveAdjust(**shifts)

"""The SelectiveAdjust tool: saturation and luminance of six colours, by OKLCh hue.

Every hue is shared between its two neighbouring colours by raised cosines that sum to one. Magenta,
between blue and red, is a seventh colour that no parameter moves, so that purple is not torn between
them. Greys never move: all changes are gated by chroma. Knows nothing of the other tools.

Hue centres: measured on sRGB's primaries and secondaries and on skin (orange); layout after
darktable's color equalizer and the HSL panels that photographers know.
"""

from __future__ import annotations

import numpy as np

from editor.color import (
    Array,
    linear_to_oklab,
    linear_to_srgb,
    oklab_to_linear,
    planar,
    srgb_to_linear,
)
from editor.tools import COLORS, SelectiveAdjust, is_neutral

HUE_CENTRES = {"red": 29.0, "orange": 53.0, "yellow": 110.0, "green": 142.5, "cyan": 195.0, "blue": 264.0}
MAGENTA = 328.0  # hidden, never moved: the hue of sRGB magenta
CHROMA_GATE = 0.02, 0.06  # no effect below, whole effect above
LUMINANCE_POWER = 1.0  # at -100 lightness L becomes L^2, at +100 L^(1/2)

_CENTRES = np.radians([*HUE_CENTRES.values(), MAGENTA])
_SPANS = (np.roll(_CENTRES, -1) - _CENTRES) % (2 * np.pi)  # from each colour to the next


def weights(h: Array) -> Array:
    """Shares (..., 7) of red, orange, yellow, green, cyan, blue and magenta in hues h (...), radians.

    Raised cosines between neighbours: they sum to one and are smooth around the whole circle.
    """
    shares = [blend(h, row) for row in np.eye(len(_CENTRES))]
    return np.stack(shares, axis=-1)


def blend(h: Array, values: Array) -> Array:
    """Sum of weights(h) · values for seven values, one a colour; the quick way for whole pictures."""
    before, scaled = _neighbour(h)
    middle, half = (values + np.roll(values, -1)) / 2, (values - np.roll(values, -1)) / 2
    return middle.astype(h.dtype)[before] + half.astype(h.dtype)[before] * np.cos(scaled)


def _neighbour(h: Array) -> tuple[Array, Array]:
    """Index of the colour at or before each hue, and the way to the next one as 0..pi."""
    way = np.mod(h - _CENTRES[0].item(), 2 * np.pi)
    starts = _CENTRES - _CENTRES[0]
    before = np.zeros(h.shape, np.int8)
    for start in starts[1:]:
        before += way >= start.item()
    scaled = (way - starts.astype(h.dtype)[before]) * (np.pi / _SPANS).astype(h.dtype)[before]
    return before, scaled


def chroma_gate(C: Array) -> Array:
    """Smoothstep of OKLCh chroma: 0 for greys, 1 for colours."""
    low, high = CHROMA_GATE
    t = np.clip((C - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def apply_selective(rgb: Array, selective: SelectiveAdjust) -> Array:
    """Per-colour saturation and luminance on display RGB (..., 3), float, unclipped.

    Saturation scales chroma by 1 + s: -100 turns a colour's centre exactly grey. Luminance raises OKLab
    lightness to the power 2^-s, which holds black and white, and carries chroma along like exposure.
    Neutral returns rgb itself, and so do greys, bit for bit.
    """
    if is_neutral(selective):
        return rgb
    shifts = [getattr(selective, color) for color in COLORS]
    saturation = np.array([shift.saturation / 100 for shift in shifts] + [0.0])
    luminance = np.array([shift.luminance / 100 for shift in shifts] + [0.0])
    lab = linear_to_oklab(srgb_to_linear(planar(rgb)))
    a, b = lab[..., 1], lab[..., 2]
    gate = chroma_gate(np.sqrt(a * a + b * b))
    h = np.arctan2(b, a)
    if saturation.any():
        lab[..., 1:] *= (1 + gate * blend(h, saturation))[..., None]
    if luminance.any():
        # L^(2^-s) / L; the floor keeps the darkest colours from a boundless gain.
        power = np.exp2(-LUMINANCE_POWER * gate * blend(h, luminance)) - 1
        lab *= (np.maximum(lab[..., 0], 0.05) ** power)[..., None]
    changed = linear_to_srgb(oklab_to_linear(lab))
    return np.ascontiguousarray(np.where((gate > 0)[..., None], changed, rgb))

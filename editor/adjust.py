"""The Adjust tool's pointwise stages: one function a parameter, and all of them in the contract's order.

Stages take and return linear sRGB (..., 3), unbounded, and a strength s = value / 100; s = 0 returns
the input itself. Nothing is clipped, odd powers keep the sign of negative light, and equal channels
stay exactly equal in every stage but temperature and tint. The tone stages change luminance only and
keep the ratios of the channels. Structure, sharpen and bloom need neighbours and live in `spatial`.

Sources: OpenColorIO's exposure/contrast and GradingTone operators; darktable's color balance rgb
(contrast about a fulcrum, brilliance) and vibrance; Gregory & Delbourgo 1982 (rational quadratics).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from editor.color import (
    Array,
    chromatic_adaptation,
    cusp,
    linear_to_oklab,
    linear_to_srgb,
    luminance,
    oklab_to_linear,
    planar,
    srgb_to_linear,
    white_point,
)
from editor.tools import Adjust

MIDDLE_GREY = 0.18
OFFSET = 0.05  # linear light at linearOffset +100: +25 makes a black of 29/255
CONTRAST_TOE = 4.0  # stops: below middle grey the change levels off over about this range
CONTRAST_FLAT = 6.0  # the same when contrast is reduced, on both sides
CONTRAST_WHITE = 3.4  # stops above middle grey that added contrast leaves in place; white is at 2.5
BRIGHTNESS_TOE = 0.01  # luminance below which brightness acts as a plain gain
SHADOWS_END, HIGHLIGHTS_START = 0.68, 0.42  # on the cube root of luminance, where middle grey is 0.565
SHADOWS_SLOPE, HIGHLIGHTS_SLOPE = 2.6, 3.0  # slope at black and white at ±100
VIBRANCE_STOPS = 1.8  # a colour near grey has 2^1.8 times its chroma at +100
SKIN_HUE, SKIN_WIDTH, SKIN_SHARE = np.radians(53), np.radians(45), 0.55
WARMEST = 160.0  # mired from D65 at temperature +100
TINT_DUV = 0.04  # distance from the Planckian locus at tint ±100

Gain = Callable[[Array, float], Array]


def exposure(linear: Array, s: float) -> Array:
    """Scene light times 2^(2s): s = 0.5 is one stop. Source: OpenColorIO, linear style."""
    return linear * 2.0 ** (2 * s) if s else linear


def linear_offset(linear: Array, s: float) -> Array:
    """Adds `OFFSET`·s to every channel: haze (+) or sunken blacks (-). Source: OpenColorIO's offset."""
    return linear + OFFSET * s if s else linear


def contrast_gain(Y: Array, s: float) -> Array:
    """Factor on luminance Y of contrast s: slope 2^s about middle grey on logarithmic axes.

    Added contrast bends toward `CONTRAST_WHITE` above the pivot; below it, and on both sides when
    contrast is reduced, the change levels off, so that black is neither crushed nor boosted without end.
    """
    change = 2.0**s - 1
    stops = np.log2(np.maximum(np.abs(Y), 1e-6) / MIDDLE_GREY)
    if s < 0:
        return np.exp2(change * stops / np.sqrt(1 + (stops / CONTRAST_FLAT) ** 2))
    dark = np.minimum(stops, 0)
    shift = dark / np.sqrt(1 + (dark / CONTRAST_TOE) ** 2)
    bright = np.maximum(stops, 0)
    shift += bright * (1 - bright / CONTRAST_WHITE) / (1 + bright * (change / CONTRAST_WHITE))
    return np.exp2(change * shift)


def brightness_gain(Y: Array, s: float) -> Array:
    """Factor on luminance Y of brightness s: power 2^-s that leaves 0 and 1 in place, with a linear toe."""
    return ((np.abs(Y) + BRIGHTNESS_TOE) / (1 + BRIGHTNESS_TOE)) ** (2.0**-s - 1)


def _bend(x: Array, slope: float) -> Array:
    """F(x)/x for the rational quadratic F on 0..1 with F(0) = 0, F(1) = 1, F'(0) = slope, F'(1) = 1."""
    rest = 1 - x
    return (x + slope * rest) / (1 + (slope - 1) * x * rest)


def _unbend(y: Array, slope: float) -> Array:
    """F⁻¹(y)/y for the F of `_bend`: the stable root of its quadratic."""
    bend = slope - 1
    linear = slope - bend * y
    return 2 / (linear + np.sqrt(np.maximum(linear * linear - 4 * bend * y * (1 - y), 0)))


def shadows_gain(Y: Array, s: float) -> Array:
    """Factor on luminance Y of shadows s: lightens (+) or deepens (-) the dark part, black stays.

    Monotone and smooth up to `SHADOWS_END`, above which nothing changes; -s is the inverse of +s.
    """
    x = np.minimum(np.cbrt(np.abs(Y)) / SHADOWS_END, 1)
    ratio = (_bend if s > 0 else _unbend)(x, SHADOWS_SLOPE ** abs(s))
    return ratio * ratio * ratio


def highlights_gain(Y: Array, s: float) -> Array:
    """Factor on luminance Y of highlights s: lightens (+) or darkens (-) the bright part, white stays.

    Monotone and smooth down to `HIGHLIGHTS_START`, below which nothing changes; -s is the inverse of +s.
    """
    v = np.maximum(np.cbrt(np.abs(Y)), HIGHLIGHTS_START)
    below_white = (1 - v) / (1 - HIGHLIGHTS_START)
    ratio = (_unbend if s > 0 else _bend)(np.maximum(below_white, 0), HIGHLIGHTS_SLOPE ** abs(s))
    ratio = (1 - (1 - HIGHLIGHTS_START) * below_white * ratio) / v
    return ratio * ratio * ratio


def tones(linear: Array, stages: Sequence[tuple[Gain, float]]) -> Array:
    """Tone stages in a row, computed on luminance and applied once: the channels' ratios are kept."""
    used = [(gain, s) for gain, s in stages if s]
    if not used:
        return linear
    Y = luminance(linear)
    total = np.ones_like(Y)
    for gain, s in used:
        factor = gain(Y, s)
        Y *= factor
        total *= factor
    return linear * total[..., None]


def contrast(linear: Array, s: float) -> Array:
    """S-curve around middle grey on luminance; see `contrast_gain`."""
    return tones(linear, [(contrast_gain, s)])


def brightness(linear: Array, s: float) -> Array:
    """Midtones up (+) or down (-) on luminance; see `brightness_gain`."""
    return tones(linear, [(brightness_gain, s)])


def highlights(linear: Array, s: float) -> Array:
    """Bright part up (+) or down (-) on luminance; see `highlights_gain`."""
    return tones(linear, [(highlights_gain, s)])


def shadows(linear: Array, s: float) -> Array:
    """Dark part up (+) or down (-) on luminance; see `shadows_gain`."""
    return tones(linear, [(shadows_gain, s)])


def vibrance_gain(lab: Array, s: float) -> Array:
    """Factor on chroma of vibrance s for OKLab colours: less the nearer to the gamut's cusp and to skin hues."""
    a, b = lab[..., 1], lab[..., 2]
    h = np.arctan2(b, a)
    muted = np.maximum(1 - np.sqrt(a * a + b * b) / cusp(h)[1], 0)
    from_skin = np.minimum(np.abs(h - SKIN_HUE.item()), SKIN_WIDTH.item())
    share = 1 - SKIN_SHARE / 2 * (1 + np.cos(from_skin * (np.pi / SKIN_WIDTH.item())))
    return np.exp2(VIBRANCE_STOPS * s * share * muted * muted)


def colorfulness(linear: Array, saturation_s: float, vibrance_s: float, degrees: float) -> Array:
    """Saturation, vibrance and hue in this order at constant OKLab lightness, converted once."""
    degrees %= 360
    if not (saturation_s or vibrance_s or degrees):
        return linear
    lab = linear_to_oklab(linear)
    if saturation_s:
        lab[..., 1:] *= 1 + saturation_s
    if vibrance_s:
        lab[..., 1:] *= vibrance_gain(lab, vibrance_s)[..., None]
    if degrees:
        cos, sin = np.cos(np.radians(degrees)).item(), np.sin(np.radians(degrees)).item()
        a, b = lab[..., 1].copy(), lab[..., 2]
        lab[..., 1] = cos * a - sin * b
        lab[..., 2] = sin * a + cos * b
    return oklab_to_linear(lab)


def saturation(linear: Array, s: float) -> Array:
    """OKLCh chroma times 1 + s; s = -1 is exactly neutral grey of the same lightness."""
    return colorfulness(linear, s, 0, 0)


def vibrance(linear: Array, s: float) -> Array:
    """Chroma of muted colours, skin protected; see `vibrance_gain`. Source: darktable's vibrance."""
    return colorfulness(linear, 0, s, 0)


def hue(linear: Array, degrees: float) -> Array:
    """OKLCh hue plus degrees; 360 is the same as 0."""
    return colorfulness(linear, 0, 0, degrees)


@lru_cache(maxsize=512)
def _toning_matrix(temperature_s: float, tint_s: float) -> tuple[tuple[float, ...], ...]:
    """CAT16 to the toned white; negative strengths are the inverse matrices of positive ones."""
    d65 = white_point()
    warm = chromatic_adaptation(d65, white_point(WARMEST * abs(temperature_s)))
    magenta = chromatic_adaptation(d65, white_point(0, -TINT_DUV * abs(tint_s)))
    warm = np.linalg.inv(warm) if temperature_s < 0 else warm
    magenta = np.linalg.inv(magenta) if tint_s < 0 else magenta
    return tuple(tuple(row) for row in (magenta @ warm).tolist())


def toning(linear: Array, temperature_s: float, tint_s: float) -> Array:
    """Temperature, then tint, by chromatic adaptation; luminance is restored.

    Warm s adapts to a white 160·s mired from D65 along the Planckian locus, tint s to one 0.04·s
    (CIE 1960 Duv) to its magenta side. Negative strengths undo positive ones exactly.
    """
    if not (temperature_s or tint_s):
        return linear
    matrix = _toning_matrix(temperature_s, tint_s)
    r, g, b = (linear[..., i] for i in range(3))
    toned = np.empty_like(linear)
    for i in range(3):
        toned[..., i] = matrix[i][0] * r + matrix[i][1] * g + matrix[i][2] * b
    Y, toned_Y = luminance(linear), luminance(toned)
    # In-gamut colours need 0.9..1.1; the bounds only tame imaginary colours whose luminance nears zero.
    restore = np.clip(np.divide(Y, toned_Y, out=np.ones_like(Y), where=toned_Y != 0), 0.5, 2)
    toned *= restore[..., None]
    return toned


def temperature(linear: Array, s: float) -> Array:
    """Warm (+) or cold (-) toning; see `toning`."""
    return toning(linear, s, 0)


def tint(linear: Array, s: float) -> Array:
    """Magenta (+) or green (-) toning; see `toning`."""
    return toning(linear, 0, s)


def apply_adjust(rgb: Array, adjust: Adjust) -> Array:
    """All pointwise stages of an Adjust on display RGB (..., 3), float, unclipped; neutral returns rgb itself."""
    s = {name: value / 100 for name, value in adjust if name not in ("structure", "sharpen", "bloom")}
    degrees = adjust.hue % 360
    if not (degrees or any(value for name, value in s.items() if name != "hue")):
        return rgb
    linear = srgb_to_linear(planar(rgb))
    linear = exposure(linear, s["exposure"])
    linear = linear_offset(linear, s["linearOffset"])
    curves = [
        (contrast_gain, s["contrast"]),
        (brightness_gain, s["brightness"]),
        (highlights_gain, s["highlights"]),
        (shadows_gain, s["shadows"]),
    ]
    linear = tones(linear, curves)
    linear = colorfulness(linear, s["saturation"], s["vibrance"], degrees)
    linear = toning(linear, s["temperature"], s["tint"])
    return np.ascontiguousarray(linear_to_srgb(linear))

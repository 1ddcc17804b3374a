"""Colour science of the editor: transfer function, luminance, OKLab, gamut fit, white points.

Pixel arrays have shape (..., 3); "display" is sRGB-encoded, "linear" is linear light, both with
sRGB (BT.709) primaries and D65 white, nominal 0..1. Values outside that range are legal and keep
their sign. float32 stays float32, float64 stays float64; the memory layout of the input is kept,
so that `planar` arrays run at full speed through every function.

Greys stay exactly grey: every 3×3 transform whose rows sum to one (or zero) is computed from the
differences to the middle channel, which vanish for R = G = B. Knows nothing of edits or files.

Sources: IEC 61966-2-1 (sRGB); Björn Ottosson, "A perceptual color space for image processing"
(2020) and "sRGB gamut clipping" (2021); Li et al. 2017 (CAT16); Krystek 1985 (Planckian locus).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

Array = NDArray[Any]

# Ottosson 2020: linear sRGB -> cone response, and cube-rooted cone response -> OKLab.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_CONES /= _CONES.sum(axis=1, keepdims=True)  # white is exactly (1, 1, 1)
_OPPONENT = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_OPPONENT[0] /= _OPPONENT[0].sum()
_OPPONENT[1:, 1] = -_OPPONENT[1:, 0] - _OPPONENT[1:, 2]  # greys are exactly a = b = 0
_CONES_INVERSE = np.linalg.inv(_CONES)
_OPPONENT_INVERSE = np.linalg.inv(_OPPONENT)

# BT.709 primaries and the D65 white of sRGB, as CIE xy.
_PRIMARIES_XY = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])
_D65_XY = np.array([0.3127, 0.3290])

# Li et al. 2017, "Comprehensive color solutions: CAM16, CAT16, and CAM16-UCS".
_CAT16 = np.array(
    [
        [0.401288, 0.650173, -0.051461],
        [-0.250268, 1.204414, 0.045854],
        [-0.002079, 0.048952, 0.953127],
    ]
)

# Chroma is compressed above this share of the gamut's limit; below it colours are untouched.
GAMUT_KNEE = 0.9
# Vivid colours give way in lightness by up to this much rather than bleach next to white.
BRIGHT_RESERVE = 0.05
# Degrees of hue over which the gamut's limit rises to blue, see `_chroma_slope`.
BLUE_SLOPE = 20.0
_HUES, _LIGHTNESSES = 1440, 16  # resolution of the gamut table: quarter degrees, steps above the cusp


def _xyz(xy: Array) -> Array:
    """XYZ with Y = 1 of chromaticities (..., 2)."""
    x, y = xy[..., 0], xy[..., 1]
    return np.stack([x / y, np.ones_like(x), (1 - x - y) / y], axis=-1)


def _rgb_to_xyz_matrix() -> Array:
    primaries = _xyz(_PRIMARIES_XY).T
    return primaries * np.linalg.solve(primaries, _xyz(_D65_XY))


_RGB_TO_XYZ = _rgb_to_xyz_matrix()
_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_XYZ)
LUMA: Array = _RGB_TO_XYZ[1]
"""Weights of linear R, G, B in relative luminance Y; they sum to one (BT.709: 0.2126, 0.7152, 0.0722)."""


def planar(rgb: Array) -> Array:
    """A copy of (..., 3) pixels whose channels each lie contiguous in memory; same values and shape."""
    planes = np.empty((3, *rgb.shape[:-1]), rgb.dtype)
    for i in range(3):
        planes[i] = rgb[..., i]
    return np.moveaxis(planes, 0, -1)


def srgb_to_linear(rgb: Array) -> Array:
    """Display to linear light, odd: f(-x) = -f(x). Any shape; 0 and 1 are fixed. Source: IEC 61966-2-1."""
    size = np.abs(rgb)
    linear = (size + 0.055) / 1.055
    np.power(linear, 2.4, out=linear)
    np.copyto(linear, size / 12.92, where=size <= 0.04045)
    return np.copysign(linear, rgb, out=linear)


def linear_to_srgb(linear: Array) -> Array:
    """Linear light to display, odd: f(-x) = -f(x). Any shape; 0 and 1 are fixed. Source: IEC 61966-2-1."""
    size = np.abs(linear)
    rgb = np.power(size, 1 / 2.4)
    rgb *= 1.055
    rgb -= 0.055
    np.copyto(rgb, size * 12.92, where=size <= 0.0031308)
    return np.copysign(rgb, linear, out=rgb)


def luminance(linear: Array) -> Array:
    """Relative luminance Y (...) of linear (..., 3); exactly G for greys."""
    r, g, b = (linear[..., i] for i in range(3))
    return g + LUMA[0].item() * (r - g) + LUMA[2].item() * (b - g)


def _mix(matrix: Array, x: Array) -> Array:
    """Matrix @ x for a 3×3 matrix whose rows sum to one; equal channels come out exactly equal."""
    out = np.empty_like(x)
    middle = x[..., 1]
    d0, d2 = x[..., 0] - middle, x[..., 2] - middle
    for i in range(3):
        np.multiply(d0, matrix[i, 0].item(), out=out[..., i])
        out[..., i] += matrix[i, 2].item() * d2
        out[..., i] += middle
    return out


def linear_to_oklab(linear: Array) -> Array:
    """Linear RGB to OKLab (L, a, b): L 0..1, a and b exactly 0 for greys. Source: Ottosson 2020."""
    cones = _mix(_CONES, linear)
    np.cbrt(cones, out=cones)
    lab = np.empty_like(cones)
    m = cones[..., 1]
    d0, d2 = cones[..., 0] - m, cones[..., 2] - m
    for i in range(3):
        np.multiply(d0, _OPPONENT[i, 0].item(), out=lab[..., i])
        lab[..., i] += _OPPONENT[i, 2].item() * d2
    lab[..., 0] += m
    return lab


def oklab_to_linear(lab: Array) -> Array:
    """OKLab to linear RGB; a = b = 0 gives R = G = B exactly. Inverse of `linear_to_oklab`."""
    cones = np.empty_like(lab)
    L, a, b = (lab[..., i] for i in range(3))
    for i in range(3):
        np.multiply(a, _OPPONENT_INVERSE[i, 1].item(), out=cones[..., i])
        cones[..., i] += _OPPONENT_INVERSE[i, 2].item() * b
        cones[..., i] += L
    square = cones * cones
    cones *= square
    return _mix(_CONES_INVERSE, cones)


def oklab_to_oklch(lab: Array) -> Array:
    """OKLab to (L, C, h): chroma C >= 0, hue h in radians, -pi..pi; h = 0 for greys."""
    lch = np.empty_like(lab)
    a, b = lab[..., 1], lab[..., 2]
    lch[..., 0] = lab[..., 0]
    np.sqrt(a * a + b * b, out=lch[..., 1])
    np.arctan2(b, a, out=lch[..., 2])
    return lch


def oklch_to_oklab(lch: Array) -> Array:
    """(L, C, h in radians) to OKLab."""
    lab = np.empty_like(lch)
    lab[..., 0] = lch[..., 0]
    np.multiply(lch[..., 1], np.cos(lch[..., 2]), out=lab[..., 1])
    np.multiply(lch[..., 1], np.sin(lch[..., 2]), out=lab[..., 2])
    return lab


def srgb_to_oklch(rgb: Array) -> Array:
    """Display RGB to OKLCh (L, C, h in radians)."""
    return oklab_to_oklch(linear_to_oklab(srgb_to_linear(rgb)))


def oklch_to_srgb(lch: Array) -> Array:
    """OKLCh (h in radians) to display RGB, unclipped."""
    return linear_to_srgb(oklab_to_linear(oklch_to_oklab(lch)))


def _lch_to_linear(L: Array, C: Array, h: Array) -> Array:
    return oklab_to_linear(np.moveaxis(np.stack(np.broadcast_arrays(L, C * np.cos(h), C * np.sin(h))), 0, -1))


def _bisect(inside: Callable[[Array], Array], high: Array) -> Array:
    """Largest value in 0..high for which `inside` holds, elementwise."""
    low = np.zeros_like(high)
    for _ in range(22):
        middle = (low + high) / 2
        holds = inside(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return low


def _chroma_slope(h: Array) -> Array:
    """C / L of the gamut's limit below the cusp, where a channel is 0: a straight line from black.

    Towards blue from the cyan side the limit jumps up by half within a degree of hue, which would tear
    blue gradients. There it is a slope of `BLUE_SLOPE` degrees instead; the red of these colours is up
    to 0.03 negative in linear light, which the final clip takes away.
    """
    slope = _bisect(lambda C: _lch_to_linear(np.ones_like(C), C, h).min(axis=-1) >= -0.002, np.ones_like(h))
    blue = slope.argmax()
    return np.maximum(slope, slope[blue] * (1 - np.clip((h[blue] - h) / np.radians(BLUE_SLOPE), 0, 1)) * (h <= h[blue]))


@lru_cache(maxsize=1)
def _gamut() -> tuple[Array, Array, Array]:
    """Cusp lightness (H+1,), cusp chroma (H+1,), and the gamut's bulge above the cusp (H+1, U+1).

    At a constant hue sRGB reaches from black in a straight line to the cusp and from there in a
    slightly curved one, on which a channel is 1, to white. The bulge is the ratio of that curve to
    the straight line, over u = (L - L_cusp) / (1 - L_cusp).
    """
    h = np.linspace(0, 2 * np.pi, _HUES + 1)
    slope = _chroma_slope(h)
    L_cusp = np.cbrt(1 / _lch_to_linear(np.ones_like(h), slope, h).max(axis=-1))
    C_cusp = slope * L_cusp
    u = np.linspace(0, 1, _LIGHTNESSES + 1)
    u[-1] -= 1e-3  # at white both lines meet: take the limit
    L = L_cusp[:, None] + u * (1 - L_cusp[:, None])
    C = _bisect(lambda C: _lch_to_linear(L, C, h[:, None]).max(axis=-1) <= 1, slope[:, None] * L)
    return L_cusp, C_cusp, C / (C_cusp[:, None] * (1 - u))


@lru_cache(maxsize=2)
def _gamut_table(dtype: str) -> tuple[Array, Array, Array]:
    L_cusp, C_cusp, bulge = _gamut()
    return L_cusp.astype(dtype), C_cusp.astype(dtype), bulge.ravel().astype(dtype)


def _cusp(h: Array) -> tuple[Array, Array, Array]:
    """Lightness and chroma of the cusp at hue h, and the nearest hue's index in the gamut table."""
    L_cusp, C_cusp, _ = _gamut_table(h.dtype.char)
    position = h * (_HUES / (2 * np.pi))
    before = np.floor(position)
    position -= before
    i = before.astype(np.intp) % _HUES
    after = i + 1
    lightness, chroma = L_cusp.take(i), C_cusp.take(i)
    lightness += position * (L_cusp.take(after) - lightness)
    chroma += position * (C_cusp.take(after) - chroma)
    return lightness, chroma, i + (position > 0.5)


def cusp(h: Array) -> tuple[Array, Array]:
    """Lightness and chroma of the most colourful sRGB colour of hue h (radians)."""
    return _cusp(h)[:2]


def max_chroma(L: Array, h: Array) -> Array:
    """Largest OKLCh chroma that sRGB holds at lightness L and hue h (radians, any turn).

    Same shape and dtype as L; 0 for L <= 0 and L >= 1. From a table with an error below 0.004 but for
    `BLUE_SLOPE` degrees before blue, see `_chroma_slope`.
    """
    L_cusp, C_cusp, i = _cusp(h)
    bulge = _gamut_table(h.dtype.char)[2]
    u = np.clip((L - L_cusp) / (1 - L_cusp), 0, 1)
    column = u * _LIGHTNESSES
    j = np.minimum(column.astype(np.intp), _LIGHTNESSES - 1)
    column -= j
    i *= _LIGHTNESSES + 1
    i += j
    curve = bulge.take(i)
    i += 1
    curve += column * (bulge.take(i) - curve)
    curve *= 1 - u
    np.copyto(curve, np.maximum(L / L_cusp, 0), where=u == 0)
    return C_cusp * curve


def fit_gamut(rgb: Array) -> Array:
    """Bring display colours into sRGB by less chroma at constant OKLab lightness and hue.

    Unbounded display (..., 3) in and out. Up to `GAMUT_KNEE` of the gamut's limit a colour returns
    bit for bit, above it chroma nears the limit smoothly and in order. Lightness is not clipped:
    below black and above white greys remain, for the final clip. Only vivid colours lighter than
    1 - `BRIGHT_RESERVE` are held below white, lest bright yellow bleach at a touch of exposure, and
    imaginary blues are turned to blue.
    Source: Ottosson 2021, with a knee.
    """
    lab = linear_to_oklab(srgb_to_linear(planar(rgb)))
    L, a, b = (lab[..., i] for i in range(3))
    C, h = np.sqrt(a * a + b * b), np.arctan2(b, a)
    limit = max_chroma(L, h)
    outside = GAMUT_KNEE * limit < C  # never greys: C and limit are 0 at least
    if not outside.any():
        return rgb
    lab, C, h, limit = lab[outside], C[outside], h[outside], limit[outside]
    _turn_to_blue(lab, C, h, limit)
    _hold_below_white(lab[:, 0], C, h, limit)
    knee = GAMUT_KNEE * limit
    span, excess = limit - knee, np.maximum(C - knee, 0)
    # x / sqrt(1 + x²) of the excess in units of the span: slope 1 at the knee, the limit at infinity.
    excess *= span / np.sqrt(span * span + excess * excess + 1e-30)
    lab[:, 1:] *= (np.minimum(knee + excess, C) / C)[:, None]
    fitted = rgb.copy()
    fitted[outside] = linear_to_srgb(oklab_to_linear(lab))
    return fitted


def _turn_to_blue(lab: Array, C: Array, h: Array, limit: Array) -> None:
    """Turn, in place, the hue of imaginary blues back to sRGB's blue, and renew their chroma limits.

    Blue with some red and green taken away is no colour any more, and OKLab calls it greenish. It shows by
    less response of the long cones, against the short ones, than blue itself gives.
    """
    blue = oklab_to_oklch(linear_to_oklab(np.array([0.0, 0.0, 1.0])))[2].item()
    turn = (blue - h) % (2 * np.pi)
    near = np.flatnonzero(turn < np.radians(40))
    a, b = lab[near, 1], lab[near, 2]
    long, short = (lab[near, 0] + row[1].item() * a + row[2].item() * b for row in _OPPONENT_INVERSE[[0, 2]])
    share = np.cbrt(_CONES[0, 2] / _CONES[2, 2]).item()
    unreal = np.clip(4 * (1 - long / (share * np.maximum(short, 1e-6))), 0, 1)
    unreal *= np.clip((np.radians(40) - turn[near]) / np.radians(15), 0, 1)
    h[near] += turn[near] * unreal * unreal * (3 - 2 * unreal)
    lab[near, 1], lab[near, 2] = C[near] * np.cos(h[near]), C[near] * np.sin(h[near])
    limit[near] = max_chroma(lab[near, 0], h[near])


def _hold_below_white(L: Array, C: Array, h: Array, limit: Array) -> None:
    """Lower, in place, the lightness of vivid colours near and above white, and raise their chroma limits."""
    bright = np.flatnonzero(L > 1 - BRIGHT_RESERVE)
    if not bright.size:
        return
    L_cusp, C_cusp = cusp(h[bright])
    ceiling = 1 - np.minimum(0.8 * (1 - L_cusp), BRIGHT_RESERVE)
    dull = np.maximum(1 - C[bright] / C_cusp, 0)
    vivid = (1 - dull * dull) * np.maximum(1 - GAMUT_KNEE * limit[bright] / C[bright], 0)
    L[bright] -= vivid * np.maximum(L[bright] - ceiling, 0)
    limit[bright] = max_chroma(L[bright], h[bright])


def planckian_uv(mired: float) -> Array:
    """CIE 1960 (u, v) of a black body at 10^6 / mired kelvin, 67..1000 mired. Source: Krystek 1985."""
    T = 1e6 / mired
    u = (0.860117757 + 1.54118254e-4 * T + 1.28641212e-7 * T**2) / (1 + 8.42420235e-4 * T + 7.08145163e-7 * T**2)
    v = (0.317398726 + 4.22806245e-5 * T + 4.20481691e-8 * T**2) / (1 - 2.89741816e-5 * T + 1.61456053e-7 * T**2)
    return np.array([u, v])


def white_point(mired_shift: float = 0.0, duv: float = 0.0) -> Array:
    """XYZ (Y = 1) of a white `mired_shift` warmer than D65 (mired) and `duv` greener (CIE 1960 Duv).

    The white follows the Planckian locus at D65's own distance from it; (0, 0) is exactly D65.
    """
    x, y = _D65_XY
    d65 = np.array([4 * x, 6 * y]) / (-2 * x + 12 * y + 3)
    start, normal = _nearest_planckian(d65)
    moved, new_normal = planckian_uv(start + mired_shift), _normal(start + mired_shift)
    distance = (d65 - planckian_uv(start)) @ normal
    uv = moved + (distance + duv) * new_normal if mired_shift else d65 + duv * normal
    return _xyz(np.array([3 * uv[0], 2 * uv[1]]) / (2 * uv[0] - 8 * uv[1] + 4))


def _normal(mired: float) -> Array:
    """Unit normal of the Planckian locus on its green side, in CIE 1960 (u, v)."""
    du, dv = planckian_uv(mired + 0.5) - planckian_uv(mired - 0.5)
    return np.array([-dv, du]) / np.hypot(du, dv)


def _nearest_planckian(uv: Array) -> tuple[float, Array]:
    """Mired of the black body nearest to uv (Robertson's correlated colour temperature) and the normal there."""
    mireds = np.linspace(100, 250, 3001)
    nearest = mireds[np.argmin([np.sum((planckian_uv(m) - uv) ** 2) for m in mireds])].item()
    return nearest, _normal(nearest)


def chromatic_adaptation(source: Array, target: Array) -> Array:
    """3×3 matrix on linear RGB that turns the white `source` (XYZ) into `target` (XYZ), by CAT16."""
    gain = (_CAT16 @ target) / (_CAT16 @ source)
    cat = np.linalg.inv(_CAT16) @ np.diag(gain) @ _CAT16
    return _XYZ_TO_RGB @ cat @ _RGB_TO_XYZ


def delta_e_2000_lab(lab1: Array, lab2: Array) -> Array:
    """CIEDE2000 colour difference (...) of CIELAB colours (..., 3). Source: Sharma et al. 2005, by scikit-image."""
    return deltaE_ciede2000(lab1, lab2)


def delta_e_2000(rgb1: Array, rgb2: Array) -> Array:
    """CIEDE2000 colour difference (...) of display sRGB colours (..., 3) under D65; 0 for equal colours.

    Floats, clipped to 0..1 as a screen would; about 1 is the least difference that eyes see.
    """
    return delta_e_2000_lab(*(rgb2lab(np.clip(rgb, 0, 1)) for rgb in (rgb1, rgb2)))

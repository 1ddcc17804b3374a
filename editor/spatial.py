"""The Adjust tool's three spatial stages: structure, sharpen and bloom, in this order.

Float32 display sRGB (H, W, 3) in and out, unclipped. All radii are shares of the picture's diagonal,
and what is wide (structure's base, bloom's glow) is computed on a small copy of a fixed diagonal, so
that a preview and a full-size render of one picture look the same. Structure and sharpen change luma
at the ratios of the channels: colours keep their hue and greys stay exactly grey. They work on
encoded values, in which equal steps look equal, so that both sides of an edge are treated alike.
What needs full resolution runs over bands of rows that fit the processor's cache, in threads.

Sources: He & Sun 2015 "Fast guided filter" (structure's base); Polesel et al. 2000 (limits and coring
of an unsharp mask); Jimenez 2014 "Next generation post processing in Call of Duty" (bloom in scales).
"""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np

from editor.color import LUMA, Array
from editor.threads import for_each
from editor.tools import Adjust

SMALL_DIAGONAL = 512  # pixels: diagonal of the copy for structure's base
BASE_RADIUS = 0.02  # of the diagonal: half the window of structure's guided filter
BASE_EDGE = 0.065  # deviation of luma in the window: well above this lies an edge, which stays in the base
BASE_NOISE = 0.012  # and well below this noise, which does too
STRUCTURE_GAIN, STRUCTURE_LIMIT = 2.2, 0.16  # detail added at +100, and its bound in luma

SHARPEN_RADIUS = 0.0008  # of the diagonal: standard deviation; 1.2 px in a 1280 px preview
SHARPEN_GAIN, SHARPEN_LIMIT = 2.2, 0.09  # detail added at +100, and its bound in luma
SHARPEN_CORE = 0.006  # detail well below this is noise and stays as it is

GLOW_DIAGONAL = 384  # pixels: diagonal of the copy for bloom's glow
GLOW_RADII = ((0.006, 0.40), (0.02, 0.35), (0.06, 0.25))  # of the diagonal, and their shares
GLOW_KNEE = 0.25, 0.95  # linear light: nothing glows below, everything above
GLOW_GAIN = 1.4  # at +100

BLACK = 0.02  # luma below which detail no longer scales the channels without bound
_BAND_PIXELS = 50_000
_LUMA = LUMA[None].astype(np.float32)


def apply_spatial(
    rgb: Array, adjust: Adjust, diagonal: float | None = None, threads: int = 2, out: Array | None = None
) -> Array:
    """Structure, sharpen and bloom of an Adjust on float32 display RGB (H, W, 3); neutral returns rgb itself.

    `diagonal` in pixels sets the radii; None is the array's own, right for whole pictures of any size.
    `out` is another array like `rgb` to write to.
    """
    return _render(rgb, adjust.structure / 100, adjust.sharpen / 100, adjust.bloom / 100, diagonal, threads, out)


def structure(rgb: Array, s: float, diagonal: float | None = None) -> Array:
    """Local contrast, s 0..1, on float32 display RGB (H, W, 3): adds luma's difference to a base that keeps edges.

    The base is a guided filter of luma by itself. Where its window holds an edge it follows the
    picture, so that nothing is added there and no halo appears.
    """
    return _render(rgb, s, 0, 0, diagonal)


def sharpen(rgb: Array, s: float, diagonal: float | None = None) -> Array:
    """Unsharp mask on luma, s 0..1, on float32 display RGB (H, W, 3); cored against noise, limited against halos."""
    return _render(rgb, 0, s, 0, diagonal)


def bloom(rgb: Array, s: float, diagonal: float | None = None) -> Array:
    """Glow around bright parts, s 0..1, on float32 display RGB (H, W, 3); negative light becomes black.

    The bright part passes a soft knee, is blurred at three scales and added in linear light, as a
    screen (less where the picture is near white), so that highlights glow without burning out. For
    speed light is the square of the display value, which no eye tells from sRGB's curve in a glow.
    """
    return _render(rgb, 0, 0, s, diagonal)


def _render(
    rgb: Array,
    structure_s: float,
    sharpen_s: float,
    bloom_s: float,
    diagonal: float | None,
    threads: int = 2,
    out: Array | None = None,
) -> Array:
    if not (structure_s or sharpen_s or bloom_s):
        return rgb
    height, width = rgb.shape[:2]
    diagonal = diagonal or _diagonal(rgb)
    small = _shrunk(rgb, SMALL_DIAGONAL) if structure_s or bloom_s else rgb
    small_diagonal = diagonal * _diagonal(small) / _diagonal(rgb)
    base = _base(small, small_diagonal) if structure_s else None
    detail = base and [_Enlarged(part, height, width) for part in base]
    glow = bloom_s and _Enlarged(_glow(small, bloom_s, base, structure_s, small_diagonal), height, width)
    sigma = max(SHARPEN_RADIUS * diagonal, 0.4)
    margin = 3 * ceil(sigma) if sharpen_s else 0
    target = np.empty_like(rgb) if out is None else out

    def render_rows(top: int, bottom: int) -> None:
        if structure_s or sharpen_s:
            relight_rows(top, bottom)
        else:
            target[top:bottom] = rgb[top:bottom]
        if glow:
            _add_light(target[top:bottom], glow.rows(top, bottom))

    def relight_rows(top: int, bottom: int) -> None:
        first, last = max(top - margin, 0), min(bottom + margin, height)
        luma = cv2.transform(rgb[first:last], _LUMA)
        change = np.zeros_like(luma)
        if detail:
            slope, offset = (part.rows(first, last) for part in detail)
            change += _structure_detail(luma, slope, offset, structure_s)
        if sharpen_s:
            change += _sharpen_detail(luma + change, sigma, sharpen_s)
        inner = slice(top - first, bottom - first)
        _relight(rgb[top:bottom], luma[inner], change[inner], out=target[top:bottom])

    rows = max(16, _BAND_PIXELS // width)
    for_each(lambda top: render_rows(top, min(top + rows, height)), range(0, height, rows), threads=threads)
    return target


class _Enlarged:
    """A small map (h, w[, c]) seen at another size: rows are interpolated only where they are asked for."""

    def __init__(self, small: Array, height: int, width: int) -> None:
        wide = cv2.resize(small, (width, small.shape[0]), interpolation=cv2.INTER_LINEAR)
        self._wide = wide
        center = (np.arange(height) + 0.5) * (len(wide) / height) - 0.5
        at = np.clip(center, 0, len(wide) - 1)
        self._before = at.astype(np.intp)
        self._after = np.minimum(self._before + 1, len(wide) - 1)
        self._way = (at - self._before).astype(np.float32).reshape(-1, *[1] * (wide.ndim - 1))

    def rows(self, top: int, bottom: int) -> Array:
        """Rows top..bottom, linear between the small map's rows."""
        before = self._wide[self._before[top:bottom]]
        after = self._wide[self._after[top:bottom]]
        after -= before
        after *= self._way[top:bottom]
        before += after
        return before


def _diagonal(image: Array) -> float:
    return float(np.hypot(*image.shape[:2]))


def _shrunk(image: Array, diagonal: float) -> Array:
    """The picture at no more than a diagonal, averaged over areas."""
    scale = diagonal / _diagonal(image)
    if scale >= 1:
        return image
    height, width = (max(1, round(n * scale)) for n in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _limited(detail: Array, gain: float, limit: float) -> Array:
    """Gain · detail, bent so that it never passes ±limit (in place)."""
    detail *= gain
    bound = detail * detail
    bound *= 1 / limit**2
    bound += 1
    np.sqrt(bound, out=bound)
    detail /= bound
    return detail


def _base(small: Array, diagonal: float) -> tuple[Array, Array]:
    """Structure's detail on a small copy, as a function of luma at each place: detail = slope · luma - offset.

    A guided filter of luma by itself: slope is 1 - variance / (variance + edge²), nearly 0 at edges.
    Where the window is smoother than `BASE_NOISE`, detail is noise and slope goes to 0 as well.
    """
    luma = cv2.transform(small, _LUMA)
    window = (2 * round(BASE_RADIUS * diagonal) + 1,) * 2
    mean = cv2.blur(luma, window)
    variance = np.maximum(cv2.blur(luma * luma, window) - mean * mean, 0)
    slope = BASE_EDGE**2 / (variance + BASE_EDGE**2)
    texture = variance / (variance + BASE_NOISE**2)
    # Averages of the windows that hold a pixel, as in the guided filter.
    return cv2.blur(texture * slope, window), cv2.blur(texture * slope * mean, window)


def _structure_detail(luma: Array, slope: Array, offset: Array, s: float) -> Array:
    """What structure adds to luma: its limited difference to the base; `slope` is used up."""
    slope *= luma
    slope -= offset
    return _limited(slope, STRUCTURE_GAIN * s, STRUCTURE_LIMIT)


def _sharpen_detail(luma: Array, sigma: float, s: float) -> Array:
    """What sharpen adds to luma: its limited difference to a Gaussian blur; `luma` is used up."""
    window = (2 * ceil(3 * sigma) + 1,) * 2
    luma -= cv2.GaussianBlur(luma, window, sigma, borderType=cv2.BORDER_REPLICATE)
    energy = luma * luma
    energy /= energy + SHARPEN_CORE**2
    luma *= energy
    return _limited(luma, SHARPEN_GAIN * s, SHARPEN_LIMIT)


def _relight(rgb: Array, luma: Array, change: Array, out: Array | None = None) -> Array:
    """Scale the channels so that luma moves by `change`, which is used up; dark ones near black, never to it."""
    change /= np.maximum(luma, BLACK)
    gain = 1 / (1 - np.minimum(change, 0))
    gain *= 1 + np.maximum(change, 0, out=change)
    return cv2.multiply(rgb, cv2.merge([gain, gain, gain]), dst=out)


def _glow(small: Array, s: float, base: tuple[Array, Array] | None, structure_s: float, diagonal: float) -> Array:
    """Light (h, w, 3) that bloom adds, from a small copy of the picture, to which structure is still to be done."""
    if base:
        luma = cv2.transform(small, _LUMA)
        small = _relight(small, luma, _structure_detail(luma, base[0].copy(), base[1], structure_s))
    size = diagonal / _diagonal(small)
    light = np.clip(_shrunk(small, GLOW_DIAGONAL), 0, 1)
    light *= light
    low, high = GLOW_KNEE
    bright = np.clip((cv2.transform(light, _LUMA) - low) / (high - low), 0, 1)
    light *= (GLOW_GAIN * s * bright * bright * (3 - 2 * bright))[..., None]
    size *= _diagonal(light)
    glow = np.zeros_like(light)
    for radius, share in GLOW_RADII:
        glow += share * _wide_blur(light, radius * size)
    return glow


def _like(image: Array, reference: Array) -> Array:
    height, width = reference.shape[:2]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def _wide_blur(image: Array, sigma: float) -> Array:
    """Gaussian blur; a wide one on a copy of half the size, again and again."""
    if sigma > 3 and min(image.shape[:2]) >= 4:
        height, width = ((n + 1) // 2 for n in image.shape[:2])
        half = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        # Halving averages pairs (variance 1/4 px²) and enlarging interpolates (about 1/2 px²).
        return _like(_wide_blur(half, float(np.sqrt(sigma**2 - 0.75)) / 2), image)
    return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)


def _add_light(rgb: Array, glow: Array) -> None:
    """Screen `glow` (linear light, used up) over display pixels, in place."""
    np.maximum(rgb, 0, out=rgb)
    rgb *= rgb
    glow *= np.maximum(1 - rgb, 0)
    rgb += glow
    np.sqrt(rgb, out=rgb)

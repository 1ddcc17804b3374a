"""An edit becomes one 3D LUT plus spatial stages; a picture becomes a graded picture.

Chain: Adjust, SelectiveAdjust, Filter, gamut fit (all pointwise: one LUT), then structure, sharpen
and bloom on the result, one clip to 0..1 and one rounding. Every surface - preview, export, video,
the .cube that a user downloads - goes through `bake_edit`, so all show the same picture.
It knows nothing of files; alpha is the caller's.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from editor.adjust import apply_adjust
from editor.color import fit_gamut
from editor.cube import Cube
from editor.lut import Lut, apply_lut, bake
from editor.presets import Presets
from editor.selective import apply_selective
from editor.spatial import apply_spatial
from editor.tools import Adjust, Edit, SelectiveAdjust

PREVIEW_SIZE = 33
EXPORT_SIZE = 65
_CACHED_LUTS = 16  # about 12 MB each at 65 nodes with OpenColorIO's copies


def exact(rgb: NDArray, edit: Edit, presets: Presets) -> NDArray:
    """The pointwise part of an edit, computed without a LUT: the slow truth that `bake_edit` samples.

    Display sRGB (..., 3) float in and out, unclipped; a pointwise neutral edit returns its input.
    Raises `UserError` for an unknown preset.
    """
    return _chain(rgb, *_pointwise(edit, presets))


def bake_edit(edit: Edit, presets: Presets, size: int = PREVIEW_SIZE) -> Lut:
    """The pointwise part of an edit as one LUT, unclipped; the identity for a pointwise neutral edit.

    The latest LUTs are kept, keyed by the pointwise values, the preset's table and the size; safe to
    call from several threads. Raises `UserError` for an unknown preset.
    """
    return _bake(*_pointwise(edit, presets), size)


def render(
    pixels: NDArray, edit: Edit, presets: Presets, size: int = EXPORT_SIZE, full_diagonal: float | None = None
) -> NDArray:
    """A picture (H, W, 3) with an edit applied: uint8, uint16 or float32 display sRGB, same dtype out.

    `full_diagonal` is the whole picture's diagonal in pixels where `pixels` are only a part of it.
    A neutral edit returns equal values. Raises `UserError` for an unknown preset.
    """
    if edit.is_neutral or not pixels.size:
        return pixels.copy()
    lut = bake_edit(edit, presets, size)
    if edit.adjust is None or not edit.spatial:
        graded = apply_lut(lut, pixels)
        return graded if graded.dtype.kind == "u" else np.clip(graded, 0, 1, out=graded)
    return _from_unit(apply_spatial(apply_lut(lut, _to_unit(pixels)), edit.adjust, full_diagonal), pixels.dtype)


class FrameRenderer:
    """`render` for many pictures of one size, of a spatial edit at export size: (H, W, 3) uint8 or uint16 to the same.

    Its large arrays are kept from picture to picture, for each thread its own: a heap in which they come and go
    grows to much more than they need.
    """

    def __init__(self, edit: Edit, presets: Presets) -> None:
        if edit.adjust is None or not edit.spatial:
            raise ValueError("the edit has no spatial stage")
        self._adjust, self._lut = edit.adjust, bake_edit(edit, presets, EXPORT_SIZE)
        self._own = threading.local()

    def __call__(self, pixels: NDArray) -> NDArray:
        """The graded picture, a new array."""
        unit, graded = self._arrays(pixels.shape)
        apply_lut(self._lut, _to_unit(pixels, unit), out=unit)
        return _from_unit(apply_spatial(unit, self._adjust, out=graded), pixels.dtype)

    def _arrays(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        arrays: NDArray[np.float32] | None = getattr(self._own, "arrays", None)
        if arrays is None or arrays.shape[1:] != shape:
            arrays = self._own.arrays = np.empty((2, *shape), np.float32)
        return arrays


def export_cube(edit: Edit, presets: Presets, title: str = "", size: int = EXPORT_SIZE) -> tuple[Cube, tuple[str, ...]]:
    """The edit as a .cube table over 0..1, and the names of the spatial parameters that cannot travel in it."""
    return Cube(title=title, table=bake_edit(edit, presets, size).table), tuple(edit.spatial)


def _pointwise(edit: Edit, presets: Presets) -> tuple[Adjust | None, SelectiveAdjust | None, Lut | None, float]:
    """What the pixels depend on: the preset by its table, not by its name; no spatial values."""
    plain = edit.without_spatial()
    chosen = plain.filter
    return (
        plain.adjust,
        plain.selective_adjust,
        presets.get(chosen.name) if chosen else None,
        chosen.intensity / 100 if chosen else 0.0,
    )


@lru_cache(maxsize=_CACHED_LUTS)
def _bake(
    adjust: Adjust | None, selective: SelectiveAdjust | None, preset: Lut | None, intensity: float, size: int
) -> Lut:
    if adjust is None and selective is None and preset is None:
        return Lut.identity(size)
    return bake(lambda rgb: _chain(rgb, adjust, selective, preset, intensity), size)


def _chain(
    rgb: NDArray, adjust: Adjust | None, selective: SelectiveAdjust | None, preset: Lut | None, intensity: float
) -> NDArray:
    if adjust is None and selective is None and preset is None:
        return rgb
    graded = rgb
    if adjust is not None:
        graded = apply_adjust(graded, adjust)
    if selective is not None:
        graded = apply_selective(graded, selective)
    if preset is not None:
        # A table knows 0..1 only. Fitting the gamut first keeps the hue and the detail of brighter or
        # stronger colours, which a clamp of each channel would turn and flatten.
        inside = graded if graded is rgb else fit_gamut(graded)
        graded = _filter(graded, inside, preset, intensity)
    return fit_gamut(graded)


def _filter(rgb: NDArray, inside: NDArray, preset: Lut, intensity: float) -> NDArray:
    """In + intensity · (lut(in) − in), in display sRGB; the table reads `inside`, clamped to 0..1."""
    looked_up = apply_lut(preset, inside.astype(np.float32, copy=False), threads=1)
    return rgb + rgb.dtype.type(intensity) * (looked_up - rgb)


def _to_unit(pixels: NDArray, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Integer pixels as float32 0..1; floats as they are."""
    if pixels.dtype.kind == "f":
        return pixels
    return np.divide(pixels, np.float32(np.iinfo(pixels.dtype).max), out=out, dtype=np.float32)


def _from_unit(rgb: NDArray[np.float32], dtype: np.dtype) -> NDArray:
    """The end of the chain, in place (a video's picture is 25 MB): clip to 0..1, round to an integer depth."""
    np.clip(rgb, 0, 1, out=rgb)
    if dtype.kind == "f":
        return rgb
    rgb *= np.float32(np.iinfo(dtype).max)
    return np.rint(rgb, out=rgb).astype(dtype)

"""One 3D LUT over display sRGB 0..1: bake a colour function into it, apply it to pictures.

Nodes are stored unclipped; clipping happens after interpolation. It knows nothing of edits,
presets or files. OpenColorIO interpolates (tetrahedral: trilinear would tint greys).
Source: OpenColorIO 2, Lut3DTransform (`setData` is blue-fastest, like a C-ordered [r, g, b] array).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
from numpy.typing import NDArray

from editor.threads import for_each

MAX_SIZE = 129  # OpenColorIO takes no larger grid
THREADS = 2

_DEPTHS = {
    np.dtype(np.uint8): ocio.BIT_DEPTH_UINT8,
    np.dtype(np.uint16): ocio.BIT_DEPTH_UINT16,
    np.dtype(np.float32): ocio.BIT_DEPTH_F32,
}
_LINE = 256  # pixels a scan line: OpenColorIO converts line by line, and this much stays in the L1 cache
_MOST_NODES = 70_000  # baked at a time: few calls, since each holds the interpreter for a while, in little memory


@dataclass(frozen=True, eq=False)
class Lut:
    """A 3D LUT: `table` float32 (N, N, N, 3) indexed [r, g, b], read-only, N from 2 to 129.

    Two Luts are equal only if they are the same object, so a Lut can key a cache.
    """

    table: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Raises ValueError for a wrong shape or nodes that are not finite."""
        size = len(self.table)
        if not 2 <= size <= MAX_SIZE or self.table.shape != (size, size, size, 3):
            raise ValueError(f"a LUT has N x N x N x 3 nodes, N from 2 to {MAX_SIZE}; got {self.table.shape}")
        own = np.array(self.table, dtype=np.float32, order="C")
        if not np.isfinite(own).all():
            raise ValueError("a LUT's nodes must be finite")
        own.flags.writeable = False
        object.__setattr__(self, "table", own)

    @property
    def size(self) -> int:
        """Nodes a side."""
        return len(self.table)

    @classmethod
    def identity(cls, size: int) -> Lut:
        """The LUT that changes nothing."""
        return cls(grid(size))

    @cached_property
    def is_identity(self) -> bool:
        """True when every node holds its own position, exactly."""
        return np.array_equal(self.table, grid(self.size))

    @cached_property
    def _processor(self) -> ocio.Processor:
        transform = ocio.Lut3DTransform(gridSize=self.size)
        transform.setInterpolation(ocio.INTERP_TETRAHEDRAL)
        transform.setData(self.table.ravel())
        config = ocio.Config.CreateRaw()
        config.setProcessorCacheFlags(ocio.PROCESSOR_CACHE_OFF)
        return config.getProcessor(transform)

    @cached_property
    def _cpu_processors(self) -> dict[np.dtype, ocio.CPUProcessor]:
        return {}

    def cpu_processor(self, dtype: np.dtype) -> ocio.CPUProcessor:
        """OpenColorIO's processor from and to one of uint8, uint16, float32; built once, shared by threads."""
        if dtype not in self._cpu_processors:
            depth = _DEPTHS[dtype]
            self._cpu_processors[dtype] = self._processor.getOptimizedCPUProcessor(
                depth, depth, ocio.OPTIMIZATION_DEFAULT
            )
        return self._cpu_processors[dtype]


def grid(size: int) -> NDArray[np.float32]:
    """Node positions (N, N, N, 3) over 0..1, indexed [r, g, b]."""
    axis = np.linspace(0, 1, size, dtype=np.float64).astype(np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def bake(function: Callable[[NDArray[np.float32]], NDArray[np.floating]], size: int, threads: int = THREADS) -> Lut:
    """Sample a pointwise function of display sRGB, (n, 3) float32 -> (n, 3), on a grid; nothing is clipped.

    The function gets nodes whose channels each lie contiguous in memory, and is called from several threads.
    """
    planes = np.ascontiguousarray(grid(size).reshape(-1, 3).T)
    table = np.empty((size**3, 3), np.float32)
    parts = threads * ceil(len(table) / (threads * _MOST_NODES))
    bounds = np.linspace(0, len(table), parts + 1).round().astype(int)

    def sample(start: int, stop: int) -> None:
        table[start:stop] = function(planes[:, start:stop].T)

    for_each(sample, bounds[:-1], bounds[1:], threads=threads)
    return Lut(table.reshape(size, size, size, 3))


def apply_lut(lut: Lut, pixels: NDArray, threads: int = THREADS, out: NDArray | None = None) -> NDArray:
    """Pixels (..., 3) through the LUT, tetrahedral: a new array of the same shape and dtype, or `out`.

    `out` is a contiguous array like `pixels`, or `pixels` itself.

    uint8, uint16 (display sRGB, full range) or float32 (display sRGB; inputs are clamped to 0..1).
    Integers are rounded and clipped, floats are not. An identity LUT copies the pixels. Raises
    TypeError for another dtype, ValueError for another shape.
    """
    if pixels.dtype not in _DEPTHS:
        raise TypeError(f"pixels must be uint8, uint16 or float32, not {pixels.dtype}")
    if pixels.ndim < 1 or pixels.shape[-1] != 3:
        raise ValueError(f"pixels must have three channels last, not shape {pixels.shape}")
    source = np.ascontiguousarray(pixels)
    target = np.empty_like(source) if out is None else out
    if lut.is_identity or not pixels.size:
        np.copyto(target, source)
        return target
    source, target = source.reshape(-1, 3), target.reshape(-1, 3)
    processor = lut.cpu_processor(pixels.dtype)
    lines = -(-len(source) // _LINE)
    band = -(-lines // threads) * _LINE

    def apply_band(at: int) -> None:
        _apply_band(processor, source[at : at + band], target[at : at + band])

    for_each(apply_band, range(0, len(source), band), threads=threads if lines > threads else 1)
    return target.reshape(pixels.shape)


def _apply_band(processor: ocio.CPUProcessor, source: NDArray, target: NDArray) -> None:
    """Contiguous pixels (n, 3) as an image of whole lines and a rest."""
    whole = len(source) // _LINE * _LINE
    for start, stop, width in ((0, whole, _LINE), (whole, len(source), len(source) - whole)):
        if start < stop:
            processor.apply(_image(source[start:stop], width), _image(target[start:stop], width))


def _image(pixels: NDArray, width: int) -> ocio.PackedImageDesc:
    item = pixels.itemsize
    return ocio.PackedImageDesc(
        pixels, width, len(pixels) // width, 3, _DEPTHS[pixels.dtype], item, 3 * item, 3 * item * width
    )

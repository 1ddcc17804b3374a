"""HaldCLUT pictures: a 3D table laid out as a PNG, level L being L² nodes a side and L³ pixels a side.

Source: Eskil Steenberg, "Hald CLUT" (2004); red runs fastest along the scan lines, then green, blue.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from editor.cube import Cube, CubeError

LEVELS = range(2, 17)


def read_hald(path: str | Path) -> Cube:
    """Read a HaldCLUT PNG, 8 or 16 bits, as a 3D table over 0..1. Raises `CubeError` for anything else."""
    path = Path(path)
    width, height = _png_size(path)
    level = round(width ** (1 / 3))
    if width != height or level**3 != width or level not in LEVELS:
        sizes = ", ".join(str(n**3) for n in (2, 4, 8, 16))
        raise CubeError(
            f"{path.name}: a HaldCLUT is a square of level³ pixels a side ({sizes}, ...), this is {width} × {height}"
        )
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if pixels is None or pixels.shape != (height, width, 3):
        raise CubeError(f"{path.name}: the picture is damaged and cannot be read")
    size, top = level**2, 255 if pixels.dtype == np.uint8 else 65535
    table = (pixels.astype(np.float32) / top).reshape(size, size, size, 3)
    return Cube(title=path.stem, table=np.ascontiguousarray(table.transpose(2, 1, 0, 3)))


def write_hald(cube: Cube, path: str | Path, level: int = 8, bit_depth: int = 16) -> None:
    """Write a table as a HaldCLUT PNG, resampled to level² nodes a side and clipped to 0..1.

    `level` 2..16, `bit_depth` 8 or 16, else ValueError. The file appears whole or not at all.
    """
    if level not in LEVELS or bit_depth not in (8, 16):
        raise ValueError(f"a HaldCLUT has a level from 2 to 16 and 8 or 16 bits, not {level} and {bit_depth}")
    top = 2**bit_depth - 1
    size = level**2
    axis = np.linspace(0, 1, size)
    pixels = np.empty((size, size, size, 3), np.uint8 if bit_depth == 8 else np.uint16)
    for b, blue in enumerate(axis):  # one blue plane at a time: a level 16 picture has 16.8 million pixels
        plane = np.stack([*np.meshgrid(axis, axis, indexing="xy"), np.full((size, size), blue)], axis=-1)
        pixels[b] = np.rint(np.clip(cube.evaluate(plane), 0, 1) * top)
    _write_png(pixels.reshape(level**3, level**3, 3), Path(path))


def _png_size(path: Path) -> tuple[int, int]:
    """Width and height from the header, before anything is decoded."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise CubeError(f"{path.name}: this is no PNG picture, so it is no HaldCLUT") from None


def _write_png(pixels: NDArray, target: Path) -> None:
    encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(encoded.tobytes())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)

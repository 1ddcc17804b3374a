"""Pixels and files that the picture tests share."""

import numpy as np
import tifffile
from PIL import Image

RNG = np.random.default_rng(1)
RGB8 = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
ALPHA8 = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
ALPHA16 = RNG.integers(0, 65536, (20, 30), dtype=np.uint16)


def pillow_file(tmp_path, array, suffix, mode=None, **options):
    path = tmp_path / f"picture{suffix}"
    (Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)).save(path, **options)
    return path


def tiff_file(tmp_path, array, **options):
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, array, **options)
    return path

"""Pictures that blind tests and reality checks name: the sample photos, and photos kept for the voters.

A kept photo is written once to the data folder as PNG, at most 1280 pixels long and without metadata;
its name is made of its content, so nothing about where it came from is known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.errors import UserError
from editor.folders import data_folder
from editor.image import load_image, preview, save_image
from editor.samples import Sample, samples

LONG_SIDE = 1280
_KEPT = re.compile(r"photo-[0-9a-f]{16}")


def keep(path: str | Path, name: str | None = None) -> str:
    """Keep a photo for all voters; returns the name to use for it. Raises `UserError` for an unreadable file."""
    small = replace(preview(load_image(path, name), LONG_SIDE), exif=None)
    digest = hashlib.sha256(str(small.pixels.shape).encode() + small.pixels.tobytes()).hexdigest()[:16]
    target = _folder() / f"photo-{digest}.png"
    if not target.exists():
        save_image(small, target, overwrite=True)
    return target.stem


def picture_path(name: str, shown: Sequence[Sample] | None = None) -> Path:
    """The file of a sample photo or of a kept one. Raises `UserError` for any other name."""
    for sample in samples() if shown is None else shown:
        if sample.name == name and sample.kind == "image":
            return sample.loader()
    path = _folder() / f"{name}.png"
    if not _KEPT.fullmatch(name) or not path.is_file():
        raise UserError(f"There is no picture {name[:80]!r} here: name a sample photo, or add the photo on the page.")
    return path


def picture_pixels(name: str) -> NDArray[np.uint8]:
    """A picture's pixels by name: uint8 (H, W, 3) display sRGB."""
    pixels = preview(load_image(picture_path(name)), LONG_SIDE).pixels
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels / np.float32(257)).astype(np.uint8)


def _folder() -> Path:
    folder = data_folder() / "pictures"
    folder.mkdir(exist_ok=True)
    return folder

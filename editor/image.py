"""Pictures in and out: any supported file becomes upright display sRGB at its own depth, and back to a file.

`load_image` and `save_image` are the doors; formats are `editor.image_decode`'s and `editor.image_write`'s
part, colour profiles `editor.icc`'s, EXIF `editor.metadata`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from editor.errors import UserError
from editor.icc import to_srgb
from editor.image_decode import Decoded, decode
from editor.image_write import export_name, export_notes, save_image, unique_path

__all__ = [
    "IMAGE_SUFFIXES",
    "Picture",
    "export_name",
    "export_notes",
    "load_image",
    "preview",
    "save_image",
    "unique_path",
]

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp", ".gif"}
)


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in display sRGB."""

    pixels: np.ndarray  # (H, W, 3) uint8 or uint16
    alpha: np.ndarray | None = None  # (H, W), dtype of the pixels, straight
    exif: bytes | None = None  # block with its "Exif" prefix, without orientation and thumbnail
    name: str = "picture"  # the source's file name
    notes: tuple[str, ...] = ()  # sentences on what was converted or left out

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return self.pixels.dtype.itemsize * 8

    def with_pixels(self, pixels: np.ndarray) -> Picture:
        """The same picture with graded pixels of the same size."""
        return replace(self, pixels=pixels)


def load_image(path: str | Path, name: str | None = None) -> Picture:
    """Read a picture file of whatever kind; `name` is what messages and notes call it.

    16-bit files stay uint16, float and HDR-depth ones become it, the rest is uint8. Raises only UserError.
    """
    path = Path(path)
    name = name or path.name
    try:
        return _finished(decode(path, name), name)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"There is no file {name}: check the path.") from None
    except IsADirectoryError:
        raise UserError(f"{name} is a folder, not a picture.") from None
    except PermissionError:
        raise UserError(f"{name} cannot be opened: check its permissions.") from None
    except MemoryError:
        raise UserError(f"{name} needs more memory than there is: reduce its size.") from None
    except Exception:  # hostile files make decoders raise anything from struct.error to ZeroDivisionError
        raise UserError(f"{name} is damaged or cut short: save, export or download it again.") from None


def preview(picture: Picture, long_side: int = 1280) -> Picture:
    """The picture reduced so that its longer side has `long_side` pixels; smaller ones are returned as they are."""
    width, height = picture.size
    scale = long_side / max(width, height)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    alpha = None if picture.alpha is None else cv2.resize(picture.alpha, size, interpolation=cv2.INTER_AREA)
    return replace(picture, pixels=cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), alpha=alpha)


def _finished(decoded: Decoded, name: str) -> Picture:
    pixels, notes = to_srgb(decoded.samples, decoded.space, decoded.profile, decoded.profile_name)
    return Picture(
        pixels=_upright(_integers(pixels), decoded.orientation),
        alpha=None if decoded.alpha is None else _upright(_integers(decoded.alpha), decoded.orientation),
        exif=decoded.exif,
        name=name,
        notes=(*decoded.notes, *notes),
    )


def _integers(samples: np.ndarray) -> np.ndarray:
    if samples.dtype.kind == "u":
        return samples
    return np.rint(np.clip(samples, 0, 1) * 65535).astype(np.uint16)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation: 2..4 mirror and turn, 5..8 also swap the axes (Exif 2.3, tag 0x0112)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)

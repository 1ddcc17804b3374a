"""Picture files out: PNG (8/16 bits), JPEG (4:4:4), WebP and TIFF (8/16 bits), sRGB profile embedded.

A file appears under its name only when it is whole, and never takes another's place unless told.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import cv2
import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin
from slugify import slugify

from editor.errors import UserError
from editor.icc import srgb_profile
from editor.metadata import PREFIX, split_exif, without_gps

if TYPE_CHECKING:
    from editor.image import Picture

DEFAULT_QUALITY = 92
_LONGEST_SIDE = {"JPEG": 65_500, "WebP": 16_383}  # limits of libjpeg and of the WebP format
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
_DEEP = frozenset({"PNG", "TIFF"})


def save_image(
    picture: Picture,
    path: str | Path,
    *,
    quality: int = DEFAULT_QUALITY,
    bit_depth: int | None = None,
    keep_gps: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a picture in the format of the path's suffix and return the path.

    `quality` 1..100 is JPEG's and WebP's; `bit_depth` 8 or 16, by default the picture's own where the
    format holds it. EXIF travels along, without the place if `keep_gps` is off. Raises UserError.
    """
    path = Path(path)
    kind = _format_of(path)
    if not 1 <= quality <= 100:
        raise UserError(f"Quality is 1 to 100, not {quality}.")
    if max(picture.size) > _LONGEST_SIDE.get(kind, max(picture.size)):
        raise UserError(f"{kind} holds at most {_LONGEST_SIDE[kind]} pixels a side: save {path.name} as PNG or TIFF.")
    depth = _depth_for(picture, kind, bit_depth)
    pixels = _at_depth(_flattened(picture) if kind == "JPEG" else _with_alpha(picture), depth)
    exif = picture.exif if keep_gps else without_gps(picture.exif)
    with atomic_file(path, overwrite) as part:
        if kind == "TIFF":
            _write_tiff(part, pixels, exif)
        elif kind == "PNG":
            part.write_bytes(_png(pixels, exif))
        else:
            part.write_bytes(_lossy(pixels, kind, quality, exif))
    return path


def export_notes(picture: Picture, path: str | Path, bit_depth: int | None = None) -> tuple[str, ...]:
    """Sentences on what the format of `path` cannot hold of the picture."""
    kind = _format_of(Path(path))
    notes = []
    if picture.alpha is not None and kind == "JPEG":
        notes.append("JPEG has no transparency: the picture was laid over white.")
    if picture.bit_depth == 16 and _depth_for(picture, kind, bit_depth) == 8:
        notes.append("Reduced from 16 to 8 bits.")
    return tuple(notes)


def export_name(source_name: str, prompt: str, suffix: str) -> str:
    """A safe file name that tells source and request: ("photo.png", "Golden hour!", ".jpg") -> photo_golden-hour.jpg.

    Other scripts are transliterated; a prompt of no letters (emoji) becomes "graded".
    """
    stem = slugify(Path(source_name).stem, lowercase=False, max_length=60, regex_pattern=r"[^-A-Za-z0-9_]+")
    vibe = slugify(prompt[:400], max_length=40, word_boundary=True)
    return f"{stem.strip('_-') or 'picture'}_{vibe or 'graded'}.{suffix.lstrip('.').lower()}"


def unique_path(path: str | Path) -> Path:
    """The path itself, or with -2, -3, ... before the suffix where the name is taken."""
    path = Path(path)
    if not path.exists():
        return path
    numbered = (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in count(2))
    return next(p for p in numbered if not p.exists())


def check_target(target: Path, overwrite: bool) -> None:
    """Raise UserError when `target` cannot be created: it exists and may not be overwritten, or has no folder."""
    if target.is_dir():
        raise UserError(f"{target.name} is a folder: give a file name.")
    if target.exists() and not overwrite:
        raise UserError(f"{target.name} already exists: choose another name or allow overwriting.")
    if not target.parent.is_dir():
        raise UserError(f"There is no folder {target.parent}: create it first.")


@contextmanager
def atomic_file(target: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside `target` that takes its name when the block ends well and vanishes otherwise.

    Raises UserError as `check_target` does, and when writing fails.
    """
    check_target(target, overwrite)
    part = target.with_name(f".{uuid4().hex}{target.suffix}")
    try:
        yield part
        if not overwrite:
            target.touch(exist_ok=False)  # takes the name first: two writers never replace each other's file
        os.replace(part, target)
    except FileExistsError:
        raise UserError(f"{target.name} already exists: choose another name or allow overwriting.") from None
    except OSError as error:
        raise UserError(f"{target.name} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)


def _format_of(path: Path) -> str:
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path.name}: pictures are written as .jpg, .png, .webp or .tif.")
    return FORMATS[path.suffix.lower()]


def _depth_for(picture: Picture, kind: str, bit_depth: int | None) -> int:
    if bit_depth not in (None, 8, 16):
        raise UserError(f"Bit depth is 8 or 16, not {bit_depth}.")
    if bit_depth == 16 and kind not in _DEEP:
        raise UserError(f"{kind} holds 8 bits: choose PNG or TIFF for 16.")
    return bit_depth or (picture.bit_depth if kind in _DEEP else 8)


def _at_depth(pixels: np.ndarray, depth: int) -> np.ndarray:
    if pixels.dtype.itemsize * 8 == depth:
        return pixels
    if depth == 16:
        return pixels.astype(np.uint16) * 257
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)  # rounds x/257


def _with_alpha(picture: Picture) -> np.ndarray:
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def _flattened(picture: Picture) -> np.ndarray:
    """Laid over white, in display values as browsers and viewers do."""
    if picture.alpha is None:
        return picture.pixels
    full = np.iinfo(picture.pixels.dtype).max
    share = picture.alpha[..., None] / np.float32(full)
    return np.rint(full + (picture.pixels - np.float32(full)) * share).astype(picture.pixels.dtype)


def _lossy(pixels: np.ndarray, kind: str, quality: int, exif: bytes | None) -> bytes:
    options = {"subsampling": 0} if kind == "JPEG" else {"method": 4, "exact": True}
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(out, kind, quality=quality, icc_profile=srgb_profile(), exif=exif or b"", **options)
    return out.getvalue()


def _png(pixels: np.ndarray, exif: bytes | None) -> bytes:
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    chunks = {cv2.IMAGE_METADATA_ICCP: srgb_profile()}
    if exif:
        chunks[cv2.IMAGE_METADATA_EXIF] = exif.removeprefix(PREFIX)
    _, encoded = cv2.imencodeWithMetadata(
        ".png",
        cv2.cvtColor(pixels, order),
        list(chunks),
        [np.frombuffer(chunk, np.uint8) for chunk in chunks.values()],
        [cv2.IMWRITE_PNG_COMPRESSION, 4],
    )
    return encoded.tobytes()


def _write_tiff(path: Path, pixels: np.ndarray, exif: bytes | None) -> None:
    main, directories = split_exif(exif)
    tiff_types = {bytes: 7, str: 2, int: 3}
    extratags: list[tuple] = [(t, tiff_types[type(v)], None, v, True) for t, v in main.items() if type(v) in tiff_types]
    extratags += [(pointer - 1, 4, 1, 0, True) for pointer in directories]  # see _append_directory
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        compression="adobe_deflate",
        predictor=True,
        iccprofile=srgb_profile(),
        extratags=extratags,
        metadata=None,
        software=False,
        byteorder="<",
    )
    for pointer, tags in directories.items():
        _append_directory(path, pointer, tags)


def _append_directory(path: Path, pointer: int, tags: dict[int, object]) -> None:
    """Add an Exif or GPS directory at the file's end and point IFD0 at it.

    tifffile writes neither and drops these tags' numbers, so it was given a stand-in one below, which
    keeps the directory sorted: number and value are put right here.
    """
    directory = TiffImagePlugin.ImageFileDirectory_v2(ifh=b"II*\0\x08\0\0\0", group=pointer)
    for tag, value in tags.items():
        directory[tag] = value
    with tifffile.TiffFile(path) as tiff:
        entry = tiff.pages.first.tags[pointer - 1].offset
    with path.open("r+b") as file:
        offset = file.seek(0, os.SEEK_END)
        offset += file.write(b"\0" * (offset % 2))
        file.write(directory.tobytes(offset))
        file.seek(entry)
        file.write(struct.pack("<HHII", pointer, 4, 1, offset))

"""EXIF: what of a picture's camera data travels to the export.

Kept: who, what, when, with which camera and settings, and the place unless it is to go. Dropped: the old
orientation and thumbnail (the pixels are upright and new), and everything that describes the old file's
storage (sizes, strips, colour space).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO

from PIL import Image
from PIL.ExifTags import IFD, Base

PREFIX = b"Exif\0\0"  # how JPEG and Pillow mark an EXIF block; PNG's eXIf chunk goes without
ORIENTATION = Base.Orientation

# IFD0 tags that describe the picture, not its storage.
_KEPT = frozenset(
    {Base.ImageDescription, Base.Make, Base.Model, Base.XResolution, Base.YResolution, Base.ResolutionUnit}
    | {Base.Software, Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright, Base.Rating}
    | {Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject}
)
_STORAGE = frozenset({Base.ExifImageWidth, Base.ExifImageHeight, Base.ExifInteroperabilityOffset})
_SRGB = 1  # value of the ColorSpace tag


def read_exif(image: Image.Image) -> Image.Exif:
    """An open picture's EXIF; empty when there is none or it cannot be read (which is no reason to refuse it)."""
    with suppress(Exception):
        return image.getexif()
    return Image.Exif()


def parse_exif(data: bytes | None) -> Image.Exif:
    """EXIF from its bytes, with or without the prefix; empty when it cannot be read."""
    exif = Image.Exif()
    with suppress(Exception):
        exif.load(data or b"")
    return exif


def read_tiff_exif(file: BinaryIO) -> Image.Exif:
    """A TIFF file's own tags as EXIF; the file must stay open while directories are read from the result."""
    exif = Image.Exif()
    with suppress(Exception):
        exif.load_from_fp(file)
    return exif


def orientation_of(exif: Image.Exif) -> int:
    """EXIF orientation 1..8; 1 (upright) when absent or senseless."""
    value = exif.get(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def clean_exif(exif: Image.Exif) -> bytes | None:
    """The block that travels with a graded picture, prefix included; None when nothing is left of it."""
    with suppress(Exception):  # Pillow raises many kinds on tags of impossible types: better none than no picture
        camera = {t: v for t, v in exif.get_ifd(IFD.Exif).items() if t not in _STORAGE}
        directories = {
            int(IFD.Exif): camera | {int(Base.ColorSpace): _SRGB} if camera else {},
            int(IFD.GPSInfo): dict(exif.get_ifd(IFD.GPSInfo)),
        }
        return _serialise({t: v for t, v in exif.items() if t in _KEPT}, directories)
    return None


def without_gps(block: bytes | None) -> bytes | None:
    """The block without the place where the picture was taken."""
    main, directories = split_exif(block)
    directories.pop(int(IFD.GPSInfo), None)
    return _serialise(main, directories)


def split_exif(block: bytes | None) -> tuple[dict[int, Any], dict[int, dict[int, Any]]]:
    """(IFD0 tags, {pointer tag: tags of the Exif or GPS directory}) of a block that `clean_exif` wrote."""
    exif = parse_exif(block)
    main = {t: v for t, v in exif.items() if t in _KEPT}
    return main, {int(p): dict(exif.get_ifd(p)) for p in (IFD.Exif, IFD.GPSInfo) if exif.get_ifd(p)}


def _serialise(main: dict[int, Any], directories: dict[int, dict[int, Any]]) -> bytes | None:
    exif = Image.Exif()
    for tag, value in (main | {p: tags for p, tags in directories.items() if tags}).items():
        exif[tag] = value
    return PREFIX + exif.tobytes().removeprefix(PREFIX) if len(exif) else None

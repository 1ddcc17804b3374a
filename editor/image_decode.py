"""Picture files as raw samples: identification by content, checks before decoding, one decoder a family.

Pillow decodes what has 8 bits a sample; it silently drops the low byte of 16-bit RGB, so deeper PNG and AVIF
go through imagecodecs, deeper and float TIFF through tifffile, HEIC through pillow-heif. Nothing here
converts colour or turns pictures upright: that is `editor.image`'s part.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image, ImageCms

from editor.errors import UserError
from editor.icc import Space, coded_profile
from editor.image_identify import MAX_PIXELS, check_size, identify
from editor.metadata import clean_exif, orientation_of, parse_exif, read_exif, read_tiff_exif

_HEAD = 65_536  # bytes read to identify a file and its coded colour space
_PQ, _HLG = 16, 18  # H.273 transfer characteristics of HDR
_CFA, _LINEAR_RAW = 32803, 34892  # TIFF photometric interpretations of camera raw data

# Both narrate every broken tag of a hostile file; what matters of it is in the UserError.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module="PIL")


@dataclass
class Decoded:
    """Samples as stored: (H, W, 1|3|4) uint8, uint16 or float32 of `space`, not upright, not yet sRGB."""

    samples: np.ndarray
    space: Space
    alpha: np.ndarray | None = None  # (H, W), dtype of the samples, straight (not premultiplied)
    profile: bytes | None = None
    profile_name: str = ""
    exif: bytes | None = None  # cleaned
    orientation: int = 1
    notes: list[str] = field(default_factory=list)


def decode(path: Path, name: str) -> Decoded:
    """Identify, check and decode a picture file. Raises UserError; hostile files may raise anything else."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    kind = identify(head, path.suffix.lower(), name)
    if kind == "HEIF":
        return _decode_heif(path, head, name)
    if kind == "TIFF":
        return _decode_tiff(path, name)
    return _decode_pillow(path, kind, head, name)


def _decode_pillow(path: Path, kind: str, head: bytes, name: str) -> Decoded:
    try:
        image = Image.open(path, formats=[kind])
    except Image.DecompressionBombError:
        raise UserError(f"{name} is too large: reduce it to {MAX_PIXELS // 1_000_000} megapixels or fewer.") from None
    with image:
        check_size(image.size, name)
        exif = read_exif(image)
        if kind == "PNG" and head[24] == 16:
            decoded = _split_alpha(imagecodecs.png_decode(path.read_bytes()))  # a tRNS key becomes alpha
        elif kind == "AVIF" and (bits := _av1_bits(head)) > 8:
            decoded = _split_alpha(_full_scale(imagecodecs.avif_decode(path.read_bytes()), bits))
        else:
            decoded = _samples(image)
        decoded.orientation, decoded.exif = orientation_of(exif), clean_exif(exif)
        _set_profile(decoded, image.info.get("icc_profile"), head, name)
        frames = _frame_count(image) if kind != "JPEG" else 1
    if frames > 1:
        decoded.notes.append(f"Animated ({frames} frames): the first frame is used.")
    return decoded


def _frame_count(image: Image.Image) -> int:
    with suppress(Exception):  # a later frame may be broken; the first is what counts
        return getattr(image, "n_frames", 1)
    return 1


def _samples(image: Image.Image) -> Decoded:
    """8-bit samples of an open Pillow picture, straight alpha apart."""
    image.load()
    if image.mode == "CMYK":
        return Decoded(np.asarray(image), "CMYK")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return _split_alpha(np.asarray(ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")))
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        straight = image.convert("LA") if image.mode == "La" else image
        return _split_alpha(np.asarray(straight.convert("LA" if grey else "RGBA")))
    return _split_alpha(np.asarray(image.convert("L" if grey else "RGB")))


def _split_alpha(pixels: np.ndarray) -> Decoded:
    """(H, W[, 1..4]) grey, grey+alpha, RGB or RGBA samples."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    channels = pixels.shape[2]
    colours = 1 if channels < 3 else 3
    alpha = np.ascontiguousarray(pixels[..., colours]) if channels in (2, 4) else None
    return Decoded(np.ascontiguousarray(pixels[..., :colours]), "GRAY" if colours == 1 else "RGB", alpha)


def _av1_bits(head: bytes) -> int:
    """Bits a sample from the first AV1 codec configuration box (AV1-ISOBMFF 2.3.3)."""
    box = head.find(b"av1C")
    flags = head[box + 6] if 0 <= box < len(head) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _full_scale(samples: np.ndarray, bits: int) -> np.ndarray:
    """Integers of `bits` bits, right-aligned, as uint16 of full scale."""
    if bits == 16:
        return samples.astype(np.uint16, copy=False)
    return np.rint(samples * (65535 / (2**bits - 1))).astype(np.uint16)


def _decode_heif(path: Path, head: bytes, name: str) -> Decoded:
    heif = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    check_size(heif.size, name)
    pixels = np.asarray(heif)
    if pixels.dtype == np.uint16:
        bits = heif.info["bit_depth"]
        pixels = _full_scale(pixels >> (16 - bits), bits)  # pillow-heif left-aligns
    decoded = _split_alpha(pixels)
    if decoded.alpha is not None and heif.premultiplied_alpha:
        _unpremultiply(decoded)
    exif = parse_exif(heif.info.get("exif"))  # libheif has turned the pixels already, whatever the tag says
    decoded.exif = clean_exif(exif)
    _set_profile(decoded, heif.info.get("icc_profile"), head, name)
    return decoded


def _set_profile(decoded: Decoded, profile: bytes | None, head: bytes, name: str) -> None:
    """An embedded ICC profile, else the one that coded (CICP) colour tells; PNG's gAMA alone is ignored.

    Many writers leave a wrong gAMA behind, and picture editors ignore it too.
    """
    decoded.profile = profile or None
    if (found := _coded_colour(head)) is None:
        return
    primaries, transfer = found
    if transfer in (_PQ, _HLG):
        raise UserError(f"{name} is an HDR picture: export it as SDR (sRGB or Display P3) and try again.")
    if not profile:
        decoded.profile, decoded.profile_name = coded_profile(primaries)


def _coded_colour(head: bytes) -> tuple[int, int] | None:
    """(primaries, transfer characteristics) of an ISOBMFF colr box or a PNG cICP chunk."""
    if (box := head.find(b"colrnclx")) >= 0:
        values = head[box + 8 : box + 12]
        return int.from_bytes(values[:2], "big"), int.from_bytes(values[2:], "big")
    if head.startswith(b"\x89PNG") and (chunk := head.find(b"\0\0\0\x04cICP")) >= 0:
        return head[chunk + 8], head[chunk + 9]
    return None


def _decode_tiff(path: Path, name: str) -> Decoded:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        check_size((page.imagewidth, page.imagelength), name)
        if page.photometric in (_CFA, _LINEAR_RAW) or "DNGVersion" in page.tags:
            raise UserError(f"{name} is a camera raw file: develop it and export a JPEG, PNG or TIFF.")
        shallow = page.bitspersample <= 8
        if not shallow:
            decoded = _deep_tiff(page, name)
            decoded.profile = page.iccprofile
        pages = len(tiff.pages)
    with path.open("rb") as file:
        if shallow:
            decoded = _decode_pillow(path, "TIFF", file.read(_HEAD), name)
            decoded.notes.clear()
        else:
            exif = read_tiff_exif(file)
            decoded.orientation, decoded.exif = orientation_of(exif), clean_exif(exif)
    if pages > 1:
        decoded.notes.append(f"{pages} pages: the first is used.")
    return decoded


def _deep_tiff(page: tifffile.TiffPage, name: str) -> Decoded:
    """A TIFF page of more than 8 bits a sample: integer or float; grey, RGB or CMYK; chunky or planar."""
    photometric = tifffile.PHOTOMETRIC
    spaces: dict[int, Space] = {
        photometric.MINISWHITE: "GRAY",
        photometric.MINISBLACK: "GRAY",
        photometric.RGB: "RGB",
        photometric.SEPARATED: "CMYK",
    }
    space = spaces.get(page.photometric)
    colours = {"GRAY": 1, "RGB": 3, "CMYK": 4}.get(space or "", 0)
    if space is None or page.imagedepth != 1 or not colours <= page.samplesperpixel <= colours + 4:
        raise UserError(f"{name} is a TIFF of an unusual kind: save it as 16-bit RGB.")
    pixels = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    pixels, notes = _nominal(pixels, page.bitspersample, tagged=bool(page.iccprofile))
    if page.photometric == photometric.MINISWHITE:
        pixels = (1 if pixels.dtype.kind == "f" else 65535) - pixels
    decoded = Decoded(np.ascontiguousarray(pixels[..., :colours]), space, notes=notes)
    if page.extrasamples and page.extrasamples[0] in (1, 2):
        decoded.alpha = np.ascontiguousarray(pixels[..., colours])
        if page.extrasamples[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
            _unpremultiply(decoded)
    return decoded


def _nominal(pixels: np.ndarray, bits: int, tagged: bool) -> tuple[np.ndarray, list[str]]:
    """Stored numbers as uint16 of full scale, or float32 of 0..1, with notes.

    Floats are display values of 0..1 (or what their profile says); signed numbers and floats that leave
    this range in both directions or by far have no such meaning and are stretched from their own range.
    """
    if pixels.dtype.kind == "u":
        return _full_scale(pixels, bits), []
    values = pixels.astype(np.float32)
    finite = np.isfinite(values)
    values[~finite] = 0
    notes = [] if finite.all() else ["Pixels that were not numbers are shown black."]
    low, high = float(values.min()), float(values.max())
    if pixels.dtype.kind == "i" or (not tagged and (low < -0.5 or high > 2)):
        values = (values - low) / (high - low or 1)
        notes.append(f"Its values run from {low:.4g} to {high:.4g} and were stretched to black and white.")
    return np.clip(values, 0, 1), notes


def _unpremultiply(decoded: Decoded) -> None:
    full = 1 if decoded.samples.dtype.kind == "f" else np.iinfo(decoded.samples.dtype).max
    alpha = np.maximum(decoded.alpha, 1e-6)[..., None].astype(np.float32)  # type: ignore[arg-type]
    straight = np.clip(decoded.samples * (full / alpha), 0, full)
    rounded = straight if full == 1 else np.rint(straight)
    decoded.samples = rounded.astype(decoded.samples.dtype)

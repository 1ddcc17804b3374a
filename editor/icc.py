"""Colour profiles: any ICC-tagged grey, RGB or CMYK samples into display sRGB, at their own precision.

LittleCMS does the work through imagecodecs, which unlike Pillow's ImageCms also transforms 16-bit and
float samples; Pillow only reads a profile's header here. Intent: relative colorimetric with black point
compensation, colours outside sRGB are clipped by LittleCMS as in every colour-managed viewer.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import imagecodecs
import numpy as np
from PIL import ImageCms

Space = Literal["GRAY", "RGB", "CMYK"]
_CHANNELS: dict[Space, int] = {"GRAY": 1, "RGB": 3, "CMYK": 4}
_LCMS_NAMES: dict[Space, str] = {"GRAY": "gray", "RGB": "rgb", "CMYK": "cmyk"}
_ROWS = 512  # rows a block, so that a 100-megapixel picture needs no float copy of itself

# CMYK without a profile is read as US Web Coated (SWOP), as print software does: a least-squares
# polynomial of that profile, from pdf.js (Mozilla Foundation, Apache-2.0), src/core/colorspace.js.
# Terms: cc cm cy ck c, mm my mk m, yy yk y, kk k; ink 0..1 to sRGB 0..255 below white.
# fmt: off
_SWOP = np.array([
    [-4.387332384609988, 54.48615194189176, 18.82290502165302, 212.25662451639585, -285.2331026137004,
     1.7149763477362134, -5.6096736904047315, -17.873870861415444, -5.497006427196366,
     -2.5217340131683033, -21.248923337353073, 17.5119270841813, -21.86122147463605, -189.48180835922747],
    [8.841041422036149, 60.118027045597366, 6.871425592049007, 31.159100130055922, -79.2970844816548,
     -15.310361306967817, 17.575251261109482, 131.35250912493976, -190.9453302588951,
     4.444339102852739, 9.8632861493405, -24.86741582555878, -20.737325471181034, -187.80453709719578],
    [0.8842522430003296, 8.078677503112928, 30.89978309703729, -0.23883238689178934, -14.183576799673286,
     10.49593273432072, 63.02378494754052, 50.606957656360734, -112.23884253719248,
     0.03296041114873217, 115.60384449646641, -193.58209356861505, -22.33816807309886, -180.12613974708367],
], dtype=np.float32)
# fmt: on

# xy chromaticities of the primaries that ISO/IEC 23091-2 (H.273) numbers: BT.2020 and Display P3.
_CODED_PRIMARIES: dict[int, tuple[str, list[float]]] = {
    9: ("BT.2020", [0.708, 0.292, 0.170, 0.797, 0.131, 0.046]),
    12: ("Display P3", [0.680, 0.320, 0.265, 0.690, 0.150, 0.060]),
}


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The ICC profile that every written picture carries; its date is fixed so that files repeat."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = b"\x07\xd0\x00\x01\x00\x01" + bytes(6)  # header's dateTimeNumber: 2000-01-01
    return bytes(profile)


def coded_profile(primaries: int) -> tuple[bytes | None, str]:
    """(ICC profile, name) for H.273 colour primaries with the sRGB curve; (None, "") for sRGB's or unknown ones."""
    if primaries not in _CODED_PRIMARIES:
        return None, ""
    name, xy = _CODED_PRIMARIES[primaries]
    encoded = np.linspace(0, 1, 4096)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    profile = imagecodecs.cms_profile(
        "rgb",
        whitepoint=[0.3127, 0.3290, 1.0],
        primaries=[v for x, y in zip(xy[::2], xy[1::2], strict=True) for v in (x, y, 1.0)],
        transferfunction=np.round(linear * 65535).astype(np.uint16),
    )
    return profile, name


def to_srgb(
    samples: np.ndarray, space: Space, profile: bytes | None, name: str = ""
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, 1|3|4) uint8, uint16 or float samples of `space` as (H, W, 3) display sRGB of the same dtype, with notes.

    Neutral: RGB or grey without a profile, or with one that is sRGB, comes back bit for bit. CMYK is
    ink: 0 none, full scale all. A profile that is broken or of another kind of colour is ignored, with a note.
    `name` stands in for the name that the profile gives itself.
    """
    if profile:
        kind, own_name = _describe(profile)
        if space == "GRAY" and kind == "RGB":
            samples, space = np.repeat(samples, 3, axis=2), "RGB"
        if kind != space:
            return _untagged(samples, space), ("Its colour profile does not fit its pixels and was ignored.",)
        if space == "RGB" and _is_srgb(profile):
            return samples, ()
        note = f"Converted from {name or own_name or 'its own colour profile'} to sRGB."
        return _transform(samples, space, profile), (note,)
    notes = ("CMYK without a profile: read as US Web Coated (SWOP).",) if space == "CMYK" else ()
    return _untagged(samples, space), notes


def _untagged(samples: np.ndarray, space: Space) -> np.ndarray:
    if space == "GRAY":
        return np.repeat(samples, 3, axis=2)
    return _swop_to_srgb(samples) if space == "CMYK" else samples


def _describe(profile: bytes) -> tuple[str, str]:
    """(colour space, name) of a profile; ("", "") when LittleCMS cannot read it."""
    try:
        handle = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return handle.profile.xcolor_space.strip(), (handle.profile.profile_description or "").strip()[:60]
    except (OSError, ImageCms.PyCMSError):
        return "", ""


@lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """True when the profile moves no colour of a 9x9x9 grid by more than one 8-bit code."""
    axis = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(1, -1, 3)
    moved = _transform(grid, "RGB", profile).astype(int) - grid
    return bool(np.abs(moved).max() <= 1)


def _transform(samples: np.ndarray, space: Space, profile: bytes) -> np.ndarray:
    if space == "GRAY":
        return np.repeat(_grey_curve(samples, profile), 3, axis=2)
    return _lcms(samples, space, profile)


def _grey_curve(samples: np.ndarray, profile: bytes) -> np.ndarray:
    """The profile's tone curve by table: exactly neutral, where LittleCMS's integer grey path is off by two codes."""
    full = 65535 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    codes = np.linspace(0, 1, full + 1, dtype=np.float32).reshape(1, -1)
    curve = np.clip(_lcms(codes, "GRAY", profile)[0, :, 1], 0, 1)
    if samples.dtype.kind == "f":
        return np.interp(samples, codes[0], curve).astype(samples.dtype)
    return np.rint(curve * full).astype(samples.dtype)[samples]


def _lcms(samples: np.ndarray, space: Space, profile: bytes) -> np.ndarray:
    flags = int(imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION)
    if samples.dtype == np.uint16:
        flags |= int(imagecodecs.CMS.FLAGS.HIGHRESPRECALC)
    return imagecodecs.cms_transform(
        np.ascontiguousarray(samples),
        profile,
        srgb_profile(),
        colorspace=_LCMS_NAMES[space],
        outcolorspace="rgb",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=flags,
    )


def _swop_to_srgb(samples: np.ndarray) -> np.ndarray:
    full = np.float32(np.iinfo(samples.dtype).max)
    out = np.empty((*samples.shape[:2], 3), samples.dtype)
    for top in range(0, len(samples), _ROWS):
        c, m, y, k = np.moveaxis(samples[top : top + _ROWS].astype(np.float32) / full, -1, 0)
        terms = [c * c, c * m, c * y, c * k, c, m * m, m * y, m * k, m, y * y, y * k, y, k * k, k]
        rgb = 1 + np.stack(terms, axis=-1) @ _SWOP.T / 255
        out[top : top + _ROWS] = np.rint(np.clip(rgb, 0, 1) * full).astype(samples.dtype)
    return out

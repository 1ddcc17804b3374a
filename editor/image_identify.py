"""What a file is, told by its first bytes and never by its suffix alone, and what is refused at sight."""

from __future__ import annotations

from contextlib import suppress

from editor.errors import UserError

MAX_PIXELS = 100_000_000
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
)
_RAW_SUFFIXES = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".3fr", ".iiq"}
)
_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript (EPS) document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript (EPS) document"),
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL picture, which is not supported"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture, which is not supported"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture, which is not supported"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"PK\x03\x04", "a ZIP archive"),
)


def identify(head: bytes, suffix: str, name: str) -> str:
    """Pillow's name of a picture format by its first bytes. Raises UserError for everything not on the list."""
    if not head:
        raise UserError(f"{name} is empty (zero bytes): choose another file or copy it again.")
    if suffix in _RAW_SUFFIXES or head[8:10] == b"CR":
        raise UserError(f"{name} is a camera raw file: develop it and export a JPEG, PNG or TIFF.")
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and (brand := _isobmff_kind(head)):
        return brand
    raise UserError(f"{name} is {_what_else(head)}: choose a JPEG, PNG, WebP, TIFF, HEIC or AVIF picture.")


def _isobmff_kind(head: bytes) -> str | None:
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, min(size, 256), 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"} else None


def _what_else(head: bytes) -> str:
    for signature, words in _FOREIGN:
        if head.startswith(signature):
            return words
    if head[4:8] == b"ftyp":
        return "a video"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in text:
        return "an SVG drawing"
    return "a text file, not a picture" if b"\0" not in head and _is_text(head) else "not a picture that can be read"


def _is_text(head: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        head[:-3].decode()  # the cut may split a character
        return True
    return False


def check_size(size: tuple[int, int], name: str) -> None:
    """Raise UserError for pictures of no or too many pixels, before any of them is decoded."""
    width, height = size
    if width < 1 or height < 1:
        raise UserError(f"{name} has no pixels ({width}×{height}): choose another file.")
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{name} is too large ({width}×{height}, {width * height / 1e6:,.0f} megapixels): "
            f"reduce it to {MAX_PIXELS // 1_000_000} megapixels or fewer."
        )

"""Small graded pictures for the page: decoded once, kept for a while, sent as JPEG data URLs.

A data URL reaches only the browser that asked, and leaves no file behind. Everything kept here can be
made again from the file, so a forgotten preview costs time, never data.
"""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from editor.image import Picture, load_image, preview
from editor.pipeline import PREVIEW_SIZE, render
from editor.presets import Presets
from editor.tools import Edit, Filter
from editor.ui.media import Look, Media

LONG_SIDE = 1280
QUALITY = 90
THUMBNAIL = 132  # CSS shows it at 88 px or less
SURROUND = 38  # grey code behind transparent parts: the stage's colour in style.css
_KEPT_PREVIEWS = 48  # 3 MB each
_KEPT_PRESETS = 32  # sessions with their own presets
_KEPT_THUMBNAILS = 48

_FULL_COLOUR = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)

T = TypeVar("T")


class _Kept(Generic[T]):
    """The latest values by key; two callers with the same key do not compute it twice."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Any, T] = OrderedDict()
        self._locks: dict[Any, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Any, make: Callable[[], T]) -> T:
        with self._guard:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key in self._values:
                return self._values[key]
            try:
                value = make()
            finally:
                with self._guard:
                    self._locks.pop(key, None)
            with self._guard:
                self._values[key] = value
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            return value


@dataclass(frozen=True, eq=False)
class Preview:
    """A picture small enough to grade while a slider moves."""

    pixels: NDArray[np.uint8]  # (H, W, 3) display sRGB
    opacity: NDArray[np.float32] | None  # (H, W, 1), 0..1
    before: str  # the ungraded picture as a data URL


@dataclass(frozen=True, eq=False)
class Previews:
    """Previews, presets and thumbnails that are in use, for all users."""

    _previews: _Kept[Preview] = field(default_factory=lambda: _Kept(_KEPT_PREVIEWS))
    _presets: _Kept[Presets] = field(default_factory=lambda: _Kept(_KEPT_PRESETS))
    _thumbnails: _Kept[dict[str, str]] = field(default_factory=lambda: _Kept(_KEPT_THUMBNAILS))

    def of(self, media: Media) -> Preview:
        """A picture's or a frame's preview. Raises `UserError` for a file that cannot be read."""
        return self._previews.get((media.path, media.seconds), lambda: make_preview(load_still(media)))

    def graded(self, media: Media, edit: Edit, presets: Presets) -> str:
        """The graded preview as a data URL."""
        small = self.of(media)
        return encode(render(small.pixels, edit, presets, PREVIEW_SIZE), small.opacity)

    def presets(self, base: Presets, looks: tuple[Look, ...]) -> Presets:
        """`base` and a session's own presets."""
        if not looks:
            return base

        def read() -> Presets:
            presets = base
            for look in looks:
                presets = presets.with_file(look.path, look.file_name)
            return presets

        return self._presets.get(looks, read)

    def thumbnails(self, media: Media, presets: Presets) -> dict[str, str]:
        """Every preset on the user's own picture: name -> data URL of a square cut from its middle."""
        square = _square(self.of(media).pixels)

        def one(name: str) -> str:
            edit = Edit(filter=Filter(name=name, intensity=100)) if name != "none" else Edit()
            return encode(render(square, edit, presets, PREVIEW_SIZE), quality=82)

        names = ("none", *presets.names)
        return self._thumbnails.get((media.path, media.seconds, names), lambda: {name: one(name) for name in names})


def load_still(media: Media) -> Picture:
    """The picture, or the clip's frame at `media.seconds`, at full size."""
    if media.kind == "image":
        return load_image(media.path, media.name)
    from editor.video import read_frame

    return Picture(read_frame(media.path, media.seconds), name=media.name)


def make_preview(picture: Picture) -> Preview:
    """The preview of a picture of any size and depth."""
    small = preview(picture, LONG_SIDE)
    pixels, alpha = _eight_bits(small.pixels), small.alpha
    if alpha is not None:
        opacity = _eight_bits(alpha)[..., None].astype(np.float32) / np.float32(255)
        return Preview(pixels, opacity, encode(pixels, opacity))
    return Preview(pixels, None, encode(pixels))


def encode(pixels: NDArray[np.uint8], opacity: NDArray[np.float32] | None = None, quality: int = QUALITY) -> str:
    """uint8 RGB (H, W, 3) as a JPEG data URL, full colour resolution; see-through parts show the stage's grey."""
    if opacity is not None:
        pixels = np.rint(SURROUND + opacity * (pixels.astype(np.float32) - SURROUND)).astype(np.uint8)
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _eight_bits(samples: NDArray) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return samples
    return np.rint(samples / np.float32(257)).astype(np.uint8)


def _square(pixels: NDArray[np.uint8]) -> NDArray:
    """The middle square of a picture, at thumbnail size."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = pixels[top : top + side, left : left + side]
    return cut if side <= THUMBNAIL else cv2.resize(cut, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)

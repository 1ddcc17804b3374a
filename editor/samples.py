"""Sample media to start from: photos that scikit-image and scikit-learn ship under free licences, and a clip of them.

The photos are used where these packages keep them; the clip (slow pans and zooms with cross-fades over a
soft chord) is made once into the user's cache folder. Nothing is downloaded.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Literal

import cv2
import imageio_ffmpeg
import numpy as np

from editor.errors import UserError
from editor.folders import cache_folder
from editor.image import load_image
from editor.image_write import atomic_file

_CC0 = "CC0 1.0"
_CC_BY = "CC BY 2.0"
_PUBLIC = "Public domain"


@dataclass(frozen=True)
class Sample:
    """A picture or clip to start from; `loader` returns the path of its file, making it first if need be."""

    name: str
    kind: Literal["image", "video"]
    credit: str
    licence: str
    loader: Callable[[], Path]
    title: str = ""


@dataclass(frozen=True)
class _Shot:
    """One photo of the clip: the window's centre (shares of width and height) and width share, start and end."""

    photo: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]


_FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}
# name: (package, file, credit, licence, title), from scikit-image's data docstrings and scikit-learn's image README.
# That README swaps the name of flower.jpg's author; its own link names the true one.
_PHOTOS = {
    "china": ("sklearn", "china.jpg", "danielbuechele on Flickr, through scikit-learn", _CC_BY, "Pagoda"),
    "flower": ("sklearn", "flower.jpg", "vultilion on Flickr, through scikit-learn", _CC_BY, "Dahlia"),
    "astronaut": ("skimage", "astronaut.png", "NASA (Eileen Collins), through scikit-image", _PUBLIC, "Astronaut"),
    "coffee": ("skimage", "coffee.png", "Rachel Michetti, Pikolo Espresso Bar, through scikit-image", _CC0, "Coffee"),
    "chelsea": ("skimage", "chelsea.png", "Stéfan van der Walt, through scikit-image", _CC0, "Cat"),
    "rocket": ("skimage", "rocket.jpg", "SpaceX, through scikit-image", _PUBLIC, "Rocket"),
}

CLIP_SIZE = (960, 540)
CLIP_FPS = 24
CLIP_SECONDS = 5.0
_FADE = 0.5  # seconds of cross-fade
_CLIP_FILE = "sample-clip-1.mp4"  # the number changes when the clip does
_SHOTS = (  # windows stay inside their photos; straight moves between two such windows do, too
    _Shot("china", (0.45, 0.45, 0.88), (0.55, 0.52, 0.76)),
    _Shot("coffee", (0.54, 0.52, 0.92), (0.50, 0.50, 0.78)),
    _Shot("flower", (0.50, 0.50, 0.80), (0.49, 0.48, 0.94)),
    _Shot("rocket", (0.50, 0.60, 0.76), (0.50, 0.46, 0.92)),
)
_CHORD = ((220.00, 0.050), (277.18, 0.035), (329.63, 0.035), (440.00, 0.015))  # A major: Hz, amplitude
_building = Lock()


def samples() -> tuple[Sample, ...]:
    """All sample media with their credits."""
    photos = (
        Sample(name, "image", credit, licence, partial(_photo_path, package, file), title)
        for name, (package, file, credit, licence, title) in _PHOTOS.items()
    )
    authors = "; ".join(_PHOTOS[shot.photo][2].split(",")[0] for shot in _SHOTS)
    return *photos, Sample("clip", "video", f"made from photos by {authors}", _CC_BY, clip_path, "Short clip")


def clip_path() -> Path:
    """The sample clip's file, made on the first call (a second or two)."""
    path = cache_folder() / _CLIP_FILE
    with _building:
        if not path.exists():
            with atomic_file(path, overwrite=True) as part:
                _encode(part, _frames())
    return path


def _photo_path(package: str, file: str) -> Path:
    """Found without importing the package, which would take a second."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / _FOLDERS[package] / file if spec and spec.origin else Path(file)
    if not path.is_file():
        raise UserError(f"The sample photo {file} is missing: install {package} as requirements.txt says.")
    return path


def _frames() -> Iterator[np.ndarray]:
    """The clip's frames, (H, W, 3) uint8 display sRGB."""
    photos = [load_image(_photo_path(*_PHOTOS[shot.photo][:2])).pixels for shot in _SHOTS]
    length = (CLIP_SECONDS + _FADE * (len(_SHOTS) - 1)) / len(_SHOTS)  # seconds a shot
    for i in range(round(CLIP_SECONDS * CLIP_FPS)):
        t = i / CLIP_FPS
        frame = np.zeros((*CLIP_SIZE[::-1], 3), np.float32)
        for n, (photo, shot) in enumerate(zip(photos, _SHOTS, strict=True)):
            local = t - n * (length - _FADE)
            share = _share(local, length, first=n == 0, last=n == len(_SHOTS) - 1)
            if share > 0:
                frame += share * _window(photo, shot, local / length)
        yield np.rint(np.clip(frame, 0, 255)).astype(np.uint8)


def _share(local: float, length: float, first: bool, last: bool) -> float:
    """A shot's part in the mix at its own second `local`; those of a cross-fade sum to one."""
    rise = 1.0 if first else local / _FADE
    fall = 1.0 if last else (length - local) / _FADE
    return float(np.clip(min(rise, fall), 0, 1))


def _window(photo: np.ndarray, shot: _Shot, progress: float) -> np.ndarray:
    """The shot's window at `progress` 0..1, resampled at fractions of a pixel so that slow moves do not jitter."""
    height, width = photo.shape[:2]
    x, y, span = (a + (b - a) * progress for a, b in zip(shot.start, shot.end, strict=True))
    scale = span * width / CLIP_SIZE[0]  # photo pixels a clip pixel
    left = x * width - scale * CLIP_SIZE[0] / 2 + (scale - 1) / 2  # the last term: pixel centres
    top = y * height - scale * CLIP_SIZE[1] / 2 + (scale - 1) / 2
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(photo.astype(np.float32), matrix, CLIP_SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _encode(target: Path, frames: Iterator[np.ndarray]) -> None:
    chord = "+".join(f"{amplitude}*sin(2*PI*{pitch}*t)" for pitch, amplitude in _CHORD)
    tone = f"aevalsrc={chord}:s=48000:d={CLIP_SECONDS},afade=t=in:d=0.5,afade=t=out:st={CLIP_SECONDS - 1}:d=1"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "{}x{}".format(*CLIP_SIZE), "-r", str(CLIP_FPS)]
    command += ["-i", "pipe:0", "-f", "lavfi", "-i", tone]
    convert = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p"
    command += ["-vf", f"{convert},setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", str(CLIP_FPS)]
    command += ["-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart", str(target)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin
    try:
        with process.stdin:
            for frame in frames:
                process.stdin.write(frame.tobytes())
    except BrokenPipeError:
        pass  # ffmpeg ended early: its exit status below says so
    finally:
        failed = process.wait() != 0
    if failed:
        raise UserError("The sample clip could not be made: check that ffmpeg runs and the disk has room.")

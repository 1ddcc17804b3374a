"""One upright picture of a video at a time, as a scrubber needs it.

PyAV seeks and decodes; swscale converts to 8-bit RGB with the flags that make it exact. HDR and
matrices that swscale does not know take the export's own ffmpeg filters.
"""

from __future__ import annotations

import io
import math
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from editor.clip import Clip, decoded, opened, probe
from editor.errors import UserError
from editor.ffmpeg import still_command

_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
_EXACT |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
_SWSCALE_MATRICES = {"gbr": 1, "bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "bt2020nc": 9}
_SWSCALE_RANGES = {"tv": 1, "pc": 2}
_SLACK = 0.001  # seconds; times typed or rounded to milliseconds still name their frame
_REORDER = 0.5  # seconds; pictures this near are all decoded


def read_frame(path: str | Path, seconds: float) -> NDArray[np.uint8]:
    """The picture shown `seconds` after the start: uint8 H×W×3 display RGB, upright, SDR, stored pixels.

    Before the first frame it is the first one, after the end the last one. Raises UserError.
    """
    clip = probe(path)
    with opened(clip.path) as (container, stream):
        frame = _frame_at(container, stream, clip.start + seconds + _SLACK)
    if frame is None:
        raise UserError(f"{clip.path.name} cannot be decoded at {seconds:.1f} s: choose another time.")
    return to_rgb(clip, frame)


def _frame_at(container: InputContainer, stream: VideoStream, time: float) -> VideoFrame | None:
    """The last frame not after `time`; the first frame when all are.

    A key frame may be shown later than its index entry says, so a seek that lands too late is
    repeated further back.
    """
    frame = None
    for goal in (time, time - 2, -math.inf):
        _seek(container, stream, goal)
        frame = _last_until(container, stream, time)
        if frame is not None and frame.time <= time:
            break
    return frame


def _seek(container: InputContainer, stream: VideoStream, time: float) -> None:
    """To the key frame at or before a time, or to the first one."""
    first = min(0, stream.start_time or 0)
    goal = first if time == -math.inf else int(time / (stream.time_base or 1))
    try:
        container.seek(max(first, goal), stream=stream)
    except av.FFmpegError:  # no index, and no key frame before it
        container.seek(first, stream=stream)


def _last_until(container: InputContainer, stream: VideoStream, time: float) -> VideoFrame | None:
    """Decode from the current position to the last frame not after `time`, or to the first one."""
    shown = None
    for frame in decoded(container, stream, lambda packet: _is_far(packet, time)):
        if frame.time > time:
            return shown or frame
        shown = frame
    return shown


def _is_far(packet: av.Packet, time: float) -> bool:
    """True when the packet's picture, if no other refers to it, need not be decoded to show `time`."""
    return packet.pts is not None and float(packet.pts * packet.time_base) < time - _REORDER


def to_rgb(clip: Clip, frame: VideoFrame) -> NDArray[np.uint8]:
    """A decoded frame of a clip as uint8 H×W×3 display RGB, upright."""
    if clip.is_hdr or clip.matrix not in _SWSCALE_MATRICES:
        return _through_ffmpeg(clip, frame)
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=_SWSCALE_MATRICES[clip.matrix],
        src_color_range=_SWSCALE_RANGES[clip.range],
        interpolation=_EXACT,
    )
    return _upright(clip, rgb.to_ndarray().view(np.uint8))


def _upright(clip: Clip, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stored pixels turned and flipped as the clip's orientation says."""
    turn = clip.orientation
    pixels = pixels.swapaxes(0, 1) if turn.transpose else pixels
    pixels = pixels[:, ::-1] if turn.hflip else pixels
    return np.ascontiguousarray(pixels[::-1] if turn.vflip else pixels)


def _through_ffmpeg(clip: Clip, frame: VideoFrame) -> NDArray[np.uint8]:
    nut = io.BytesIO()
    with av.open(nut, "w", format="nut") as sink:
        stream = sink.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    result = subprocess.run(still_command(clip), input=nut.getvalue(), capture_output=True, check=True)
    return np.frombuffer(result.stdout, np.uint8).reshape(clip.height, clip.width, 3).copy()

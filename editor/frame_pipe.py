"""Video export picture by picture in Python, for edits that a LUT cannot carry.

One ffmpeg decodes to rgb48le, threads render, another ffmpeg encodes. Both pipes are NUT streams,
so that every picture keeps its own time (variable frame rates). A few pictures are in memory at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from threading import Event
from typing import IO

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from editor.clip import Clip
from editor.ffmpeg import NUT_OPTIONS, decode_command, encode_command, strips
from editor.processes import running

WORKERS = max(1, (os.cpu_count() or 1) // 4)  # pictures rendered at once; `render` itself has two threads
_HEADER_ONLY = {"probesize": "32", "analyzeduration": "0", "fpsprobesize": "0"}  # else 20 pictures are held back

Pixels = NDArray[np.uint16]


def grade_frames(
    clip: Clip,
    target: Path,
    render: Callable[[Pixels], Pixels],
    stop: Event,
    report: Callable[[float], None],
    keep_gps: bool = True,
) -> None:
    """Write the graded video to `target`. `render` maps uint16 H×W×3 to the same and runs in threads.

    `report` gets each written picture's time in seconds. Raises what `running` raises.
    """
    with (
        running(decode_command(clip), stop) as decoder,
        running(encode_command(clip, target, keep_gps), stop, feeds=True) as encoder,
        suppress(av.FFmpegError),  # a pipe that broke: the process behind it says why
    ):
        assert decoder.stdout
        assert encoder.stdin
        with encoder.stdin:  # closed whatever happens, or the encoder would wait for more
            _pump(clip, decoder.stdout, encoder.stdin, render, report)


def _pump(
    clip: Clip,
    decoder: IO[bytes],
    encoder: IO[bytes],
    render: Callable[[Pixels], Pixels],
    report: Callable[[float], None],
) -> None:
    source = av.open(f"pipe:{decoder.fileno()}", "r", format="nut", container_options=_HEADER_ONLY)
    sink = av.open(f"pipe:{encoder.fileno()}", "w", format="nut", container_options=NUT_OPTIONS)
    with source, sink:
        stream = _rgb_stream(sink, clip, source.streams.video[0])
        for picture, graded in _in_order(_pictures(source, clip), render):
            for number, strip in enumerate(np.split(graded, strips(clip))):
                out = av.Packet(strip.data)  # type: ignore[arg-type]  # any buffer
                out.stream, out.time_base = stream, picture.time_base
                out.pts = out.dts = picture.pts + number
                out.duration = picture.duration
                out.is_keyframe = True
                sink.mux(out)
            report(float(picture.pts * picture.time_base))
            del picture, graded  # 25 MB that need not wait for the next one


def _rgb_stream(sink: OutputContainer, clip: Clip, like: VideoStream) -> VideoStream:
    stream = sink.add_stream("rawvideo", rate=Fraction(clip.fps).limit_denominator(1001 * 100))
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height // strips(clip), "rgb48le"
    stream.time_base = like.time_base
    return stream


@dataclass(frozen=True)
class _Picture:
    pixels: Pixels
    pts: int
    time_base: Fraction
    duration: int


def _pictures(source: InputContainer, clip: Clip) -> Iterator[_Picture]:
    """Whole pictures from the strips of a decoder, each with the time of its first strip."""
    packets = source.demux(source.streams.video[0])
    while picture := _joined(islice(packets, strips(clip)), clip):
        yield picture
        del picture


def _joined(parts: Iterable[av.Packet], clip: Clip) -> _Picture | None:
    """None at the end, and when the decoder ended within a picture (`running` says why)."""
    pixels = np.empty((strips(clip), clip.height // strips(clip), clip.width, 3), "<u2")
    first, count = None, 0
    for part in parts:  # each is let go of before the next one comes
        if part.is_corrupt or part.size != pixels[0].nbytes:  # the last one is empty, or cut short
            return None
        first = first or (part.pts or 0, part.time_base, part.duration or 0)
        pixels[count] = np.frombuffer(memoryview(part), "<u2").reshape(pixels.shape[1:])
        count += 1
    return _Picture(pixels.reshape(clip.height, clip.width, 3), *first) if first and count == len(pixels) else None


def _in_order(pictures: Iterator[_Picture], render: Callable[[Pixels], Pixels]) -> Iterator[tuple[_Picture, Pixels]]:
    """Pictures with their renderings, in order, `WORKERS` at a time."""
    waiting: deque[tuple[_Picture, Future[Pixels]]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        for picture in pictures:
            waiting.append((picture, pool.submit(render, picture.pixels)))
            del picture  # nothing may hold it while the next one is read
            if len(waiting) >= WORKERS:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)


def _first(waiting: deque[tuple[_Picture, Future[Pixels]]]) -> tuple[_Picture, Pixels]:
    picture, graded = waiting.popleft()
    return picture, graded.result()

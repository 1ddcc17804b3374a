"""Video export picture by picture in Python, for edits that a LUT cannot carry.

One ffmpeg decodes to rgb48le, threads render, another ffmpeg encodes. Both pipes are NUT streams,
so that every picture keeps its own time (variable frame rates). A few pictures are in memory at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import IO

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from editor.clip import Clip
from editor.ffmpeg import decode_command, encode_command
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
    sink = av.open(f"pipe:{encoder.fileno()}", "w", format="nut")
    with source, sink:
        stream = _rgb_stream(sink, clip, source.streams.video[0])
        for packet, graded in _in_order(source.demux(source.streams.video[0]), clip, render):
            out = av.Packet(graded.data)  # type: ignore[arg-type]  # any buffer
            out.stream, out.time_base = stream, packet.time_base
            out.pts = out.dts = packet.pts
            out.duration = packet.duration
            out.is_keyframe = True
            sink.mux(out)
            report(float((packet.pts or 0) * packet.time_base))


def _rgb_stream(sink: OutputContainer, clip: Clip, like: VideoStream) -> VideoStream:
    stream = sink.add_stream("rawvideo", rate=Fraction(clip.fps).limit_denominator(1001 * 100))
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "rgb48le"
    stream.time_base = like.time_base
    return stream


def _in_order(
    packets: Iterator[av.Packet], clip: Clip, render: Callable[[Pixels], Pixels]
) -> Iterator[tuple[av.Packet, Pixels]]:
    """Packets with their rendered pictures, in order, `WORKERS` at a time."""
    waiting: deque[tuple[av.Packet, Future[Pixels]]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        for packet in packets:
            if packet.size:
                pixels = np.frombuffer(memoryview(packet), "<u2").reshape(clip.height, clip.width, 3)
                waiting.append((packet, pool.submit(render, pixels)))
            while len(waiting) >= (WORKERS if packet.size else 1):  # the last packet is empty
                done, graded = waiting.popleft()
                yield done, graded.result()

"""What a video file holds: size, time, orientation, colour tags, sound; refuses what cannot be graded.

PyAV reads the file; only the MP4/MOV and Matroska/WebM demuxers may open it, so that a playlist
under a video's name cannot make the program read other files. It knows nothing of edits and ffmpeg.
Sources: ISO/IEC 23091-2 (colour codes), ISO/IEC 14496-12 (boxes, display matrix), RFC 8794 (EBML).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from editor.errors import UserError

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv")
DEMUXERS = "mov,matroska"  # libavformat's names for MP4, M4V, MOV and for MKV, WebM
MAX_PIXELS = 40_000_000  # a frame; 8K has 35 million
COPIED_CODECS = ("aac", "mp3", "mp3float", "ac3", "eac3", "alac")  # not Opus, FLAC: Apple's MP4 players are silent
HDR_TRANSFERS = ("smpte2084", "arib-std-b67")  # PQ, HLG

# Names as ffmpeg's setparams filter spells them, by ISO/IEC 23091-2 code; 2 is "unspecified".
UNKNOWN = "unknown"
MATRICES = {0: "gbr", 1: "bt709", 2: UNKNOWN, 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco"}
MATRICES |= {9: "bt2020nc", 10: "bt2020c", 14: "ictcp"}
CONVERTIBLE = ("gbr", "bt709", "fcc", "bt470bg", "smpte170m", "ycgco", "bt2020nc")  # by zscale, with any other tags
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020"}
PRIMARIES |= {10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}
TRANSFERS = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100"}
TRANSFERS |= {10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10"}
TRANSFERS |= {15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}
RANGES = {1: "tv", 2: "pc"}


@dataclass(frozen=True)
class ColorTags:
    """Colour tags by ffmpeg's names, "unknown" where the file says nothing."""

    matrix: str = UNKNOWN
    primaries: str = UNKNOWN
    transfer: str = UNKNOWN
    range: str = UNKNOWN


@dataclass(frozen=True)
class Orientation:
    """How stored pictures become upright: transpose (swap x and y), then flip left-right, then top-bottom."""

    transpose: bool = False
    hflip: bool = False
    vflip: bool = False

    @classmethod
    def from_matrix(cls, matrix: bytes) -> Orientation:
        """From a display matrix of nine int32; degenerate and oblique matrices turn nothing.

        The matrix maps (x, y) to (a·x + c·y, b·x + d·y); only the signs and which pair is larger count.
        """
        a, b, _, c, d = struct.unpack("=5i", matrix[:20])
        if min(abs(a), abs(d)) > max(abs(b), abs(c)):
            return cls(False, a < 0, d < 0)
        if min(abs(b), abs(c)) > max(abs(a), abs(d)):
            return cls(True, c < 0, b < 0)
        return cls()

    @property
    def degrees(self) -> int:
        """Clockwise turn that makes the picture upright: 0, 90, 180 or 270 (a mirror image's flip aside)."""
        if self.transpose:
            return 90 if self.hflip else 270
        return 180 if self.vflip else 0


@dataclass(frozen=True)
class Sound:
    """One sound track: its stream index in the file and its codec's name."""

    index: int
    codec: str

    @property
    def is_copied(self) -> bool:
        """True when an MP4 carries the codec and common players play it there; others become AAC."""
        return self.codec in COPIED_CODECS


@dataclass(frozen=True)
class Clip:
    """A readable video. `width` and `height` are upright, in stored pixels; times are in seconds.

    `duration` and every other time count from `start`, the file's first timestamp. `tags` are the
    file's own; `matrix` and `range` are what its pictures are decoded with. `notes` are sentences
    for people about what an export changes besides the colours.
    """

    path: Path
    width: int
    height: int
    duration: float
    fps: float
    frames_estimate: int
    orientation: Orientation
    tags: ColorTags
    is_rgb: bool
    has_alpha: bool
    pixel_aspect: Fraction
    video_index: int
    time_base: Fraction
    start: float
    sounds: tuple[Sound, ...]
    unknown_sounds: int
    has_subtitles: bool

    @property
    def rotation(self) -> int:
        """Clockwise degrees by which the stored pictures are turned."""
        return self.orientation.degrees

    @property
    def has_audio(self) -> bool:
        """True when there is sound that can be kept."""
        return bool(self.sounds)

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG."""
        return self.tags.transfer in HDR_TRANSFERS

    @property
    def matrix(self) -> str:
        """Matrix of the stored Y'CbCr; untagged: BT.2020 for HDR, else BT.709 from 1280x577 on, BT.601 below."""
        if self.is_rgb:
            return "gbr"
        if self.tags.matrix in (UNKNOWN, "gbr"):
            return "bt2020nc" if self.is_hdr else default_matrix(self.width, self.height)
        return self.tags.matrix

    @property
    def range(self) -> str:
        """Range of the stored values; untagged: limited for Y'CbCr, full for RGB."""
        if self.tags.range == UNKNOWN or self.is_rgb:
            return "pc" if self.is_rgb else "tv"
        return self.tags.range

    @property
    def even_size(self) -> tuple[int, int]:
        """(width, height) of an export: 4:2:0 needs even sizes, an odd edge is repeated once."""
        return self.width + self.width % 2, self.height + self.height % 2

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for people, empty for an ordinary clip."""
        notes = []
        if self.is_hdr:
            name = "PQ" if self.tags.transfer == "smpte2084" else "HLG"
            notes.append(f"This is an HDR video ({name}): it is converted to standard range (BT.709) before grading.")
        if self.has_alpha:
            notes.append("The video has transparency, which an MP4 cannot carry: the export is opaque.")
        if self.even_size != (self.width, self.height):
            size, even = f"{self.width}×{self.height}", "×".join(map(str, self.even_size))
            notes.append(f"The size {size} is odd, which H.264 cannot hold: the edge is repeated once to {even}.")
        if codecs := sorted({sound.codec for sound in self.sounds if not sound.is_copied}):
            notes.append(f"The sound ({', '.join(codecs)}) is converted to AAC, which every MP4 player knows.")
        if self.unknown_sounds:
            notes.append("A sound track in an unknown format is left out of the export.")
        if self.has_subtitles:
            notes.append("Subtitles are left out of the export.")
        return tuple(notes)


def default_matrix(width: int, height: int) -> str:
    """Matrix to assume for untagged pictures, as players do (mpv): HD is BT.709, SD is BT.601."""
    return "bt709" if width >= 1280 or height > 576 else "smpte170m"


def probe(path: str | Path) -> Clip:
    """What a video file holds, decoding one frame. Raises UserError when it cannot be graded."""
    path = Path(path)
    refuse_unreadable(path)
    state = path.stat()
    return _probe(path.resolve(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _probe(path: Path, modified: int, size: int) -> Clip:
    """Cached, so that scrubbing and export need not look again; a changed file is another key."""
    with opened(path) as (container, stream):
        frame = next(decoded(container, stream), None)
        if frame is None:
            raise UserError(f"{path.name} contains no pictures that can be decoded: choose another video.")
        clip = _describe(path, container, stream, frame)
    if clip.matrix not in CONVERTIBLE and not (clip.is_hdr and clip.matrix == "ictcp"):
        raise UserError(f"{path.name} stores its colours as {clip.matrix}, an unusual way: export it again as BT.709.")
    return clip


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open file and its picture track. Raises UserError in plain words."""
    try:
        container = av.open(
            f"file:{path}",
            "r",
            options={"format_whitelist": DEMUXERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError):
        raise UserError(
            f"{path.name} is not a video that can be read: use an MP4, MOV, WebM or MKV file that plays elsewhere."
        ) from None
    with container:
        pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not pictures:
            raise UserError(f"{path.name} has no pictures, only sound or data: choose a video.")
        stream = pictures[0]
        if stream.codec_context is None:
            raise UserError(f"{path.name} has pictures in an unknown format: export it again as H.264.")
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise UserError(f"{path.name} is too large ({width}×{height}): the limit is 8K, scale it down first.")
        stream.thread_type = "AUTO"
        yield container, stream


def decoded(
    container: InputContainer, stream: VideoStream, may_skip: Callable[[av.Packet], bool] = lambda packet: False
) -> Iterator[VideoFrame]:
    """Frames with a time, from the current position on; what is damaged is passed over, as ffmpeg does.

    Packets for which `may_skip` holds are not decoded when no other picture refers to them.
    """
    with suppress(av.FFmpegError):  # the end of what can be read of a damaged file
        for packet in container.demux(stream):
            stream.codec_context.skip_frame = "NONREF" if may_skip(packet) else "DEFAULT"
            with suppress(av.FFmpegError):
                yield from (frame for frame in packet.decode() if frame.pts is not None)


def _describe(path: Path, container: InputContainer, stream: VideoStream, frame: VideoFrame) -> Clip:
    """The Clip of an open file, from its headers and one decoded frame."""
    matrix = frame.side_data.get(SideData.DISPLAYMATRIX)  # type: ignore[call-overload]  # the stub knows no keys
    orientation = Orientation() if matrix is None else Orientation.from_matrix(bytes(matrix))
    width, height = (frame.height, frame.width) if orientation.transpose else (frame.width, frame.height)
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    start = (container.start_time or 0) / av.time_base
    duration = _duration(container, stream, start)
    sounds = [Sound(s.index, s.codec_context.name) for s in container.streams.audio if s.codec_context is not None]
    return Clip(
        path=path,
        width=width,
        height=height,
        duration=duration,
        fps=float(rate),
        frames_estimate=stream.frames or max(1, math.ceil(duration * rate - 0.5)),
        orientation=orientation,
        tags=_tags(frame),
        is_rgb=_is_rgb(frame),
        has_alpha=stream.metadata.get("alpha_mode") == "1" or any(c.is_alpha for c in frame.format.components),
        pixel_aspect=1 / aspect if orientation.transpose else aspect,
        video_index=stream.index,
        time_base=Fraction(stream.time_base or Fraction(1, 90000)),
        start=start,
        sounds=tuple(sounds),
        unknown_sounds=len(container.streams.audio) - len(sounds),
        has_subtitles=bool(container.streams.subtitles),
    )


def _is_rgb(frame: VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _tags(frame: VideoFrame) -> ColorTags:
    full = frame.format.name.startswith("yuvj")
    return ColorTags(
        MATRICES.get(int(frame.colorspace), f"code {int(frame.colorspace)}"),
        PRIMARIES.get(int(frame.color_primaries), UNKNOWN),
        TRANSFERS.get(int(frame.color_trc), UNKNOWN),
        "pc" if full else RANGES.get(int(frame.color_range), UNKNOWN),
    )


def _duration(container: InputContainer, stream: VideoStream, start: float) -> float:
    """Seconds from `start` to the end of the pictures; files without it (live recordings) are read through."""
    if stream.duration:
        return max(0.0, float((stream.start_time or 0) + stream.duration) * float(stream.time_base or 0) - start)
    if container.duration:
        return container.duration / av.time_base
    with opened(Path(container.name.removeprefix("file:"))) as (again, pictures):
        ends = [(p.pts + (p.duration or 0)) * p.time_base for p in again.demux(pictures) if p.pts is not None]
    return max(0.0, float(max(ends)) - start)


def refuse_unreadable(path: Path) -> None:
    """Raise UserError for a file that is missing, empty or cut off."""
    if not path.is_file():
        raise UserError(f"There is no file {path.name}: check its name and place.")
    size = path.stat().st_size
    if size == 0:
        raise UserError(f"{path.name} is empty (zero bytes): choose another file or copy it again.")
    with path.open("rb") as file:
        stated = stated_size(file, size)
    if stated > size:
        missing = max(1, round(100 * (1 - size / stated)))
        raise UserError(f"{path.name} is cut off ({missing}% is missing): copy or download it again.")


def stated_size(file: BinaryIO, size: int) -> int:
    """Bytes that a container says it has; `size`, the true number, where it does not say."""
    head = file.read(4)
    file.seek(0)
    return _matroska_size(file, size) if head == b"\x1aE\xdf\xa3" else _boxes_size(file, size)


def _boxes_size(file: BinaryIO, size: int) -> int:
    """End of the last known top-level box of an MP4 or MOV file."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:  # 0 means "to the end of the file"; less is no box
            return size
        position += length
        if position > size and kind in (b"ftyp", b"moov", b"mdat", b"moof"):
            return position
    return size


def _matroska_size(file: BinaryIO, size: int) -> int:
    """End of the Segment of a Matroska or WebM file."""
    file.seek(4)
    header = _vint(file)
    file.seek(header or 0, 1)
    if file.read(4) != b"\x18S\x80g":
        return size
    segment = _vint(file)
    return size if segment is None else file.tell() + segment


def _vint(file: BinaryIO) -> int | None:
    """An EBML size; None for "unknown" (all ones, as live recorders write) and at the end of the file."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big") & ((1 << 7 * length) - 1)
    return None if value == (1 << 7 * length) - 1 else value

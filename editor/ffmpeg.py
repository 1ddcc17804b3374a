"""ffmpeg's commands and filter chains for grading video, as pure functions of a Clip.

Pictures go to upright full-range RGB by zscale (exact; swscale's float and 16-bit RGB fall short of
white by one 8-bit code), through the LUT in float (`lut3d` floors integers), and back to 4:2:0 with
the source's matrix and range. It starts nothing.
Sources: ffmpeg-filters(1), ffmpeg-utils(1) "Quoting and escaping", BT.2408 (HDR reference white 203 cd/m²).
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from editor.clip import DEMUXERS, UNKNOWN, Clip, ColorTags, default_matrix

CRF = 18  # visually lossless for one generation
PRESET = "fast"
AAC_RATE = "256k"
REFERENCE_WHITE = 203  # cd/m² of HDR diffuse white
HDR_PEAK = 1000  # cd/m² that still shows detail after tone mapping

_ZSCALE_MATRICES = {"gbr": "gbr", "bt709": "709", "fcc": "fcc", "bt470bg": "470bg", "smpte170m": "170m"}
_ZSCALE_MATRICES |= {"ycgco": "ycgco", "bt2020nc": "2020_ncl", "ictcp": "ictcp"}
_ZSCALE_RANGES = {"tv": "limited", "pc": "full"}


def executable() -> str:
    """Path of the ffmpeg that imageio-ffmpeg carries."""
    return imageio_ffmpeg.get_ffmpeg_exe()


def escape(value: str) -> str:
    """A filter option's value, escaped for the option list and then for the filter graph."""
    for special in ("\\':", "\\'[],;"):
        value = "".join(f"\\{c}" if c in special else c for c in value)
    return value


def output_tags(clip: Clip) -> ColorTags:
    """Tags of the export: the source's; matrix and range always stated; BT.709 after tone mapping."""
    if clip.is_hdr:
        return ColorTags("bt709", "bt709", "bt709", "tv")
    if clip.is_rgb:
        return ColorTags(default_matrix(clip.width, clip.height), clip.tags.primaries, clip.tags.transfer, "tv")
    return ColorTags(clip.matrix, clip.tags.primaries, clip.tags.transfer, clip.range)


def rgb_filters(clip: Clip, pixel_format: str = "gbrpf32le") -> list[str]:
    """From decoded pictures to upright, full-range, planar RGB (display encoding, SDR), float or integer."""
    filters = []
    if clip.orientation.transpose:
        filters.append("transpose=dir=cclock_flip")  # x and y swapped
    filters += ["hflip"] * clip.orientation.hflip + ["vflip"] * clip.orientation.vflip
    if (clip.width, clip.height) != clip.even_size:  # zscale takes no odd 4:2:0
        filters.append("format=pix_fmts=gbrp|gbrp10|gbrp12|yuv444p|yuv444p10|yuv444p12")
    convert = f"zscale=w={clip.width}:h={clip.height}:f=bicubic:min={_ZSCALE_MATRICES[clip.matrix]}"
    convert += f":rin={_ZSCALE_RANGES[clip.range]}:m=gbr:r=full"
    return [*filters, *(_tone_map(convert, clip) if clip.is_hdr else [convert]), f"format={pixel_format}"]


def _tone_map(convert: str, clip: Clip) -> list[str]:
    """HDR to SDR: light relative to reference white, highlights up to `HDR_PEAK` rolled off, BT.709."""
    primaries = "bt2020" if clip.tags.primaries == UNKNOWN else clip.tags.primaries
    return [
        f"{convert}:tin={clip.tags.transfer}:pin={primaries}:t=linear:p=bt709:npl={REFERENCE_WHITE}",
        "format=gbrpf32le",
        f"tonemap=tonemap=mobius:param=0.5:desat=0:peak={HDR_PEAK / REFERENCE_WHITE:.4f}",
        "zscale=tin=linear:t=bt709",
    ]


def yuv_filters(clip: Clip) -> list[str]:
    """From full-range RGB to tagged yuv420p of even size, without side data (turns, HDR mastering)."""
    tags = output_tags(clip)
    filters = []
    if clip.width % 2:
        filters.append("split[left][edge];[edge]crop=w=1:x=iw-1:exact=1[edge];[left][edge]hstack")
    if clip.height % 2:
        filters.append("split[top][foot];[foot]crop=h=1:y=ih-1:exact=1[foot];[top][foot]vstack")
    matrix, limits = _ZSCALE_MATRICES[tags.matrix], _ZSCALE_RANGES[tags.range]
    return [
        *filters,
        f"zscale=min=gbr:rin=full:m={matrix}:r={limits}:f=bicubic",
        "format=yuv420p",
        f"setsar=r={clip.pixel_aspect.numerator}/{clip.pixel_aspect.denominator}:max=65535",
        f"setparams=colorspace={tags.matrix}:color_primaries={tags.primaries}"
        f":color_trc={tags.transfer}:range={tags.range}",
        "sidedata=mode=delete",
    ]


def pointwise_command(clip: Clip, lut: Path | None, target: Path, keep_gps: bool = True) -> list[str]:
    """Source file to graded MP4 in one ffmpeg; `lut` is a normalised .cube, None changes no colour.

    Progress goes to standard output.
    """
    grade = [] if lut is None else [f"lut3d=file={escape(str(lut))}:interp=tetrahedral"]
    return [
        *_START,
        *source_input(clip),
        *("-progress", "pipe:1", "-stats_period", "0.2"),
        *("-map", f"0:{clip.video_index}", *_sound_options(clip, 0)),
        *("-vf", ",".join([*rgb_filters(clip), *grade, *yuv_filters(clip)])),
        *_encoder_options(clip, 0, keep_gps),
        f"file:{target}",
    ]


def strips(clip: Clip) -> int:
    """Equal strips of rows in which a picture travels through a pipe.

    ffmpeg lets eight frames wait between its threads: strips make that a part of one raw picture.
    """
    return max(n for n in range(1, 33) if clip.height % n == 0)


def decode_command(clip: Clip) -> list[str]:
    """Source file to strips of upright rgb48le pictures with their times, as NUT on standard output."""
    count = strips(clip)
    unit = _ratio(clip.time_base / count)  # strip k comes k units after its picture's own time
    cut = [f"untile=1x{count}", f"settb={unit}", f"setpts='if(mod(N,{count}),PREV_OUTPTS+1,PTS)'"]
    return [
        *_START,
        *("-threads", "1"),  # rendering is slower, and each decoding thread holds pictures
        *source_input(clip),
        *("-map", f"0:{clip.video_index}"),
        *("-vf", ",".join([*rgb_filters(clip, "gbrp16le"), "format=rgb48le", *cut])),
        *("-fps_mode", "passthrough", "-enc_time_base:v", unit, "-c:v", "rawvideo"),
        *(*_ONE_AT_A_TIME, *(word for name, value in NUT_OPTIONS.items() for word in (f"-{name}", value))),
        *("-f", "nut", "pipe:1"),
    ]


def encode_command(clip: Clip, target: Path, keep_gps: bool = True) -> list[str]:
    """Strips of graded rgb48le pictures, as NUT on standard input, and the source's sound to an MP4."""
    return [
        *_START,
        "-copyts",  # the pictures come with final times; the source is shifted as ffmpeg would have done
        *(*_ONE_AT_A_TIME, "-protocol_whitelist", "pipe", "-f", "nut", "-i", "pipe:0"),
        *("-itsoffset", f"{-clip.start:.6f}"),
        *source_input(clip),
        *("-map", "0:0", *_sound_options(clip, 1)),
        *("-vf", ",".join([f"tile=1x{strips(clip)}", "format=gbrp16le", *yuv_filters(clip)])),
        *_encoder_options(clip, 1, keep_gps, _PIPE_THREADS),
        f"file:{target}",
    ]


def still_command(clip: Clip) -> list[str]:
    """One stored picture, as NUT on standard input, to upright rgb24 on standard output."""
    return [
        *_START,
        *("-protocol_whitelist", "pipe", "-f", "nut", "-i", "pipe:0"),
        *("-vf", ",".join([*rgb_filters(clip, "gbrp"), "format=rgb24"])),
        *("-frames:v", "1", "-f", "rawvideo", "pipe:1"),
    ]


# Without a seek index, for which writer and reader would keep something of every packet. `f_strict` allows that.
NUT_OPTIONS = {"syncpoints": "none", "write_index": "0", "f_strict": "experimental"}
_ONE_AT_A_TIME = ["-thread_queue_size", "1"]  # raw pictures are large, and eight would wait
_CORES = os.cpu_count() or 1
_THREADS = min(8, -(-_CORES * 3 // 2))  # of the encoder: each holds pictures; 1080p feeds no more
_PIPE_THREADS = min(8, max(1, _CORES // 2))  # rendering takes the other half

_START = [executable(), "-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y"]


def source_input(clip: Clip) -> list[str]:
    """The source as an input that can open no other file; our filters turn it upright."""
    whitelists = ["-protocol_whitelist", "file", "-format_whitelist", DEMUXERS]
    return [*whitelists, "-noautorotate", "-i", f"file:{clip.path}"]


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _sound_options(clip: Clip, source: int) -> list[str]:
    options = []
    for number, sound in enumerate(clip.sounds):
        options += ["-map", f"{source}:{sound.index}", f"-c:a:{number}", "copy" if sound.is_copied else "aac"]
        options += [] if sound.is_copied else [f"-b:a:{number}", AAC_RATE]
        options += [f"-map_metadata:s:a:{number}", f"{source}:s:{sound.index}"]
    return options


def _encoder_options(clip: Clip, source: int, keep_gps: bool, threads: int = _THREADS) -> list[str]:
    """H.264 in MP4 with the source's timestamps; metadata from input number `source`."""
    places = ("location", "location-eng", "com.apple.quicktime.location.ISO6709")
    return [
        *("-c:v", "libx264", "-preset", PRESET, "-crf", str(CRF), "-rc-lookahead", "10", "-threads:v", str(threads)),
        *("-fps_mode", "passthrough", "-enc_time_base:v", _ratio(clip.time_base)),
        *("-map_metadata", str(source), "-map_chapters", str(source)),
        *("-map_metadata:s:v:0", f"{source}:s:{clip.video_index}"),
        *([] if keep_gps else [o for place in places for o in ("-metadata", f"{place}=")]),
        *("-movflags", "+faststart", "-f", "mp4"),
    ]

"""Small test videos, written by ffmpeg from its own generators or from arrays."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from editor.ffmpeg import executable


def ffmpeg(*arguments, data=None):
    """Run ffmpeg; a failure shows its words."""
    command = [executable(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    result = subprocess.run(command, check=False, input=data, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def picture(n=0, width=128, height=72) -> np.ndarray:
    """Picture n of a smooth, colourful, moving pattern: uint8 H×W×3 display RGB."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    phases = (x + 0.05 * n, y - 0.03 * n + 0.2, 0.7 * x + y + 0.04 * n + 0.4)
    return np.stack([np.round(255 * (0.5 + 0.36 * np.cos(2 * np.pi * phase))) for phase in phases], -1).astype(np.uint8)


def colors(path: Path, *options, size=(128, 72), count=4, matrix="bt709", limits="tv", rate="10", extra="") -> Path:
    """A tagged clip of `count` pictures of the pattern, nearly lossless."""
    zscale_matrix = {"bt709": "709", "smpte170m": "170m", "bt2020nc": "2020_ncl"}[matrix]
    convert = f"zscale=m={zscale_matrix}:r={'full' if limits == 'pc' else 'limited'}:f=bicubic,format=yuv420p"
    tags = f"setparams=colorspace={matrix}:color_primaries=bt709:color_trc=bt709:range={limits}"
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", rate, "-i", "pipe:0"),
        *("-vf", ",".join(filter(None, ["format=gbrp", extra, convert, tags]))),
        *(options or ("-c:v", "libx264", "-crf", "4")),
        path,
        data=b"".join(picture(n % 20, *size).tobytes() for n in range(count)),
    )
    return path


def numbered(path: Path, times: list[float], *options, size=(64, 48), codec="libx264") -> Path:
    """A grey clip whose picture n has the level 20 + 9·n and is shown from times[n] on."""
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream(codec, rate=30, options={"crf": "10", "g": "5", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for n, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 20 + 9 * n, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return path


def raw(path: Path, pixels: np.ndarray, *options, count=3) -> Path:
    """`count` copies of one uint8 H×W×3 picture, losslessly as FFV1 or as the options say."""
    height, width = pixels.shape[:2]
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "10", "-i", "pipe:0"),
        *(options or ("-c:v", "ffv1", "-level", "1", "-pix_fmt", "gbrp")),
        path,
        data=np.ascontiguousarray(pixels).tobytes() * count,
    )
    return path


def with_sound(path: Path, video: Path, *options, delay=0.0, seconds=0.5) -> Path:
    """The clip with a tone beside it."""
    ffmpeg(
        *("-i", video, "-itsoffset", str(delay), "-f", "lavfi", "-i", f"sine=440:d={seconds}"),
        *("-map", "0:v", "-map", "1:a", "-c:v", "copy", *options, path),
    )
    return path


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    """(time in seconds, content) of every packet of the first stream of a kind, by time."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return sorted((float(p.pts * p.time_base), bytes(p)) for p in container.demux(stream) if p.size)


def listing(path: Path) -> str:
    """What ffmpeg says about a file."""
    command = [executable(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stderr


def times(path: Path, kind: str = "video") -> list[float]:
    """Presentation times in seconds, rounded to a tenth of a millisecond."""
    return [round(time, 4) for time, _ in packets(path, kind)]

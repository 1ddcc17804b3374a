"""Video in, graded H.264 MP4 out: `probe`, `read_frame`, `export_video`.

Pointwise edits run as one ffmpeg filter, edits with spatial stages through a pipe of frames; memory
does not grow with the length. Size, timestamps, colour tags, creation time and sound are kept.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from uuid import uuid4

from editor.clip import VIDEO_SUFFIXES, Clip, ColorTags, probe
from editor.cube import Cube, write_cube
from editor.errors import UserError
from editor.ffmpeg import pointwise_command
from editor.frame_pipe import grade_frames
from editor.lut import Lut
from editor.pipeline import EXPORT_SIZE, FrameRenderer, bake_edit
from editor.presets import Presets
from editor.processes import ExportStopped, running
from editor.still import read_frame
from editor.tools import Edit

__all__ = ["VIDEO_SUFFIXES", "Clip", "ColorTags", "ExportStopped", "export_video", "probe", "read_frame"]

Progress = Callable[[float, float], None]


def export_video(
    source: str | Path,
    target: str | Path,
    edit: Edit,
    presets: Presets,
    progress: Progress | None = None,
    cancel: Event | None = None,
    overwrite: bool = False,
    keep_gps: bool = True,
) -> Path:
    """Write the graded clip as MP4 (H.264, yuv420p, faststart) and return its path.

    `progress(fraction 0..1, seconds left)` is called in this thread a few times a second; setting
    `cancel` ends the export within a moment. Raises UserError (ExportStopped when cancelled); then
    no file is left, and an existing one is untouched. `overwrite` allows replacing `target`.
    """
    target, clip = Path(target).absolute(), probe(source)
    _check_target(target, overwrite)
    unfinished = target.with_name(f".{uuid4().hex}.part")
    report = _Report(clip.duration, progress)
    stop = cancel or Event()
    try:
        if edit.spatial:
            grade_frames(clip, unfinished, FrameRenderer(edit, presets), stop, report, keep_gps)
        else:
            lut = None if edit.is_neutral else bake_edit(edit, presets, EXPORT_SIZE)
            _grade_pointwise(clip, unfinished, lut, stop, report, keep_gps)
        _publish(unfinished, target, overwrite)
    finally:
        unfinished.unlink(missing_ok=True)
    report.finished()
    return target


def _grade_pointwise(
    clip: Clip, target: Path, lut: Lut | None, stop: Event, report: Callable[[float], None], keep_gps: bool
) -> None:
    """One ffmpeg from file to file; the LUT travels in a .cube of our own writer, which has no shaper or domain."""
    with tempfile.TemporaryDirectory(prefix="vibegrade-") as folder:
        cube = Path(folder) / "grade.cube" if lut else None
        if lut and cube:
            write_cube(Cube(table=lut.table), cube)
        with running(pointwise_command(clip, cube, target, keep_gps), stop) as ffmpeg:
            assert ffmpeg.stdout
            for line in ffmpeg.stdout:
                name, _, value = line.decode("ascii", "replace").strip().partition("=")
                if name == "out_time_us" and value.lstrip("-").isdigit():
                    report(int(value) / 1e6)


class _Report:
    """Turns the time that is done into a fraction and the seconds left, by the speed so far."""

    INTERVAL = 0.2

    def __init__(self, duration: float, progress: Progress | None) -> None:
        self.duration, self.progress = duration, progress
        self.begun = self.last = time.monotonic()

    def __call__(self, seconds: float) -> None:
        now = time.monotonic()
        if self.progress is None or seconds <= 0 or now - self.last < self.INTERVAL:
            return
        self.last = now
        fraction = min(seconds / self.duration, 0.999) if self.duration else 0.0
        self.progress(fraction, (now - self.begun) * (1 - fraction) / fraction if fraction else 0.0)

    def finished(self) -> None:
        if self.progress is not None:
            self.progress(1.0, 0.0)


def _check_target(target: Path, overwrite: bool) -> None:
    if target.suffix.lower() != ".mp4":
        raise UserError(f"A video is exported as MP4: give {target.name} the ending .mp4.")
    if not target.parent.is_dir():
        raise UserError(f"There is no folder {target.parent}: create it first.")
    if target.exists() and not overwrite:
        raise UserError(f"{target.name} exists already: choose another name or allow overwriting.")


def _publish(unfinished: Path, target: Path, overwrite: bool) -> None:
    """Give a finished file its name in one step; the name is taken first, so that nobody's file is replaced."""
    if not overwrite:
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            raise UserError(f"{target.name} exists already: choose another name or allow overwriting.") from None
    unfinished.replace(target)

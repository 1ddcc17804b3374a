"""Many files, one edit: which inputs there are, where each goes, and grading them in several processes.

A bad file is reported and the rest goes on.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from glob import glob, has_magic
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import cv2

from editor.errors import UserError
from editor.image import IMAGE_SUFFIXES, export_name, export_notes, load_image, save_image
from editor.image_write import DEFAULT_QUALITY, FORMATS, check_target
from editor.pipeline import render
from editor.presets import Presets
from editor.tools import Edit
from editor.video import VIDEO_SUFFIXES, ExportStopped, export_video, probe

MEDIA_SUFFIXES = frozenset(IMAGE_SUFFIXES) | frozenset(VIDEO_SUFFIXES)
_WRITTEN_INSTEAD = {".bmp": ".png", ".gif": ".png"}  # lossless stays lossless; the rest (HEIC, AVIF) becomes JPEG
_WORTH_PROCESSES = 4  # a process takes about a second to start

Progress = Callable[[float, float], None]
_worker: dict[str, Event] = {}  # a worker process's own


@dataclass(frozen=True)
class Grade:
    """What is done to every file; small and picklable, so that it travels to other processes."""

    edit: Edit
    preset_file: Path | None = None  # a .cube that the edit's filter names
    quality: int = DEFAULT_QUALITY
    bit_depth: int | None = None
    keep_gps: bool = True
    overwrite: bool = False

    def presets(self) -> Presets:
        """The built-in presets and the grade's own."""
        return _presets(self.preset_file)


@lru_cache(maxsize=4)
def _presets(extra: Path | None) -> Presets:
    return Presets.builtin().with_file(extra) if extra else Presets.builtin()


@dataclass(frozen=True)
class Job:
    """One file to grade."""

    source: Path
    target: Path

    @property
    def is_video(self) -> bool:
        """By the suffix; anything else is opened as a picture."""
        return self.source.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is one sentence, empty when the target was written."""

    job: Job
    notes: tuple[str, ...] = ()
    error: str = ""


def find_sources(inputs: Sequence[str]) -> list[Path]:
    """Files, the media files of folders, and what glob patterns (** too) match; each once, in order.

    Raises UserError for an input that leads to no file.
    """
    found: dict[Path, Path] = {}
    for given in inputs:
        for path in _expand(given):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _expand(given: str) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in MEDIA_SUFFIXES and p.name[0] != ".")
        if not files:
            raise UserError(f"There are no pictures or videos in the folder {given}: choose another.")
        return files
    if path.exists() or not has_magic(given):
        if not path.exists():
            raise UserError(f"There is no file {given}: check the path.")
        return [path]
    files = sorted(p for p in map(Path, glob(given, recursive=True)) if p.is_file())
    if not files:
        raise UserError(f"No file matches {given}: check the pattern.")
    return files


def plan_jobs(sources: Sequence[Path], output: str, label: str, suffix: str | None, single: bool) -> list[Job]:
    """Where each source goes: to `output` itself for a single file, else into the folder `output`.

    Names in a folder tell source and `label` (see `export_name`), formats are `suffix` or the source's own
    where it can be written. Raises UserError when several files are to go to one name.
    """
    target = Path(output)
    if single and target.suffix and not target.is_dir() and not output.endswith(("/", os.sep)):
        return [Job(sources[0], target)]
    if target.suffix.lower() in MEDIA_SUFFIXES and not target.is_dir():
        raise UserError(f"{output} is one file, but there are several inputs: give a folder.")
    jobs, taken = [], set()
    for source in sources:
        name = Path(export_name(source.name, label, _suffix_for(source, suffix)))
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = name.with_stem(f"{name.stem}-{number}")
        taken.add(unique)
        jobs.append(Job(source, target / unique))
    return jobs


def _suffix_for(source: Path, wanted: str | None) -> str:
    own = source.suffix.lower()
    if own in VIDEO_SUFFIXES:
        return ".mp4"
    return wanted or (own if own in FORMATS else _WRITTEN_INSTEAD.get(own, ".jpg"))


def run_jobs(jobs: Sequence[Job], grade: Grade, processes: int, on_video: Progress | None = None) -> Iterator[Outcome]:
    """Grade files, pictures in several processes; outcomes come as they are ready, videos after the pictures."""
    pictures = [job for job in jobs if not job.is_video]
    workers = min(processes, len(pictures))
    if workers > 1 and len(pictures) >= _WORTH_PROCESSES:
        yield from _in_processes(pictures, grade, workers)
    else:
        yield from (run_job(job, grade) for job in pictures)
    yield from (run_job(job, grade, on_video) for job in jobs if job.is_video)


def run_job(job: Job, grade: Grade, on_video: Progress | None = None) -> Outcome:
    """Grade one file; what is wrong with it becomes the outcome's error."""
    try:
        check_target(job.target, grade.overwrite)
        return Outcome(job, _grade_video(job, grade, on_video) if job.is_video else _grade_picture(job, grade))
    except UserError as error:
        return Outcome(job, error=str(error))


def _grade_picture(job: Job, grade: Grade) -> tuple[str, ...]:
    picture = load_image(job.source)
    notes = picture.notes + export_notes(picture, job.target, grade.bit_depth)
    graded = picture.with_pixels(render(picture.pixels, grade.edit, grade.presets()))
    save_image(
        graded,
        job.target,
        quality=grade.quality,
        bit_depth=grade.bit_depth,
        keep_gps=grade.keep_gps,
        overwrite=grade.overwrite,
    )
    return notes


def _grade_video(job: Job, grade: Grade, progress: Progress | None) -> tuple[str, ...]:
    notes = probe(job.source).notes
    with _cancelled_by_signals() as cancel:
        export_video(
            job.source,
            job.target,
            grade.edit,
            grade.presets(),
            progress=progress,
            cancel=cancel,
            overwrite=grade.overwrite,
            keep_gps=grade.keep_gps,
        )
    return notes


@contextmanager
def _cancelled_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, for work that ends by itself then; it becomes KeyboardInterrupt afterwards.

    ffmpeg gets the same Ctrl-C: an exception in the midst of feeding it could wait for it for ever.
    """
    cancel = threading.Event()
    before = {number: signal.signal(number, lambda *_: cancel.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    except ExportStopped:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_processes(jobs: Sequence[Job], grade: Grade, workers: int) -> Iterator[Outcome]:
    context = get_context("spawn")  # forking a process with threads can lock up
    stop = context.Event()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(stop,)) as pool:
        running = {pool.submit(_run_in_worker, job, grade): job for job in jobs}
        try:
            for future in as_completed(running):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    words = "its process ended suddenly, most likely for want of memory: use fewer --jobs"
                    yield Outcome(running[future], error=f"{running[future].source.name} was not graded, {words}.")
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _start_worker(stop: Event) -> None:
    """Ctrl-C reaches workers too, but stopping is the parent's part: a worker finishes its picture."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    _worker["stop"] = stop


def _run_in_worker(job: Job, grade: Grade) -> Outcome:
    if _worker["stop"].is_set():  # the pool hands out a few jobs ahead
        return Outcome(job, error="Stopped.")
    return run_job(job, grade)

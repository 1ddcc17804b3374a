"""Speed and memory of video export, side by side with ffmpeg on the same clip.

Run with `python -m tests.benchmarks.bench_video [--seconds S] [--rounds N] [--minutes M [--long-rate R]]`. The clip
is 1920×1080 at 30 frames a second: a slow pan over a photo with film grain. Four engines take turns
within each round: ffmpeg transcoding without a grade, ffmpeg with its plain 8-bit lut3d filter (both
with the export's own encoder options and priority), the pointwise export and the export with all
spatial stages. Processor time of Python and all its ffmpegs is shown beside wall time; on a busy
machine its ratio is the steadier one. Memory is the peak of the sum over Python and its ffmpegs.
`--minutes 10` also exports a clip of that length, of `--long-rate` frames a second, and adds its peak
memory and what it took in each tenth of the export: it must not grow. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import psutil
from skimage import data

from editor.clip import probe
from editor.cube import Cube, write_cube
from editor.ffmpeg import escape, pointwise_command
from editor.pipeline import EXPORT_SIZE, bake_edit
from editor.presets import Presets
from editor.processes import running
from editor.still import read_frame
from editor.tools import Adjust, Edit, Filter
from editor.video import export_video
from tests.clips import ffmpeg

WIDTH, HEIGHT, RATE = 1920, 1080, 30
PLAIN, EIGHT_BIT, POINTWISE, SPATIAL = "ffmpeg, no grade", "ffmpeg, 8-bit lut3d", "export, pointwise", "export, spatial"
EDIT = Edit(
    adjust=Adjust(contrast=20, temperature=25, saturation=10), filter=Filter(name="faded_HighNoon", intensity=40)
)
SPATIAL_EDIT = EDIT.model_copy_validated(adjust=Adjust(contrast=20, temperature=25, structure=30, sharpen=30, bloom=30))
BARS = {"pointwise_ratio": 1.5, "pointwise_to_8bit": 1.0, "spatial_ratio": 4.0, "peak_mb": 700.0, "still_ms": 150.0}


@dataclass
class Cost:
    """Seconds and megabytes of one engine, a round each."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    tenths_mb: list[int] = field(default_factory=list)  # peaks of the last round's tenths


def make_clip(path: Path, seconds: float, rate: int = RATE) -> None:
    """A pan over a photo with grain, H.264 with a stereo AAC track."""
    photo = path.with_suffix(".png")
    picture = cv2.resize(data.astronaut(), (2400, 2400), interpolation=cv2.INTER_CUBIC)[:1500]
    cv2.imwrite(str(photo), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    pan = f"crop={WIDTH}:{HEIGHT}:x='200+180*sin(t/3)':y='150+120*cos(t/4)',noise=alls=5:allf=t"
    tags = "zscale=m=709:r=limited,format=yuv420p,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    ffmpeg(
        *("-loop", "1", "-framerate", rate, "-i", photo, "-f", "lavfi", "-i", "anoisesrc=c=pink:a=0.1", "-t", seconds),
        *("-vf", f"format=gbrp,{pan},{tags}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-g", "60"),
        *("-ac", "2", "-c:a", "aac", path),
    )


def with_filters(command: list[str], filters: str) -> list[str]:
    """The export's command with another filter chain."""
    at = command.index("-vf") + 1
    return [*command[:at], filters, *command[at + 1 :]]


def run_ffmpeg(command: list[str]) -> None:
    """A command in the export's own way: same priority, progress read to the end."""
    with running(command, Event()) as process:
        assert process.stdout
        process.stdout.read()


def engines(source: Path, folder: Path) -> dict[str, Callable[[], object]]:
    """The four ways to make an MP4 of the clip."""
    presets, clip, target = Presets.builtin(), probe(source), folder / "out.mp4"
    cube = folder / "grade.cube"
    write_cube(Cube(table=bake_edit(EDIT, presets, EXPORT_SIZE).table), cube)
    command = pointwise_command(clip, None, target)
    eight_bit = with_filters(command, f"lut3d=file={escape(str(cube))}:interp=tetrahedral,format=yuv420p")
    return {
        PLAIN: lambda: run_ffmpeg(with_filters(command, "format=yuv420p")),
        EIGHT_BIT: lambda: run_ffmpeg(eight_bit),
        POINTWISE: lambda: export_video(source, target, EDIT, presets, overwrite=True),
        SPATIAL: lambda: export_video(source, target, SPATIAL_EDIT, presets, overwrite=True),
    }


def measure(run: Callable[[], object], cost: Cost) -> None:
    """Run once; add wall time, processor time (with children) and peak memory (with children)."""
    done, memory = Event(), [0.0]
    watcher = Thread(target=_watch_memory, args=(done, memory))
    before, wall = _processor_seconds(), time.perf_counter()
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    cost.wall.append(time.perf_counter() - wall)
    cost.cpu.append(_processor_seconds() - before)
    cost.peak_mb.append(max(memory))
    cost.tenths_mb = [round(max(part)) for part in np.array_split(memory, 10) if part.size]


def _processor_seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def _watch_memory(done: Event, memory: list[float]) -> None:
    own = psutil.Process()
    while not done.wait(0.1):
        total = 0
        for process in [own, *own.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:  # ended meanwhile
                continue
        memory.append(total / 2**20)


def still_milliseconds(source: Path, seconds: float, count: int = 9) -> float:
    """Median time of a still at times spread over the clip."""
    spent = []
    for n in range(count):
        begun = time.perf_counter()
        read_frame(source, seconds * (n + 0.5) / count)
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def ratio(costs: dict[str, Cost], above: str, below: str, kind: str = "wall") -> float:
    """Median over the rounds of one engine's cost to another's in the same round."""
    pairs = zip(getattr(costs[above], kind), getattr(costs[below], kind), strict=True)
    return statistics.median(a / b for a, b in pairs)


def main() -> None:
    """Measure, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--long-rate", type=int, default=RATE, help="frames a second of the long clip")
    options = parser.parse_args()
    costs = {name: Cost() for name in (PLAIN, EIGHT_BIT, POINTWISE, SPATIAL)}
    long = {POINTWISE: Cost(), SPATIAL: Cost()}
    with tempfile.TemporaryDirectory(prefix="vibegrade-bench-") as name:
        folder = Path(name)
        source = folder / "clip.mp4"
        make_clip(source, options.seconds)
        still_ms = still_milliseconds(source, options.seconds)
        for _ in range(options.rounds):
            for engine, run in engines(source, folder).items():
                measure(run, costs[engine])
        if options.minutes:
            make_clip(folder / "part.mp4", options.seconds, options.long_rate)
            repeats = round(options.minutes * 60 / options.seconds) - 1
            ffmpeg("-stream_loop", repeats, "-i", folder / "part.mp4", "-c", "copy", folder / "long.mp4")
            for engine, cost in long.items():
                measure(engines(folder / "long.mp4", folder)[engine], cost)

    load = os.getloadavg()[0]
    print(f"{WIDTH}×{HEIGHT}, {RATE} frames/s, {options.seconds:g} s, {options.rounds} rounds; load {load:.1f}")
    print(f"{'engine':<22}{'median s':>10}{'min s':>8}{'frames/s':>10}{'cpu s':>8}{'peak MB':>9}")
    for engine, cost in costs.items():
        rate = RATE * options.seconds / min(cost.wall)
        print(
            f"{engine:<22}{statistics.median(cost.wall):>10.1f}{min(cost.wall):>8.1f}{rate:>10.1f}"
            f"{min(cost.cpu):>8.1f}{max(cost.peak_mb):>9.0f}"
        )
    print(f"{'still (read_frame)':<22}{still_ms:>8.0f} ms")
    for engine, cost in long.items():
        if cost.wall:
            print(f"{engine}, {options.minutes:g} min at {options.long_rate}/s: {cost.wall[0]:.0f} s, ", end="")
            print(f"peak {cost.peak_mb[0]:.0f} MB; tenths {cost.tenths_mb}")
    figures = {
        "pointwise_ratio": ratio(costs, POINTWISE, PLAIN),
        "pointwise_to_8bit": ratio(costs, POINTWISE, EIGHT_BIT),
        "spatial_ratio": ratio(costs, SPATIAL, PLAIN),
        "peak_mb": max(peak for group in (costs, long) for e in (POINTWISE, SPATIAL) for peak in group[e].peak_mb),
        "still_ms": still_ms,
    }
    print(
        json.dumps(
            {
                "benchmark": "video",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "load": round(load, 1),
                "wall_s": {engine: round(min(cost.wall), 2) for engine, cost in costs.items()},
                "cpu_s": {engine: round(min(cost.cpu), 2) for engine, cost in costs.items()},
                "peak_mb_by_engine": {engine: round(max(cost.peak_mb)) for engine, cost in costs.items()},
                "pointwise_cpu_ratio": round(ratio(costs, POINTWISE, PLAIN, "cpu"), 3),
                "pointwise_to_8bit_cpu": round(ratio(costs, POINTWISE, EIGHT_BIT, "cpu"), 3),
                "spatial_cpu_ratio": round(ratio(costs, SPATIAL, PLAIN, "cpu"), 3),
                "long_minutes": options.minutes,
                "long_rate": options.long_rate,
                "long_tenths_mb": {engine: cost.tenths_mb for engine, cost in long.items() if cost.wall},
                **{name: round(value, 3) for name, value in figures.items()},
                "bars": BARS,
                "met": {name: figures[name] <= bar for name, bar in BARS.items()},
            }
        )
    )


if __name__ == "__main__":
    main()

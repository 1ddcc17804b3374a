"""Speed of applying and baking LUTs, side by side with bare OpenColorIO and with Pillow.

Run with `python -m tests.benchmarks.bench_lut [--rounds N]`. The engines take turns within each
round, so that other load on the machine hits all of them; the last line is JSON. "Bare" is
OpenColorIO's own apply on the same pixels, into an array that is there already: as one call, and as two
row bands in two threads, which is the baseline of the ratio. (In place it would grade its own result
over and over, until the picture is a few colours that sit in the cache.) Processor time is shown beside wall time:
on a busy machine two threads get no second core, and wall times of one- and two-threaded engines no
longer compare.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
from PIL import Image, ImageFilter
from skimage import data

from editor import pipeline
from editor.lut import Lut, apply_lut, grid
from editor.presets import Presets
from editor.tools import COLORS, Edit

WIDTH, HEIGHT = 3840, 2160
OURS, PILLOW = "apply_lut, 2 threads", "Pillow Color3DLUT"
BARE, BARE_SINGLE = "bare OpenColorIO, 2 bands", "bare OpenColorIO, 1 call"
BARS = {"ratio_to_bare": 1.15, "speedup_over_pillow": 3.5, "bake_33_ms": 40.0, "bake_65_ms": 250.0}
FULL_EDIT = {
    "adjust": {
        "exposure": 10, "linearOffset": 10, "contrast": 20, "brightness": 10, "highlights": -20, "shadows": 15,
        "saturation": 10, "vibrance": 20, "hue": 10, "temperature": 20, "tint": 5,
    },
    "selective_adjust": {color: {"saturation": 20, "luminance": -10} for color in COLORS},
    "filter": {"name": "teal_and_orange_1", "intensity": 60},
}  # fmt: skip


@dataclass
class Times:
    """Milliseconds of one engine, a round each."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def timed(engines: dict[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Times of every engine in every round; one warm-up round is not counted."""
    times = {name: Times() for name in engines}
    for number in range(rounds + 1):
        for name, run in engines.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if number:
                times[name].wall.append((time.perf_counter() - wall) * 1000)
                times[name].cpu.append((time.process_time() - cpu) * 1000)
    return times


def bare_apply(processor: ocio.CPUProcessor, source: np.ndarray, target: np.ndarray) -> None:
    """OpenColorIO from one contiguous 8-bit image to another."""
    height, width = source.shape[:2]
    sides = [
        ocio.PackedImageDesc(side, width, height, 3, ocio.BIT_DEPTH_UINT8, 1, 3, 3 * width) for side in (source, target)
    ]
    processor.apply(*sides)


def apply_engines(pixels: np.ndarray) -> dict[str, Callable[[], object]]:
    """The grade of one 4K picture by each engine, N = 33."""
    lut = Lut((grid(33) ** np.array([0.8, 1.0, 1.2])).astype(np.float32))
    processor = lut.cpu_processor(pixels.dtype)
    target = np.empty_like(pixels)
    bands = [slice(None, HEIGHT // 2), slice(HEIGHT // 2, None)]
    table = ImageFilter.Color3DLUT(33, lut.table.transpose(2, 1, 0, 3).ravel().tolist())
    image = Image.fromarray(pixels)

    def bare_bands() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(bare_apply, [processor] * 2, [pixels[b] for b in bands], [target[b] for b in bands]))

    return {
        OURS: lambda: apply_lut(lut, pixels),
        BARE: bare_bands,
        BARE_SINGLE: lambda: bare_apply(processor, pixels, target),
        PILLOW: lambda: image.filter(table),
    }


def bake_engines() -> dict[str, Callable[[], object]]:
    """Bakes of an edit with every pointwise stage on, past the cache; the preset is parsed already."""
    parts = pipeline._pointwise(Edit.from_dict(FULL_EDIT), Presets.builtin())
    return {f"bake N={size}": (lambda n=size: pipeline._bake.__wrapped__(*parts, n)) for size in (33, 65)}


def ratio(times: dict[str, Times], above: str, below: str) -> float:
    """Median over the rounds of one engine's wall time to another's in the same round."""
    return statistics.median(a / b for a, b in zip(times[above].wall, times[below].wall, strict=True))


def main() -> None:
    """Measure, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    pixels = cv2.resize(data.astronaut(), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    times = timed(apply_engines(pixels), rounds) | timed(bake_engines(), rounds)

    print(f"{WIDTH} x {HEIGHT} 8-bit RGB, LUT of 33 nodes; {rounds} rounds; load {os.getloadavg()[0]:.1f}")
    print(f"{'engine':<28}{'min ms':>9}{'median ms':>11}{'cpu ms':>9}")
    for name, engine in times.items():
        print(f"{name:<28}{min(engine.wall):>9.1f}{statistics.median(engine.wall):>11.1f}{min(engine.cpu):>9.1f}")
    figures = {
        "ratio_to_bare": ratio(times, OURS, BARE),
        "ratio_to_bare_single_call": ratio(times, OURS, BARE_SINGLE),
        "speedup_over_pillow": ratio(times, PILLOW, OURS),
        "bake_33_ms": statistics.median(times["bake N=33"].wall),
        "bake_65_ms": statistics.median(times["bake N=65"].wall),
    }
    met = {
        name: figures[name] >= bar if name == "speedup_over_pillow" else figures[name] <= bar
        for name, bar in BARS.items()
    }
    print(
        json.dumps(
            {
                "benchmark": "lut",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "load": round(os.getloadavg()[0], 1),
                "wall_ms": {name: round(min(engine.wall), 1) for name, engine in times.items()},
                "cpu_ms": {name: round(min(engine.cpu), 1) for name, engine in times.items()},
                **{name: round(value, 3) for name, value in figures.items()},
                "bars": BARS,
                "met": met,
            }
        )
    )


if __name__ == "__main__":
    main()

"""How fast the page answers: slider drags on a 12-megapixel photo, start-up, idle memory.

    python -m tests.benchmarks.bench_app [--drags 120] [--no-server]

A drag is timed from the handler's call to the encoded preview, as the server does it. Prints a table
and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import psutil

from editor.image import load_image
from editor.presets import Presets
from editor.samples import samples
from editor.tools import Adjust, Edit
from editor.ui import editing
from editor.ui.context import Context
from editor.ui.controls import NAMES, Settings
from editor.ui.history import History
from editor.ui.media import Media

ROOT = Path(__file__).resolve().parents[2]
SIZE = (4242, 2828)  # 12 megapixels
BARS = {"pointwise": 60.0, "spatial": 120.0, "ready_s": 15.0, "idle_mb": 1228.8}
WARM = Edit.from_dict(
    {
        "adjust": {"contrast": 8, "temperature": 30, "vibrance": 12, "highlights": -10},
        "selective_adjust": {"orange": {"saturation": 20}, "blue": {"luminance": -10}},
        "filter": {"name": "faded_HighNoon", "intensity": 40},
    }
)
SPATIAL = {"structure": 40.0, "sharpen": 30.0, "bloom": 25.0}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drags", type=int, default=120, help="slider positions a row (default: %(default)s)")
    parser.add_argument("--no-server", action="store_true", help="leave start-up and memory out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        context, media = open_photo(Path(folder))
        rows = {
            "pointwise": drags(context, media, WARM, options.drags),
            "spatial": drags(context, media, _with_spatial(WARM), options.drags),
        }
    result: dict[str, object] = {"benchmark": "app", "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    print(f"{'slider drag to preview, 12 MP photo':<40}{'p50 ms':>9}{'p95 ms':>9}{'bar':>7}")
    for name, times in rows.items():
        p50, p95 = np.percentile(times, [50, 95])
        print(f"{name:<40}{p50:>9.1f}{p95:>9.1f}{BARS[name]:>7.0f}")
        result |= {f"{name}_p50_ms": round(p50, 1), f"{name}_p95_ms": round(p95, 1)}
    if not options.no_server:
        start_up()  # fills the caches: the second start is what counts
        ready, idle = start_up()
        print(f"{'ready to serve, second start, s':<40}{ready:>18.1f}{BARS['ready_s']:>7.0f}")
        print(f"{'memory when idle, MB':<40}{idle:>18.0f}{BARS['idle_mb']:>7.0f}")
        result |= {"ready_s": round(ready, 1), "idle_mb": round(idle)}
    print(json.dumps(result))


def open_photo(folder: Path) -> tuple[Context, Media]:
    """A sample photo enlarged to 12 megapixels, opened."""
    source = next(s for s in samples() if s.name == "china").loader()
    pixels = cv2.resize(load_image(source).pixels[..., ::-1], SIZE, interpolation=cv2.INTER_CUBIC)
    path = folder / "photo.jpg"
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    context = Context({}, Presets.builtin())
    shown = editing.open_file(context, str(path), None, (), History())
    assert shown.media
    return context, shown.media


def drags(context: Context, media: Media, edit: Edit, count: int) -> list[float]:
    """Milliseconds of each handler call while exposure is dragged from -60 to 60; no position repeats."""
    values = dict(zip(NAMES, Settings(edit).values, strict=True))
    history, times = History(), []
    for exposure in [0.25, *np.linspace(-60, 60, count)]:
        started = time.perf_counter()
        shown = editing.move(context, media, (), history, *{**values, "exposure": float(exposure)}.values())
        times.append((time.perf_counter() - started) * 1000)
        history = shown.history
        assert shown.after.startswith("data:image/jpeg")
    return times[1:]  # the first call loads the preset


def start_up() -> tuple[float, float]:
    """(seconds until `python app.py` answers, resident megabytes ten seconds later)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=os.environ | {"PORT": str(port)}, stdout=log, stderr=log
        )
        try:
            while not _answers(port):
                if server.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(log.read().decode())
                time.sleep(0.05)
            ready = time.perf_counter() - started
            time.sleep(10)
            return ready, psutil.Process(server.pid).memory_info().rss / 1e6
        finally:
            server.terminate()
            server.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _with_spatial(edit: Edit) -> Edit:
    adjust = (edit.adjust or Adjust()).model_copy(update=SPATIAL)
    return edit.model_copy_validated(adjust=adjust)


if __name__ == "__main__":
    main()

"""Latency, memory and size of planners: `python -m student.bench [--planner NAME ...] [--json] [--record]`.

Each planner is measured in a process of its own: load time from a bare interpreter to the first answer, then one
held-out intent after another (batch of one, warm), then batches of 64. The last line of standard output is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from editor.planner import Planner
    from editor.tools import Edit

# Imports of the project wait until the clock of `load_s` runs.

INTENTS = 256  # different held-out intents
WARM_UP = 8
BATCH = 64
BATCHES = 4
DEFAULT = ("student", "knn", "nearest", "constant")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
FIGURES = ("p50_ms", "p95_ms", "load_s", "rss_mb", "size_mb", "batch64_per_s")


def measure(name: str) -> dict[str, Any]:
    """Figures of one planner in this process. Raises `UserError` when it cannot be loaded."""
    started = time.perf_counter()
    from student.planners import load_planner

    planner = load_planner(name)
    planner.plan("warm")
    load_s = time.perf_counter() - started

    import numpy as np

    from student.dataset import load

    prompts = [row.intent for row in load("test")][: WARM_UP + INTENTS + BATCH * BATCHES]
    for prompt in prompts[:WARM_UP]:
        planner.answer(prompt)
    latencies = [_clock(planner, prompt) for prompt in prompts[WARM_UP : WARM_UP + INTENTS]]
    p50, p95 = np.percentile(latencies, [50, 95]) * 1000
    rate = _throughput(planner, prompts[WARM_UP + INTENTS :])
    figures = (p50, p95, load_s, resident_mb(), size_mb(files(name)), rate)
    return {"planner": name, **{key: round(float(value), 2) for key, value in zip(FIGURES, figures, strict=True)}}


def _clock(planner: Planner, prompt: str) -> float:
    started = time.perf_counter()
    planner.answer(prompt)
    return time.perf_counter() - started


def _throughput(planner: Planner, prompts: Sequence[str]) -> float:
    """Intents a second in batches of 64, or one by one where the planner has no batches."""
    started = time.perf_counter()
    for i in range(0, len(prompts), BATCH):
        plan_many(planner, prompts[i : i + BATCH])
    return len(prompts) / (time.perf_counter() - started)


def plan_many(planner: Planner, prompts: Sequence[str]) -> list[Edit]:
    """Edits of several prompts, in one batch where the planner can."""
    if hasattr(planner, "plan_many"):
        return list(planner.plan_many(prompts))
    return [planner.plan(prompt) for prompt in prompts]


def resident_mb() -> float:
    """Resident memory of this process now; its peak where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def files(name: str) -> list[Path]:
    """The model files that a planner reads: weights, tokenizer, vectors."""
    if name in ("nearest", "knn", "recorded"):
        from editor.folders import cache_folder
        from student import minilm

        weights = [minilm.weights_folder() / f for f in ("model.safetensors", "tokenizer.json", "config.json")]
        return [*weights, *cache_folder().glob("minilm-*.npy")]
    if name == "student":
        from student.model import WEIGHTS
        from student.ready import prepare

        weights = [file for file in WEIGHTS.iterdir() if file.is_file()]  # beside it lies the generative adapter
        return [*weights, prepare(WEIGHTS)]
    if name == "generative":
        from student.generative_planner import files as generative_files

        return generative_files()
    return []


def size_mb(paths: Iterable[Path]) -> float:
    """Size of files and of everything in folders."""
    inside = [f for path in paths for f in (path.rglob("*") if path.is_dir() else [path])]
    return sum(f.stat().st_size for f in inside if f.is_file()) / 1e6


def bench(name: str, threads: int) -> dict[str, Any] | None:
    """Measure a planner in a fresh process; None, with the reason on standard error, when it cannot be loaded."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    command = [sys.executable, "-m", "student.bench", "--measure", name]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        print(f"{name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"threads": threads}


def print_table(results: Sequence[dict[str, Any]]) -> None:
    """The table for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table("planner", "p50, ms", "p95, ms", "load, s", "resident, MB", "on disk, MB", "per s in batches of 64")
    for result in results:
        table.add_row(result["planner"], *(f"{result[key]:,.1f}" for key in FIGURES))
    Console(width=110).print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 1 when no planner could be measured."""
    parser = argparse.ArgumentParser(prog="python -m student.bench", description=__doc__)
    parser.add_argument("--planner", nargs="+", default=list(DEFAULT), help=f"default: {' '.join(DEFAULT)}")
    parser.add_argument("--threads", type=int, default=2, help="threads of the numeric libraries (default: 2)")
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--record", action="store_true", help="keep the results and rewrite RESULTS.md")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        return _measure_here(arguments.measure)
    results = [result for name in arguments.planner if (result := bench(name, arguments.threads))]
    if not arguments.json:
        print_table(results)
    if arguments.record:
        from student import report

        for result in results:
            report.record({"kind": "bench", **result})
    print(json.dumps(results))
    return 0 if results else 1


def _measure_here(name: str) -> int:
    from editor.errors import UserError

    try:
        print(json.dumps(measure(name)))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Speed of collecting training rows from ten million SIMULATED events.

Run with `python -m tests.benchmarks.bench_collect [--events N] [--rounds N]`. Writing ten million events takes
minutes, so the database is kept in the user's cache folder (`--forget` deletes it first). Processor time stands
beside wall time, which on a busy machine says less. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

from editor.database import open_database
from editor.folders import cache_folder
from editor.store import count
from student.collect import collect
from student.report import commit, machine
from student.simulate import make_world, simulate

INTENTS = 10_000
EVENTS_PER_CALL = 4.03  # projects and asks one each, the rest switches, exports and changes
BARS = {"collect_s": 60.0}


def database(events: int, forget: bool) -> Path:
    """A SQLite file of about so many SIMULATED events, made once; a killed attempt leaves nothing behind."""
    path = cache_folder() / f"bench-collect-{events}.db"
    if forget:
        path.unlink(missing_ok=True)
    if not path.exists():
        part = path.with_suffix(".part")
        for leftover in path.parent.glob(f"{part.name}*"):
            leftover.unlink()
        engine = open_database(f"sqlite:///{part}")
        calls = round(events / EVENTS_PER_CALL)
        simulate(engine, make_world(min(INTENTS, calls), seed=0), calls, seed=0)
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        part.rename(path)
        part.with_name(f"{part.name}.migrate.lock").unlink()
    return path


def main() -> None:
    """Measure, print the medians, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000, help="events to collect from")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forget", action="store_true", help="make the database anew")
    arguments = parser.parse_args()
    path = database(arguments.events, arguments.forget)
    url = f"sqlite:///{path}"
    wall, cpu = [], []
    for _ in range(arguments.rounds):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        collected = collect(url)
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - begun_cpu)
    events = sum(count(open_database(url)).values())
    figures = {"collect_s": statistics.median(wall), "collect_cpu_s": statistics.median(cpu)}

    print(
        f"{events:,} SIMULATED events ({path.stat().st_size / 1e9:.2f} GB), {arguments.rounds} rounds, load "
        f"{os.getloadavg()[0]:.1f}: {figures['collect_s']:.2f} s, of processor time {figures['collect_cpu_s']:.2f} s"
    )
    facts = {
        "benchmark": "collect",
        "simulated": True,
        "commit": commit(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "events": events,
        "rows": len(collected.rows),
    }
    met = {name: figures[name] <= bar for name, bar in BARS.items()}
    print(json.dumps({**facts, **{k: round(v, 2) for k, v in figures.items()}, "bars": BARS, "met": met}))


if __name__ == "__main__":
    main()

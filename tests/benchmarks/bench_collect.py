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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from editor.database import open_database
from editor.folders import cache_folder
from editor.store import count
from student.collect import Collected, collect
from student.report import commit, machine
from student.simulate import make_world, simulate

INTENTS = 10_000
EVENTS_PER_CALL = 4.03  # projects and asks one each, the rest switches, exports and changes
BARS = {"collect_s": 60.0}


@dataclass
class Times:
    """Seconds of one job, a round each."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, job: Callable[[], Collected]) -> Collected:
        """Run once, note the time, hand the result on."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = job()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        return result


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
    url, times = f"sqlite:///{path}", Times()
    for _ in range(arguments.rounds):
        collected = times.add(lambda: collect(url))
    events = sum(count(open_database(url)).values())
    figures = {"collect_s": statistics.median(times.wall), "collect_cpu_s": statistics.median(times.cpu)}

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

"""Speed of collecting training rows from ten million SIMULATED events, and of the Insights queries.

Run with `python -m tests.benchmarks.bench_collect [--events N] [--insights-events N] [--rounds N]`. Writing ten
million events takes minutes, so the databases are kept in the user's cache folder (`--forget` deletes them
first). Each round collects once and runs every query of the Insights tab once; processor time stands beside
wall time, which on a busy machine says more. The last line is JSON.
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
from editor.insights import QUERIES, query
from editor.store import count
from student.collect import collect
from student.report import commit, machine
from student.simulate import make_world, simulate

INTENTS = 10_000
EVENTS_PER_CALL = 4.03  # projects and asks one each, the rest switches, exports and changes
BARS = {"collect_s": 60.0, "insights_s": 2.0}


@dataclass
class Times:
    """Seconds of one job, a round each."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, job: Callable[[], object]) -> object:
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
    """Measure, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000, help="events to collect from")
    parser.add_argument("--insights-events", type=int, default=1_300_000, help="events to query")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forget", action="store_true", help="make the databases anew")
    arguments = parser.parse_args()
    large, small = (database(n, arguments.forget) for n in (arguments.events, arguments.insights_events))
    engines = {path: open_database(f"sqlite:///{path}") for path in (large, small)}
    times = {"collect": Times()} | {f"insights: {name}": Times() for name in QUERIES}
    for _ in range(arguments.rounds):
        collected = times["collect"].add(lambda: collect(f"sqlite:///{large}"))
        for name in QUERIES:
            times[f"insights: {name}"].add(lambda name=name: query(engines[small], name))
    events = {path: sum(count(engine).values()) for path, engine in engines.items()}
    wall = {name: statistics.median(t.wall) for name, t in times.items()}
    cpu = {name: statistics.median(t.cpu) for name, t in times.items()}

    print(f"{events[large]:,} SIMULATED events to collect from ({large.stat().st_size / 1e9:.2f} GB), "
          f"{events[small]:,} to query; {arguments.rounds} rounds; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'job':<28}{'median s':>10}{'cpu s':>10}")
    for name in times:
        print(f"{name:<28}{wall[name]:>10.2f}{cpu[name]:>10.2f}")
    figures = {
        "collect_s": wall["collect"],
        "collect_cpu_s": cpu["collect"],
        "insights_s": max(wall[name] for name in wall if name != "collect"),
        "insights_cpu_s": max(cpu[name] for name in cpu if name != "collect"),
    }
    facts = {
        "benchmark": "collect",
        "simulated": True,
        "commit": commit(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "events": events[large],
        "insights_events": events[small],
        "rows": len(collected.rows),
    }
    met = {name: figures[name] <= bar for name, bar in BARS.items()}
    print(json.dumps({**facts, **{k: round(v, 2) for k, v in figures.items()}, "bars": BARS, "met": met}))


if __name__ == "__main__":
    main()

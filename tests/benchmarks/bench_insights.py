"""How fast the Insights tab loads on a million SIMULATED events, in SQLite or, with `--database`, in PostgreSQL.

    python -m tests.benchmarks.bench_insights [--events 1000000] [--rounds 3] [--database URL]

The events of `student.simulate` get random ids, as real ones have: ids in the order of time would flatter every
join. Wall time is what people wait; processor time (of this process, so without PostgreSQL's) is what a busy
machine does not change. `first load` is the tab's handler with its CSV files and updates, without the browser.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert, select, text

from editor.database import open_database
from editor.insights import DAY, Filters, everything
from editor.presets import Presets
from editor.schema import Ask, Change, Export, Project, Switch
from editor.store import Store, count
from editor.ui import insights, usage
from editor.ui.context import Context
from student import simulate

EVENTS_PER_CALL = 4.0
INTENTS = 500
BAR = 2.0  # seconds of wall time
FILTERS = {
    "no filter": Filters(),
    "planner": Filters(planner="simulated teacher"),
    "media": Filters(media="image"),
    "days": Filters(since=simulate.START + 30 * DAY, until=simulate.START + 60 * DAY),
    "all filters": Filters(simulate.START + 30 * DAY, simulate.START + 60 * DAY, "image", "simulated teacher"),
}


def main() -> None:
    """Measure, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", help="URL of an empty database (default: SQLite in a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(VIBEGRADE_HOME=folder, GRADIO_TEMP_DIR=folder)
        engine = open_database(options.database or f"sqlite:///{Path(folder) / 'events.db'}")
        if sum(count(engine).values()):
            raise SystemExit("The database holds events already; give an empty one.")
        fill(engine, options.events)
        context = Context({}, Presets.builtin(), store=Store(engine=engine))
        jobs: dict[str, Callable[[], Any]] = {
            "first load": lambda: insights.show_usage(usage.usage(context, None, None, None, None)),
            **{name: partial(everything, engine, filters) for name, filters in FILTERS.items()},
        }
        times = {name: [timed(job) for _ in range(options.rounds)] for name, job in jobs.items()}
        events = sum(count(engine).values())
        engine.dispose()
    print(f"{events:,} SIMULATED events in {engine.dialect.name}; load {os.getloadavg()[0]:.1f}")
    print(f"{'job':<16}{'first s':>9}{'median s':>10}{'cpu s':>8}{'bar':>6}")
    result: dict[str, Any] = {"benchmark": "insights", "simulated": True, "database": engine.dialect.name}
    result |= {"events": events, "cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    for name, rounds in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:<16}{rounds[0][0]:>9.2f}{wall:>10.2f}{cpu:>8.2f}{BAR:>6.0f}")
        key = name.replace(" ", "_")
        result |= {f"{key}_s": round(wall, 2), f"{key}_cpu_s": round(cpu, 2)}
    result |= {"first_load_once_s": round(times["first load"][0][0], 2), "bar_s": BAR}
    print(json.dumps(result))


def fill(engine: Engine, events: int) -> None:
    """About so many simulated events with random ids in an empty database."""
    calls = round(events / EVENTS_PER_CALL)
    with tempfile.TemporaryDirectory() as folder:
        source = open_database(f"sqlite:///{Path(folder) / 'simulated.db'}")
        simulate.simulate(source, simulate.make_world(min(INTENTS, calls), seed=0), calls, seed=0, progress=False)
        for table in (Project, Ask, Change, Switch, Export):
            with source.connect() as reading, engine.begin() as writing:
                for part in reading.execute(select(table.__table__)).mappings().partitions(20_000):
                    writing.execute(insert(table), [{k: random_id(k, v) for k, v in row.items()} for row in part])
        source.dispose()
    if engine.dialect.name == "postgresql":  # what its autovacuum does within minutes
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def random_id(column: str, value: Any) -> Any:
    """The same random-looking UUID for the same simulated id; other values as they are."""
    if column not in ("id", "project_id", "ask_id") or value is None:
        return value
    return str(UUID(bytes=hashlib.md5(value.encode(), usedforsecurity=False).digest()))


def timed(job: Callable[[], Any]) -> tuple[float, float]:
    """(wall, processor) seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()

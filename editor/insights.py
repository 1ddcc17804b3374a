"""Figures of the Insights tab: funnel, exports, intents, corrections, latency, time series.

Every figure is one of the queries below, run in the database with the page's filters; the page shows the
query beside the chart. Reads only, and nothing but aggregates leaves the database. Speed: `make bench`
(`tests.benchmarks.bench_insights`).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text

DAY = 86_400_000  # milliseconds

# Ids are random, so a row found by its id lies anywhere. The inner queries therefore walk an index in the order of
# projects, where every look-up lies beside the one before; MATERIALIZED keeps the database from sorting first and
# looking up afterwards, which takes several times as long on a million events.
QUERIES: dict[str, str] = {
    "series": """
WITH steps AS MATERIALIZED (
    SELECT p.at / 86400000 AS day,
           CASE WHEN p.id IN (SELECT project_id FROM asks) THEN 1 ELSE 0 END AS asked,
           CASE WHEN p.id IN (SELECT project_id FROM changes)
                  OR p.id IN (SELECT project_id FROM switches) THEN 1 ELSE 0 END AS edited,
           CASE WHEN p.id IN (SELECT project_id FROM exports) THEN 1 ELSE 0 END AS exported
    FROM [projects p]
)
SELECT day, COUNT(*) AS started, SUM(asked) AS asked, SUM(edited) AS edited, SUM(exported) AS exported
FROM steps GROUP BY day ORDER BY day""",
    "exports": """
SELECT SUM(CASE WHEN e.edit LIKE '%"adjust":{%' THEN 1 ELSE 0 END) AS adjust,
       SUM(CASE WHEN e.edit LIKE '%"selective_adjust":{%' THEN 1 ELSE 0 END) AS selective_adjust,
       SUM(CASE WHEN e.edit LIKE '%"filter":{%' THEN 1 ELSE 0 END) AS filter,
       COUNT(*) AS exports
FROM [exports e]""",
    "intents": """
WITH answers AS MATERIALIZED (
    SELECT a.intent_key AS intent,
           CASE WHEN EXISTS (SELECT 1 FROM exports e WHERE e.ask_id = a.id) THEN 1.0 ELSE 0.0 END AS exported
    FROM [asks a]
)
SELECT intent, COUNT(*) AS asked, AVG(exported) AS completion
FROM answers GROUP BY intent ORDER BY asked DESC, intent LIMIT 20""",
    "changes": """
SELECT c.parameter, COUNT(*) AS changes,
       AVG(CAST(c.after AS DOUBLE PRECISION) - CAST(c.before AS DOUBLE PRECISION)) AS mean_change
FROM [changes c WHERE c.parameter <> 'filter.name' AND c.ask_id IS NOT NULL]
GROUP BY c.parameter ORDER BY changes DESC, c.parameter""",
    # TRUNC, not FLOOR: SQLAlchemy lays a Python function, slow and returning whole numbers, over SQLite's own FLOOR.
    "latency": """
WITH answers AS MATERIALIZED (
    SELECT a.planner, TRUNC(a.latency_ms * 10) / 10 AS latency_ms FROM [asks a]
)
SELECT planner, latency_ms, COUNT(*) AS asked
FROM answers GROUP BY planner, latency_ms ORDER BY planner, latency_ms""",
}

# For one query each: a million ids fit in its hash tables; compiling a plan would take longer than running it.
FAST_POSTGRESQL = ("work_mem = '64MB'", "jit = off")


@dataclass(frozen=True)
class Filters:
    """What the page's filters select; the default is everything."""

    since: int = 0  # Unix milliseconds, inclusive
    until: int = 2**62  # exclusive
    media: str = ""  # image | video | "" for both
    planner: str = ""  # "" for all


def sql(name: str, filters: Filters = Filters()) -> str:
    """The text of one of `QUERIES` with its parameters still named; what is not filtered by is left out."""

    def table(found: re.Match[str]) -> str:
        name, alias, where = found.groups()
        projects, selected = "projects p", _selected(filters)
        joined = alias != "p" and bool(selected)
        if joined and filters == Filters(planner=filters.planner):  # of the projects only the ids are needed
            projects, selected = "(SELECT DISTINCT project_id AS id FROM asks WHERE planner = :planner) p", []
        # CROSS JOIN tells SQLite to start from the projects; to PostgreSQL it is a join like any other.
        tables = f"{projects} CROSS JOIN {name} {alias}" if joined else f"{name} {alias}"
        conditions = [f"{alias}.project_id = p.id"] * joined + [where] * bool(where) + selected
        return f"{tables}\n    WHERE " + "\n      AND ".join(conditions) if conditions else tables

    return re.sub(r"\[(\w+) (\w)(?: WHERE (.+))?\]", table, QUERIES[name])


def _selected(filters: Filters) -> list[str]:
    """Conditions on a project `p`. The planner is a project's property: it asked that planner at least once."""
    conditions = {
        "since": "+p.at >= :since",  # the plus turns SQLite away from the index of times: see QUERIES
        "until": "+p.at < :until",
        "media": "p.media = :media",
        "planner": "EXISTS (SELECT 1 FROM asks q WHERE q.project_id = p.id AND q.planner = :planner)",
    }
    return [text for name, text in conditions.items() if getattr(filters, name) != getattr(Filters(), name)]


def query(engine: Engine, name: str, filters: Filters = Filters()) -> pd.DataFrame:
    """Run one of `QUERIES`. A frame of an empty selection has no rows, but `exports` has one of zeros."""
    statement = sql(name, filters)
    parameters = {name: value for name, value in vars(filters).items() if f":{name}" in statement}
    with engine.connect().execution_options(read_only=True) as connection:
        if engine.dialect.name == "postgresql":
            for setting in FAST_POSTGRESQL:
                connection.exec_driver_sql(f"SET LOCAL {setting}")
        frame = pd.read_sql(text(statement), connection, params=parameters)
    if name == "exports":
        frame = frame.fillna(0).astype(int)
    if name == "series":
        frame["day"] = pd.to_datetime(frame["day"], unit="D").dt.strftime("%Y-%m-%d")
    return frame


def runnable(engine: Engine, name: str, filters: Filters = Filters()) -> str:
    """The SQL behind a figure with its values filled in: what the page shows beside the chart."""
    return with_values(engine, sql(name, filters), vars(filters))


def with_values(engine: Engine, statement: str, values: dict[str, Any]) -> str:
    """A query's text with its named parameters filled in."""
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    bound = text(statement).bindparams(**used)
    return str(bound.compile(engine, compile_kwargs={"literal_binds": True})).strip()


def has_simulated(engine: Engine) -> bool:
    """True when rows of `student.simulate` are among the events."""
    marked = "SELECT 1 FROM projects WHERE user_id >= 'simulated' AND user_id < 'simulatee' LIMIT 1"
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.scalar(text(marked)) is not None


def funnel(series: pd.DataFrame) -> dict[str, int]:
    """Projects started, asked, edited and exported: the sums of the time series."""
    return {step: int(series[step].sum()) for step in ("started", "asked", "edited", "exported")}


def percentiles(latency: pd.DataFrame) -> pd.DataFrame:
    """Per planner: asked, p50, p95 and the longest answer, by nearest rank, to a tenth of a millisecond."""
    rows = []
    for planner, mine in latency.groupby("planner"):
        below = mine["asked"].cumsum() / mine["asked"].sum()
        p50, p95 = (mine.loc[below >= share, "latency_ms"].iloc[0] for share in (0.5, 0.95))
        rows.append([planner, int(mine["asked"].sum()), p50, p95, mine["latency_ms"].iloc[-1]])
    return pd.DataFrame(rows, columns=["planner", "asked", "p50_ms", "p95_ms", "worst_ms"])


def everything(engine: Engine, filters: Filters = Filters()) -> dict[str, pd.DataFrame]:
    """All of `QUERIES` at once: the database works outside Python's lock."""
    with ThreadPoolExecutor(len(QUERIES)) as pool:
        frames = pool.map(lambda name: query(engine, name, filters), QUERIES)
        return dict(zip(QUERIES, frames, strict=True))


def planners(engine: Engine) -> list[str]:
    """Names of the planners that were ever asked."""
    with engine.connect().execution_options(read_only=True) as connection:
        return list(connection.execute(text("SELECT DISTINCT planner FROM asks ORDER BY planner")).scalars())

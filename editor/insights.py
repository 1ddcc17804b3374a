"""Figures of the Insights tab: funnel, exports, intents, corrections, latency, time series.

Every figure is one of the queries below, run in the database with the page's filters; the page shows the
query beside the chart. Reads only, and nothing but aggregates leaves the database. Measured on 1.4 million
simulated events in SQLite: all of them take about one second of processor time.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text

DAY = 86_400_000  # milliseconds

# Projects that pass the filters. The planner filter is a project's property: it asked that planner at
# least once. Without filters every event belongs to a selected project, so the join is left out.
SELECTED = """
WITH selected AS (
    SELECT p.id, p.at FROM projects p
    WHERE p.at >= :since AND p.at < :until
      AND (:media = '' OR p.media = :media)
      AND (:planner = '' OR EXISTS (SELECT 1 FROM asks a WHERE a.project_id = p.id AND a.planner = :planner))
)"""
JOIN = "JOIN selected s ON s.id = {}.project_id"

QUERIES: dict[str, str] = {
    "series": """
SELECT s.at / 86400000 AS day, COUNT(*) AS started,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM asks a WHERE a.project_id = s.id) THEN 1 ELSE 0 END) AS asked,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM changes c WHERE c.project_id = s.id)
                  OR EXISTS (SELECT 1 FROM switches w WHERE w.project_id = s.id) THEN 1 ELSE 0 END) AS edited,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM exports e WHERE e.project_id = s.id) THEN 1 ELSE 0 END) AS exported
FROM selected s GROUP BY s.at / 86400000 ORDER BY day""",
    "exports": """
SELECT SUM(CASE WHEN e.edit LIKE '%"adjust":{%' THEN 1 ELSE 0 END) AS adjust,
       SUM(CASE WHEN e.edit LIKE '%"selective_adjust":{%' THEN 1 ELSE 0 END) AS selective_adjust,
       SUM(CASE WHEN e.edit LIKE '%"filter":{%' THEN 1 ELSE 0 END) AS filter,
       COUNT(*) AS exports
FROM exports e <join e>""",
    "intents": """
SELECT top.intent, top.asked, AVG(CASE WHEN EXISTS (SELECT 1 FROM exports e WHERE e.ask_id = a.id) THEN 1.0
                                  ELSE 0.0 END) AS completion
FROM (SELECT a.intent_key AS intent, COUNT(*) AS asked FROM asks a <join a>
      GROUP BY a.intent_key ORDER BY asked DESC, intent LIMIT 20) top
JOIN asks a ON a.intent_key = top.intent <join a>
GROUP BY top.intent, top.asked ORDER BY top.asked DESC, top.intent""",
    "changes": """
SELECT c.parameter, COUNT(*) AS changes,
       AVG(CAST(c.after AS DOUBLE PRECISION) - CAST(c.before AS DOUBLE PRECISION)) AS mean_change
FROM changes c <join c>
WHERE c.parameter <> 'filter.name'
GROUP BY c.parameter ORDER BY changes DESC, c.parameter""",
    "latency": """
SELECT a.planner, FLOOR(a.latency_ms * 10) / 10 AS latency_ms, COUNT(*) AS asked
FROM asks a <join a>
GROUP BY a.planner, FLOOR(a.latency_ms * 10) ORDER BY a.planner, latency_ms""",
}


@dataclass(frozen=True)
class Filters:
    """What the page's filters select; the default is everything."""

    since: int = 0  # Unix milliseconds, inclusive
    until: int = 2**62  # exclusive
    media: str = ""  # image | video | "" for both
    planner: str = ""  # "" for all


def sql(name: str, filters: Filters = Filters()) -> str:
    """The text of one of `QUERIES` with its parameters still named."""
    join = JOIN if filters != Filters() else ""
    body = re.sub(r"<join (\w)>", lambda found: join.format(found[1]), QUERIES[name])
    return (SELECTED if "selected s" in body else "") + body


def query(engine: Engine, name: str, filters: Filters = Filters()) -> pd.DataFrame:
    """Run one of `QUERIES`. A frame of an empty selection has no rows, but `exports` has one of zeros."""
    statement = sql(name, filters)
    parameters: dict[str, Any] = vars(filters) if ":since" in statement else {}
    with engine.connect().execution_options(read_only=True) as connection:
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
    """All of `QUERIES`, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        frames = pool.map(lambda name: query(engine, name, filters), QUERIES)
        return dict(zip(QUERIES, frames, strict=True))


def planners(engine: Engine) -> list[str]:
    """Names of the planners that were ever asked."""
    with engine.connect().execution_options(read_only=True) as connection:
        return list(connection.execute(text("SELECT DISTINCT planner FROM asks ORDER BY planner")).scalars())

"""Figures of the Insights tab: funnel, exports, intents, corrections, latency, time series.

Every figure is one of the queries below, run in the database with the page's filters; the page shows the
query beside the chart. Reads only. A million events take well under two seconds because nothing but
aggregates leaves the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text

DAY = 86_400_000  # milliseconds

# Projects that pass the filters; every query below starts from them. The planner filter is a project's
# property: it asked that planner at least once.
SELECTED = """
WITH selected AS (
    SELECT p.id, p.media, p.at FROM projects p
    WHERE p.at >= :since AND p.at < :until
      AND (:media = '' OR p.media = :media)
      AND (:planner = '' OR EXISTS (SELECT 1 FROM asks a WHERE a.project_id = p.id AND a.planner = :planner))
)
"""

QUERIES: dict[str, str] = {
    "funnel": """
SELECT COUNT(*) AS started,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM asks a WHERE a.project_id = s.id) THEN 1 ELSE 0 END) AS asked,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM changes c WHERE c.project_id = s.id)
                  OR EXISTS (SELECT 1 FROM switches w WHERE w.project_id = s.id) THEN 1 ELSE 0 END) AS edited,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM exports e WHERE e.project_id = s.id) THEN 1 ELSE 0 END) AS exported
FROM selected s""",
    "exports": """
SELECT SUM(CASE WHEN e.edit LIKE '%"adjust":{%' THEN 1 ELSE 0 END) AS adjust,
       SUM(CASE WHEN e.edit LIKE '%"selective_adjust":{%' THEN 1 ELSE 0 END) AS selective_adjust,
       SUM(CASE WHEN e.edit LIKE '%"filter":{%' THEN 1 ELSE 0 END) AS filter,
       COUNT(*) AS exports
FROM exports e JOIN selected s ON s.id = e.project_id""",
    "intents": """
SELECT MIN(a.intent) AS intent, COUNT(*) AS asked,
       AVG(CASE WHEN EXISTS (SELECT 1 FROM exports e WHERE e.ask_id = a.id) THEN 1.0 ELSE 0.0 END) AS completion
FROM asks a JOIN selected s ON s.id = a.project_id
GROUP BY a.intent_key ORDER BY asked DESC, intent LIMIT 20""",
    "changes": """
SELECT c.parameter, COUNT(*) AS changes,
       AVG(CAST(c.after AS DOUBLE PRECISION) - CAST(c.before AS DOUBLE PRECISION)) AS mean_change
FROM changes c JOIN selected s ON s.id = c.project_id
WHERE c.parameter <> 'filter.name'
GROUP BY c.parameter ORDER BY changes DESC""",
    "latency": """
SELECT planner, COUNT(*) AS asked, MIN(CASE WHEN share >= 0.5 THEN latency_ms END) AS p50_ms,
       MIN(CASE WHEN share >= 0.95 THEN latency_ms END) AS p95_ms, MAX(latency_ms) AS worst_ms
FROM (
    SELECT a.planner, a.latency_ms,
           CAST(ROW_NUMBER() OVER (PARTITION BY a.planner ORDER BY a.latency_ms) AS DOUBLE PRECISION)
             / COUNT(*) OVER (PARTITION BY a.planner) AS share
    FROM asks a JOIN selected s ON s.id = a.project_id
) ranked
GROUP BY planner ORDER BY asked DESC""",
    "series": """
SELECT s.at / 86400000 AS day, COUNT(*) AS started,
       SUM(CASE WHEN EXISTS (SELECT 1 FROM exports e WHERE e.project_id = s.id) THEN 1 ELSE 0 END) AS exported
FROM selected s GROUP BY s.at / 86400000 ORDER BY day""",
}


@dataclass(frozen=True)
class Filters:
    """What the page's filters select; the default is everything."""

    since: int = 0  # Unix milliseconds, inclusive
    until: int = 2**62  # exclusive
    media: str = ""  # image | video | "" for both
    planner: str = ""  # "" for all


def query(engine: Engine, name: str, filters: Filters = Filters()) -> pd.DataFrame:
    """Run one of `QUERIES`; missing sums of an empty selection are 0."""
    parameters: dict[str, Any] = vars(filters)
    with engine.connect().execution_options(read_only=True) as connection:
        frame = pd.read_sql(text(SELECTED + QUERIES[name]), connection, params=parameters)
    if name in ("funnel", "exports"):
        frame = frame.fillna(0).astype(int)
    if name == "series":
        frame["day"] = pd.to_datetime(frame["day"], unit="D").dt.strftime("%Y-%m-%d")
    return frame


def planners(engine: Engine) -> list[str]:
    """Names of the planners that were ever asked."""
    with engine.connect().execution_options(read_only=True) as connection:
        return list(connection.execute(text("SELECT DISTINCT planner FROM asks ORDER BY planner")).scalars())

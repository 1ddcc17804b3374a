"""Handlers of the Insights tab: usage and the online experiment. Plain functions without Gradio components."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from editor import experiment, insights
from editor.errors import UserError
from editor.experiment import Experiment
from editor.insights import Filters
from editor.stats import Comparison
from editor.ui.context import Context
from editor.ui.exports import new_file
from editor.ui.voting import store_of

CHARTS: dict[str, str] = {  # chart -> the query that it is drawn from
    "funnel": "series",
    "series": "series",
    "exports": "exports",
    "latency": "latency",
    "intents": "intents",
    "changes": "changes",
}
NOTHING = (
    "Nothing has happened yet. A project starts when somebody opens a picture or a clip in the Edit tab; prompts, "
    "changes and exports follow, and are counted here."
)
NO_MATCH = "No project matches these filters. Choose other days, both media, or all planners."
SIMULATED = "These figures contain SIMULATED events of student.simulate; no person is behind them."
NO_EXPERIMENT = (
    "No experiment runs. Write its name, control, arms with their shares and the stopped arms to a JSON file, and "
    "start the server with VIBEGRADE_EXPERIMENT=FILE."
)


@dataclass(frozen=True)
class Usage:
    """What the page shows: a frame a chart, its query ready to run, and its CSV file."""

    frames: dict[str, pd.DataFrame]
    queries: dict[str, str]
    files: dict[str, str]
    notes: tuple[str, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """True when no project was selected."""
        return self.frames["series"].empty


def filters_of(since: str | None, until: str | None, media: str | None, planner: str | None) -> Filters:
    """Filters from the page's fields; dates as 2026-01-31 in UTC, both inclusive. Raises `UserError`."""
    start, end = _day(since), _day(until)
    if start and end and start > end:
        raise UserError("The first day lies after the last one.")
    plain = Filters()
    return Filters(
        since=_milliseconds(start) if start else plain.since,
        until=_milliseconds(end + timedelta(days=1)) if end else plain.until,
        media=media or "",
        planner=planner or "",
    )


def usage(context: Context, since: str | None, until: str | None, media: str | None, planner: str | None) -> Usage:
    """All figures of the selected projects."""
    engine = store_of(context).engine
    filters = filters_of(since, until, media, planner)
    found = insights.everything(engine, filters)
    steps = insights.funnel(found["series"])
    frames = found | {
        "funnel": pd.DataFrame({"step": list(steps), "projects": list(steps.values())}),
        "latency": insights.percentiles(found["latency"]),
    }
    nothing = [] if steps["started"] else [NOTHING if filters == Filters() else NO_MATCH]
    notes = nothing + ([SIMULATED] if insights.has_simulated(engine) else [])
    queries = {chart: insights.runnable(engine, name, filters) for chart, name in CHARTS.items()}
    files = {chart: write_csv(f"insights-{chart}.csv", frames[chart]) for chart in CHARTS}
    return Usage(frames, queries, files, tuple(notes))


def planner_names(context: Context) -> list[str]:
    """Planners that were ever asked, to filter by."""
    return insights.planners(store_of(context).engine)


@dataclass(frozen=True)
class Report:
    """An online experiment's state."""

    experiment: Experiment
    arms: pd.DataFrame  # a row an arm that was met
    comparisons: dict[str, Comparison]  # variant -> against the control
    query: str
    files: tuple[str, ...]  # arms and comparisons as CSV


def experiment_report(context: Context) -> Report | None:
    """The report of the experiment that runs; None without one."""
    engine = store_of(context).engine
    running = Experiment.from_environment()
    if running is None:
        return None
    frame = experiment.projects(engine, running.name)
    arms, comparisons = experiment.arm_table(frame), experiment.compare(frame, running)
    records = [{"variant": arm, **asdict(c), "verdict": c.verdict} for arm, c in comparisons.items()]
    files = (write_csv("experiment-arms.csv", arms), write_csv("experiment-comparisons.csv", pd.DataFrame(records)))
    query = insights.with_values(engine, experiment.PROJECTS, {"experiment": running.name})
    return Report(running, arms, comparisons, query, files)


def power(context: Context, rate_percent: float, lift_points: float) -> str:
    """How many users an arm a change needs; both in per cent of projects. Raises `UserError`."""
    return experiment.users_needed((rate_percent or 0) / 100, (lift_points or 0) / 100)


def write_csv(name: str, frame: pd.DataFrame) -> str:
    """A frame as a CSV file that this page's user alone can find."""
    path = new_file(name)
    frame.to_csv(path, index=False)
    return str(path)


def _day(text: str | None) -> date | None:
    if not text or not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise UserError(f"{text!r} is no date: write it like 2026-01-31.") from None


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)

"""The Insights tab: its layout and events. The handlers are in `usage`."""

from __future__ import annotations

import json
import math
from typing import Any

import gradio as gr
import pandas as pd
from markupsafe import Markup

from editor.experiment import Experiment
from editor.stats import Comparison
from editor.ui import usage
from editor.ui.context import Context
from editor.ui.controls import ADJUST, SELECTIVE, TOOL_LABELS
from editor.ui.handlers import handler
from editor.ui.lens import arrival
from editor.ui.tables import html_table, interval, percent, plural, records, sentence, shorten
from editor.ui.usage import CHARTS, Report, Usage
from editor.ui.voting import NO_STORE

TITLE = "Insights"
TITLES = {
    "funnel": "From opened to exported",
    "series": "Projects by day",
    "exports": "Exports with each tool",
    "intents": "What people ask for most",
    "changes": "What people change after the planner",
    "latency": "How long answers take",
}
STEPS = {"started": "Started", "asked": "Asked", "edited": "Edited", "exported": "Exported"}
LINE_COLOURS = {"Started": "#8fb8ff", "Exported": "#f0f0f0"}
MEDIA = [("Pictures and clips", ""), ("Pictures", "image"), ("Clips", "video")]
CHANGES_NOTE = "Mean change is the final value less the planner's: above zero, the planner chose too little."
EXAMPLE = {
    "name": "student-1",
    "control": "recorded",
    "arms": {"recorded": 0.5, "student": 0.5},
    "stopped": [],
}
_PLOT: dict[str, Any] = {
    "height": 240,
    "show_label": False,
    "container": False,
    "x_title": " ",
    "y_title": " ",
}
PLOTS = ("funnel", "series", "exports")  # the other charts are tables
NAMED_DAYS = 7  # up to so many days each gets its name: a time axis would name hours between them
REQUEST_LENGTH = 80  # characters of a request in the table; the CSV file has all


class Page:
    """The tab's components."""

    def __init__(self) -> None:
        self.arrival = arrival()
        with gr.Tabs(elem_id="insight-modes", elem_classes="subtabs"):
            with gr.Tab("Usage"):
                self._usage()
            with gr.Tab("Experiment") as self.experiment_tab:
                self._experiment()

    def _usage(self) -> None:
        date: dict[str, Any] = {"placeholder": "2026-01-31", "max_lines": 1, "min_width": 110}
        with gr.Row(elem_classes="judge-form judge-pick"):
            self.since = gr.Textbox(label="From day (UTC)", elem_id="insight-since", **date)
            self.until = gr.Textbox(label="To day (UTC)", elem_id="insight-until", **date)
            self.media = gr.Dropdown(MEDIA, value="", label="Media", min_width=130)
            self.planner = gr.Dropdown([("All planners", "")], value="", label="Planner", min_width=130)
            self.show = gr.Button("Show", variant="primary", min_width=90, scale=0, elem_id="insight-show")
        self.notes = gr.HTML("", elem_classes="judge-text", elem_id="insight-notes", apply_default_css=False)
        self.charts: dict[str, Any] = {}
        self.queries: dict[str, gr.Code] = {}
        self.files: dict[str, gr.DownloadButton] = {}
        self.words: dict[str, gr.HTML] = {}
        with gr.Row(elem_id="insight-charts", visible=False) as self.panels:
            for chart in CHARTS:
                with gr.Column(elem_classes="insight-panel", min_width=0, elem_id=f"panel-{chart}"):
                    self._panel(chart)

    def _panel(self, chart: str) -> None:
        gr.HTML(sentence(TITLES[chart], "h3"), elem_classes="judge-text", apply_default_css=False)
        if chart in PLOTS:
            self.words[chart] = gr.HTML("", visible=False, apply_default_css=False)
        if chart == "series":
            self.charts[chart] = gr.LinePlot(
                x="day", y="projects", color="step", color_title=" ", color_map=LINE_COLOURS, **_PLOT
            )
        elif chart == "funnel":
            self.charts[chart] = gr.BarPlot(x="step", y="projects", sort=list(STEPS.values()), **_PLOT)
        elif chart == "exports":
            self.charts[chart] = gr.BarPlot(x="tool", y="exports", sort=list(TOOL_LABELS.values()), **_PLOT)
        else:
            self.charts[chart] = gr.HTML("", apply_default_css=False)
        self.files[chart] = gr.DownloadButton("Data as CSV", size="sm", visible=False, elem_id=f"csv-{chart}")
        with gr.Accordion("Query", open=False, elem_classes="query"):
            self.queries[chart] = gr.Code("", language="sql", interactive=False, show_label=False)

    def _experiment(self) -> None:
        with gr.Row(elem_classes="judge-row"):
            self.refresh = gr.Button("Refresh", scale=0, min_width=90, elem_id="experiment-refresh")
            labels = ("Arms as CSV", "Comparisons as CSV")
            self.tables = [gr.DownloadButton(label, visible=False, scale=0, min_width=150) for label in labels]
        self.report = gr.HTML("", elem_id="experiment", apply_default_css=False)
        with gr.Accordion("Where the numbers come from", open=False):
            self.experiment_query = gr.Code("", language="sql", interactive=False, show_label=False)
        gr.HTML(sentence("How many users does it take?", "h3"), elem_classes="judge-text", apply_default_css=False)
        with gr.Row(elem_classes="judge-form judge-pick"):
            self.rate = gr.Number(50, label="Projects exported now, %", minimum=0, maximum=100, min_width=150)
            self.lift = gr.Number(2, label="Change to find, points", min_width=150)
            self.power = gr.Button("Work it out", scale=0, min_width=110, elem_id="power-run")
        self.needed = gr.HTML("", elem_id="power", elem_classes="judge-text", apply_default_css=False)

    @property
    def usage(self) -> list[Any]:
        """What the figures update."""
        parts = (part[chart] for chart in CHARTS for part in (self.charts, self.files, self.queries))
        return [self.notes, self.panels, *(self.words[chart] for chart in PLOTS), *parts]


def show_usage(found: Usage) -> list[Any]:
    """The notes, then the charts with their data and queries unless there is nothing at all to show."""
    updates: list[Any] = ["".join(sentence(note) for note in found.notes), gr.update(visible=not found.is_empty)]
    words = [instead_of_plot(chart, found.frames[chart]) for chart in PLOTS]
    updates += [gr.update(value=sentence(text), visible=bool(text)) for text in words]
    for chart in CHARTS:
        updates += [
            draw(chart, found.frames[chart]),
            gr.update(value=found.files[chart], visible=True),
            found.queries[chart],
        ]
    return updates


def instead_of_plot(chart: str, frame: pd.DataFrame) -> str:
    """What a plot's panel says when there is nothing to draw, else ""."""
    if chart == "exports" and not frame.iloc[0]["exports"]:
        return "Nothing was exported yet."
    if chart == "series" and len(frame) == 1:
        (day,) = records(frame)
        projects = f"{plural('project', day.started)} started, {day.exported:,} of them exported"
        return f"{day.day}: {projects}. The line begins with the second day."
    return ""


def draw(chart: str, frame: pd.DataFrame) -> Any:
    """A plot's update, or a table as HTML."""
    if chart in PLOTS:
        plotted = {"funnel": _funnel, "series": _series, "exports": _exports}[chart](frame)
        return gr.update(visible=not instead_of_plot(chart, frame), **plotted)
    if frame.empty:
        return sentence("Nothing yet.")
    return {"intents": _intents, "changes": _changes, "latency": _latency}[chart](frame)


def _funnel(frame: pd.DataFrame) -> dict[str, Any]:
    return {"value": frame.assign(step=frame["step"].map(STEPS)), "y_lim": _counts_axis(frame["projects"])}


def _series(frame: pd.DataFrame) -> dict[str, Any]:
    """Every day has its point: one without a project is 0, not a line drawn across it."""
    days = frame.assign(day=pd.to_datetime(frame["day"])).set_index("day").asfreq("D", fill_value=0).reset_index()
    long = days.melt("day", ["started", "exported"], "step", "projects")
    long["step"] = long["step"].map(STEPS)
    order = None
    if len(days) <= NAMED_DAYS:
        order = [f"{day:%b} {day.day}" for day in days["day"]]
        long["day"] = order * 2
    return {"value": long, "sort": order, "y_lim": _counts_axis(long["projects"])}


def _exports(frame: pd.DataFrame) -> dict[str, Any]:
    counts = pd.Series([int(frame.iloc[0][tool]) for tool in TOOL_LABELS])
    return {
        "value": pd.DataFrame({"tool": list(TOOL_LABELS.values()), "exports": counts}),
        "y_lim": _counts_axis(counts),
    }


def _counts_axis(counts: pd.Series) -> list[float]:
    """From 0 to a little above the highest; at least 5, so that no label falls between whole numbers."""
    return [0, max(5, math.ceil(float(counts.max()) * 1.05))] if len(counts) else [0, 5]


def _intents(frame: pd.DataFrame) -> str:
    rows = [[shorten(r.intent, REQUEST_LENGTH), f"{r.asked:,}", percent(r.completion)] for r in records(frame)]
    return html_table(["Request", "Asked", "Exported after it"], rows, TITLES["intents"])


def _changes(frame: pd.DataFrame) -> str:
    names = {f"adjust.{c.name}": c.label for c in ADJUST}
    names |= {f"selective_adjust.{c.name.replace('_', '.')}": c.name.replace("_", " ").capitalize() for c in SELECTIVE}
    names["filter.intensity"] = "Preset intensity"
    names |= {f"{tool}.strength": f"{label}, strength" for tool, label in TOOL_LABELS.items()}
    names["overall.strength"] = "Overall strength"
    widest = max(frame["mean_change"].abs().max(), 1e-9)
    rows = []
    for r in records(frame):
        bar = Markup('<span class="lean" aria-hidden="true" style="--lean:{}"><i></i></span>').format(
            r.mean_change / widest
        )
        rows.append([names.get(r.parameter, r.parameter), f"{r.changes:,}", f"{r.mean_change:+.1f}", bar])
    table = html_table(["Control", "Changes", "Mean change", "Less or more"], rows, TITLES["changes"])
    return table + f'<div class="judge-note">{sentence(CHANGES_NOTE)}</div>'


def _latency(frame: pd.DataFrame) -> str:
    rows = [[r.planner, f"{r.asked:,}", *map(_ms, (r.p50_ms, r.p95_ms, r.worst_ms))] for r in records(frame)]
    return html_table(["Planner", "Asked", "Median", "95 %", "Longest"], rows, TITLES["latency"])


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def show_report(found: Report | None) -> list[Any]:
    """The experiment's tables and verdicts, or how to start one."""
    if found is None:
        example = Markup("<pre>{}</pre>").format(json.dumps(EXAMPLE, indent=2))
        html = f'<div class="judge-text">{sentence(usage.NO_EXPERIMENT)}{example}</div>'
        return [html, "", *[gr.update(visible=False)] * 2]
    head = sentence(f"{found.experiment.name}: control {found.experiment.control}", "h2")
    if found.arms.empty:
        head += sentence("Nobody has met it and started a project yet.")
    verdicts = "".join(sentence(f"{arm}: {c.verdict}") for arm, c in found.comparisons.items())
    html = f'<div class="judge-text">{head}{verdicts}</div>' + arms_table(found) + comparison_table(found.comparisons)
    return [html, found.query, *[gr.update(value=path, visible=True) for path in found.files]]


def arms_table(found: Report) -> str:
    """Per arm: users, projects, completion rate, its ratio to the control's, and use of the tools in exports."""
    arms = {row.arm: row for row in records(found.arms)}
    control = arms.get(found.experiment.control)
    rows = []
    for arm, share in shares(found.experiment).items():
        name = f"{arm} (stopped)" if arm in found.experiment.stopped else arm
        row = arms.get(arm)
        if row is None:
            rows.append([name, percent(share), *["–"] * 8])
            continue
        base = control.completion_rate if control is not None else 0
        ratio = f"{row.completion_rate / base:.3f}" if base else "–"
        tools = [percent(getattr(row, f"with_{tool}")) for tool in TOOL_LABELS]
        counts = [f"{n:,}" for n in (row.users, row.started, row.exported)]
        rows.append([name, percent(share), *counts, percent(row.completion_rate, 1), ratio, *tools])
    headers = ["Arm", "Planned", "Users", "Started", "Exported", "Completion rate", "Ratio to control"]
    return html_table([*headers, *(f"With {label}" for label in TOOL_LABELS.values())], rows, "Arms")


def shares(running: Experiment) -> dict[str, float]:
    """The planned share of users of every arm."""
    total = sum(running.arms.values())
    return {arm: weight / total for arm, weight in running.arms.items()}


def comparison_table(comparisons: dict[str, Comparison]) -> str:
    """Every variant against the control: for one look at the end, and for looks at any time."""
    if not comparisons:
        return sentence("A comparison needs two users with a project in each arm.")
    rows = [
        [
            arm,
            f"{c.ratio:.3f}",
            f"{c.difference * 100:+.1f} points",
            interval(c.ci_low, c.ci_high, 1),
            f"{c.p_value:.3g}",
            interval(c.always_valid_low, c.always_valid_high, 1),
            f"{c.srm_p:.3g}",
        ]
        for arm, c in comparisons.items()
    ]
    headers = ["Variant", "Ratio", "Difference", "95 % at the end", "p", "95 % at any time", "Sample-ratio p"]
    return html_table(headers, rows, "Against the control")


def build(context: Context) -> None:
    """The tab's content, inside a `gr.Tab` of a running `gr.Blocks`."""
    if context.store is None:
        gr.HTML(sentence(NO_STORE), elem_classes="judge-text", apply_default_css=False)
        return
    page = Page()
    filters = [page.since, page.until, page.media, page.planner]
    common: dict[str, Any] = {"show_progress_on": page.notes, "concurrency_id": "insights", "concurrency_limit": 2}
    show = handler(usage.usage, context, show=show_usage)
    page.arrival.arrived(
        handler(
            usage.planner_names,
            context,
            show=lambda names: gr.update(choices=[("All planners", ""), *((n, n) for n in names)]),
        ),
        None,
        page.planner,
        api_name="asked_planners",
        show_progress="hidden",
    )
    page.arrival.arrived(show, filters, page.usage, api_visibility="private", **common)
    page.show.click(show, filters, page.usage, api_name="insights", **common)
    report = handler(usage.experiment_report, context, show=show_report)
    outputs = [page.report, page.experiment_query, *page.tables]
    page.refresh.click(report, None, outputs, api_name="experiment", **common)
    page.experiment_tab.select(report, None, outputs, api_visibility="private", **common)
    page.power.click(
        handler(usage.power, context, show=sentence),
        [page.rate, page.lift],
        page.needed,
        api_name="users_needed",
        show_progress="hidden",
    )

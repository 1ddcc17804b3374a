"""Insights and the online experiment on the page: filters, charts, queries, files; without a browser."""

import json

import pandas as pd
import pytest
from sqlalchemy import text

from editor.errors import UserError
from editor.insights import DAY, Filters
from editor.planner import Answer
from editor.store import Store, kept_tools
from editor.ui import insights, usage
from tests.judging import COLD, WARM, Fake, context_of

ARMS = {"recorded": 0.5, "student": 0.5}


@pytest.fixture
def context(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'events.db'}")
    yield context_of([Fake("student")], tmp_path / "none.png", store=store)
    store.engine.dispose()


def walk(store, user, at, media="image", exported=True):
    """A project that was asked for, changed, and perhaps exported."""
    project = store.project_started(user, media, at=at)
    asked = store.asked(project, user, "Neon <b>!", Answer(WARM, "student", latency_ms=12.34), at=at)
    store.changed(project, user, "adjust.temperature", 35.0, 25.0, ask_id=asked, at=at)
    store.changed(project, user, "selective_adjust.blue.saturation", 0.0, 8.0, ask_id=asked, at=at)
    if exported:
        store.exported(project, user, "image", COLD, kept_tools(WARM, COLD), ask_id=asked, at=at)


def drawings(found):
    """What `show_usage` puts into each chart."""
    _notes, _panels, *rest = insights.show_usage(found)
    rest = rest[len(insights.PLOTS) :]
    assert len(rest) == 3 * len(usage.CHARTS)
    return dict(zip(usage.CHARTS, rest[::3], strict=True))


def test_every_chart_has_its_data_its_file_and_a_query_that_runs(context):
    for day, media in ((10, "image"), (11, "video"), (12, "image")):
        walk(context.store, f"u{day}", day * DAY, media, exported=day < 12)
    found = usage.usage(context, None, None, None, None)
    assert found.notes == ()
    assert found.frames["funnel"]["projects"].tolist() == [3, 3, 3, 2]
    assert found.frames["exports"].iloc[0].to_dict() == {"adjust": 2, "selective_adjust": 2, "filter": 0, "exports": 2}
    with context.store.engine.connect() as connection:
        for chart in usage.CHARTS:
            rows = connection.execute(text(found.queries[chart])).all()
            assert rows, chart
            pd.testing.assert_frame_equal(
                pd.read_csv(found.files[chart]), found.frames[chart], check_dtype=False, check_exact=False
            )
    drawn = drawings(found)
    assert drawn["funnel"]["value"]["step"].tolist() == ["Started", "Asked", "Edited", "Exported"]
    assert drawn["exports"]["value"].values.tolist() == [["Adjust", 2], ["Selective colour", 2], ["Preset", 0]]
    exported = drawn["series"]["value"].query("step == 'Exported'")
    assert exported.values.tolist() == [["Jan 11", "Exported", 1], ["Jan 12", "Exported", 1], ["Jan 13", "Exported", 0]]
    assert all(drawn[chart]["visible"] for chart in insights.PLOTS)
    assert "<td>3</td><td>67 %</td>" in drawn["intents"]
    assert "<b>" not in drawn["intents"]
    assert '<th scope="row">Temperature</th><td>3</td><td>-10.0</td>' in drawn["changes"]
    assert '<th scope="row">Blue saturation</th><td>3</td><td>+8.0</td>' in drawn["changes"]
    assert '<th scope="row">student</th><td>3</td><td>12 ms</td>' in drawn["latency"]
    assert usage.planner_names(context) == ["student"]


def test_filters_are_whole_days_in_utc(context):
    assert usage.filters_of("", None, None, "") == Filters()
    assert usage.filters_of("1970-01-02", "1970-01-03", "video", "knn") == Filters(DAY, 3 * DAY, "video", "knn")
    walk(context.store, "u", 11 * DAY)
    for since, until, started in (("1970-01-12", "1970-01-12", 1), ("1970-01-13", "", 0), ("", "1970-01-11", 0)):
        found = usage.usage(context, since, until, "", "")
        assert found.frames["funnel"]["projects"][0] == started
    with pytest.raises(UserError, match="write it like 2026-01-31"):
        usage.filters_of("yesterday", "", "", "")
    with pytest.raises(UserError, match="after the last"):
        usage.filters_of("2026-02-01", "2026-01-01", "", "")


def test_nothing_yet_and_simulated_rows_are_explained(context):
    notes, panels, *_ = insights.show_usage(usage.usage(context, None, None, None, None))
    assert "Nothing has happened yet" in notes
    assert panels["visible"] is False
    walk(context.store, "simulated-0-1", DAY)
    found = usage.usage(context, None, None, None, None)
    assert "SIMULATED" in found.notes[0]
    assert insights.show_usage(found)[1]["visible"]
    unmatched = usage.usage(context, None, None, "video", None)
    assert unmatched.is_empty
    assert "No project matches" in unmatched.notes[0]


def test_a_panel_without_a_plot_says_why(context):
    context.store.project_started("u", "image", at=DAY)
    found = usage.usage(context, None, None, None, None)
    words = dict(zip(insights.PLOTS, (update["value"] for update in insights.show_usage(found)[2:5]), strict=True))
    assert "1970-01-02: 1 project started, 0 of them exported" in words["series"]
    assert "Nothing was exported yet" in words["exports"]
    drawn = drawings(found)
    assert {chart: drawn[chart]["visible"] for chart in insights.PLOTS} == {
        "funnel": True,
        "series": False,
        "exports": False,
    }
    assert "Nothing yet" in drawn["intents"]


def test_the_line_falls_to_zero_on_a_day_without_projects_and_stays_below_the_top(context):
    for day in (10, 19):
        walk(context.store, f"u{day}", day * DAY)
    found = usage.usage(context, None, None, None, None)
    drawn = drawings(found)["series"]
    started = drawn["value"].query("step == 'Started'")
    assert started["projects"].tolist() == [1, *[0] * 8, 1]
    assert pd.api.types.is_datetime64_any_dtype(started["day"])  # many days: an axis of time
    assert drawn["y_lim"] == [0, 5]
    assert len(found.frames["series"]) == 2  # the CSV holds what the query gave


def test_a_long_request_is_cut_in_the_table_only(context):
    project = context.store.project_started("u", "image", at=DAY)
    prompt = "word " * 60
    context.store.asked(project, "u", prompt, Answer(WARM, "student", latency_ms=1.0), at=DAY)
    found = usage.usage(context, None, None, None, None)
    assert f'<th scope="row">{prompt[:79].rstrip()}…</th>' in drawings(found)["intents"]
    assert found.frames["intents"]["intent"][0] == prompt.strip()


@pytest.fixture
def running(tmp_path, monkeypatch):
    def start(**changes):
        path = tmp_path / "experiment.json"
        path.write_text(json.dumps({"name": "e", "control": "recorded", "arms": ARMS} | changes))
        monkeypatch.setenv("VIBEGRADE_EXPERIMENT", str(path))

    return start


def test_the_experiment_reports_arms_comparison_and_verdict(context, running):
    running()
    for arm, rate in (("recorded", 4), ("student", 2)):
        for i in range(40):
            context.store.exposed("e", f"{arm}{i}", arm, at=1)
            walk(context.store, f"{arm}{i}", DAY, exported=i % rate == 0)
    found = usage.experiment_report(context)
    html, query, arms, comparisons = insights.show_report(found)
    assert (
        '<th scope="row">recorded</th><td>50 %</td><td>40</td><td>40</td><td>10</td><td>25.0 %</td><td>1.000</td>'
        in html
    )
    assert (
        '<th scope="row">student</th><td>50 %</td><td>40</td><td>40</td><td>20</td><td>50.0 %</td><td>2.000</td>'
        in html
    )
    assert "student: No difference shown yet" in html
    assert "+25.0 points" in html
    with context.store.engine.connect() as connection:
        assert len(connection.execute(text(query)).all()) == 80
    assert pd.read_csv(arms["value"])["exported"].tolist() == [10, 20]
    assert pd.read_csv(comparisons["value"])["ratio"].tolist() == [2.0]


def test_stopped_and_unmet_arms_are_shown(context, running):
    running(arms={**ARMS, "knn": 1.0}, stopped=["knn"])
    html, *_ = insights.show_report(usage.experiment_report(context))
    assert "Nobody has met it" in html
    assert '<th scope="row">knn (stopped)</th><td>50 %</td><td>–</td>' in html
    assert "two users with a project in each arm" in html


def test_without_an_experiment_the_page_says_how_to_start_one(context, running):
    html, query, *files = insights.show_report(usage.experiment_report(context))
    assert "No experiment runs" in html
    assert "VIBEGRADE_EXPERIMENT" in html
    assert query == ""
    assert not any(f["visible"] for f in files)
    running(control="nobody")
    with pytest.raises(UserError, match="'nobody' is not among the arms"):
        usage.experiment_report(context)


def test_the_power_calculator_answers_in_words(context):
    # statsmodels' two-proportion sample size for 50 % against 52 %, 80 % power, two-sided 5 %
    assert usage.power(context, 50, 2).startswith("9,806 users an arm")
    with pytest.raises(UserError, match="between 0 and 1"):
        usage.power(context, 99, 2)


def test_without_a_store_there_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="VIBEGRADE_STORE"):
        usage.usage(context_of([Fake("student")], tmp_path), None, None, None, None)

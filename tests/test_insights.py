"""Insights queries against a hand-counted history, on both databases."""

import pytest

from editor.insights import DAY, QUERIES, Filters, everything, funnel, percentiles, planners, query, sql
from editor.planner import Answer
from editor.store import Store, kept_tools
from editor.tools import Edit

WARM = Edit.from_dict({"adjust": {"temperature": 35}})
BOTH = Edit.from_dict({"adjust": {"temperature": 35}, "filter": {"name": "vivid", "intensity": 40}})


@pytest.fixture
def engine(database_url, tmp_path, monkeypatch):
    """Day 10: opened and left; asked knn and left. Day 11: asked student, retuned, exported twice; a video likewise."""
    monkeypatch.setenv("VIBEGRADE_HOME", str(tmp_path / "home"))
    store = Store(database_url)
    store.project_started("a", "image", at=10 * DAY)
    ask(store, "b", "image", 10 * DAY + 5, "knn", "Sunset", 10.0)
    for number, media in enumerate(("image", "video")):
        at = 11 * DAY + number
        project, asked = ask(store, "c", media, at, "student", "sunset!", 20.0 + number)
        store.changed(project, "c", "adjust.temperature", 35.0, 25.0 - number * 10, ask_id=asked, at=at)
        store.changed(project, "c", "filter.name", "none", "vivid", ask_id=asked, at=at)
        for kind in ("image", "cube"):
            store.exported(project, "c", kind, BOTH, kept_tools(WARM, BOTH), ask_id=asked, at=at)
    yield store.engine
    store.engine.dispose()


def ask(store, user, media, at, planner, prompt, latency):
    project = store.project_started(user, media, at=at)
    return project, store.asked(project, user, prompt, Answer(WARM, planner, latency_ms=latency), at=at)


def test_funnel(engine):
    assert funnel(query(engine, "series")) == {"started": 4, "asked": 3, "edited": 2, "exported": 2}


@pytest.mark.parametrize(
    ("filters", "started"),
    [
        (Filters(media="video"), 1),
        (Filters(planner="knn"), 1),
        (Filters(since=11 * DAY), 2),
        (Filters(until=11 * DAY), 2),
        (Filters(since=12 * DAY), 0),
        (Filters(planner="student", media="image"), 1),
    ],
)
def test_filters(engine, filters, started):
    assert funnel(query(engine, "series", filters))["started"] == started


def test_filters_reach_every_query(engine):
    video = everything(engine, Filters(media="video", planner="student"))
    assert video["exports"].iloc[0]["exports"] == 2
    assert video["intents"].iloc[0]["asked"] == 1
    assert video["changes"].iloc[0]["mean_change"] == pytest.approx(-20)
    assert percentiles(video["latency"]).values.tolist() == [["student", 1, 21.0, 21.0, 21.0]]


def test_exports_per_tool(engine):
    row = query(engine, "exports").iloc[0].to_dict()
    assert row == {"adjust": 4, "selective_adjust": 0, "filter": 4, "exports": 4}


def test_intents_and_their_completion(engine):
    frame = query(engine, "intents")
    assert len(frame) == 1
    assert frame.iloc[0]["asked"] == 3
    assert frame.iloc[0]["completion"] == pytest.approx(2 / 3)


def test_what_users_change_shows_the_planners_bias(engine):
    frame = query(engine, "changes")
    assert frame["parameter"].tolist() == ["adjust.temperature"]
    assert frame.iloc[0]["mean_change"] == pytest.approx(-15)


def test_latency_percentiles_are_nearest_rank(engine):
    frame = percentiles(query(engine, "latency")).set_index("planner")
    assert frame.loc["student", ["p50_ms", "p95_ms", "worst_ms"]].tolist() == [20, 21, 21]
    assert frame.loc["knn", "p50_ms"] == 10


def test_series_by_day(engine):
    frame = query(engine, "series")
    assert frame.values.tolist() == [["1970-01-11", 2, 1, 0, 0], ["1970-01-12", 2, 2, 2, 2]]


def test_planners_are_listed(engine):
    assert planners(engine) == ["knn", "student"]


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_runs_on_an_empty_selection(engine, name):
    frame = query(engine, name, Filters(since=99 * DAY))
    assert frame.empty or frame.iloc[0].sum() == 0


def test_without_filters_no_query_pays_for_them():
    assert "selected" not in sql("exports")
    assert "selected" in sql("exports", Filters(media="image"))

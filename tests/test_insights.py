"""Insights queries against a hand-counted history, on both databases."""

import itertools
import json
import math
import random
import statistics
from collections import Counter, defaultdict

import pandas as pd
import pytest
from sqlalchemy import select, text

from editor.database import open_database
from editor.insights import DAY, QUERIES, Filters, everything, funnel, percentiles, planners, query, runnable, sql
from editor.planner import Answer
from editor.schema import Ask, Change, Export, Project, Switch
from editor.store import Store, forget, kept_tools, retain
from editor.tools import Edit

WARM = Edit.from_dict({"adjust": {"temperature": 35}})
TABLES = (Project, Ask, Change, Switch, Export)
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
    store = Store(engine=engine)
    alone = store.project_started("d", "image", at=11 * DAY)
    store.changed(alone, "d", "adjust.temperature", 0.0, 90.0, at=11 * DAY)  # no planner was asked
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
    assert "projects" not in sql("exports")
    assert "p.media = :media" in sql("exports", Filters(media="image"))
    assert ":planner" not in sql("exports", Filters(media="image"))


@pytest.fixture
def busy(database_url, tmp_path, monkeypatch):
    """A store of random projects on five days, some asked of two planners, events of all kinds or of none."""
    monkeypatch.setenv("VIBEGRADE_HOME", str(tmp_path / "home"))
    store, draw = Store(database_url), random.Random(7)
    for number in range(80):
        at, user = draw.randrange(5 * DAY), f"u{number % 9}"
        project = store.project_started(user, draw.choice(["image", "video"]), at=at)
        for _ in range(draw.choice([0, 1, 1, 3])):
            answer = Answer(WARM, draw.choice(["knn", "student"]), latency_ms=draw.uniform(5, 50))
            asked = store.asked(project, user, draw.choice(["neon", "Noir", "dawn"]), answer, at=at)
            if draw.random() < 0.4:
                store.changed(project, user, "adjust.temperature", 35.0, draw.uniform(-50, 50), ask_id=asked, at=at)
            if draw.random() < 0.3:
                store.switched(project, user, "filter", False, ask_id=asked, at=at)
            if draw.random() < 0.5:
                edit = draw.choice([WARM, BOTH])
                store.exported(project, user, "image", edit, kept_tools(WARM, edit), ask_id=asked, at=at + DAY)
    yield store.engine
    store.engine.dispose()


def counted(engine, filters):
    """The figures counted from the rows, one by one."""
    with engine.connect() as connection:
        rows = {t: connection.execute(select(t.__table__)).mappings().all() for t in TABLES}
    asked_of = {(a["project_id"], a["planner"]) for a in rows[Ask]}
    chosen = {
        p["id"]: p["at"] // DAY
        for p in rows[Project]
        if filters.since <= p["at"] < filters.until
        and filters.media in ("", p["media"])
        and (not filters.planner or (p["id"], filters.planner) in asked_of)
    }
    events = {t: [r for r in rows[t] if r["project_id"] in chosen] for t in (Ask, Change, Switch, Export)}
    had = {t: {r["project_id"] for r in found} for t, found in events.items()}
    steps = {
        "started": set(chosen),
        "asked": had[Ask],
        "edited": had[Change] | had[Switch],
        "exported": had[Export],
    }
    exported = {e["ask_id"] for e in rows[Export]}
    completed = defaultdict(list)
    for a in events[Ask]:
        completed[a["intent_key"]].append(a["id"] in exported)
    moves = [float(c["after"]) - float(c["before"]) for c in events[Change]]
    return {
        "series": {day: [sum(chosen[p] == day for p in s) for s in steps.values()] for day in set(chosen.values())},
        "exports": [len(events[Export]), sum(bool(json.loads(e["edit"])["filter"]) for e in events[Export])],
        "intents": {intent: (len(done), statistics.mean(done)) for intent, done in completed.items()},
        "changes": (len(moves), statistics.mean(moves)),
        "latency": Counter((a["planner"], math.floor(a["latency_ms"] * 10)) for a in events[Ask]),
    }


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(planner="knn"),
        Filters(media="video"),
        Filters(DAY, 4 * DAY),
        Filters(DAY, 4 * DAY, "image", "student"),
    ],
)
def test_every_figure_is_what_counting_the_rows_gives(busy, filters):
    truth, found = counted(busy, filters), everything(busy, filters)
    days = found["series"].assign(day=(pd.to_datetime(found["series"]["day"]) - pd.Timestamp(0)).dt.days)
    assert {day: steps for day, *steps in days.values.tolist()} == truth["series"]
    assert found["exports"].iloc[0][["exports", "filter"]].tolist() == truth["exports"]
    intents = {r.intent: (r.asked, pytest.approx(r.completion)) for r in found["intents"].itertuples()}
    assert truth["intents"] == intents
    (change,) = found["changes"].itertuples()
    assert (change.changes, change.mean_change) == (truth["changes"][0], pytest.approx(truth["changes"][1]))
    latency = {(r.planner, round(r.latency_ms * 10)): r.asked for r in found["latency"].itertuples()}
    assert latency == truth["latency"]


def test_figures_follow_deletions(busy):
    before = funnel(query(busy, "series"))["started"]
    retain(busy, 2, now=5 * DAY)
    assert funnel(query(busy, "series"))["started"] < before
    forget(busy, "u3")
    left = everything(busy)
    truth = counted(busy, Filters())
    assert left["series"]["started"].sum() == sum(steps[0] for steps in truth["series"].values())
    assert left["latency"]["asked"].sum() == sum(truth["latency"].values())


def test_sqlite_reads_what_it_joins_from_indexes_in_the_order_of_projects(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'events.db'}")
    for name, filters in itertools.product(("series", "intents", "latency"), (Filters(), Filters(media="image"))):
        with engine.connect() as connection:
            steps = connection.execute(text("EXPLAIN QUERY PLAN " + runnable(engine, name, filters))).all()
        first = next(step.detail for step in steps if step.detail.startswith(("SCAN", "SEARCH")))
        assert "USING COVERING INDEX ix_" in first, (name, filters)
    engine.dispose()

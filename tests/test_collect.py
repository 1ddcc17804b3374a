"""Collection finds what simulated users were planted to like; counted rows only; both databases."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from editor.database import open_database
from editor.errors import UserError
from editor.planner import Answer
from editor.store import count, kept_tools
from editor.tools import TOOLS, Edit
from student.collect import collect, in_test, rate, run
from student.dataset import read_rows
from student.simulate import make_world, simulate, truth

WARM = Edit.from_dict({"adjust": {"temperature": 35}})
COLD = Edit.from_dict({"adjust": {"temperature": -35}, "filter": {"name": "north", "intensity": 50}})


def ask(store, prompt, edit, exported=None, times=1):
    """A user asked; `exported` is the final edit, None when the project was left."""
    for _ in range(times):
        user = store.user_id("someone")
        project = store.project_started(user, "image")
        asked = store.asked(project, user, prompt, Answer(edit=edit, planner="teacher"))
        if exported is not None:
            for kind in ("image", "recipe"):  # two exports of one project are one export
                store.exported(project, user, kind, exported, kept_tools(edit, exported), ask_id=asked)


def test_the_most_exported_output_wins_per_tool(store, database_url):
    ask(store, "Beach day", WARM, exported=WARM, times=5)
    ask(store, "beach day!", COLD, exported=COLD.model_copy_validated(adjust=None), times=2)
    ask(store, "beach day", COLD, times=2)
    ask(store, "never exported", WARM, times=4)
    collected = collect(database_url, minimum_calls=2)
    assert [row.intent for row in collected.rows] == ["Beach day"]
    (row,) = collected.rows
    assert row.edit == WARM  # adjust: 5/5 against 0/4; filter: unused 5/5 against 2/4
    assert row.calls == 9
    assert collected.counts["dropped_no_export"] == 1
    assert collected.counts["asks"] == 13
    assert collected.counts["exported_asks"] == 7


def test_lower_bound_breaks_small_sample_luck(store, database_url):
    ask(store, "sunset", COLD, exported=COLD, times=1)  # 1/1
    ask(store, "sunset", WARM, exported=WARM, times=9)  # 9/10
    ask(store, "sunset", WARM, times=1)
    assert collect(database_url, "plain", minimum_calls=1).rows[0].edit == COLD
    assert collect(database_url, "bound", minimum_calls=1).rows[0].edit == WARM
    assert collect(database_url, "plain", minimum_calls=2).rows[0].edit == WARM


def test_bound_is_wilsons():
    import polars as pl

    from editor.stats import wilson_interval

    table = pl.DataFrame({"exports": [81.0, 15.0, 1.0], "calls": [263, 148, 1]})
    bounds = table.select(rate("bound").alias("low"))["low"].to_list()
    expected = [wilson_interval(int(k), n)[0] for k, n in table.iter_rows()]
    assert bounds == pytest.approx(expected, abs=1e-5)


def agreement(rows, planted):
    """Share of (intent, tool) whose collected output is the planted best."""
    best = {row["intent"]: Edit.from_dict(row["edit"]).to_dict() for row in planted}
    return np.mean([row.edit.to_dict()[tool] == best[row.intent][tool] for row in rows for tool in TOOLS])


def test_collection_recovers_the_planted_tastes_and_filtering_helps(database_url):
    world = make_world(intents=40, seed=5, zipf=0.0)
    engine = open_database(database_url)
    recovered = []
    for number, calls in enumerate((400, 3600)):  # on average 3, then 33 calls an output
        simulate(engine, world, calls, seed=number, progress=False)
        recovered.append(agreement(collect(database_url).rows, truth(world)))
    engine.dispose()
    unfiltered = 1 / world.appeal.shape[2]  # an output taken at random
    assert recovered[0] > unfiltered + 0.2
    assert recovered[1] > 0.97
    assert recovered[0] < recovered[1]


def test_simulated_traffic_is_repeatable_and_cannot_pass_as_real(tmp_path):
    worlds = []
    for name in ("a", "b"):
        engine = open_database(f"sqlite:///{tmp_path / name}.db")
        world = make_world(intents=5, seed=3)
        events = simulate(engine, world, calls=50, seed=3, progress=False)
        with engine.connect() as connection:
            users = connection.exec_driver_sql("SELECT DISTINCT user_id FROM asks").scalars().all()
            worlds.append(connection.exec_driver_sql("SELECT * FROM exports ORDER BY id").all())
        rows = count(engine)
        engine.dispose()
        assert all(user.startswith("simulated") for user in users)
        assert events == sum(rows[t] for t in ("projects", "asks", "changes", "switches", "exports"))
    assert worlds[0] == worlds[1]
    with pytest.raises(UserError, match="fewer than"):
        make_world(intents=1_000_000, seed=0)


def test_command_splits_by_intent_without_crossing(store, database_url, tmp_path):
    for i in range(30):
        ask(store, f"look {i}", WARM, exported=WARM)
        ask(store, f"Look {i}.", WARM, exported=WARM)
    import typer

    app = typer.Typer()
    app.command()(run)
    output = tmp_path / "rows.jsonl"
    arguments = [
        "--database",
        database_url,
        "-o",
        str(output),
        "--minimum-calls",
        "1",
        "--test-percent",
        "30",
        "--json",
    ]
    result = CliRunner().invoke(app, arguments)
    counts = json.loads(result.stdout)
    train = {row.intent.lower().strip(".") for row in read_rows(output)}
    test = {row.intent.lower().strip(".") for row in read_rows(tmp_path / "rows.test.jsonl")}
    assert not train & test
    assert (len(train), len(test)) == (counts["train"], counts["test"])
    assert len(train | test) == 30
    assert all(in_test(intent, 30) for intent in test)


def test_kept_tools_compares_use_not_values():
    retuned = Edit.from_dict({"adjust": {"temperature": 20}})
    assert kept_tools(WARM, retuned) == {"adjust": True, "selective_adjust": True, "filter": True}
    assert kept_tools(COLD, retuned) == {"adjust": True, "selective_adjust": True, "filter": False}
    assert kept_tools(retuned, COLD)["filter"] is False


def test_nothing_exported_is_one_sentence(store, database_url, tmp_path):
    ask(store, "sunset", WARM)
    with pytest.raises(UserError, match="exported often enough"):
        run(tmp_path / "rows.jsonl", database_url)
    assert not (tmp_path / "rows.jsonl").exists()

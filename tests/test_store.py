"""The event store on SQLite and PostgreSQL: once is once, committed is kept, forgotten is gone."""

import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from editor.database import default_url, migrate, open_database
from editor.errors import UserError
from editor.planner import Answer
from editor.schema import Ask, Base, Change, Export, Exposure
from editor.store import Store, canonical, count, forget, new_id, retain, salt
from editor.tools import Edit

GOLDEN = Edit.from_dict({"adjust": {"temperature": 35, "contrast": 5}, "filter": {"name": "vivid", "intensity": 40}})
DAY = 86_400_000


def walk(store, user="someone", at=None):
    """One whole project: opened, asked, changed, switched, exported."""
    user = store.user_id(user)
    project = store.project_started(user, "image", at=at)
    ask = store.asked(project, user, "Golden  hour!", Answer(edit=GOLDEN, planner="knn", latency_ms=3.5), "1", at=at)
    store.changed(project, user, "adjust.contrast", 5.0, 12.5, ask_id=ask, at=at)
    store.switched(project, user, "filter", False, ask_id=ask, at=at)
    kept = {"adjust": True, "filter": False}
    store.exported(project, user, "image", GOLDEN, kept, ask_id=ask, at=at)
    return user, project, ask


def test_migrations_lead_to_the_schema(store):
    with store.engine.connect() as connection:
        elsewhere = {  # indexes of the other database
            index.name
            for table in Base.metadata.tables.values()
            for index in table.indexes
            if index._ddl_if and index._ddl_if.dialect != store.engine.dialect.name
        }
        options = {"compare_type": True}
        options["include_object"] = lambda _, name, kind, *__: kind != "index" or name not in elsewhere
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_at_once_from_several_threads_works(database_url):
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda _: open_database(database_url), range(4)))
    migrate(engines[0])
    assert count(engines[0])["asks"] == 0
    for engine in engines:
        engine.dispose()


def test_events_are_stored_as_said(store):
    user, project, ask = walk(store)
    with store.engine.connect() as connection:
        row = connection.execute(select(Ask)).one()
        change = connection.execute(select(Change)).one()
        export = connection.execute(select(Export)).one()
    assert (row.id, row.project_id, row.user_id) == (ask, project, user)
    assert (row.intent, row.intent_key) == ("Golden hour!", "golden hour")
    assert row.adjust == '{"contrast":5,"temperature":35}'
    assert row.selective_adjust is None
    assert (change.before, change.after) == ("5", "12.5")
    assert (export.kept_adjust, export.kept_selective_adjust, export.kept_filter) == (True, False, False)
    assert Edit.from_json(export.edit) == GOLDEN


def test_equal_tools_are_equal_text():
    one = Edit.from_json('{"adjust": {"contrast": 5, "temperature": 35, "tint": 0}}')
    two = Edit.from_json('{"adjust": {"temperature": 35.0, "contrast": 5.0}}')
    assert canonical(one, "adjust") == canonical(two, "adjust") == '{"contrast":5,"temperature":35}'
    assert canonical(one, "filter") is None


def test_double_click_counts_once(store):
    user, project, ask = walk(store)
    event = new_id()
    for _ in range(2):
        store.exported(project, user, "image", GOLDEN, {"adjust": True}, ask_id=ask, id=event)
        store.exposed("student-test", user, "student")
    store.exposed("student-test", user, "teacher")
    rows = count(store.engine)
    assert rows["exports"] == 2  # the walk's own, and one for two clicks
    with store.engine.connect() as connection:
        assert connection.execute(select(Exposure.arm)).scalars().all() == ["student"]


def test_twenty_writers_lose_nothing(store):
    barrier = threading.Barrier(20)

    def write(number):
        barrier.wait()
        for _ in range(5):
            walk(store, user=f"writer {number}")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(20)))
    assert {n: count(store.engine)[n] for n in ("projects", "asks", "changes", "switches", "exports")} == dict.fromkeys(
        ("projects", "asks", "changes", "switches", "exports"), 100
    )


def test_a_kill_loses_no_committed_event(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("VIBEGRADE_HOME", str(tmp_path / "home"))
    program = (
        "import sys; from editor.store import Store\n"
        "store = Store(sys.argv[1])\n"
        "while True: print(store.project_started(store.user_id('x'), 'video'), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, database_url], stdout=subprocess.PIPE, text=True) as writer:
        reported = [writer.stdout.readline().strip() for _ in range(25)]
        writer.send_signal(signal.SIGKILL)
        reported += [line.strip() for line in writer.stdout if line.endswith("\n")]
    engine = open_database(database_url)
    with engine.connect() as connection:
        stored = set(connection.execute(text("SELECT id FROM projects")).scalars())
    engine.dispose()
    assert set(reported) <= stored
    assert len(stored) - len(reported) <= 1  # at most the one that was committed but not yet reported


def test_retention_deletes_old_projects_with_all_their_events(store):
    walk(store, at=10 * DAY)
    walk(store, at=100 * DAY)
    deleted = retain(store.engine, days=30, now=110 * DAY)
    assert {n: deleted[n] for n in ("projects", "asks", "changes", "switches", "exports")} == dict.fromkeys(
        ("projects", "asks", "changes", "switches", "exports"), 1
    )
    assert count(store.engine)["asks"] == 1


def test_forgetting_a_user_leaves_the_others(store):
    user, *_ = walk(store, user="a")
    other, *_ = walk(store, user="b")
    forget(store.engine, user)
    with store.engine.connect() as connection:
        assert set(connection.execute(select(Ask.user_id)).scalars()) == {other}


def test_pseudonyms_depend_on_the_salt_and_hide_the_client(store, monkeypatch):
    first = store.user_id("browser 1")
    assert first == store.user_id("browser 1")
    assert first != store.user_id("browser 2")
    assert "browser" not in first
    monkeypatch.setenv("VIBEGRADE_SALT", "another")
    assert Store(engine=store.engine).user_id("browser 1") != first


def test_salt_is_made_once_and_private(tmp_path, monkeypatch):
    monkeypatch.setenv("VIBEGRADE_HOME", str(tmp_path))
    monkeypatch.delenv("VIBEGRADE_SALT", raising=False)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: salt(), range(8)))) == 1
    assert (tmp_path / "salt").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["salt"]


def test_odd_prompts_are_stored_safely(store):
    user = store.user_id("x")
    project = store.project_started(user, "image")
    for prompt in (
        "",
        "a" * 10_000,
        "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x9000), k=2000))),  # 6,000 bytes that do not compress
        "nul \x00 byte",
        "half \ud83d pair",
        "'; DROP TABLE asks; --",
        "🔥 ambiente dourado",
    ):
        store.asked(project, user, prompt, Answer(edit=Edit(), planner="knn"))
    with store.engine.connect() as connection:
        intents = connection.execute(select(Ask.intent)).scalars().all()
    assert len(intents) == 7
    assert max(map(len, intents)) == 2000


def test_url_that_cannot_be_used_is_one_sentence(monkeypatch):
    with pytest.raises(UserError, match="SQLite and PostgreSQL"):
        open_database("mysql://localhost/x")
    with pytest.raises(UserError, match="not a database URL"):
        open_database("events.db")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/vibegrade")
    assert default_url() == "postgresql://somewhere/vibegrade"


def test_the_environment_can_switch_the_store_off_or_break_it(monkeypatch, tmp_path):
    monkeypatch.setenv("VIBEGRADE_STORE", "off")
    assert Store.from_environment() is None
    monkeypatch.delenv("VIBEGRADE_STORE")
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(UserError, match="cannot be opened") as refused:
        Store.from_environment()
    assert "secret" not in str(refused.value)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'events.db'}")
    store = Store.from_environment()
    assert count(store.engine)["projects"] == 0
    store.engine.dispose()

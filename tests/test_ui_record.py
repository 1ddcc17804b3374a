"""What people do in the Edit tab as rows of the store: plain handlers on a temporary database."""

import inspect
import json
import logging
import time
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image
from sqlalchemy import text

from editor.cube import Cube, write_cube
from editor.experiment import Experiment, arm_table, projects
from editor.lut import Lut
from editor.planner import Answer
from editor.presets import Presets
from editor.samples import Sample, clip_path
from editor.store import Store, count, forget, kept_tools
from editor.taste import taste_of
from editor.tools import Adjust, Edit
from editor.ui import editing, export, person, record
from editor.ui.context import Context
from editor.ui.controls import NAMES, Settings
from editor.ui.handlers import handler
from editor.ui.history import History, Step
from editor.ui.record import recorded
from editor.ui.recorder import Recorder
from editor.ui.words import decision
from tests.judging import COLD, WARM, Fake

VISITOR = "0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'events.db'}")
    yield store
    store.engine.dispose()


@pytest.fixture
def photo_path(tmp_path, photo):
    path = tmp_path / "holiday in Rome.png"
    Image.fromarray(photo.pixels).save(path)
    return path


def context_with(store, photo_path, *planners):
    sample = Sample("meadow", "image", "A. Author", "CC0 1.0", lambda: photo_path)
    planners = planners or (Fake("student", version="w1", latency_ms=12.0), Fake("teacher", COLD))
    return Context({p.name: p for p in planners}, Presets.builtin(), (sample,), store)


class Page:
    """One person's page: what its handlers are given and what they leave."""

    def __init__(self, context, visitor=VISITOR, session="s1"):
        self.context, self.visitor = context, visitor
        self.request = SimpleNamespace(session_hash=session)
        self.media, self.looks, self.history = None, (), History()

    def call(self, function, note, *inputs):
        return recorded(function, note)(self.context, self.request, self.visitor, *inputs)

    def show(self, function, note, *inputs):
        shown = self.call(function, note, *inputs)
        self.media, self.looks, self.history = shown.media, shown.looks, shown.history
        return shown

    @property
    def held(self):
        return self.media, self.looks, self.history

    def open(self, path=None):
        if path:
            return self.show(editing.open_file, record.opened, str(path), *self.held)
        return self.show(editing.open_sample, record.opened, "meadow", self.looks, self.history, self.media)

    def ask(self, prompt="golden hour", planner="student", use_taste=False, since=0):
        return self.show(editing.grade, record.asked, prompt, planner, *self.held, use_taste, since)

    def move(self, **changes):
        values = dict(zip(NAMES, self.history.now.settings.values, strict=True)) | changes
        return self.show(editing.move, record.moved, *self.held, *values.values())

    def choose(self, name):
        values = self.history.now.settings.values
        return self.show(editing.choose_preset, record.chosen, name, *self.held, *values)

    def step(self, function):
        return self.show(function, record.stepped, *self.held)

    def recipe(self):
        return self.call(export.recipe, record.made("recipe"), self.media, self.history)

    def rows(self, statement):
        assert self.context.recorder.flush()
        with self.context.store.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def changes(self):
        return self.rows("SELECT parameter, before, after FROM changes ORDER BY at, rowid")


@pytest.fixture
def page(store, photo_path):
    return Page(context_with(store, photo_path))


# Events


def test_from_opening_to_export_every_step_is_a_row(page, store):
    page.open()
    page.ask()
    page.move(contrast=12)
    page.move(contrast=15)
    page.move(contrast=15, filter_on=False)
    page.recipe()
    user = store.user_id(VISITOR)
    project = page.media.id
    assert page.rows("SELECT id, user_id, media FROM projects") == [(project, user, "image")]
    asked = page.rows("SELECT project_id, user_id, intent, planner, version, latency_ms FROM asks")
    assert asked == [(project, user, "golden hour", "student", "w1", 12.0)]
    assert page.rows("SELECT json_extract(adjust, '$.temperature') FROM asks") == [(35,)]
    assert page.changes() == [("adjust.contrast", "5", "15")]
    assert page.rows("SELECT tool, enabled FROM switches") == [("filter", 0)]
    ask = page.history.now.credit.ask_id
    exported = page.rows(
        "SELECT project_id, ask_id, kind, kept_adjust, kept_selective_adjust, kept_filter FROM exports"
    )
    assert exported == [(project, ask, "recipe", 1, 1, 0)]
    assert json.loads(page.rows("SELECT edit FROM exports")[0][0])["adjust"] == {"contrast": 15, "temperature": 35}
    assert {row[0] for row in page.rows("SELECT ask_id FROM changes UNION SELECT ask_id FROM switches")} == {ask}


def test_doing_it_twice_counts_once(page, store):
    page.open()
    page.open()
    before = page.held
    page.ask()
    page.media, page.looks, page.history = before  # the second click was sent before the first one's answer came
    page.ask()
    page.ask()  # and once more after it
    page.recipe()
    page.recipe()
    assert page.context.recorder.flush()
    rows = count(store.engine)
    assert [rows[t] for t in ("projects", "asks", "exports")] == [1, 1, 1]
    page.ask("neon")
    page.ask()
    page.recipe()
    assert page.context.recorder.flush()
    rows = count(store.engine)
    assert [rows[t] for t in ("projects", "asks", "exports")] == [1, 3, 2]


def test_a_drag_is_one_change_and_a_drag_back_is_none(page):
    page.open()
    page.ask()
    for value in range(6, 40):
        page.move(contrast=value)
    for value in (10, 20, 0):
        page.move(tint=value)
    assert page.changes() == [("adjust.contrast", "5", "39")]


def test_a_control_rests_after_a_while_without_another_move(store, photo_path):
    context = context_with(store, photo_path)
    context.__dict__["recorder"] = Recorder(store, context.presets, rest=0.05)
    page = Page(context)
    page.open()
    page.move(exposure=10)
    page.move(exposure=20)
    deadline = time.monotonic() + 60
    while not count(store.engine)["changes"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert page.changes() == [("adjust.exposure", "0", "20")]


def test_before_is_the_planners_value_and_the_shown_one_without_a_planner(page):
    page.open()
    page.move(contrast=30)
    page.move(tint=4)
    page.ask()
    page.move(contrast=30)
    page.move(tint=4)
    page.move(contrast=20)
    page.move(overall_strength=80)
    page.move(red_saturation=None)  # an emptied field is neutral: nothing moved
    expected = [
        ("adjust.contrast", "0", "30"),
        ("adjust.tint", "0", "4"),
        ("adjust.contrast", "5", "30"),
        ("adjust.tint", "0", "4"),
        ("adjust.contrast", "5", "20"),
        ("overall.strength", "100", "80"),
    ]
    assert page.changes() == expected
    assert page.rows("SELECT COUNT(*) FROM changes WHERE ask_id IS NULL") == [(2,)]


def test_a_preset_is_one_change_and_its_intensity_another(page):
    page.open()
    page.ask()
    page.choose("winter")
    page.move(intensity=0)
    values = dict(zip(NAMES, page.history.now.settings.values, strict=True)) | {"preset": "winter", "intensity": 60}
    page.step(editing.reset)
    page.step(editing.undo)  # settles the first drag
    page.show(editing.move, record.moved, *page.held, *values.values())
    page.ask("neon")
    page.choose("none")
    assert page.changes() == [
        ("filter.name", "vivid", "winter"),
        ("filter.intensity", "40", "0"),
        ("filter.name", "vivid", "winter"),
        ("filter.name", "vivid", "none"),
    ]


def test_undo_and_redo_are_no_events(page):
    page.open()
    page.ask()
    page.move(contrast=20)
    for step in (editing.undo, editing.redo, editing.undo, editing.reset):
        page.step(step)
    assert page.changes() == [("adjust.contrast", "5", "20")]
    page.recipe()  # of the reset page: no answer is in it
    assert page.rows("SELECT ask_id, kept_adjust FROM exports") == [(None, 0)]


def test_a_prompt_before_the_picture_belongs_to_the_first_project(page, photo_path, tmp_path):
    page.ask()
    page.recipe()
    assert page.rows("SELECT * FROM asks") == page.rows("SELECT * FROM exports") == []
    page.open()
    project = page.media.id
    other = tmp_path / "other.png"
    Image.new("RGB", (20, 20), "red").save(other)
    page.open(other)
    page.recipe()
    assert page.rows("SELECT project_id FROM asks") == [(project,)]
    assert page.rows("SELECT project_id, ask_id, kept_filter FROM exports") == [
        (page.media.id, page.history.now.credit.ask_id, 1)
    ]


def test_an_answer_that_changes_nothing_is_recorded_and_takes_no_credit(store, photo_path):
    silent = Fake("silent", Edit(), message="No request for a look.")
    page = Page(context_with(store, photo_path, Fake("student"), silent))
    page.open()
    page.ask()
    credit = page.history.now.credit
    page.ask("add a dog", "silent")
    page.recipe()
    assert [row[0] for row in page.rows("SELECT planner FROM asks ORDER BY planner")] == ["silent", "student"]
    assert page.rows("SELECT ask_id, kept_adjust FROM exports") == [(credit.ask_id, 1)]
    page.step(editing.reset)
    page.ask("leave it as it is", "silent")
    assert page.history.now.credit.planned.is_neutral


def test_an_own_presets_name_is_a_files_and_is_not_stored(page, tmp_path):
    cube = tmp_path / "Anna and Tom wedding.cube"
    write_cube(Cube(title="x", table=1 - Lut.identity(3).table), cube)
    page.open()
    page.ask()
    page.open(cube)
    page.recipe()
    assert page.changes() == [("filter.name", "vivid", "own preset")]
    assert page.context.recorder.flush()
    stored = "\n".join(str(row) for t in ("projects", "changes", "exports") for row in page.rows(f"SELECT * FROM {t}"))
    assert "own preset" in stored
    for word in ("Anna", "wedding", "Rome", "holiday", VISITOR, "s1"):
        assert word not in stored


def test_a_clip_is_exported_once_it_is_made(store, photo_path):
    page = Page(context_with(store, photo_path))
    page.open(clip_path())
    page.ask()
    stream = page.call(export.clip, record.made("video"), *page.held)
    next(stream)
    assert page.rows("SELECT * FROM exports") == []
    assert list(stream)[-1][1].endswith(".mp4")
    assert page.rows("SELECT kind, media FROM exports JOIN projects ON projects.id = project_id") == [
        ("video", "video")
    ]
    cancelled = page.call(export.clip, record.made("video"), *page.held)
    page.move(tint=9)
    next(cancelled)
    export.cancel_clip(page.context, page.media)
    assert list(cancelled)[-1][1] is None
    assert page.rows("SELECT COUNT(*) FROM exports") == [(1,)]


def test_pictures_and_cubes_are_exports_and_a_failed_one_is_none(page):
    page.open()
    page.ask()
    page.call(export.picture, record.made("image"), "PNG", 92, "8", True, *page.held)
    page.call(export.cube, record.made("cube"), "17", *page.held)
    with pytest.raises(Exception, match="Choose one of"):
        page.call(export.picture, record.made("image"), "GIF", 92, "8", True, *page.held)
    assert sorted(row[0] for row in page.rows("SELECT kind FROM exports")) == ["cube", "image"]


# Who


def test_a_caller_without_a_browser_is_their_session(store, photo_path):
    context = context_with(store, photo_path)
    for visitor, session in ((VISITOR, "s1"), ("", "s1"), ("", "s2"), ("", "s2"), (VISITOR, "s3")):
        Page(context, visitor, session).open()
    users = [row[0] for row in Page(context).rows("SELECT user_id FROM projects ORDER BY rowid")]
    assert users[0] == users[4] == store.user_id(VISITOR)
    assert users[2] == users[3]
    assert len(set(users)) == 3


def test_the_api_names_a_handlers_own_parameters(page):
    run = handler(recorded(editing.grade, record.asked), page.context)
    names = ["request", "visitor", "prompt", "planner", "media", "looks", "history", "use_taste", "since"]
    assert list(inspect.signature(run).parameters) == names
    assert gr.utils.get_type_hints(run)["request"] is gr.Request


def test_a_forgotten_person_leaves_no_row(page, store):
    page.open()
    page.ask()
    page.move(contrast=30)
    page.recipe()
    assert page.context.recorder.flush()
    forget(store.engine, store.user_id(VISITOR))
    assert not any(count(store.engine).values())


# Faults


def test_nothing_is_stored_without_a_store(photo_path):
    page = Page(context_with(None, photo_path))
    page.open()
    page.ask(planner="", use_taste=True)
    page.move(contrast=30)
    assert page.recipe()[0].endswith(".json")
    assert page.context.recorder.user_id(VISITOR) == ""
    assert "stores nothing" in person.arrive(page.context, VISITOR, False, 0).privacy


def test_a_database_fault_is_logged_without_words_and_the_page_goes_on(page, store, caplog):
    with store.engine.begin() as connection:
        for table in ("exposures", "exports", "changes", "switches", "asks", "projects"):
            connection.execute(text(f"DROP TABLE {table}"))
    with caplog.at_level(logging.WARNING):
        page.open()
        assert page.ask("my secret wish", use_taste=True).settings.edit == WARM
        page.move(contrast=30)
        assert page.recipe()[0].endswith(".json")
        assert page.context.recorder.flush()
    said = caplog.text
    assert "An event was not stored: started, OperationalError" in said
    assert "A taste could not be read" in said
    assert "secret" not in said
    assert "events.db" not in said


def test_a_slow_database_holds_nobody_up(page, store):
    page.open()
    assert page.context.recorder.flush()
    with store.engine.begin():  # the writer has to wait for this transaction
        page.ask()
        page.move(contrast=30)
        page.recipe()
        assert not page.context.recorder.flush(0.05)
    assert page.rows("SELECT COUNT(*) FROM exports") == [(1,)]


# Experiment


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    running = Experiment(name="first", control="student", arms={"student": 0.5, "teacher": 0.5})
    path = tmp_path / "experiment.json"
    path.write_text(running.model_dump_json())
    monkeypatch.setenv("VIBEGRADE_EXPERIMENT", str(path))
    return running


def test_people_meet_their_arm_and_are_exposed_once(store, photo_path, experiment):
    context = context_with(store, photo_path)
    met = {}
    for number in range(12):
        page = Page(context, f"visitor {number:08}")
        page.open()
        met[page.visitor] = {page.ask(prompt, planner="").history.now.answer.planner for prompt in ("a", "b")}
    expected = {visitor: {experiment.assign(store.user_id(visitor))} for visitor in met}
    assert met == expected
    assert {next(iter(arms)) for arms in met.values()} == {"student", "teacher"}
    exposed = page.rows("SELECT user_id, arm FROM exposures")
    assert sorted(exposed) == sorted((store.user_id(v), *arms) for v, arms in met.items())
    table = arm_table(projects(store.engine, "first"))
    assert table["started"].sum() == 12  # the project in which a person was exposed counts


def test_a_planner_chosen_by_hand_answers_and_exposes_nobody(page, store, experiment):
    page.open()
    for name in ("student", "teacher"):
        assert page.ask(planner=name).history.now.answer.planner == name
    assert page.rows("SELECT * FROM exposures") == []


def test_without_an_experiment_the_default_planner_answers(page):
    assert page.ask(planner="").history.now.answer.planner == "student"
    assert page.rows("SELECT * FROM exposures") == []


@pytest.mark.parametrize("arms", [{"student": 0.5, "oracle": 0.5}, {"student": 1}])
def test_a_faulty_experiment_does_not_run(page, experiment, tmp_path, caplog, arms):
    (tmp_path / "experiment.json").write_text(json.dumps({"name": "x", "control": "student", "arms": arms}))
    assert page.ask(planner="").history.now.answer.planner == "student"
    assert "No experiment runs" in caplog.text
    assert page.rows("SELECT * FROM exposures") == []


# Taste


def warmer(page, times=8, planned=10.0, wish=15.0):
    """Somebody (SIMULATED) who asks and exports warmer than planned."""
    user, store = page.context.recorder.user_id(VISITOR), page.context.store
    for i in range(times):
        plan = Edit(adjust=Adjust(temperature=planned + i, contrast=5))
        project = store.project_started(user, "image", at=1000 + i)
        ask = store.asked(project, user, "x", Answer(plan, "student"), at=1000 + i)
        final = Edit(adjust=Adjust(temperature=planned + i + wish, contrast=5))
        for kind in ("image", "cube"):
            store.exported(project, user, kind, final, kept_tools(plan, final), ask_id=ask, at=1000 + i)


def test_a_taste_is_off_until_asked_for_and_said_when_applied(page):
    warmer(page)
    page.open()
    assert page.ask().settings.edit == WARM
    shown = page.ask("sunset", use_taste=True)
    assert shown.settings.edit.adjust.temperature > WARM.adjust.temperature + 5
    assert shown.settings.edit.filter == WARM.filter
    assert "Your taste was applied: warmer." in decision(shown.history.now)
    assert "taste" not in decision(shown.history.undo().now)


def test_the_recorded_answer_is_the_planners_own(page, store):
    warmer(page)
    user = store.user_id(VISITOR)
    page.open()
    before = taste_of(store.engine, user)
    for number in range(30):  # exported as the taste left it: neither run away nor forgotten
        page.ask(f"sunset {number}", use_taste=True)
        page.recipe()
    assert set(page.rows("SELECT json_extract(adjust, '$.temperature') FROM asks WHERE intent LIKE 'sunset%'")) == {
        (35,)
    }
    after = taste_of(store.engine, user)
    assert after.exports == before.exports + 30
    assert after.words() == before.words() == "warmer"
    shift = [t.apply(WARM).adjust.temperature - WARM.adjust.temperature for t in (before, after)]
    assert shift[1] == pytest.approx(shift[0], abs=2)


def test_an_answer_speaks_once_for_a_taste_by_its_last_export(store):
    plan, first, last = (Edit(adjust=Adjust(temperature=t)) for t in (10, 40, 20))
    project = store.project_started("u", "image")
    ask = store.asked(project, "u", "x", Answer(plan, "student"))
    for at, (kind, edit) in enumerate((("image", first), ("cube", first), ("image", last)), start=1):
        store.exported(project, "u", kind, edit, kept_tools(plan, edit), ask_id=ask, at=at)
    assert taste_of(store.engine, "u").exports == 1


def test_a_forgotten_taste_stays_forgotten(page):
    warmer(page)
    words = page.call(person.taste_words, None, 0)
    assert (words.words, words.learned) == ("Your taste: warmer.", True)
    forgotten = page.call(person.forget_taste, None)
    assert (forgotten.words, forgotten.learned) == (person.NOTHING_LEARNED, False)
    page.open()
    assert page.ask(use_taste=True, since=forgotten.since).settings == Settings(edit=WARM)
    again = person.arrive(page.context, VISITOR, True, forgotten.since)  # after a reload
    assert again.use_taste
    assert again.taste.words == person.NOTHING_LEARNED


# Privacy


def test_the_privacy_note_names_the_pseudonym_and_no_visitor(page, store):
    note = person.arrive(page.context, VISITOR, False, 0).privacy
    assert f"editor.store forget {store.user_id(VISITOR)}" in note
    assert VISITOR not in note
    assert person.arrive(page.context, "x", False, None).visitor == ""


def test_a_step_without_an_answer_is_no_ask(page):
    page.open()
    page.context.recorder.asked("user", page.media, Step())
    assert page.rows("SELECT * FROM asks") == []

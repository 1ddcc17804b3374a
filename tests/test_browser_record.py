"""The Edit tab in Chromium with a store: rows of a whole walk, the funnel that they make, taste, privacy, a phone."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client
from sqlalchemy import text

from editor.experiment import Experiment
from editor.planner import Answer
from editor.presets import Presets
from editor.samples import samples
from editor.store import Store, count, kept_tools
from editor.tools import Adjust, Edit
from editor.ui import editing
from editor.ui.context import Context
from tests.app_server import at_rest, browser, serving  # noqa: F401
from tests.judging import COLD, WARM, Fake

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WAIT = 120_000  # milliseconds; generous for busy machines, never waited out on a good run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("record")


@pytest.fixture(scope="module")
def context(home):
    """Two planners in an experiment that gives everybody "student"; a store of its own."""
    experiment = Experiment(name="first", control="teacher", arms={"teacher": 1e-9, "student": 1.0})
    (home / "experiment.json").write_text(experiment.model_dump_json())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIBEGRADE_HOME", str(home))
        patch.setenv("VIBEGRADE_EXPERIMENT", str(home / "experiment.json"))
        store = Store(f"sqlite:///{home / 'events.db'}")
        planners = [Fake("teacher", COLD), Fake("student", why="late sun", latency_ms=12.0)]
        photos = tuple(sample for sample in samples() if sample.kind == "image")[:3]
        yield Context({p.name: p for p in planners}, Presets.builtin(), photos, store)
    store.engine.dispose()


@pytest.fixture(scope="module")
def url(context, home):
    with serving(context, home / "gradio") as address:
        yield address


@pytest.fixture
def visit(browser, url):  # noqa: F811
    """New people, each with a browser of their own; nothing may have failed on their pages."""
    contexts, faults = [], []

    def new(viewport=DESK):
        fresh = browser.new_context(viewport=viewport, accept_downloads=True)
        contexts.append(fresh)
        page = fresh.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#samples .card")
        return page

    yield new
    for used in contexts:
        used.close()
    assert not faults


def pseudonym(page):
    page.wait_for_selector("#pseudonym", state="attached")
    return page.locator("#pseudonym").text_content()


def ask(page, prompt):
    box = page.locator("#prompt input, #prompt textarea")
    box.fill(prompt)
    box.press("Enter")
    page.wait_for_selector(f"#decision :text('“{prompt}”')")


def open_sample(page):
    page.click("#samples .card >> nth=0")
    page.wait_for_selector(".stage[data-state=ready] img.after[src^=data]")


def export_recipe(page):
    page.get_by_role("tab", name="Export", exact=True).click()
    with page.expect_download(timeout=WAIT) as download:
        page.click("#export-recipe")
    return download.value.path().read_text("utf-8")


def test_a_walk_leaves_its_rows_and_the_funnel_shows_them(visit, context):
    page = visit()
    user = pseudonym(page)
    open_sample(page)
    ask(page, "golden hour")
    assert "Answered by student" in page.locator("#decision .model").inner_text()
    box = page.locator("#exposure input[type=range]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2, steps=12)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#exposure input[type=number]').value > 20")
    page.locator("#tint input[type=range]").press("ArrowRight")
    page.wait_for_function("document.querySelector('#tint input[type=number]').value === '1'")
    page.get_by_role("tab", name="Presets", exact=True).click()
    page.click("#filter-on input")
    export_recipe(page)
    assert context.recorder.flush()

    def rows(statement):
        with context.store.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), {"user": user})]

    assert rows("SELECT media FROM projects WHERE user_id = :user") == [("image",)]
    asked = rows("SELECT intent, planner, latency_ms FROM asks WHERE user_id = :user")
    assert asked == [("golden hour", "student", 12.0)]
    changed = rows("SELECT parameter, before, CAST(after AS INTEGER) FROM changes WHERE user_id = :user ORDER BY at")
    assert changed == [("adjust.exposure", "0", changed[0][2]), ("adjust.tint", "0", 1)]
    assert changed[0][2] > 20
    assert rows("SELECT tool, enabled FROM switches WHERE user_id = :user") == [("filter", 0)]
    exported = rows("SELECT kind, kept_adjust, kept_filter FROM exports WHERE user_id = :user")
    assert exported == [("recipe", 1, 0)]
    assert rows("SELECT experiment, arm FROM exposures WHERE user_id = :user") == [("first", "student")]

    page.get_by_role("tab", name="Insights", exact=True).first.click()
    page.wait_for_selector("#panel-intents :text('golden hour')")
    page.wait_for_selector("#panel-changes :text('Exposure')")
    page.wait_for_selector("#panel-latency :text('student')")
    with page.expect_download() as download:
        page.click("#csv-funnel")
    assert download.value.path().read_text().split() == [
        "step,projects",
        "started,1",
        "asked,1",
        "edited,1",
        "exported,1",
    ]


def test_an_export_waits_for_the_control_that_was_just_moved(visit, monkeypatch):
    page = visit()
    open_sample(page)
    ask(page, "golden hour")
    page.get_by_role("tab", name="Presets", exact=True).click()
    shown = editing._shown
    monkeypatch.setattr(editing, "_shown", lambda *given, **more: time.sleep(1.5) or shown(*given, **more))
    page.click("#filter-on input")
    exported = Edit.from_json(export_recipe(page))
    assert exported.filter is None
    assert exported.adjust


def test_a_caller_of_the_api_is_recorded_as_their_session(url, context, tmp_path):
    client = Client(url, verbose=False, download_files=tmp_path, analytics_enabled=False)
    client.predict(context.samples[0].name, api_name="/open_sample")
    client.predict("by name", "teacher", api_name="/grade")
    client.predict("by default", api_name="/grade")
    client.predict(exposure=30, api_name="/adjust")
    client.predict(api_name="/export_recipe")
    assert context.recorder.flush()
    user = context.store.user_id(f"session {client.session_hash}")
    with context.store.engine.connect() as connection:
        asked = connection.execute(
            text("SELECT intent, planner FROM asks WHERE user_id = :user ORDER BY at"), {"user": user}
        )
        assert [tuple(row) for row in asked] == [("by name", "teacher"), ("by default", "student")]
        exported = text("SELECT COUNT(*) FROM exports WHERE user_id = :user")
        assert connection.scalar(exported, {"user": user}) == 1


def learn(context, user):
    """Exports of somebody (SIMULATED) who wants it warmer."""
    for i in range(8):
        plan, final = (Edit(adjust=Adjust(temperature=t + i, contrast=5)) for t in (10, 25))
        project = context.store.project_started(user, "image")
        asked = context.store.asked(project, user, f"look {i}", Answer(plan, "student"))
        context.store.exported(project, user, "image", final, kept_tools(plan, final), ask_id=asked)


def test_a_taste_is_switched_on_survives_a_reload_and_is_forgotten(visit, context):
    page = visit()
    user = pseudonym(page)
    page.wait_for_selector("#taste-words :text('Nothing learned yet')")
    assert page.locator("#forget-taste").count() == 0
    learn(context, user)
    page.check("#use-taste input")
    page.wait_for_selector("#taste-words :text('Your taste: warmer.')")
    page.reload()
    page.wait_for_selector("#taste-words :text('Your taste: warmer.')")
    assert page.locator("#use-taste input").is_checked()
    assert pseudonym(page) == user
    open_sample(page)
    ask(page, "golden hour")
    assert "Your taste was applied: warmer." in page.locator("#decision").inner_text()
    assert float(page.locator("#temperature input[type=number]").input_value()) > WARM.adjust.temperature
    page.click("#forget-taste")
    page.wait_for_selector("#taste-words :text('Nothing learned yet')")
    page.wait_for_function("JSON.parse(localStorage.getItem('vibegrade-taste')).since > 0")
    page.reload()
    page.wait_for_selector("#taste-words :text('Nothing learned yet')")
    assert page.locator("#use-taste input").is_checked()
    ask(page, "golden hour")
    assert float(page.locator("#temperature input[type=number]").input_value()) == WARM.adjust.temperature


def test_a_double_click_asks_once(visit, context):
    page = visit()
    open_sample(page)
    page.locator("#prompt input, #prompt textarea").fill("twice")
    page.dblclick("#grade")
    page.wait_for_selector("#decision :text('“twice”')")
    page.click("#grade")
    page.wait_for_selector("#undo:not([disabled])")
    assert context.recorder.flush()
    with context.store.engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM asks WHERE intent = 'twice'")) == 1
    assert count(context.store.engine)["asks"] >= 1


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_taste_and_privacy_fit_and_are_accessible(visit, context, viewport):
    page = visit(viewport)
    learn(context, pseudonym(page))
    open_sample(page)
    page.check("#use-taste input")
    page.wait_for_selector("#forget-taste")
    ask(page, "golden hour")
    page.click("#privacy summary")
    page.wait_for_selector("#pseudonym")
    assert re.fullmatch("[0-9a-f]{32}", pseudonym(page))
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    at_rest(page)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    assert not [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]

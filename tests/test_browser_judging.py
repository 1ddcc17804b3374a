"""The judging tabs in Chromium: two voters at once, a slow planner, a reality check, insights; axe, desk and phone."""

import re

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import text

from editor.campaigns import Candidate, Comparison, create_campaign
from editor.errors import UserError
from editor.planner import Answer
from editor.presets import Presets
from editor.samples import samples
from editor.sampling import Recorded
from editor.store import Store, count, kept_tools
from editor.ui.context import Context
from tests.app_server import at_rest, browser, serving  # noqa: F401
from tests.judging import COLD, WARM, Fake

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WAIT = 120_000  # milliseconds; generous for busy machines, never waited out on a good run
SLOW_SECOND_PICTURE = """
  const decode = Image.prototype.decode;
  let calls = 0;
  Image.prototype.decode = function () {
    return ++calls % 2 ? decode.call(this) : new Promise((done) => { window.letGo = () => done(decode.call(this)); });
  };
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """Planners that do as the tests say, the real samples, a store of its own."""
    home = tmp_path_factory.mktemp("judging")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIBEGRADE_HOME", str(home))
        store = Store(f"sqlite:///{home / 'events.db'}")
        broken = Fake("broken", error=UserError("The weights of this student are missing."))
        planners = [Fake("student", why="late sun"), Fake("teacher", COLD), broken]
        photos = tuple(sample for sample in samples() if sample.kind == "image")[:3]
        rows = [Recorded(f"look {i}", COLD) for i in range(20)]
        yield Context({p.name: p for p in planners}, Presets.builtin(), photos, store, lambda: rows)
    store.engine.dispose()


@pytest.fixture(scope="module")
def url(context, tmp_path_factory):
    """Address of the page, served by this process."""
    with serving(context, tmp_path_factory.mktemp("gradio")) as address:
        yield address


@pytest.fixture
def visit(browser, url):  # noqa: F811
    """New people, each with a browser of their own; nothing may have failed on their pages."""
    contexts, faults = [], []

    def new(address="", viewport=DESK, script=""):
        fresh = browser.new_context(viewport=viewport)
        contexts.append(fresh)
        page = fresh.new_page()
        page.set_default_timeout(WAIT)
        if script:
            page.add_init_script(script)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url + address)
        page.wait_for_selector("#header")
        return page

    yield new
    for used in contexts:
        used.close()
    assert not faults


def open_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).first.click()


def make_campaign(context, prompts=("neon", "golden hour", "welding mask")):
    pairs = [Comparison(p, context.samples[0].name, Candidate("x", WARM), Candidate("y", COLD)) for p in prompts]
    return create_campaign(context.store.engine, f"Campaign of {len(prompts)}", pairs)


def ready(page):
    page.wait_for_function("document.querySelector('#vote-left')?.disabled === false")


def prompt_of(page):
    return page.locator("#vote-prompt h2").inner_text()


def test_two_people_vote_at_once_and_the_results_show_it(visit, context):
    campaign = make_campaign(context)
    people = [visit(f"?campaign={campaign}") for _ in range(2)]
    for page in people:
        ready(page)  # the link opened the tab and the campaign
    shown = prompt_of(people[0])
    people[0].reload()
    ready(people[0])
    assert prompt_of(people[0]) == shown  # the reload changed nothing
    for key in ("1", "2", "0"):
        for page in people:  # in turn, each on their own pair
            ready(page)
            assert "x" not in page.locator("#vote-revealed").inner_text()
            page.keyboard.press(key)
            page.keyboard.press(key)
        for page in people:
            page.wait_for_selector("#vote-revealed :text('You chose')")
            assert {"A is x, B is y", "A is y, B is x"} & {page.locator("#vote-revealed").inner_text().split(".")[0]}
            page.keyboard.press("n")
    for page in people:
        page.wait_for_selector("#vote-prompt :text('judged all 3 pairs')")
    people[0].get_by_role("tab", name="Results").first.click()
    people[0].wait_for_selector("#results :text('6 votes by 2 voters')")
    with context.store.engine.connect() as connection:
        votes = pd.read_sql(
            text("SELECT pair_id, voter_id, choice FROM votes JOIN showings ON id = showing_id"), connection
        )
    assert len(votes) == 6
    assert not votes.duplicated(["pair_id", "voter_id"]).any()
    assert sorted(votes["choice"]) == ["left", "left", "neutral", "neutral", "right", "right"]


def test_both_pictures_appear_at_the_same_moment_and_only_then_a_vote_counts(visit, context):
    campaign = make_campaign(context, ("neon",))
    page = visit(f"?campaign={campaign}", script=SLOW_SECOND_PICTURE)
    page.wait_for_selector("#vote-lens :text('Loading the pictures')")
    page.wait_for_function("Boolean(window.letGo)")
    assert page.locator("#vote-lens figure:visible").count() == 0
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert page.locator("#vote-left").is_disabled()
    page.evaluate("window.letGo()")
    ready(page)
    assert page.locator("#vote-lens figure:visible").count() == 2
    sizes = page.evaluate(
        "[...document.querySelectorAll('#vote-lens .after')].map((i) => [i.naturalWidth, i.src.slice(0, 23)])"
    )
    assert sizes[0] == sizes[1]
    page.keyboard.press("9")
    page.wait_for_selector("#vote-revealed :text('both bad')")


def test_a_campaign_is_made_on_the_page_and_shared_by_its_link(visit, context):
    page = visit()
    open_tab(page, "Blind test")
    page.get_by_role("tab", name="New campaign").click()
    page.get_by_label("Title", exact=True).first.fill("Spring")
    page.get_by_label("Prompts, one on a line", exact=True).fill("neon\nX ray")
    page.get_by_role("button", name="Make the campaign").click()
    page.wait_for_selector("#campaign-made :text('The campaign is there')")
    link = page.locator("#campaign-link textarea, #campaign-link input").input_value()
    assert re.search(r"\?campaign=[0-9a-f-]{36}$", link)
    other = visit("?" + link.split("?")[1])
    ready(other)
    assert other.locator("#vote-prompt").inner_text().startswith("1 of 6")  # two prompts on three photos


def test_a_slow_planner_holds_nobody_up_and_a_failing_one_says_why(visit, context):
    slow = context.planners["teacher"]
    slow.go.clear()
    page = visit()
    open_tab(page, "Compare")
    box = page.locator("#compare-prompt textarea, #compare-prompt input")
    box.fill("golden hour")
    box.press("Enter")
    slots = page.locator("#compare-slots .lens")
    page.wait_for_selector("#compare-slots .lens[data-state=ready]")
    page.wait_for_selector("#compare-slots :text('weights of this student are missing')")
    assert slots.nth(1).get_attribute("data-state") == "message"
    assert "Asking teacher" in slots.nth(1).inner_text()
    slow.go.set()
    page.wait_for_function("document.querySelectorAll('#compare-slots .lens[data-state=ready]').length === 2")
    assert "late sun" in page.locator("#compare-slots").inner_text()
    assert page.locator("#compare-table tr.differs").count() == 4
    page.click(".lens-bar [data-zoom='4']")
    seen = "[...document.querySelectorAll('#compare-slots .after')].map((i) => getComputedStyle(i).transform)"
    zoomed = page.evaluate(seen)
    assert zoomed[0] == zoomed[1]
    assert zoomed[0].startswith("matrix(4,")
    page.locator("#compare-slots .view").first.focus()
    page.keyboard.press("ArrowRight")
    moved = page.evaluate(seen)
    assert moved[0] == moved[1] != zoomed[0]
    page.keyboard.down("o")
    assert page.evaluate("getComputedStyle(document.querySelector('#compare-slots .before')).visibility") == "visible"
    page.keyboard.up("o")
    page.click("#compare-carry-2")
    page.wait_for_function("document.querySelector('#temperature input[type=number]')?.value === '-30'")
    assert page.locator("#stage .before").get_attribute("src").startswith("data:image/jpeg")


def test_a_reality_check_is_made_answered_and_resumed(visit, context):
    page = visit()
    open_tab(page, "Reality check")
    page.get_by_role("tab", name="New check").click()
    page.get_by_label("Title", exact=True).last.fill("Autumn")
    page.get_by_label("Samples", exact=True).fill("2")
    page.get_by_role("button", name="Make the check").click()
    page.wait_for_selector("#check-made :text('The reality check is there')")
    page.get_by_role("tab", name="Annotate").click()
    page.wait_for_selector("#check-intent :text('1 of 2')")
    page.locator("#check-relevant").get_by_label("Yes").check()
    page.locator("#check-mimics").get_by_label("No").check()
    page.click("#check-save")
    page.wait_for_selector("#check-intent :text('2 of 2')")
    page.reload()
    open_tab(page, "Reality check")
    page.wait_for_selector("#check-intent :text('2 of 2')")
    assert count(context.store.engine)["ratings"] == 1


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_every_tab_fits_and_has_no_serious_fault(visit, context, viewport):
    make_campaign(context)
    store = context.store
    project = store.project_started("u", "image")
    asked = store.asked(project, "u", "neon", Answer(WARM, "student", latency_ms=10.0))
    store.changed(project, "u", "adjust.temperature", 35.0, 20.0, ask_id=asked)
    store.exported(project, "u", "image", WARM, kept_tools(WARM, WARM), ask_id=asked)
    page = visit(viewport=viewport)

    def look(name, wait_for):
        page.wait_for_selector(wait_for)
        at_rest(page)
        options = {"runOnly": ["wcag2a", "wcag2aa"]}
        found = Axe().run(page, options=options).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
        assert not serious, name
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], name

    open_tab(page, "Compare")
    box = page.locator("#compare-prompt textarea, #compare-prompt input")
    box.fill("golden hour")
    box.press("Enter")
    look("compare", "#compare-slots .lens[data-state=ready]")
    page.get_by_role("tab", name="Contact sheet").click()
    page.click("#sheet-make")
    look("contact sheet", "#sheet img")
    open_tab(page, "Blind test")
    ready(page)
    look("vote", "#vote-left:enabled")
    page.get_by_role("tab", name="Results").first.click()
    look("results", "#results p")
    page.get_by_role("tab", name="New campaign").click()
    look("new campaign", "#campaigns table")
    open_tab(page, "Reality check")
    look("annotate", "#check-intent p")
    page.get_by_role("tab", name="Guidelines").click()
    look("guidelines", "#check-examples .lens[data-state=ready]")
    page.get_by_role("tab", name="New check").click()
    look("new check", "#check-made >> xpath=..")
    open_tab(page, "Insights")
    look("insights", "#panel-latency table")
    page.get_by_role("tab", name="Experiment").click()
    look("experiment", "#experiment pre")

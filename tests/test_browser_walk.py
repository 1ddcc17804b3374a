"""A new user's walk in Chromium: photo and clip from opening to taking home; several users; phone; keyboard."""

import base64
import io
import json
import re
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from editor.color import delta_e_2000
from editor.cube import Cube, write_cube
from editor.image import load_image
from editor.lut import Lut
from editor.pipeline import render
from editor.presets import Presets
from editor.samples import samples
from editor.tools import Edit
from editor.video import probe, read_frame
from tests.app_server import app_url, browser  # noqa: F401

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WAIT = 120_000  # milliseconds; generous for busy machines, never waited out on a good run
OPEN = "#bar input[type=file]"


class Visitor:
    """A person with a browser of their own."""

    def __init__(self, chromium, url, viewport=DESK):
        self.context = chromium.new_context(viewport=viewport, accept_downloads=True, has_touch=viewport is PHONE)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.faults, self.foreign = [], []
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.faults.append(str(e)))
        self.page.on("request", self._note)
        self.page.goto(url)
        self.page.wait_for_selector("#samples .card")

    def _note(self, request):
        if not re.match(r"(http://127\.0\.0\.1:|data:|blob:)", request.url):
            self.foreign.append(request.url)

    def picture(self, which="after"):
        """The shown picture's pixels."""
        url = self.page.locator(f"#stage img.{which}").get_attribute("src")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))).astype(int)

    def screen(self):
        """What the eye sees of the picture, (H, W, 3)."""
        shot = self.page.locator("#stage .frame").screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)

    def changes(self, act):
        """Do something and wait until the graded picture is another one."""
        before = self.page.locator("#stage img.after").get_attribute("src")
        act()
        self.page.wait_for_function(
            "old => document.querySelector('#stage img.after').src !== old", arg=before, timeout=WAIT
        )
        return self.picture()

    def open_sample(self, name):
        self.page.click(f"#samples .card[data-name={name}]")
        self.page.wait_for_selector(".stage[data-state=ready] img.after[src^=data]")

    def ask(self, prompt):
        box = self.page.locator("#prompt input, #prompt textarea")
        box.fill(prompt)
        graded = self.changes(lambda: box.press("Enter"))
        self.page.wait_for_selector(f"#decision :text('“{prompt}”')")
        return graded

    def tab(self, name):
        self.page.get_by_role("tab", name=name, exact=True).click()

    def number(self, control):
        return float(self.page.locator(f"#{control} input[type=number]").input_value())

    def slide(self, control, key, times=1):
        track = self.page.locator(f"#{control} input[type=range]")
        track.focus()
        for _ in range(times):
            track.press(key)

    def export(self, button, folder):
        with self.page.expect_download(timeout=5 * WAIT) as download:
            self.page.click(button)
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def toast(self):
        return self.page.locator(".toast-body").last.inner_text()


@pytest.fixture
def visit(browser, app_url):  # noqa: F811
    visitors = []

    def arrive(viewport=DESK):
        visitors.append(Visitor(browser, app_url, viewport))
        return visitors[-1]

    yield arrive
    for visitor in visitors:
        visitor.context.close()
        assert visitor.foreign == [], "the page asked another server"
        assert visitor.faults == []


def test_a_photo_from_opening_to_taking_home(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    visitor.open_sample("china")
    assert np.array_equal(visitor.picture("before"), visitor.picture())
    untouched = visitor.screen()

    graded = visitor.ask("golden hour")
    assert np.abs(graded - visitor.picture("before")).mean() > 5
    seen, half = visitor.screen(), untouched.shape[1] // 2
    assert np.abs(seen - untouched)[:, half + 40 :].mean() > 5, "the graded half shows the grade"
    assert np.abs(seen - untouched)[:, : half - 40].mean() < 1, "the other half shows the original"
    assert visitor.number("temperature") > 0
    assert "recorded" in page.locator("#decision .model").inner_text()

    darker = visitor.changes(lambda: visitor.slide("exposure", "ArrowLeft", 20))
    page.wait_for_function("document.querySelector('#exposure input[type=number]').value === '-20'")
    assert darker.mean() < graded.mean()
    visitor.changes(lambda: _drag(page, "#contrast input[type=range]", 0.5, 0.8))
    assert visitor.number("contrast") > 20
    visitor.changes(lambda: page.click("#undo"))
    visitor.changes(lambda: page.click("#bloom [data-testid=reset-button]"))  # the rest travels in a .cube
    assert visitor.number("bloom") == 0

    visitor.tab("Export")
    page.locator("#format input").click()
    page.get_by_role("option", name="PNG").click()
    picture = visitor.export("#export-picture", tmp_path)
    cube = visitor.export("#export-cube", tmp_path)
    recipe = visitor.export("#export-recipe", tmp_path)
    assert [p.name for p in (picture, cube, recipe)] == [f"china_golden-hour.{s}" for s in ("png", "cube", "json")]
    edit = Edit.load(recipe)
    assert (edit.adjust.exposure, edit.adjust.bloom) == (-20, 0)
    photo = load_image(next(s for s in samples() if s.name == "china").loader()).pixels
    expected = render(photo, edit, Presets.builtin())
    assert np.array_equal(load_image(picture).pixels, expected)
    assert np.mean(delta_e_2000(_through_ffmpeg(photo, cube, tmp_path) / 255, expected / 255)) <= 0.5

    visitor.changes(lambda: page.click("#reset"))
    visitor.tab("Adjust")
    assert visitor.number("temperature") == 0
    visitor.changes(lambda: page.set_input_files(OPEN, recipe))
    page.wait_for_function("document.querySelector('#exposure input[type=number]').value === '-20'")


def test_a_clip_from_opening_to_playing_the_export(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    visitor.open_sample("clip")
    visitor.ask("golden hour")
    visitor.changes(lambda: visitor.slide("frame", "PageUp", 4))
    seconds = visitor.number("frame")
    assert seconds > 1
    visitor.tab("Export")
    path = visitor.export("#export-clip", tmp_path)
    assert path.name.endswith("_golden-hour.mp4")
    page.wait_for_selector("#player video[src]")
    page.evaluate("document.querySelector('#player video').muted = true")
    page.evaluate("document.querySelector('#player video').play()")
    page.wait_for_function("document.querySelector('#player video').currentTime > 0.5")
    clip = probe(path)
    assert (clip.width, clip.height, clip.has_audio) == (960, 540, True)
    recipe = Edit.load(visitor.export("#export-recipe", tmp_path))
    source = next(s for s in samples() if s.name == "clip").loader()
    still = render(read_frame(source, seconds), recipe, Presets.builtin())
    assert np.mean(delta_e_2000(read_frame(path, seconds) / 255, still / 255)) <= 1.5


def test_the_divider_and_the_original_by_pointer_and_keyboard(visit):
    visitor = visit()
    page = visitor.page
    visitor.open_sample("flower")
    visitor.ask("golden hour")
    split = page.locator("#stage .split")
    split.focus()
    split.press("ArrowLeft")
    assert split.input_value() == "49"
    box = page.locator("#stage .frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 80, steps=4)
    page.mouse.up()
    assert abs(float(split.input_value()) - 25) <= 1
    shown = visitor.screen()
    page.keyboard.down("o")
    original = visitor.screen()
    page.keyboard.up("o")
    width = shown.shape[1]
    assert np.abs(original - shown)[:, width // 3 :].mean() > 5
    assert np.array_equal(visitor.screen(), shown)
    page.click("#stage .mode[data-mode=graded]")
    assert np.abs(visitor.screen() - shown)[:, 20 : width // 5].mean() > 3


def test_presets_tools_and_strength(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    visitor.open_sample("coffee")
    visitor.tab("Presets")
    page.wait_for_selector("#presets .card[data-name=winter] img.thumb")
    winter = visitor.changes(lambda: page.click("#presets .card[data-name=winter]"))
    assert visitor.number("intensity") == 100
    off = visitor.changes(lambda: page.click("#filter-on input"))
    assert np.array_equal(off, visitor.picture("before"))
    assert np.array_equal(visitor.changes(lambda: page.click("#filter-on input")), winter)
    half = visitor.changes(lambda: visitor.slide("overall-strength", "PageDown", 2))
    assert np.abs(half - winter).mean() > 0.5
    cube = tmp_path / "upside.cube"
    write_cube(Cube(title="upside", table=1 - Lut.identity(5).table), cube)
    visitor.changes(lambda: page.set_input_files(OPEN, cube))
    page.wait_for_selector("#presets .card[data-name=upside][aria-pressed=true]")


def test_a_file_is_dropped_or_pasted_anywhere(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    Image.new("RGB", (40, 30), (200, 80, 40)).save(tmp_path / "red.png")
    Image.new("RGB", (40, 30), (40, 80, 200)).save(tmp_path / "blue.png")
    for event, name, channel in (("drop", "red.png", 0), ("paste", "blue.png", 2)):
        data = base64.b64encode((tmp_path / name).read_bytes()).decode()
        page.evaluate(_GIVE_FILE, [event, name, data])
        page.wait_for_selector(f"#facts :text('{name}')")
        page.wait_for_function("() => document.querySelector('.stage').dataset.state === 'ready'")
        assert visitor.picture("before")[15, 20].argmax() == channel


def test_faults_are_said_in_a_sentence(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    (tmp_path / "note.jpg").write_text("only words")
    page.set_input_files(OPEN, tmp_path / "note.jpg")
    page.wait_for_selector(".toast-body :text('note.jpg is a text file')")
    assert "Traceback" not in visitor.toast()
    (tmp_path / "huge.jpg").write_bytes(bytes(21 * 1024 * 1024))
    page.set_input_files(OPEN, tmp_path / "huge.jpg")
    page.wait_for_selector(".toast-body :text('maximum allowed size')")


def test_two_people_work_side_by_side(visit, tmp_path):
    one, two = visit(), visit()
    one.open_sample("china")
    two.open_sample("rocket")
    own = two.picture()
    one.ask("golden hour")
    assert np.array_equal(two.picture(), own)
    assert two.faults == []
    two.page.reload()
    two.page.wait_for_selector("#samples .card")
    two.faults.clear()  # Gradio logs its own abort when a page is left while a request runs
    assert two.page.locator(".stage").get_attribute("data-state") == "empty"
    two.tab("Export")
    recipe = json.loads(two.export("#export-recipe", tmp_path).read_text())
    assert recipe == {"adjust": None, "selective_adjust": None, "filter": None}


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_fits_and_is_accessible(visit, viewport):
    visitor = visit(viewport)
    page = visitor.page
    visitor.open_sample("china")
    visitor.ask("golden hour")
    for tab in ("Adjust", "Colours", "Presets", "Export"):
        visitor.tab(tab)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], tab
    if viewport is PHONE:
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_function("Math.abs(document.querySelector('#stage').getBoundingClientRect().top) < 2")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    serious = [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


_GIVE_FILE = """([kind, name, data]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: 'image/png' }));
    const options = { bubbles: true, cancelable: true };
    document.querySelector('#stage').dispatchEvent(kind === 'drop'
        ? new DragEvent('drop', { ...options, dataTransfer: transfer })
        : new ClipboardEvent('paste', { ...options, clipboardData: transfer }));
}"""


def _drag(page, track, start, end):
    box = page.locator(track).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, y, steps=8)
    page.mouse.up()


def _through_ffmpeg(pixels, cube, folder):
    """A picture through ffmpeg's own lut3d filter, in float."""
    source, target = folder / "source.png", folder / "through.png"
    cv2.imwrite(str(source), pixels[..., ::-1])
    grade = f"format=gbrpf32le,lut3d=file={cube}:interp=tetrahedral,format=rgb24"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), "-vf", grade, str(target)]
    subprocess.run(command, check=True)
    return load_image(target).pixels

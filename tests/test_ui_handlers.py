"""The page's handlers as plain functions, without a server or a browser."""

import base64
import inspect
import io
import json
import threading
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
import piexif
import pytest
from PIL import Image

from editor.cube import Cube, read_cube, write_cube
from editor.errors import UserError
from editor.image import load_image
from editor.lut import Lut
from editor.pipeline import bake_edit, render
from editor.planner import Answer, Neighbour
from editor.presets import Presets
from editor.samples import Sample, clip_path
from editor.tools import ADJUST_PARAMETERS, SELECTIVE_PARAMETERS, Adjust, Edit, Filter, limits
from editor.ui import controls, editing, export, page
from editor.ui.context import Context
from editor.ui.controls import Settings
from editor.ui.handlers import handler
from editor.ui.history import History, Step
from editor.ui.media import Look
from editor.ui.previews import _Kept
from editor.ui.words import decision

WARM = Edit.from_dict(
    {
        "adjust": {"temperature": 35, "hue": 350, "bloom": 10},
        "selective_adjust": {"orange": {"saturation": 25}},
        "filter": {"name": "faded_HighNoon", "intensity": 40},
    }
)

JPEG = 5  # codes of mean error that a preview's compression may cost on the grainy test picture


class FakePlanner:
    name = "fake"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def answer(self, prompt: str) -> Answer:
        return self._answer

    def plan(self, prompt: str) -> Edit:
        return self._answer.edit


@pytest.fixture
def photo_path(tmp_path, photo):
    path = tmp_path / "photo.png"
    Image.fromarray(photo.pixels).save(path)
    return path


@pytest.fixture
def context(photo_path):
    sample = Sample("meadow", "image", "A. Author", "CC0 1.0", lambda: photo_path)
    return Context({"fake": FakePlanner(Answer(WARM, "fake"))}, Presets.builtin(), (sample,))


@pytest.fixture
def opened(context, photo_path):
    return editing.open_file(context, str(photo_path), None, (), History())


def pixels_of(data_url: str) -> np.ndarray:
    head, data = data_url.split(",", 1)
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def values_with(**changes) -> list:
    values = dict(zip(controls.NAMES, Settings().values, strict=True))
    assert changes.keys() <= values.keys()
    return list((values | changes).values())


# Controls


def test_every_parameter_has_one_slider_in_one_group():
    assert sorted(name for group in controls.GROUPS.values() for name in group) == sorted(ADJUST_PARAMETERS)
    assert [c.name for c in controls.ADJUST] == list(ADJUST_PARAMETERS)
    assert [(c.minimum, c.maximum) for c in controls.ADJUST] == [limits(p) for p in ADJUST_PARAMETERS]
    assert [c.name for c in controls.SELECTIVE] == [f"{c}_{p}" for c, p in SELECTIVE_PARAMETERS]
    assert len(controls.NAMES) == len(set(controls.NAMES)) == 14 + 12 + 2 + 3 + 3 + 1


def test_settings_survive_the_way_through_the_controls():
    settings = Settings(WARM, frozenset({"filter"}), {"adjust": 50.0, "selective_adjust": 100.0, "filter": 200.0}, 80.0)
    assert Settings.of(settings.values) == settings


def test_switches_and_strengths_shape_the_effective_edit():
    off = Settings(WARM, frozenset({"filter"}))
    assert off.effective == WARM.model_copy_validated(filter=None)
    half = Settings(WARM, overall=50.0).effective
    assert half.adjust.temperature == 17.5
    assert half.adjust.hue == 355
    assert half.filter.intensity == 20
    assert Settings(WARM).effective is WARM


def test_an_emptied_number_field_counts_as_neutral():
    assert Settings.of(values_with(contrast=None)).edit.is_neutral


def test_a_value_out_of_range_is_named():
    with pytest.raises(UserError, match=r"adjust\.contrast"):
        Settings.of(values_with(contrast=200))


# History


def test_consecutive_moves_of_one_control_undo_as_one():
    history = History()
    for contrast in (1, 2, 3):
        history = history.move(Settings.of(values_with(contrast=contrast)))
    history = history.move(Settings.of(values_with(contrast=3, tint=5)))
    assert len(history.steps) == 3
    assert history.undo().now.settings.edit.adjust.contrast == 3
    assert history.undo().undo().now.settings.edit.is_neutral
    assert not history.undo().undo().can_undo
    assert history.undo().redo() == history


def test_a_move_after_undo_drops_what_was_undone():
    history = History().add(Step(Settings(WARM))).undo().move(Settings.of(values_with(tint=5)))
    assert not history.can_redo
    assert [s.settings.edit.is_neutral for s in history.steps] == [True, False]


def test_a_hundred_steps_are_kept():
    history = History()
    for i in range(150):
        history = history.add(Step(Settings(Edit(adjust=Adjust(tint=i % 100 + 1)))))
    assert len(history.steps) == 100
    assert history.at == 99


# Handlers


def test_a_user_error_becomes_a_toast_with_its_sentence(context):
    def refuse(context: Context, name: str) -> str:
        raise UserError(f"{name} cannot be read.")

    with pytest.raises(gr.Error, match=r"a\.jpg cannot be read\.") as caught:
        handler(refuse, context)("a.jpg")
    assert caught.value.print_exception is False
    assert handler(refuse, context, fault=lambda sentence: ["kept", sentence])("b") == ["kept", "b cannot be read."]


def test_a_handler_shows_its_parameters_by_name_without_the_context(context):
    parameters = inspect.signature(handler(editing.move, context, controls.NAMES)).parameters
    assert list(parameters) == ["media", "looks", "history", *controls.NAMES]


# Opening


def test_opening_a_picture_shows_it_ungraded(opened, photo):
    assert opened.media.kind == "image"
    assert opened.media.facts == "90 × 60 · 8 bit"
    assert opened.before == opened.after
    assert np.abs(pixels_of(opened.before).astype(int) - photo.pixels).mean() < JPEG


def test_a_new_picture_keeps_the_edit(context, photo_path):
    history = History().add(Step(Settings(WARM)))
    shown = editing.open_file(context, str(photo_path), None, (), history)
    assert shown.settings.edit == WARM
    assert shown.after != shown.before


def test_a_large_picture_is_reduced_to_1280(context, tmp_path):
    path = tmp_path / "wide.png"
    Image.new("RGB", (4000, 500), "gray").save(path)
    shown = editing.open_file(context, str(path), None, (), History())
    assert pixels_of(shown.after).shape == (160, 1280, 3)


def test_transparent_parts_show_the_stages_grey(context, tmp_path):
    path = tmp_path / "cut.png"
    Image.new("RGBA", (64, 64), (255, 255, 255, 0)).save(path)
    shown = editing.open_file(context, str(path), None, (), History())
    assert np.all(np.abs(pixels_of(shown.before).astype(int) - 38) <= 1)


def test_a_sixteen_bit_picture_previews_like_its_eight_bit_copy(context, tmp_path, photo):
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), photo.pixels[..., ::-1].astype(np.uint16) * 257)
    shown = editing.open_file(context, str(path), None, (), History())
    assert shown.media.facts.endswith("16 bit")
    assert np.abs(pixels_of(shown.before).astype(int) - photo.pixels).mean() < JPEG


@pytest.mark.parametrize("name", ["note.jpg", "note.txt", "note.mp4", "empty.png"])
def test_what_cannot_be_opened_is_refused_in_a_sentence(context, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"" if name == "empty.png" else b"only words in here")
    with pytest.raises(UserError, match=name):
        editing.open_file(context, str(path), None, (), History())


def test_no_file_and_an_unknown_sample_are_refused(context):
    with pytest.raises(UserError, match="No file"):
        editing.open_file(context, None, None, (), History())
    with pytest.raises(UserError, match="meadow"):
        editing.open_sample(context, "beach", (), History())


def test_samples_are_shown_with_their_credit(context):
    shown = editing.open_sample(context, "meadow", (), History())
    assert shown.media.credit == "A. Author (CC0 1.0)"
    cards = list(editing.sample_cards(context))[-1]
    assert [c["name"] for c in cards] == ["meadow"]
    assert pixels_of(cards[0]["image"]).shape == (60, 60, 3)


# Asking


def test_a_prompt_fills_the_controls_and_the_picture(context, opened):
    shown = editing.grade(context, "golden hour", "fake", opened.media, (), opened.history)
    assert shown.settings == Settings(WARM)
    assert shown.history.now.prompt == "golden hour"
    assert shown.after != opened.after
    assert shown.before == ""


def test_a_prompt_works_before_a_picture_is_open(context):
    shown = editing.grade(context, "golden hour", "fake", None, (), History())
    assert shown.settings.edit == WARM
    assert shown.after == ""


def test_a_request_that_changes_nothing_says_so_and_keeps_the_edit(photo_path):
    answer = Answer(Edit(), "fake", message="This is no request for colours.")
    context = Context({"fake": FakePlanner(answer)}, Presets.builtin())
    history = History().add(Step(Settings(WARM)))
    shown = editing.grade(context, "add a dog", "fake", None, (), history)
    assert shown.said == "This is no request for colours."
    assert shown.settings.edit == WARM


def test_an_unknown_planner_is_refused(context):
    with pytest.raises(UserError, match="oracle"):
        editing.grade(context, "warm", "oracle", None, (), History())


# Moving controls


def test_a_moved_control_shows_the_pipelines_picture(context, opened, photo):
    edit = Edit(adjust=Adjust(exposure=-40, temperature=30, structure=50))
    values = values_with(exposure=-40, temperature=30, structure=50)
    shown = editing.move(context, opened.media, (), opened.history, *values)
    expected = render(photo.pixels, edit, context.presets, 33)
    assert np.abs(pixels_of(shown.after).astype(int) - expected).mean() < JPEG
    assert shown.settings.edit == edit


def test_an_unmoved_control_renders_nothing(context, opened):
    shown = editing.move(context, opened.media, (), opened.history, *values_with())
    assert shown.after == ""
    assert shown.history is opened.history


def test_a_tool_that_is_switched_off_leaves_the_picture(context, opened):
    shown = editing.move(context, opened.media, (), opened.history, *values_with(exposure=50, adjust_on=False))
    assert shown.after == opened.after


def test_choosing_a_preset_applies_it_whole_and_keeps_a_set_intensity(context, opened):
    shown = editing.choose_preset(context, "winter", opened.media, (), opened.history, *values_with())
    assert shown.settings.edit.filter == Filter(name="winter", intensity=100)
    again = editing.choose_preset(
        context, "vivid", opened.media, (), shown.history, *values_with(preset="winter", intensity=30)
    )
    assert again.settings.edit.filter == Filter(name="vivid", intensity=30)
    none = editing.choose_preset(
        context, "none", opened.media, (), again.history, *values_with(preset="vivid", intensity=30)
    )
    assert none.settings.edit.is_neutral
    with pytest.raises(UserError, match="no preset 'wintr'; did you mean winter"):
        editing.choose_preset(context, "wintr", opened.media, (), opened.history, *values_with())


def test_undo_redo_and_reset(context, opened):
    shown = editing.grade(context, "golden hour", "fake", opened.media, (), opened.history)
    back = editing.undo(context, shown.media, (), shown.history)
    assert back.after == opened.after
    assert editing.redo(context, back.media, (), back.history).after == shown.after
    neutral = editing.reset(context, shown.media, (), shown.history)
    assert neutral.settings == Settings()
    assert editing.undo(context, neutral.media, (), neutral.history).settings.edit == WARM


def test_every_preset_has_a_small_picture_of_the_users_own(context, opened):
    items = editing.thumbnails(context, opened.media, ())
    assert [i["name"] for i in items] == ["none", *context.presets.names]
    negative = next(i for i in items if i["name"] == "negative")
    assert pixels_of(negative["image"]).mean() == pytest.approx(255 - pixels_of(items[0]["image"]).mean(), abs=25)
    assert {i["image"] for i in editing.thumbnails(context, None, ())} == {""}


# Presets and recipes of the user


def test_a_dropped_cube_becomes_a_preset_of_this_session_only(context, opened, tmp_path):
    path = tmp_path / "My Look.cube"
    write_cube(Cube(title="swap", table=Lut.identity(5).table[..., ::-1].copy()), path)
    shown = editing.open_file(context, str(path), opened.media, (), opened.history)
    assert shown.looks == (Look(str(path), "My Look.cube"),)
    assert shown.settings.edit.filter == Filter(name="My_Look", intensity=100)
    own, base = pixels_of(shown.after).astype(int), pixels_of(opened.before).astype(int)
    assert np.abs(own - base[..., ::-1]).mean() < JPEG
    assert editing.thumbnails(context, opened.media, shown.looks)[-1]["name"] == "My_Look"
    assert "My_Look" not in context.presets
    with pytest.raises(UserError, match="My_Look"):
        editing.choose_preset(context, "My_Look", opened.media, (), opened.history, *values_with())


def test_a_broken_cube_is_refused_with_its_line(context, tmp_path):
    path = tmp_path / "bad.cube"
    path.write_text("LUT_3D_SIZE 2\n0 0 0\nnot numbers\n")
    with pytest.raises(UserError, match="line 3"):
        editing.open_file(context, str(path), None, (), History())


def test_a_recipe_comes_in_again(context, opened, tmp_path):
    history = History().add(Step(Settings(WARM), prompt="golden hour"))
    path, _ = export.recipe(context, opened.media, history)
    assert Path(path).name == "photo_golden-hour.json"
    shown = editing.open_file(context, path, opened.media, (), History())
    assert shown.settings == Settings(WARM)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "not valid JSON"),
        ('{"adjust": {"contrast": 500}}', "adjust.contrast"),
        ('{"adjust": {"shine": 5}}', "no such parameter"),
        ('{"filter": {"name": "fortun", "intensity": 50}}', "did you mean fortune"),
    ],
)
def test_a_faulty_recipe_is_refused_with_its_place(context, tmp_path, text, fault):
    path = tmp_path / "edit.json"
    path.write_text(text)
    with pytest.raises(UserError, match=fault):
        editing.open_file(context, str(path), None, (), History())


# Export


def test_the_exported_picture_is_the_pipelines_at_full_size(context, opened, photo):
    history = opened.history.add(Step(Settings(WARM), prompt="Golden hour!"))
    path, note = export.picture(context, "PNG", 92, "As the picture", True, opened.media, (), history)
    assert Path(path).name == "photo_golden-hour.png"
    assert np.array_equal(load_image(path).pixels, render(photo.pixels, WARM, context.presets))
    assert "photo_golden-hour.png" in note


def test_sixteen_bits_have_sixteen_bit_steps(context, opened):
    history = opened.history.add(Step(Settings(Edit(adjust=Adjust(contrast=20)))))
    path, _ = export.picture(context, "TIFF", 92, "16", True, opened.media, (), history)
    deep = load_image(path).pixels
    assert deep.dtype == np.uint16
    assert np.any(deep % 257)


def test_the_place_is_removed_when_asked(context, tmp_path):
    path = tmp_path / "where.jpg"
    gps = piexif.dump(
        {"GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((48, 1), (8, 1), (0, 1))}}
    )
    Image.new("RGB", (32, 32), "gray").save(path, exif=gps)
    shown = editing.open_file(context, str(path), None, (), History())
    kept, _ = export.picture(context, "JPEG", 92, "8", False, shown.media, (), shown.history)
    stripped, _ = export.picture(context, "JPEG", 92, "8", True, shown.media, (), shown.history)
    assert piexif.load(kept)["GPS"]
    assert not piexif.load(stripped)["GPS"]


def test_the_exported_cube_is_the_edit_and_names_what_it_lacks(context, opened):
    history = opened.history.add(Step(Settings(WARM)))
    path, note = export.cube(context, "33", opened.media, (), history)
    table = read_cube(path).to_lut().table
    assert np.abs(table - bake_edit(WARM, context.presets, 33).table).max() < 1e-5
    assert "Bloom cannot travel in a .cube" in note
    _, clean = export.cube(context, "17", opened.media, (), opened.history)
    assert "cannot travel" not in clean


def test_exports_of_nothing_are_refused(context):
    with pytest.raises(UserError, match="Open a picture"):
        export.picture(context, "JPEG", 92, "8", True, None, (), History())
    with pytest.raises(UserError, match="Open a picture"):
        next(export.clip(context, None, (), History()))
    with pytest.raises(UserError, match="No export"):
        export.cancel_clip(context, None)


def test_files_of_two_exports_never_share_a_folder(context, opened):
    paths = {Path(export.recipe(context, opened.media, opened.history)[0]).parent for _ in range(3)}
    assert len(paths) == 3
    assert all(len(p.name) >= 32 for p in paths)


# Clips


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIBEGRADE_HOME", str(tmp_path_factory.mktemp("clip")))
        yield clip_path()


def test_a_clip_is_scrubbed_frame_by_frame(context, clip):
    shown = editing.open_file(context, str(clip), None, (), History())
    assert shown.media.kind == "video"
    assert shown.media.duration == pytest.approx(5, abs=0.1)
    later = editing.scrub(context, 3.0, shown.media, (), shown.history)
    assert later.media.seconds == 3.0
    assert later.media.id == shown.media.id
    assert later.before not in ("", shown.before)
    assert editing.scrub(context, 1e9, shown.media, (), shown.history).media.seconds == shown.media.duration


def test_a_picture_cannot_be_scrubbed_or_exported_as_a_clip(context, opened):
    with pytest.raises(UserError, match="Open a clip"):
        editing.scrub(context, 1, opened.media, (), opened.history)
    with pytest.raises(UserError, match="export it as an image"):
        next(export.clip(context, opened.media, (), opened.history))


def test_a_clip_export_tells_its_progress_and_gives_the_file(context, clip):
    shown = editing.open_file(context, str(clip), None, (), History().add(Step(Settings(WARM), prompt="warm")))
    said = list(export.clip(context, shown.media, (), shown.history))
    assert "starting" in said[0][0]
    assert [running for _, _, running in said[:-1]] == [True] * (len(said) - 1)
    words, path, running = said[-1]
    assert Path(path).name.endswith("_warm.mp4")
    assert not running
    assert Path(path).name in words
    with pytest.raises(UserError, match="No export"):
        export.cancel_clip(context, shown.media)


def test_a_cancelled_clip_export_leaves_no_file(context, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "new_file", lambda name: tmp_path / name)
    shown = editing.open_file(context, str(clip), None, (), History().add(Step(Settings(WARM))))
    steps = export.clip(context, shown.media, (), shown.history)
    next(steps)
    assert "Cancelling" in export.cancel_clip(context, shown.media)
    words, path, running = list(steps)[-1]
    assert (path, running) == (None, False)
    assert "cancelled" in words
    assert list(tmp_path.glob("*.mp4")) == list(tmp_path.glob(".*.part")) == []


def test_leaving_the_page_stops_the_export(context, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "new_file", lambda name: tmp_path / name)
    shown = editing.open_file(context, str(clip), None, (), History().add(Step(Settings(WARM))))
    steps = export.clip(context, shown.media, (), shown.history)
    next(steps)
    steps.close()
    assert list(tmp_path.glob("*.mp4")) == list(tmp_path.glob(".*.part")) == []


def test_the_progress_bar_says_how_long_it_takes():
    assert "42 % · about 1:05 left" in export.progress_bar(0.42, 65)
    assert 'aria-valuenow="42"' in export.progress_bar(0.42, 65)
    assert editing.clock(3725) == "1:02:05"


# Words


def test_the_decision_names_tools_reasons_and_neighbours():
    answer = Answer(
        WARM,
        "student",
        why="low sun",
        why_source="nearest recorded intent: dusk",
        confidence={"adjust": 0.9, "selective_adjust": 0.8, "filter": 0.7},
        neighbours=(Neighbour("dusk", 0.8),),
        latency_ms=38.2,
    )
    words = decision(Step(Settings(WARM), answer, "golden hour"))
    for part in (
        "golden hour",
        "Preset faded HighNoon",
        "low sun",
        "nearest recorded intent: dusk",
        "38 ms",
        "student",
    ):
        assert part in words
    assert "Temperature +35" in words
    assert "Hue 350°" in words
    assert "90% sure" in words
    assert "Drew on" in words


def test_an_unsure_planner_offers_its_neighbours():
    answer = Answer(WARM, "student", confidence={"adjust": 0.2}, neighbours=(Neighbour("dusk", 0.3),))
    assert "Did you mean" in decision(Step(Settings(WARM), answer, "dsk"))


def test_a_request_that_is_none_gets_no_suggestions():
    answer = Answer(Edit(), "student", message="No request for a look.", neighbours=(Neighbour("add a cat", 0.9),))
    words = decision(Step(Settings(), answer, "add a dog"))
    assert "No request for a look." in words
    assert "add a cat" not in words


def test_text_from_outside_never_becomes_markup():
    bad = '<img src=x onerror="alert(1)">'
    answer = Answer(WARM, bad, bad, bad, bad, neighbours=(Neighbour(bad, 0.5),))
    assert "<img" not in decision(Step(Settings(WARM), answer, bad))


# Shared state


def test_a_preview_is_made_once_for_many_threads():
    kept, made, together = _Kept(4), [], threading.Barrier(8)

    def make():
        made.append(1)
        return object()

    def ask(results):
        together.wait()
        results.append(kept.get("key", make))

    results: list = []
    threads = [threading.Thread(target=ask, args=(results,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(set(map(id, results))) == 1


def test_a_failed_preview_is_tried_again_and_old_ones_are_dropped():
    kept = _Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)
    assert [kept.get(k, lambda k=k: k) for k in "abc"] == ["a", "b", "c"]
    assert kept.get("a", lambda: "again") == "again"


# The page


def test_the_page_serves_nothing_it_should_not(monkeypatch):
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "7999")
    monkeypatch.setenv("MAX_UPLOAD_MB", "5")
    options = page.launch_options()
    assert (options["server_name"], options["server_port"], options["max_file_size"]) == ("0.0.0.0", 7999, "5mb")
    assert options["allowed_paths"] == []
    assert not options["share"]
    assert not options["show_error"]
    assert "http" not in options["theme"]._get_theme_css().replace("http://www.w3.org", "")


def test_every_event_of_the_page_can_be_called_by_name(context):
    blocks = page.build(context)
    named = set(blocks.get_api_info()["named_endpoints"])
    opening = {"/open", "/open_sample", "/samples", "/add_preset", "/load_recipe", "/preset_pictures"}
    editing_ = {"/grade", "/adjust", "/choose_preset", "/undo", "/redo", "/reset", "/scrub"}
    exports = {"/export_image", "/export_video", "/cancel_export", "/export_cube", "/export_recipe"}
    assert named >= opening | editing_ | exports | {"/taste", "/forget_taste"}
    adjust = blocks.get_api_info()["named_endpoints"]["/adjust"]["parameters"]
    assert [p["parameter_name"] for p in adjust] == list(controls.NAMES)
    assert all(p["parameter_has_default"] for p in adjust)
    assert json.dumps(blocks.get_api_info())

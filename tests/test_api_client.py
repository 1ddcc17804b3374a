"""Everything the page does, through `gradio_client`, against the running app; and that users stay apart."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from editor.color import delta_e_2000
from editor.cube import Cube, read_cube, write_cube
from editor.image import load_image
from editor.lut import Lut, apply_lut
from editor.pipeline import render
from editor.presets import Presets
from editor.tools import Adjust, Edit
from editor.ui.controls import NAMES
from tests.app_server import UPLOAD_MB, app_url  # noqa: F401


@pytest.fixture
def connect(app_url, tmp_path):  # noqa: F811
    """New users of the app."""
    return lambda: Client(app_url, verbose=False, download_files=tmp_path, analytics_enabled=False)


@pytest.fixture
def user(connect):
    return connect()


@pytest.fixture
def photo_path(tmp_path, photo):
    path = tmp_path / "meadow.png"
    Image.fromarray(photo.pixels).save(path)
    return path


def shown(result):
    """The graded preview's data URL in an answer."""
    stage = result[0] if isinstance(result, (list, tuple)) else result
    assert stage["value"].startswith("data:image/jpeg")
    return stage["value"]


def exported(result):
    """The exported file's path in an answer."""
    value = result[0]["value"] if isinstance(result[0], dict) else result[0]
    return Path(value)


def test_a_picture_from_upload_to_export(user, photo_path, photo):
    first = shown(user.predict(handle_file(photo_path), api_name="/open"))
    graded = shown(user.predict("golden hour", "recorded", api_name="/grade"))
    assert graded != first
    user.predict(api_name="/reset")
    moved = user.predict(exposure=-40, temperature=30, api_name="/adjust")
    assert shown(moved) not in (first, graded)
    path = exported(user.predict("PNG", 92, "8", True, api_name="/export_image"))
    expected = render(photo.pixels, Edit(adjust=Adjust(exposure=-40, temperature=30)), Presets.builtin())
    assert np.array_equal(load_image(path).pixels, expected)
    assert shown(user.predict(api_name="/undo")) == first
    assert shown(user.predict(api_name="/redo")) == shown(moved)


def test_the_exported_cube_gives_the_exported_picture(user, photo_path, photo):
    user.predict(handle_file(photo_path), api_name="/open")
    user.predict("golden hour", "recorded", api_name="/grade")
    recipe = json.loads(exported(user.predict(api_name="/export_recipe")).read_text())
    recipe["adjust"].pop("bloom", None)
    flat = photo_path.with_name("flat.json")
    flat.write_text(json.dumps(recipe))
    user.predict(handle_file(flat), api_name="/load_recipe")
    picture = exported(user.predict("PNG", 92, "8", True, api_name="/export_image"))
    assert picture.name.startswith("meadow_")
    lut = read_cube(exported(user.predict("65", api_name="/export_cube"))).to_lut()
    assert np.mean(delta_e_2000(apply_lut(lut, photo.pixels) / 255, load_image(picture).pixels / 255)) <= 0.5


def test_own_presets_and_recipes_are_used_by_name(user, photo_path):
    user.predict(handle_file(photo_path), api_name="/open")
    cube = photo_path.with_name("mine.cube")
    write_cube(Cube(title="mine", table=1 - Lut.identity(3).table), cube)
    own = shown(user.predict(handle_file(cube), api_name="/add_preset"))
    user.predict("winter", api_name="/choose_preset")
    again = user.predict("mine", preset="winter", intensity=100, api_name="/choose_preset")
    assert shown(again) == own
    names = {item["name"] for item in user.predict(api_name="/preset_pictures")["props"]["items"]}
    assert {"none", "winter", "mine"} <= names


def test_samples_clips_and_cancel(user):
    samples = {item["name"] for item in user.predict(api_name="/samples")["props"]["items"]}
    assert {"china", "clip"} <= samples
    first = shown(user.predict("clip", api_name="/open_sample"))
    assert shown(user.predict(3.0, api_name="/scrub")) != first
    user.predict("golden hour", "recorded", api_name="/grade")
    done = user.predict(api_name="/export_video")
    assert exported(done).suffix == ".mp4"
    assert exported(done).stat().st_size > 10_000
    with pytest.raises(AppError, match="No export is running"):
        user.predict(api_name="/cancel_export")


def test_bad_input_is_one_sentence(user, tmp_path):
    note = tmp_path / "note.jpg"
    note.write_text("only words")
    with pytest.raises(AppError, match=r"note\.jpg is a text file"):
        user.predict(handle_file(note), api_name="/open")
    with pytest.raises(AppError, match="Open a picture or a clip first"):
        user.predict("PNG", 92, "8", True, api_name="/export_image")
    with pytest.raises(AppError, match="oracle"):
        user.predict("warm", "oracle", api_name="/grade")


def test_users_do_not_see_each_other(connect, photo_path):
    one, two = connect(), connect()
    one.predict(handle_file(photo_path), api_name="/open")
    one.predict(exposure=50, api_name="/adjust")
    with pytest.raises(AppError, match="Open a picture"):
        two.predict("PNG", 92, "8", True, api_name="/export_image")
    recipe = exported(two.predict(api_name="/export_recipe"))
    assert Edit.load(recipe).is_neutral
    assert Edit.load(exported(one.predict(api_name="/export_recipe"))).adjust.exposure == 50


@pytest.mark.parametrize("path", ["/etc/passwd", str(Path(__file__).parents[1] / "app.py")])
def test_no_file_outside_the_uploads_is_served_or_opened(user, app_url, path):  # noqa: F811
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{app_url}/gradio_api/file={path}")
    assert refused.value.code in (403, 404)
    with pytest.raises(AppError):
        user.predict({"path": path, "meta": {"_type": "gradio.FileData"}}, api_name="/open")


def test_an_upload_over_the_limit_is_refused(user, tmp_path):
    big = tmp_path / "big.jpg"
    with big.open("wb") as file:
        file.truncate((UPLOAD_MB + 1) * 1024 * 1024)
    with pytest.raises(Exception, match=r"413|exceed"):
        user.predict(handle_file(big), api_name="/open")


def test_a_running_export_does_not_hold_up_another_users_sliders(connect, photo_path, tmp_path):
    long = tmp_path / "long.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=1280x720:r=30:d=60"]
    subprocess.run(
        [*command, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", "-pix_fmt", "yuv420p", str(long)],
        check=True,
    )
    busy, other = connect(), connect()
    busy.predict(handle_file(long), api_name="/open")
    busy.predict(exposure=20, structure=60, api_name="/adjust")
    job = busy.submit(api_name="/export_video")
    other.predict(handle_file(photo_path), api_name="/open")
    pictures = {shown(other.predict(exposure=e, api_name="/adjust")) for e in (10, 20, 30)}
    assert len(pictures) == 3
    assert not job.done()
    busy.predict(api_name="/cancel_export")
    assert "cancelled" in str(job.result())


def test_the_documented_names_are_the_ones_there_are(user):
    endpoints = user.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = [p["parameter_name"] for p in endpoints["/adjust"]["parameters"]]
    assert parameters == list(NAMES)
    assert endpoints["/grade"]["description"].startswith("Ask a planner")

"""From an edit to pixels: neutrality, depth, accuracy of the LUT, and the same picture on every surface."""

from __future__ import annotations

import json
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from editor.color import delta_e_2000, srgb_to_linear, srgb_to_oklch
from editor.cube import Cube, read_cube, write_cube
from editor.errors import UserError
from editor.lut import Lut, apply_lut, grid
from editor.pipeline import EXPORT_SIZE, PREVIEW_SIZE, FrameRenderer, bake_edit, exact, export_cube, render
from editor.presets import Presets
from editor.tools import COLORS, Edit

CORPUS = Path(__file__).parents[1] / "student" / "data" / "train.jsonl"
TONES = {
    "exposure": 30, "linearOffset": 20, "contrast": 40, "brightness": -20, "highlights": -40, "shadows": 35,
    "saturation": 30, "vibrance": 40, "hue": 70,
}  # fmt: skip
VARIED = [
    {"adjust": {"exposure": 25, "contrast": 30, "temperature": 35, "vibrance": 20}},
    {"adjust": {"saturation": -100, "temperature": 45}, "filter": {"name": "half", "intensity": 40}},
    {"adjust": {"shadows": -30, "highlights": 40, "tint": -15}, "selective_adjust": {"blue": {"saturation": -60}}},
    {"selective_adjust": {"orange": {"saturation": 25, "luminance": 10}}, "filter": {"name": "warm", "intensity": 70}},
]


def photo(width: int = 96) -> np.ndarray:
    """A small colourful photo, uint8."""
    image = Image.fromarray(data.astronaut())
    return np.array(image.resize((width, width * 3 // 4), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def presets(tmp_path_factory) -> Presets:
    """Three small looks: a warm power curve, half the light, the negative."""
    folder = tmp_path_factory.mktemp("presets")
    looks = {"warm": grid(17) ** np.array([0.8, 1.0, 1.3]), "half": grid(9) * 0.5, "negative": 1 - grid(2)}
    for name, table in looks.items():
        write_cube(Cube(table=table), folder / f"{name}.cube")
    return Presets({name: folder / f"{name}.cube" for name in looks})


@cache
def corpus_edits(count: int) -> list[Edit]:
    """Random edits of the teacher's that change something."""
    rows = [json.loads(line)["edit"] for line in CORPUS.read_text("utf-8").splitlines()]
    random.Random(5).shuffle(rows)
    edits = (Edit.from_dict(row) for row in rows)
    return [
        edit for edit, _ in zip((e for e in edits if not e.without_spatial().is_neutral), range(count), strict=False)
    ]


@cache
def colours() -> np.ndarray:
    """Pixels of six photos (skin, night, sky, leaves, ...) and random RGB, float32 (n, 3)."""
    rng = np.random.default_rng(0)
    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    photos += [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    drawn = [p.reshape(-1, 3)[rng.integers(0, p.shape[0] * p.shape[1], 250)] / 255 for p in photos]
    return np.concatenate([*drawn, rng.random((1000, 3))]).astype(np.float32)


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"adjust": {"hue": 360}, "filter": {"name": "none", "intensity": 80}},
        {"adjust": {"exposure": 0}, "selective_adjust": {"red": {"saturation": 0}}, "filter": {"name": "warm"}},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_neutral_edits_return_every_value(edit, dtype, presets):
    top = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    ramp = np.linspace(-0.5 if top == 1 else 0, 1.5 if top == 1 else 1, 65536 * 3).reshape(256, 256, 3)
    pixels = (ramp * top).astype(dtype)
    result = render(pixels, Edit.from_dict(edit), presets)
    np.testing.assert_array_equal(result, pixels)
    assert result.dtype == dtype
    assert not np.shares_memory(result, pixels)
    assert bake_edit(Edit.from_dict(edit), presets).is_identity


def test_exposure_of_a_stop_doubles_the_light_of_greys(presets):
    ramp = np.repeat(np.linspace(0.05, 0.7, 200)[:, None, None], 3, axis=2)
    pixels = (ramp * 65535).astype(np.uint16)
    graded = render(pixels, Edit.from_dict({"adjust": {"exposure": 50}}), presets) / 65535
    np.testing.assert_allclose(srgb_to_linear(graded), 2 * srgb_to_linear(pixels / 65535), rtol=0.001)


def test_filter_blends_in_display_space(presets):
    rgb = (0.3 + 0.4 * colours()).astype(np.float32)
    for intensity in (25, 50, 100):
        edit = Edit.from_dict({"filter": {"name": "half", "intensity": intensity}})
        np.testing.assert_allclose(exact(rgb, edit, presets), rgb * (1 - intensity / 200), atol=1e-6)
        np.testing.assert_allclose(apply_lut(bake_edit(edit, presets), rgb), rgb * (1 - intensity / 200), atol=1e-6)


def test_filter_follows_adjust(presets):
    grey = np.full((1, 1, 3), 0.5, np.float32)
    edit = Edit.from_dict({"adjust": {"exposure": 50}, "filter": {"name": "negative", "intensity": 100}})
    lighter = exact(grey, Edit.from_dict({"adjust": {"exposure": 50}}), presets)
    np.testing.assert_allclose(exact(grey, edit, presets), 1 - lighter, atol=1e-6)


def test_light_beyond_white_reaches_the_preset_as_white(presets):
    white = np.ones((1, 1, 3), np.float32)
    edit = {"adjust": {"exposure": 50}, "filter": {"name": "negative", "intensity": 100}}
    np.testing.assert_allclose(exact(white, Edit.from_dict(edit), presets), 0, atol=1e-6)
    # and a faint preset leaves most of the light beyond white in place
    edit["filter"]["intensity"] = 1
    assert exact(white, Edit.from_dict(edit), presets).min() > 1.3


def test_light_beyond_white_keeps_its_hue_through_a_preset(presets):
    rgb = np.array([[[0.9, 0.45, 0.3], [0.35, 0.5, 0.95], [0.85, 0.7, 0.2]]], np.float32)
    adjust = {"exposure": 25, "saturation": 40}
    plain = exact(rgb, Edit.from_dict({"adjust": adjust}), presets)
    assert exact(rgb, Edit.from_dict({"adjust": {"exposure": 25}}), presets).max() > 0.99
    half = exact(rgb, Edit.from_dict({"adjust": adjust, "filter": {"name": "half", "intensity": 100}}), presets)
    # half the display value is nearly one factor on linear light: hues stay
    turned = srgb_to_oklch(half)[..., 2] - srgb_to_oklch(plain)[..., 2]
    assert np.degrees(np.abs(turned)).max() < 3


@pytest.mark.parametrize(("size", "mean", "p99"), [(PREVIEW_SIZE, 0.2, 1.0), (EXPORT_SIZE, 0.1, 0.5)])
def test_lut_is_accurate_over_corpus_edits(size, mean, p99):
    presets, rgb = Presets.builtin(), colours()
    errors = [
        delta_e_2000(exact(rgb, edit, presets), apply_lut(bake_edit(edit, presets, size), rgb))
        for edit in corpus_edits(40)
    ]
    assert np.mean(errors) <= mean
    assert np.percentile(errors, 99) <= p99


@pytest.mark.parametrize(
    "edit",
    [
        {"adjust": TONES},
        {"adjust": {"contrast": 100}},
        {"adjust": {"contrast": -100, "saturation": 100}},
        {"selective_adjust": {color: {"saturation": 80, "luminance": -60} for color in COLORS}},
        {"adjust": {"exposure": 60}, "filter": {"name": "half", "intensity": 50}},
    ],
)
@pytest.mark.parametrize("size", [PREVIEW_SIZE, EXPORT_SIZE])
def test_greys_leak_no_colour_through_the_lut(edit, size, presets):
    for dtype, count in ((np.uint8, 256), (np.uint16, 65536)):
        ramp = np.repeat(np.arange(count, dtype=dtype)[None, :, None], 3, axis=2)
        graded = render(ramp, Edit.from_dict(edit), presets, size)
        assert np.ptp(graded.astype(int), axis=2).max() == 0


def test_saturation_minus_100_is_exactly_grey(presets):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    graded = render(pixels, Edit.from_dict({"adjust": {"saturation": -100, "contrast": 20}}), presets)
    assert np.ptp(graded.astype(int), axis=2).max() == 0


def test_hue_360_is_hue_0(presets):
    whole = Edit.from_dict({"adjust": {"contrast": 20, "hue": 360}})
    none = Edit.from_dict({"adjust": {"contrast": 20}})
    np.testing.assert_array_equal(render(photo(), whole, presets), render(photo(), none, presets))


@pytest.mark.parametrize("edit", VARIED)
def test_depths_agree(edit, presets):
    edit, pixels = Edit.from_dict(edit), photo()
    eight = render(pixels, edit, presets)
    sixteen = render(pixels.astype(np.uint16) * 257, edit, presets)
    real = render((pixels / np.float32(255)).astype(np.float32), edit, presets)
    assert (eight.dtype, sixteen.dtype, real.dtype) == (np.uint8, np.uint16, np.float32)
    np.testing.assert_allclose(eight / 255, real, atol=0.51 / 255)
    np.testing.assert_allclose(sixteen / 65535, real, atol=1.01 / 65535)
    assert 0 <= real.min() <= real.max() <= 1


@pytest.mark.parametrize("spatial", [{"structure": 40}, {"sharpen": 50}, {"bloom": 40}])
def test_spatial_stages_work_on_unrounded_values(spatial, presets):
    edit = Edit.from_dict({"adjust": {"exposure": 20, **spatial}})
    pixels = photo()
    eight = render(pixels, edit, presets)
    real = render((pixels / np.float32(255)).astype(np.float32), edit, presets)
    np.testing.assert_allclose(eight / 255, real, atol=0.501 / 255)
    sixteen = render(pixels.astype(np.uint16) * 257, edit, presets)
    np.testing.assert_allclose(sixteen / 65535, real, atol=0.6 / 65535)
    assert np.any(eight != render(pixels, edit.without_spatial(), presets))


def test_frames_of_changing_size_render_like_pictures(presets):
    rng = np.random.default_rng(5)
    edit = Edit.from_dict({"adjust": {"contrast": 30, "structure": 40, "sharpen": 30, "bloom": 50}})
    frames = FrameRenderer(edit, presets)
    for shape in ((90, 160, 3), (90, 160, 3), (64, 48, 3)):
        pixels = rng.integers(0, 65536, shape, np.uint16)
        before = pixels.copy()
        assert np.array_equal(frames(pixels), render(pixels, edit, presets))
        assert np.array_equal(pixels, before)
    with pytest.raises(ValueError, match="no spatial stage"):
        FrameRenderer(Edit.from_dict({"adjust": {"contrast": 30}}), presets)


def test_edit_of_spatial_stages_alone_leaves_a_flat_picture(presets):
    flat = np.full((60, 80, 3), (90, 120, 60), np.uint8)
    edit = Edit.from_dict({"adjust": {"structure": 60, "sharpen": 60}})
    np.testing.assert_array_equal(render(flat, edit, presets), flat)


def test_a_part_of_a_picture_renders_like_the_whole(presets):
    edit = Edit.from_dict({"adjust": {"contrast": 20, "sharpen": 60}})
    whole = photo(400)
    part = whole[60:260, 100:330]
    rendered = render(part, edit, presets, full_diagonal=float(np.hypot(*whole.shape[:2])))
    expected = render(whole, edit, presets)[60:260, 100:330]
    np.testing.assert_allclose(rendered[20:-20, 20:-20].astype(int), expected[20:-20, 20:-20], atol=1)


@pytest.mark.parametrize("edit", VARIED)
def test_preview_and_export_luts_show_the_same_picture(edit, presets):
    edit, pixels = Edit.from_dict(edit), photo()
    preview, export = (render(pixels, edit, presets, size) / 255 for size in (PREVIEW_SIZE, EXPORT_SIZE))
    error = delta_e_2000(preview, export)
    assert error.mean() <= 0.2
    assert np.percentile(error, 99) <= 1.5


@pytest.mark.parametrize("edit", VARIED)
def test_ffmpeg_with_the_exported_cube_shows_the_rendered_picture(edit, presets, tmp_path):
    edit, pixels = Edit.from_dict(edit), photo(101)
    cube, lost = export_cube(edit, presets, "Test look")
    assert (cube.title, cube.is_plain, len(cube.table), lost) == ("Test look", True, EXPORT_SIZE, ())
    write_cube(cube, tmp_path / "look.cube")
    graded = ffmpeg_lut3d(pixels, tmp_path)
    assert delta_e_2000(graded / 255, render(pixels, edit, presets) / 255).mean() <= 0.5
    # ffmpeg widens 8-bit RGB by 256 instead of 257; 16 bits show how close the two really are
    deep = pixels.astype(np.uint16) * 257
    np.testing.assert_allclose(
        ffmpeg_lut3d(deep, tmp_path) / 65535, render(deep, edit, presets) / 65535, atol=0.5 / 255
    )


def ffmpeg_lut3d(pixels: np.ndarray, folder: Path) -> np.ndarray:
    """The picture through ffmpeg's lut3d filter with folder/look.cube, at the picture's own depth."""
    cv2.imwrite(str(folder / "in.png"), pixels[..., ::-1])
    out = "format=rgb24" if pixels.dtype == np.uint8 else "format=gbrp16le,format=rgb48be"
    filters = f"format=gbrpf32le,lut3d=file=look.cube:interp=tetrahedral,{out}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", "in.png", "-vf", filters, "out.png"]
    subprocess.run(command, cwd=folder, check=True)
    return cv2.imread(str(folder / "out.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]


def test_exported_cube_survives_the_file(presets, tmp_path):
    cube, _ = export_cube(Edit.from_dict(VARIED[0]), presets, size=17)
    write_cube(cube, tmp_path / "look.cube")
    np.testing.assert_allclose(read_cube(tmp_path / "look.cube").table, cube.table, atol=5.1e-7)


def test_export_names_what_a_cube_cannot_carry(presets):
    edit = Edit.from_dict({"adjust": {"contrast": 10, "bloom": 20, "sharpen": 10}})
    cube, lost = export_cube(edit, presets, "x", PREVIEW_SIZE)
    assert lost == ("sharpen", "bloom")
    np.testing.assert_array_equal(cube.table, bake_edit(edit.without_spatial(), presets, PREVIEW_SIZE).table)


def test_baked_luts_are_kept_by_what_the_pixels_depend_on(presets):
    def lut(**changes) -> Lut:
        values = {"contrast": 10.0, "bloom": 5.0, **changes}
        return bake_edit(Edit.from_dict({"adjust": values, "filter": {"name": "warm", "intensity": 30}}), presets)

    assert lut() is lut()
    assert lut(bloom=80.0) is lut()
    assert lut(contrast=11.0) is not lut()


def test_presets_of_the_same_name_in_two_sessions_are_not_mixed_up(tmp_path):
    edit = Edit.from_dict({"filter": {"name": "mine", "intensity": 100}})
    sessions = []
    for gain in (0.5, 0.25):
        write_cube(Cube(table=grid(2) * gain), tmp_path / "mine.cube")
        sessions.append(Presets().with_file(tmp_path / "mine.cube"))
    grey = np.full((1, 1, 3), 200, np.uint8)
    assert [render(grey, edit, session)[0, 0, 0] for session in sessions] == [100, 50]


def test_threads_share_the_cache(presets):
    edits = [Edit.from_dict({"adjust": {"contrast": c}}) for c in range(5, 30)]  # more than are kept
    expected = [render(photo(16), edit, presets, 17) for edit in edits]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda e: render(photo(16), e, presets, 17), edits * 3))
    for result, reference in zip(results, expected * 3, strict=True):
        np.testing.assert_array_equal(result, reference)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (0, 4, 3)])
@pytest.mark.parametrize("adjust", [{"contrast": 20}, {"contrast": 20, "structure": 30, "sharpen": 30, "bloom": 30}])
def test_tiny_pictures(shape, adjust, presets):
    pixels = np.full(shape, 100, np.uint16)
    assert render(pixels, Edit.from_dict({"adjust": adjust}), presets).shape == shape


def test_unknown_preset_is_an_error_for_people(presets):
    edit = Edit.from_dict({"filter": {"name": "wram", "intensity": 10}})
    for use in (bake_edit, export_cube):
        with pytest.raises(UserError, match="did you mean warm"):
            use(edit, presets)

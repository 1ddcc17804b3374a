"""Every picture of the foreign index: loads or is refused as expected, upright, in one plain sentence."""

import csv
import re

import cv2
import imagecodecs
import numpy as np
import pytest
from conftest import EXTERNAL
from PIL import Image, ImageOps

from editor.errors import UserError
from editor.image import load_image, save_image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on each oddity of a broken file


def _index():
    if not EXTERNAL.is_dir():
        return []
    with (EXTERNAL / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["file"].startswith("images/")]


def _outcome(path):
    try:
        return load_image(path), ""
    except UserError as error:
        return None, str(error)


@pytest.mark.skipif(not EXTERNAL.is_dir(), reason="the foreign test files (../shared/external) are not here")
@pytest.mark.parametrize("row", _index(), ids=lambda row: row["file"])
def test_outcome_is_the_expected_one(row):
    expected, observed = row["expected outcome"], row["observed with reference tools"]
    picture, refusal = _outcome(EXTERNAL / row["file"])
    if picture is None:
        assert not (expected.startswith("loads") and "reject" not in expected), refusal
        assert refusal.endswith(".")
        assert "\n" not in refusal
        return
    assert not (expected.startswith("rejects") and "loads" not in expected), "loaded"
    assert picture.pixels.dtype in (np.uint8, np.uint16)
    if size := re.search(r"upright=(\d+)x(\d+)", observed):
        assert picture.size == (int(size[1]), int(size[2]))


@pytest.mark.parametrize("name", ["libpng__basn2c16.png", "libpng__basn6a16.png", "libpng__ftbbn2c16.png"])
def test_deep_png_agrees_with_opencv_and_survives_export(external, tmp_path, name):
    path = external / "images" / name
    reference = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    picture = load_image(path)
    assert np.array_equal(picture.pixels, reference[..., 2::-1])
    if reference.shape[2] == 4:
        assert np.array_equal(picture.alpha, reference[..., 3])
    stored = imagecodecs.png_decode(save_image(picture, tmp_path / "out.png").read_bytes())
    assert np.array_equal(stored[..., :3], picture.pixels)


@pytest.mark.parametrize("name", ["hopper_orientation_5.webp", "hopper_orientation_6.jpg", "avif_rot1mir1.avif"])
def test_orientation_agrees_with_pillow(external, name):
    path = external / "images" / f"pillow__{name}"
    with Image.open(path) as image:
        reference = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(load_image(path).pixels, reference)


def test_grey_jpeg_is_neutral(external):
    pixels = load_image(external / "images" / "pillow__hopper_gray.jpg").pixels
    assert (pixels == pixels[..., :1]).all()


def test_cmyk_agrees_with_the_rgb_twin(external):
    """Two exports of one picture, CMYK and RGB: not inverted, and closer than print and screen usually are."""
    ink = load_image(external / "images" / "pillow__pil_sample_cmyk.jpg").pixels.astype(float)
    screen = load_image(external / "images" / "pillow__truncated_app14.jpg").pixels.astype(float)
    assert np.abs(ink - screen).mean() < 15


def test_transparency_comes_from_keys_and_channels(external):
    keyed = load_image(external / "images" / "pillow__rgb_trns.png")
    assert np.array_equal(keyed.alpha == 0, (keyed.pixels == (0, 255, 52)).all(axis=-1))
    with Image.open(external / "images" / "pillow__transparent.webp") as image:
        reference = np.asarray(image)[..., 3]
    assert np.array_equal(load_image(external / "images" / "pillow__transparent.webp").alpha, reference)


def test_videos_are_no_pictures(external):
    for path in sorted((external / "video").iterdir()):
        with pytest.raises(UserError, match="video"):
            load_image(path)

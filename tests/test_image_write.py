"""Pictures as they are written: bits, profile, metadata, names; nothing lost, nothing left behind."""

import io
import struct

import numpy as np
import pytest
from pictures import ALPHA8, ALPHA16, RGB8, RGB16, pillow_file
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base

from editor.errors import UserError
from editor.icc import srgb_profile
from editor.image import (
    IMAGE_SUFFIXES,
    Picture,
    export_name,
    export_notes,
    load_image,
    preview,
    save_image,
    unique_path,
)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_lossless_exports_come_back_bit_for_bit(tmp_path, suffix, depth, with_alpha):
    pixels, alpha = (RGB8, ALPHA8) if depth == 8 else (RGB16, ALPHA16)
    source = Picture(pixels, alpha if with_alpha else None)
    back = load_image(save_image(source, tmp_path / f"out{suffix}"))
    assert back.pixels.dtype == pixels.dtype
    assert np.array_equal(back.pixels, pixels)
    assert np.array_equal(back.alpha, alpha) if with_alpha else back.alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_every_export_carries_the_srgb_profile(tmp_path, photo, suffix):
    with Image.open(save_image(photo, tmp_path / f"out{suffix}")) as image:
        profile = image.info["icc_profile"]
    assert profile == srgb_profile()
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


def test_the_same_picture_gives_the_same_file(tmp_path, photo):
    first = save_image(photo, tmp_path / "a.png").read_bytes()
    assert save_image(photo, tmp_path / "b.png").read_bytes() == first


def test_jpeg_is_444_and_follows_quality(tmp_path, photo):
    sizes = []
    for quality in (50, 95):
        path = save_image(photo, tmp_path / f"q{quality}.jpg", quality=quality)
        sizes.append(path.stat().st_size)
        with Image.open(path) as image:
            assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    assert sizes[0] < sizes[1]
    assert np.abs(load_image(path).pixels.astype(int) - photo.pixels).mean() < 3.5


def test_depth_changes_round_to_the_nearest_code(tmp_path):
    grey = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    shallow = load_image(save_image(Picture(grey), tmp_path / "s.png", bit_depth=8)).pixels
    assert np.array_equal(shallow, np.floor(grey / 257 + 0.5).astype(np.uint8))
    deep = load_image(save_image(Picture(RGB8), tmp_path / "d.tif", bit_depth=16)).pixels
    assert np.array_equal(deep, RGB8.astype(np.uint16) * 257)


def test_jpeg_lays_transparency_over_white_and_says_so(tmp_path):
    alpha = np.zeros((20, 30), np.uint8)
    alpha[:, 15:] = 255
    source = Picture(np.full((20, 30, 3), 60, np.uint8), alpha)
    pixels = load_image(save_image(source, tmp_path / "flat.jpg", quality=100)).pixels
    assert pixels[:, :8].min() > 250
    assert np.abs(pixels[:, 24:].astype(int) - 60).max() < 4
    assert export_notes(source, "flat.jpg") == ("JPEG has no transparency: the picture was laid over white.",)
    assert export_notes(source, "flat.png") == ()
    assert export_notes(Picture(RGB16), "x.jpg") == ("Reduced from 16 to 8 bits.",)


def _camera_exif():
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Artist] = "Maker", "Box 1", "Ann Example"
    exif[Base.Orientation] = 6
    exif[IFD.Exif] = {Base.ExposureTime: 0.01, Base.ISOSpeedRatings: 400, Base.ColorSpace: 65535}
    exif[IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    return exif.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("keep_gps", [True, False])
def test_camera_data_travels_and_the_place_only_if_wanted(tmp_path, suffix, keep_gps):
    source = load_image(pillow_file(tmp_path, RGB8, ".jpg", exif=_camera_exif()))
    out = save_image(source, tmp_path / f"out{suffix}", keep_gps=keep_gps)
    with Image.open(out) as image:
        exif = image.getexif()
        camera, place = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
        assert exif[Base.Model] == "Box 1"
        assert exif[Base.Artist] == "Ann Example"
        assert exif.get(Base.Orientation, 1) == 1
        assert camera[Base.ISOSpeedRatings] == 400
        assert float(camera[Base.ExposureTime]) == pytest.approx(0.01)
        assert camera[Base.ColorSpace] == 1
        assert (2 in place) == keep_gps
    assert load_image(out).pixels.shape == source.pixels.shape == (30, 20, 3)


def test_deep_tiff_metadata_survives_a_second_round(tmp_path):
    source = load_image(pillow_file(tmp_path, RGB8, ".jpg", exif=_camera_exif()))
    once = load_image(save_image(source, tmp_path / "deep.tif", bit_depth=16))
    with Image.open(save_image(once, tmp_path / "again.jpg")) as image:
        exif = image.getexif()
        assert exif[Base.Make] == "Maker"
        assert exif.get_ifd(IFD.GPSInfo)[1] == "N"


def test_thumbnail_is_dropped(tmp_path):
    jpeg = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(jpeg, "JPEG")
    thumbnail = jpeg.getvalue()
    ifd0 = struct.pack("<HHHII", 1, Base.Orientation, 3, 1, 6) + struct.pack("<I", 26)
    ifd1 = struct.pack("<HHHIIHHIII", 2, 513, 4, 1, 56, 514, 4, 1, len(thumbnail), 0)
    path = pillow_file(tmp_path, RGB8, ".jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + ifd0 + ifd1 + thumbnail)
    assert thumbnail in path.read_bytes()
    out = save_image(load_image(path), tmp_path / "out.jpg")
    assert thumbnail not in out.read_bytes()
    with Image.open(out) as image:
        assert not image.getexif().get_ifd(IFD.IFD1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_no_reason_to_refuse(tmp_path):
    path = pillow_file(tmp_path, RGB8, ".jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert load_image(path).exif is None


def test_nothing_is_overwritten_unless_told(tmp_path, photo):
    path = save_image(photo, tmp_path / "out.png")
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"out\.png already exists"):
        save_image(photo.with_pixels(255 - photo.pixels), path)
    assert path.read_bytes() == before
    save_image(photo.with_pixels(255 - photo.pixels), path, overwrite=True)
    assert np.array_equal(load_image(path).pixels, 255 - photo.pixels)


def test_a_failed_write_leaves_nothing_behind(tmp_path, photo, monkeypatch):
    def disk_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("editor.image_write._png", disk_full)
    with pytest.raises(UserError, match="No space left on device"):
        save_image(photo, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("out.gif", {}, "written as"),
        ("out", {}, "written as"),
        ("out.jpg", {"bit_depth": 16}, "PNG or TIFF"),
        ("out.png", {"bit_depth": 12}, "8 or 16"),
        ("out.jpg", {"quality": 0}, "1 to 100"),
        ("no/folder/out.jpg", {}, "no folder"),
    ],
)
def test_impossible_exports_are_refused(tmp_path, photo, name, options, words):
    with pytest.raises(UserError, match=words):
        save_image(photo, tmp_path / name, **options)


def test_format_limits_are_named(tmp_path):
    with pytest.raises(UserError, match="16383"):
        save_image(Picture(np.zeros((1, 17_000, 3), np.uint8)), tmp_path / "wide.webp")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_one_pixel_works(tmp_path, suffix):
    path = save_image(Picture(np.full((1, 1, 3), 77, np.uint8)), tmp_path / f"one{suffix}", quality=100)
    assert np.abs(load_image(path).pixels.astype(int) - 77).max() <= 2


# ---- names and previews ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "prompt", "suffix", "expected"),
    [
        ("photo.png", "Golden hour", ".jpg", "photo_golden-hour.jpg"),
        ("IMG_1234.HEIC", "Teal & Orange!", "png", "IMG_1234_teal-orange.png"),
        ("Straße am Meer.jpg", "夏の海", ".TIF", "Strasse-am-Meer_xia-nohai.tif"),
        ("photo.jpg", "🔥🔥", ".jpg", "photo_graded.jpg"),
        ("../../etc/passwd", "../x", ".jpg", "passwd_x.jpg"),
        ("🔥.jpg", "", ".jpg", "picture_graded.jpg"),
    ],
)
def test_export_names(source, prompt, suffix, expected):
    assert export_name(source, prompt, suffix) == expected


def test_export_names_are_bounded():
    assert len(export_name("x" * 500 + ".jpg", "very long words " * 1000, ".jpg")) <= 110


def test_unique_path_counts_up(tmp_path):
    path = tmp_path / "a.jpg"
    assert unique_path(path) == path
    path.touch()
    (tmp_path / "a-2.jpg").touch()
    assert unique_path(path) == tmp_path / "a-3.jpg"


def test_preview_reduces_large_pictures_only():
    large = Picture(np.full((1000, 2000, 3), 90, np.uint8), np.full((1000, 2000), 255, np.uint8))
    small = preview(large, 500)
    assert small.size == (500, 250)
    assert small.alpha.shape == (250, 500)
    assert (small.pixels == 90).all()
    assert preview(small, 500) is small


def test_suffixes_cover_the_formats():
    assert {".jpg", ".png", ".webp", ".tif", ".heic", ".avif"} <= IMAGE_SUFFIXES

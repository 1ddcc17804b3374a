"""Pictures in and out, against Pillow, tifffile, colour-science and files built by hand."""

import io
import struct
import zlib

import colour
import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.ExifTags import IFD, Base

from editor.errors import UserError
from editor.icc import coded_profile, srgb_profile
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
from editor.image_identify import MAX_PIXELS

# Pillow warns of each oddity of a broken file; the loader's own filter does not hold under pytest.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")

RNG = np.random.default_rng(1)
RGB8 = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
ALPHA8 = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
ALPHA16 = RNG.integers(0, 65536, (20, 30), dtype=np.uint16)


def _pillow(tmp_path, array, suffix, mode=None, **options):
    path = tmp_path / f"picture{suffix}"
    (Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)).save(path, **options)
    return path


def _tiff(tmp_path, array, **options):
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, array, **options)
    return path


# ---- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "options"), [(".png", {}), (".webp", {"lossless": True}), (".tif", {}), (".bmp", {})]
)
def test_lossless_8_bit_files_load_bit_for_bit(tmp_path, suffix, options):
    picture = load_image(_pillow(tmp_path, RGB8, suffix, **options))
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, RGB8)
    assert picture.alpha is None
    assert picture.notes == ()
    assert picture.name == f"picture{suffix}"


def test_jpeg_loads_as_pillow_decodes_it(tmp_path):
    path = _pillow(tmp_path, RGB8, ".jpg", quality=90)
    assert np.array_equal(load_image(path).pixels, np.asarray(Image.open(path)))


def test_16_bit_png_keeps_its_low_bytes_and_alpha(tmp_path):
    path = tmp_path / "deep.png"
    path.write_bytes(imagecodecs.png_encode(np.dstack([RGB16, ALPHA16])))
    picture = load_image(path)
    assert np.array_equal(picture.pixels, RGB16)
    assert np.array_equal(picture.alpha, ALPHA16)
    assert picture.bit_depth == 16


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"planarconfig": "separate"}])
def test_16_bit_tiff_loads_bit_for_bit(tmp_path, options):
    array = np.moveaxis(RGB16, -1, 0) if "planarconfig" in options else RGB16
    assert np.array_equal(load_image(_tiff(tmp_path, array, photometric="rgb", **options)).pixels, RGB16)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_16_bit_grey_tiff_of_both_polarities(tmp_path, photometric):
    picture = load_image(_tiff(tmp_path, RGB16[..., 0], photometric=photometric))
    expected = RGB16[..., 0] if photometric == "minisblack" else 65535 - RGB16[..., 0]
    assert (picture.pixels == expected[..., None]).all()


def test_premultiplied_tiff_becomes_straight(tmp_path):
    alpha = np.full((4, 4, 1), 32768, np.uint16)
    stored = np.dstack([np.full((4, 4, 3), 16384, np.uint16), alpha])
    picture = load_image(_tiff(tmp_path, stored, photometric="rgb", extrasamples=["assocalpha"]))
    assert abs(int(picture.pixels[0, 0, 0]) - 16384 * 65535 / 32768) <= 1
    assert (picture.alpha == 32768).all()


def test_float_tiff_of_display_values_becomes_16_bit(tmp_path):
    values = np.linspace(0, 1, 4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3)
    picture = load_image(_tiff(tmp_path, values, photometric="rgb"))
    assert np.array_equal(picture.pixels, np.rint(values * 65535).astype(np.uint16))


def test_float_tiff_beyond_display_range_is_stretched_and_says_so(tmp_path):
    values = np.array([[-100, 0], [300, np.nan]], np.float32)
    picture = load_image(_tiff(tmp_path, values))
    assert picture.pixels[:, :, 0].tolist() == [[0, 16384], [65535, 16384]]
    assert any("not numbers" in n for n in picture.notes)
    assert any("-100 to 300" in n for n in picture.notes)


def test_grey_palette_bilevel_and_transparent_palette(tmp_path):
    grey = _pillow(tmp_path, RGB8[..., 0], ".png")
    assert (load_image(grey).pixels == RGB8[..., :1]).all()
    paletted = Image.fromarray(RGB8).quantize(16)
    paletted.save(tmp_path / "p.png", transparency=3)
    picture = load_image(tmp_path / "p.png")
    assert np.array_equal(picture.pixels, np.asarray(paletted.convert("RGB")))
    assert np.array_equal(picture.alpha == 0, np.asarray(paletted) == 3)
    bilevel = RGB8[..., 0] > 127
    assert (load_image(_pillow(tmp_path, bilevel, ".png")).pixels == bilevel[..., None] * 255).all()


def test_colour_key_becomes_alpha(tmp_path):
    path = _pillow(tmp_path, RGB8, ".png", transparency=tuple(int(v) for v in RGB8[3, 4]))
    alpha = load_image(path).alpha
    assert alpha[3, 4] == 0
    assert alpha.sum() == 255 * (alpha.size - (RGB8[3, 4] == RGB8).all(-1).sum())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation_is_applied_and_leaves_the_metadata(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Model] = "Box"
    with Image.open(_pillow(tmp_path, RGB8, suffix)) as untagged:
        expected = np.asarray(_transposed(untagged, orientation))
    picture = load_image(_pillow(tmp_path, RGB8, suffix, exif=exif.tobytes()))
    assert np.array_equal(picture.pixels, expected)
    kept = Image.Exif()
    kept.load(picture.exif)
    assert Base.Orientation not in kept
    assert kept[Base.Model] == "Box"


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_orientation_of_a_deep_tiff(tmp_path, orientation):
    path = _tiff(tmp_path, RGB16, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    expected = {1: RGB16, 6: np.rot90(RGB16, -1), 7: np.rot90(RGB16, 2).swapaxes(0, 1)}[orientation]
    assert np.array_equal(load_image(path).pixels, expected)


def _transposed(image, orientation):
    turn = Image.Transpose
    methods = [None, turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM]
    methods += [turn.TRANSPOSE, turn.ROTATE_270, turn.TRANSVERSE, turn.ROTATE_90]
    method = methods[orientation - 1]
    return image.copy() if method is None else image.transpose(method)


def test_deep_heif_and_avif_load_at_full_scale(tmp_path):
    ramp = np.repeat(np.linspace(0, 1023, 64).astype(np.uint16)[None, :, None], 32, axis=0).repeat(3, axis=2)
    heif = tmp_path / "deep.heic"
    pillow_heif.from_bytes("RGB;16", (64, 32), (ramp * 64).tobytes()).save(heif, quality=-1, chroma=444)
    avif = tmp_path / "deep.avif"
    avif.write_bytes(imagecodecs.avif_encode(ramp, level=95, bitspersample=10))
    for path in (heif, avif):
        pixels = load_image(path).pixels
        assert pixels.dtype == np.uint16
        assert np.abs(pixels / 65535 - ramp / 1023).max() < 0.01
    assert load_image(heif).pixels.max() > 65200


def test_first_frame_of_an_animation_is_used_and_said(tmp_path):
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "lime", "blue")]
    for suffix, options in ((".gif", {}), (".webp", {"lossless": True}), (".png", {})):
        path = tmp_path / f"moving{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        picture = load_image(path)
        assert picture.pixels[0, 0].tolist() == [255, 0, 0]
        assert picture.notes == ("Animated (3 frames): the first frame is used.",)


# ---- colour ------------------------------------------------------------------------------------


def test_display_p3_agrees_with_colour_science_at_8_and_16_bits(tmp_path):
    profile, _ = coded_profile(12)
    inside = RNG.uniform(0.35, 0.65, (16, 16, 3))  # far from the edge of sRGB, so that nothing is clipped
    expected = colour.RGB_to_RGB(
        inside,
        "Display P3",
        "sRGB",
        apply_cctf_decoding=True,
        apply_cctf_encoding=True,
        chromatic_adaptation_transform="Bradford",
    )
    shallow = _pillow(tmp_path, np.rint(inside * 255).astype(np.uint8), ".png", icc_profile=profile)
    deep = _tiff(tmp_path, np.rint(inside * 65535).astype(np.uint16), photometric="rgb", iccprofile=profile)
    assert np.abs(load_image(shallow).pixels / 255 - expected).max() < 1.6 / 255
    assert np.abs(load_image(deep).pixels / 65535 - expected).max() < 0.25 / 255
    assert "to sRGB" in load_image(deep).notes[0]


def test_srgb_profile_changes_nothing(tmp_path):
    assert np.array_equal(load_image(_pillow(tmp_path, RGB8, ".png", icc_profile=srgb_profile())).pixels, RGB8)
    deep = load_image(_tiff(tmp_path, RGB16, photometric="rgb", iccprofile=srgb_profile()))
    assert np.array_equal(deep.pixels, RGB16)
    assert deep.notes == ()


def _icc_profile(kind, space, connection, tags):
    """A version 2 profile laid out as ICC.1:2001-04 says."""
    white = struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1, 0.8249)))
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"Test\0" + bytes(79),
        b"wtpt": b"XYZ " + bytes(4) + white,
        b"cprt": b"text" + bytes(4) + b"none\0\0\0\0",
        **tags,
    }
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = bytearray(128)
    head[8:12], head[12:24], head[36:40], head[68:80] = b"\x02\x40\0\0", kind + space + connection, b"acsp", white
    profile = bytes(head) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(profile)) + profile[4:]


def _grey_gamma_profile(gamma):
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    return _icc_profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def _ink_profile():
    """A printer whose 16 full-ink mixes look as subtraction on a screen would have it: (1 - c)(1 - k) in sRGB."""
    c, m, y, k = np.indices((2, 2, 2, 2))
    screen = np.stack([(1 - c) * (1 - k), (1 - m) * (1 - k), (1 - y) * (1 - k)], axis=-1).astype(float)
    d65, d50 = (colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"][w] for w in ("D65", "D50"))
    xyz = colour.RGB_to_XYZ(screen, "sRGB", d65, apply_cctf_decoding=True, chromatic_adaptation_transform=None)
    adapt = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        colour.xy_to_XYZ(d65), colour.xy_to_XYZ(d50), transform="Bradford"
    )
    lab = colour.XYZ_to_Lab(xyz @ adapt.T, d50)
    coded = np.clip(np.rint(lab * (652.8, 256, 256) + (0, 32768, 32768)), 0, 65535)  # version 2 Lab encoding
    ramp = struct.pack(">2H", 0, 65535)
    table = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(np.eye(3).ravel() * 65536).astype(int))
    table += struct.pack(">2H", 2, 2) + ramp * 4 + coded.astype(">u2").tobytes() + ramp * 3
    return _icc_profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


@pytest.mark.parametrize("depth", [8, 16])
def test_cmyk_profile_is_honoured(tmp_path, depth):
    mixes = np.indices((2, 2, 2, 2)).reshape(4, 4, 4).transpose(1, 2, 0)
    inks = (mixes * (2**depth - 1)).astype(f"uint{depth}")
    picture = load_image(_tiff(tmp_path, inks, photometric="separated", iccprofile=_ink_profile()))
    expected = (1 - mixes[..., :3]) * (1 - mixes[..., 3:])
    assert np.abs(picture.pixels / (2**depth - 1) - expected).max() < 0.02
    assert picture.notes == ("Converted from Test to sRGB.",)


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_profile_is_honoured_and_stays_neutral(tmp_path, depth):
    full = 2**depth - 1
    ramp = np.linspace(0, full, 256).astype(f"uint{depth}").reshape(16, 16)
    picture = load_image(_tiff(tmp_path, ramp, photometric="minisblack", iccprofile=_grey_gamma_profile(1.8)))
    assert (picture.pixels == picture.pixels[..., :1]).all()
    expected = colour.models.eotf_inverse_sRGB((ramp / full) ** (461 / 256))  # the profile's u8Fixed8 gamma
    assert np.abs(picture.pixels[..., 0] / full - expected).max() < 1.2 / 255


def test_unreadable_and_unfit_profiles_are_ignored_with_a_note(tmp_path):
    for profile in (b"not a profile" * 20, _grey_gamma_profile(2.2)):
        picture = load_image(_pillow(tmp_path, RGB8, ".png", icc_profile=profile))
        assert np.array_equal(picture.pixels, RGB8)
        assert "ignored" in picture.notes[0]


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_ink_whatever_the_container(tmp_path, suffix):
    inks = np.array([[0, 0, 0, 0], [0, 0, 0, 255], [0, 255, 255, 0], [255, 0, 255, 0], [255, 255, 0, 0]], np.uint8)
    patches = np.repeat(np.repeat(inks[None], 16, axis=0), 16, axis=1)
    path = tmp_path / f"ink{suffix}"
    Image.fromarray(patches, "CMYK").save(path, **({"quality": 100} if suffix == ".jpg" else {}))
    picture = load_image(path)
    white, black, red, green, blue = (picture.pixels[8, 16 * i + 8].astype(int) for i in range(5))
    assert white.min() >= 253
    assert black.max() < 60
    assert red.argmax() == 0
    assert green.argmax() == 1
    assert blue.argmax() == 2
    assert "SWOP" in picture.notes[0]


def test_16_bit_cmyk_agrees_with_8_bit(tmp_path):
    inks = RNG.integers(0, 256, (8, 8, 4), dtype=np.uint8)
    shallow = load_image(_tiff(tmp_path, inks, photometric="separated")).pixels
    deep = load_image(_tiff(tmp_path, inks.astype(np.uint16) * 257, photometric="separated")).pixels
    assert np.abs(deep / 257 - shallow).max() <= 0.51


def test_hdr_is_refused_and_wide_coded_colour_is_converted(tmp_path):
    plain = io.BytesIO()
    Image.fromarray(RGB8).save(plain, "PNG")

    def with_cicp(primaries, transfer):
        chunk = b"cICP" + bytes([primaries, transfer, 0, 1])
        path = tmp_path / "coded.png"
        head, tail = plain.getvalue()[:33], plain.getvalue()[33:]
        path.write_bytes(head + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + tail)
        return path

    with pytest.raises(UserError, match="HDR"):
        load_image(with_cicp(9, 16))
    assert "Display P3" in load_image(with_cicp(12, 13)).notes[0]
    assert np.array_equal(load_image(with_cicp(1, 13)).pixels, RGB8)


# ---- refusals ----------------------------------------------------------------------------------

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"just some words", "text file"),
        ("Größe und Maße".encode(), "text file"),
        (SVG, "SVG"),
        (b"%PDF-1.7\n\0\xff", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n\0", "PostScript"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "video"),
        (bytes(200), "not a picture"),
        (b"\xff\xd8\xff\xe0" + bytes(30), "damaged"),
        (b"II*\0" + bytes(30), "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path, data, words):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(UserError, match=words) as caught:
        load_image(path)
    message = str(caught.value)
    assert message.startswith("photo.jpg ")
    assert message.endswith(".")
    assert "\n" not in message
    assert ": " in message  # what is wrong: what to do


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".avif"])
@pytest.mark.parametrize("part", [0.3, 0.8])
def test_truncated_files_are_refused(tmp_path, suffix, part):
    path = _pillow(tmp_path, RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), suffix)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(UserError, match="damaged or cut short"):
        load_image(path)


def test_truncated_deep_files_are_refused(tmp_path):
    deep = RNG.integers(0, 65536, (64, 64, 3), dtype=np.uint16)
    files = [_tiff(tmp_path, deep, photometric="rgb"), tmp_path / "deep.png", tmp_path / "deep.heic"]
    files[1].write_bytes(imagecodecs.png_encode(deep))
    pillow_heif.from_bytes("RGB;16", (64, 64), deep.tobytes()).save(files[2])
    for path in files:
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(UserError, match="damaged or cut short"):
            load_image(path)


@pytest.mark.parametrize("size", [(12_000, 9_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_over_100_megapixels_is_refused_before_decoding(tmp_path, size):
    header = struct.pack(">II5B", *size, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(UserError, match="too large"):
        load_image(path)


def test_large_tiff_is_refused_and_the_limit_itself_is_not(tmp_path):
    path = _tiff(tmp_path, np.zeros((2, 2), np.uint16))
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["ImageWidth"].overwrite(MAX_PIXELS // 2 + 1)
    with pytest.raises(UserError, match="100 megapixels or fewer"):
        load_image(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(UserError, match=r"no file gone\.jpg"):
        load_image(tmp_path / "gone.jpg")
    with pytest.raises(UserError, match="folder"):
        load_image(tmp_path)


def test_suffix_does_not_matter_but_content_does(tmp_path):
    path = _pillow(tmp_path, RGB8, ".png").rename(tmp_path / "picture.jpg")
    assert np.array_equal(load_image(path).pixels, RGB8)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "gif", "bmp", "avif"])
def test_flipped_bytes_never_raise_anything_but_user_errors(tmp_path, kind):
    original = _pillow(tmp_path, RGB8, f".{kind}").read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(60):
        data = bytearray(original)
        for place in rng.integers(0, min(len(data), 400), 4):
            data[place] = rng.integers(0, 256)
        path = tmp_path / f"fuzzed.{kind}"
        path.write_bytes(data)
        try:
            assert load_image(path).pixels.size > 0
        except UserError:
            refused += 1
    assert refused > 0


# ---- writing -----------------------------------------------------------------------------------


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
    source = load_image(_pillow(tmp_path, RGB8, ".jpg", exif=_camera_exif()))
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
    source = load_image(_pillow(tmp_path, RGB8, ".jpg", exif=_camera_exif()))
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
    path = _pillow(tmp_path, RGB8, ".jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + ifd0 + ifd1 + thumbnail)
    assert thumbnail in path.read_bytes()
    out = save_image(load_image(path), tmp_path / "out.jpg")
    assert thumbnail not in out.read_bytes()
    with Image.open(out) as image:
        assert not image.getexif().get_ifd(IFD.IFD1)


def test_broken_exif_is_no_reason_to_refuse(tmp_path):
    path = _pillow(tmp_path, RGB8, ".jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
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

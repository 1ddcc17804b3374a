"""Pictures as they are read, against Pillow, tifffile, colour-science and files built by hand."""

import io
import struct
import zlib

import colour
import imagecodecs
import numpy as np
import pillow_heif
import pytest
from pictures import ALPHA16, RGB8, RGB16, RNG, pillow_file, tiff_file
from PIL import Image
from PIL.ExifTags import Base

from editor.errors import UserError
from editor.icc import coded_profile, srgb_profile
from editor.image import load_image

# ---- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "options"), [(".png", {}), (".webp", {"lossless": True}), (".tif", {}), (".bmp", {})]
)
def test_lossless_8_bit_files_load_bit_for_bit(tmp_path, suffix, options):
    picture = load_image(pillow_file(tmp_path, RGB8, suffix, **options))
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, RGB8)
    assert picture.alpha is None
    assert picture.notes == ()
    assert picture.name == f"picture{suffix}"


def test_jpeg_loads_as_pillow_decodes_it(tmp_path):
    path = pillow_file(tmp_path, RGB8, ".jpg", quality=90)
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
    assert np.array_equal(load_image(tiff_file(tmp_path, array, photometric="rgb", **options)).pixels, RGB16)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_16_bit_grey_tiff_of_both_polarities(tmp_path, photometric):
    picture = load_image(tiff_file(tmp_path, RGB16[..., 0], photometric=photometric))
    expected = RGB16[..., 0] if photometric == "minisblack" else 65535 - RGB16[..., 0]
    assert (picture.pixels == expected[..., None]).all()


def test_premultiplied_tiff_becomes_straight(tmp_path):
    alpha = np.full((4, 4, 1), 32768, np.uint16)
    stored = np.dstack([np.full((4, 4, 3), 16384, np.uint16), alpha])
    picture = load_image(tiff_file(tmp_path, stored, photometric="rgb", extrasamples=["assocalpha"]))
    assert abs(int(picture.pixels[0, 0, 0]) - 16384 * 65535 / 32768) <= 1
    assert (picture.alpha == 32768).all()


def test_float_tiff_of_display_values_becomes_16_bit(tmp_path):
    values = np.linspace(0, 1, 4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3)
    picture = load_image(tiff_file(tmp_path, values, photometric="rgb"))
    assert np.array_equal(picture.pixels, np.rint(values * 65535).astype(np.uint16))


def test_float_tiff_beyond_display_range_is_stretched_and_says_so(tmp_path):
    values = np.array([[-100, 0], [300, np.nan]], np.float32)
    picture = load_image(tiff_file(tmp_path, values))
    assert picture.pixels[:, :, 0].tolist() == [[0, 16384], [65535, 16384]]
    assert any("not numbers" in n for n in picture.notes)
    assert any("-100 to 300" in n for n in picture.notes)


def test_grey_palette_bilevel_and_transparent_palette(tmp_path):
    grey = pillow_file(tmp_path, RGB8[..., 0], ".png")
    assert (load_image(grey).pixels == RGB8[..., :1]).all()
    paletted = Image.fromarray(RGB8).quantize(16)
    paletted.save(tmp_path / "p.png", transparency=3)
    picture = load_image(tmp_path / "p.png")
    assert np.array_equal(picture.pixels, np.asarray(paletted.convert("RGB")))
    assert np.array_equal(picture.alpha == 0, np.asarray(paletted) == 3)
    bilevel = RGB8[..., 0] > 127
    assert (load_image(pillow_file(tmp_path, bilevel, ".png")).pixels == bilevel[..., None] * 255).all()


def test_colour_key_becomes_alpha(tmp_path):
    path = pillow_file(tmp_path, RGB8, ".png", transparency=tuple(int(v) for v in RGB8[3, 4]))
    alpha = load_image(path).alpha
    assert alpha[3, 4] == 0
    assert alpha.sum() == 255 * (alpha.size - (RGB8[3, 4] == RGB8).all(-1).sum())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation_is_applied_and_leaves_the_metadata(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Model] = "Box"
    with Image.open(pillow_file(tmp_path, RGB8, suffix)) as untagged:
        expected = np.asarray(_transposed(untagged, orientation))
    picture = load_image(pillow_file(tmp_path, RGB8, suffix, exif=exif.tobytes()))
    assert np.array_equal(picture.pixels, expected)
    kept = Image.Exif()
    kept.load(picture.exif)
    assert Base.Orientation not in kept
    assert kept[Base.Model] == "Box"


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_orientation_of_a_deeptiff_file(tmp_path, orientation):
    path = tiff_file(tmp_path, RGB16, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
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
    shallow = pillow_file(tmp_path, np.rint(inside * 255).astype(np.uint8), ".png", icc_profile=profile)
    deep = tiff_file(tmp_path, np.rint(inside * 65535).astype(np.uint16), photometric="rgb", iccprofile=profile)
    assert np.abs(load_image(shallow).pixels / 255 - expected).max() < 1.6 / 255
    assert np.abs(load_image(deep).pixels / 65535 - expected).max() < 0.25 / 255
    assert "to sRGB" in load_image(deep).notes[0]


def test_srgb_profile_changes_nothing(tmp_path):
    assert np.array_equal(load_image(pillow_file(tmp_path, RGB8, ".png", icc_profile=srgb_profile())).pixels, RGB8)
    deep = load_image(tiff_file(tmp_path, RGB16, photometric="rgb", iccprofile=srgb_profile()))
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
    picture = load_image(tiff_file(tmp_path, inks, photometric="separated", iccprofile=_ink_profile()))
    expected = (1 - mixes[..., :3]) * (1 - mixes[..., 3:])
    assert np.abs(picture.pixels / (2**depth - 1) - expected).max() < 0.02
    assert picture.notes == ("Converted from Test to sRGB.",)


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_profile_is_honoured_and_stays_neutral(tmp_path, depth):
    full = 2**depth - 1
    ramp = np.linspace(0, full, 256).astype(f"uint{depth}").reshape(16, 16)
    picture = load_image(tiff_file(tmp_path, ramp, photometric="minisblack", iccprofile=_grey_gamma_profile(1.8)))
    assert (picture.pixels == picture.pixels[..., :1]).all()
    expected = colour.models.eotf_inverse_sRGB((ramp / full) ** (461 / 256))  # the profile's u8Fixed8 gamma
    assert np.abs(picture.pixels[..., 0] / full - expected).max() < 1.2 / 255


def test_unreadable_and_unfit_profiles_are_ignored_with_a_note(tmp_path):
    for profile in (b"not a profile" * 20, _grey_gamma_profile(2.2)):
        picture = load_image(pillow_file(tmp_path, RGB8, ".png", icc_profile=profile))
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
    shallow = load_image(tiff_file(tmp_path, inks, photometric="separated")).pixels
    deep = load_image(tiff_file(tmp_path, inks.astype(np.uint16) * 257, photometric="separated")).pixels
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

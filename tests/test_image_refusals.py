"""What is refused, in one plain sentence, before it can do harm."""

import struct
import zlib

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from pictures import RGB8, RNG, pillow_file, tiff_file

from editor.errors import UserError
from editor.image import load_image
from editor.image_identify import MAX_PIXELS

# Pillow warns of each oddity of a broken file; the loader's own filter does not hold under pytest.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")

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
    path = pillow_file(tmp_path, RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), suffix)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(UserError, match="damaged or cut short"):
        load_image(path)


def test_truncated_deep_files_are_refused(tmp_path):
    deep = RNG.integers(0, 65536, (64, 64, 3), dtype=np.uint16)
    files = [tiff_file(tmp_path, deep, photometric="rgb"), tmp_path / "deep.png", tmp_path / "deep.heic"]
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
    path = tiff_file(tmp_path, np.zeros((2, 2), np.uint16))
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
    path = pillow_file(tmp_path, RGB8, ".png").rename(tmp_path / "picture.jpg")
    assert np.array_equal(load_image(path).pixels, RGB8)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "gif", "bmp", "avif"])
def test_flipped_bytes_never_raise_anything_but_user_errors(tmp_path, kind):
    original = pillow_file(tmp_path, RGB8, f".{kind}").read_bytes()
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

"""HaldCLUT pictures: layout, depths, levels, and what is refused."""

from __future__ import annotations

import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from editor.cube import Cube, CubeError
from editor.hald import read_hald, write_hald
from editor.lut import grid


def identity(size: int = 2) -> Cube:
    return Cube(table=grid(size))


def warm(size: int = 9) -> Cube:
    return Cube(table=np.clip(grid(size) ** np.array([0.8, 1.0, 1.3]), 0, 1))


@pytest.mark.parametrize(("bit_depth", "step"), [(8, 1 / 255), (16, 1 / 65535)])
@pytest.mark.parametrize("level", [2, 3, 5, 8])
def test_a_written_table_reads_back(tmp_path, level, bit_depth, step):
    path = tmp_path / "look.png"
    write_hald(warm(level**2), path, level, bit_depth)
    back = read_hald(path)
    assert (back.title, back.is_plain, len(back.table)) == ("look", True, level**2)
    np.testing.assert_allclose(back.table, warm(level**2).table, atol=0.51 * step)
    assert [p.name for p in tmp_path.iterdir()] == ["look.png"]


def test_red_runs_fastest_then_green_then_blue(tmp_path):
    path = tmp_path / "identity.png"
    write_hald(identity(), path, level=2, bit_depth=8)
    rows = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1].reshape(-1, 3)
    assert rows[:5].tolist() == [[0, 0, 0], [85, 0, 0], [170, 0, 0], [255, 0, 0], [0, 85, 0]]
    assert rows[16].tolist() == [0, 0, 85]


def test_identity_is_the_picture_that_ffmpeg_generates(tmp_path):
    source = tmp_path / "ffmpeg.png"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "haldclutsrc=level=4:duration=1"]
    subprocess.run([*command, "-frames:v", "1", "-pix_fmt", "rgb48be", str(source)], check=True)
    np.testing.assert_allclose(read_hald(source).table, grid(16), atol=2 / 255)  # ffmpeg rounds on its way
    ours = tmp_path / "ours.png"
    write_hald(identity(), ours, level=4, bit_depth=8)
    theirs = cv2.imread(str(source), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(cv2.imread(str(ours), cv2.IMREAD_COLOR).astype(int), theirs, atol=2)


def test_values_outside_the_range_are_clipped(tmp_path):
    write_hald(Cube(table=grid(4) * 3 - 1), tmp_path / "hard.png", level=2)
    np.testing.assert_allclose(read_hald(tmp_path / "hard.png").table, np.clip(grid(4) * 3 - 1, 0, 1), atol=1e-5)


def test_palette_grey_and_alpha_pictures_load(tmp_path):
    path = tmp_path / "alpha.png"
    write_hald(warm(4), path, level=2, bit_depth=8)
    bgr = cv2.imread(str(path))
    cv2.imwrite(str(path), np.dstack([bgr, np.full(bgr.shape[:2], 9, np.uint8)]))
    np.testing.assert_allclose(read_hald(path).table, warm(4).table, atol=0.51 / 255)
    cv2.imwrite(str(tmp_path / "grey.png"), bgr[..., 1])
    assert np.ptp(read_hald(tmp_path / "grey.png").table, axis=-1).max() == 0


@pytest.mark.parametrize("shape", [(8, 9), (9, 9), (1, 1), (64, 27), (17**3, 17**3)])
def test_wrong_sizes_are_refused(tmp_path, shape):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.zeros((*shape, 3), np.uint8))
    with pytest.raises(CubeError, match=rf"photo\.png: a HaldCLUT is a square .* this is {shape[1]} × {shape[0]}"):
        read_hald(path)


def test_what_is_no_png_is_refused(tmp_path):
    path = tmp_path / "look.png"
    path.write_bytes(b"LUT_3D_SIZE 2\n")
    with pytest.raises(CubeError, match=r"look\.png: this is no PNG picture"):
        read_hald(path)
    with pytest.raises(CubeError, match=r"gone\.png: this is no PNG picture"):
        read_hald(tmp_path / "gone.png")
    write_hald(identity(), path, level=4)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CubeError, match="damaged"):
        read_hald(path)


@pytest.mark.parametrize(("level", "bit_depth"), [(1, 8), (17, 8), (8, 10)])
def test_levels_and_depths_that_do_not_exist(tmp_path, level, bit_depth):
    with pytest.raises(ValueError, match="level from 2 to 16"):
        write_hald(identity(), tmp_path / "x.png", level, bit_depth)

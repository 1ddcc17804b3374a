"""LUT application against a slow tetrahedral reference; identity, shapes, depths and clipping."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from editor.lut import Lut, apply_lut, bake, grid

DEPTHS = {np.uint8: 255, np.uint16: 65535}


def tetrahedral_reference(lut: Lut, rgb: np.ndarray) -> np.ndarray:
    """One colour at a time, the six tetrahedra written out (Kasson et al. 1995): (n, 3) -> (n, 3) float64."""
    table, last = lut.table.astype(np.float64), lut.size - 1
    result = np.empty(rgb.shape)
    for row, colour in enumerate(np.clip(rgb.astype(np.float64), 0, 1) * last):
        i, j, k = (min(int(v), last - 1) for v in colour)
        r, g, b = colour - (i, j, k)
        c = {f"{x}{y}{z}": table[i + x, j + y, k + z] for x in (0, 1) for y in (0, 1) for z in (0, 1)}
        c0, c1 = c["000"], c["111"]
        if r >= g >= b:
            value = (1 - r) * c0 + (r - g) * c["100"] + (g - b) * c["110"] + b * c1
        elif r >= b >= g:
            value = (1 - r) * c0 + (r - b) * c["100"] + (b - g) * c["101"] + g * c1
        elif b >= r >= g:
            value = (1 - b) * c0 + (b - r) * c["001"] + (r - g) * c["101"] + g * c1
        elif b >= g >= r:
            value = (1 - b) * c0 + (b - g) * c["001"] + (g - r) * c["011"] + r * c1
        elif g >= b >= r:
            value = (1 - g) * c0 + (g - b) * c["010"] + (b - r) * c["011"] + r * c1
        else:
            value = (1 - g) * c0 + (g - r) * c["010"] + (r - b) * c["110"] + b * c1
        result[row] = value
    return result


def random_lut(size: int, seed: int = 0) -> Lut:
    """Identity plus noise, with values below 0 and above 1."""
    noise = np.random.default_rng(seed).normal(0, 0.2, (size, size, size, 3))
    return Lut((grid(size) + noise).astype(np.float32))


@pytest.mark.parametrize("size", [2, 5, 33, 65, 129])
def test_float_pixels_match_the_reference(size):
    lut = random_lut(size)
    rgb = np.random.default_rng(1).uniform(-0.2, 1.2, (3000, 3)).astype(np.float32)
    rgb[:8] = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 8).T
    np.testing.assert_allclose(apply_lut(lut, rgb), tetrahedral_reference(lut, rgb), atol=2e-5)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("size", [17, 33, 65])
def test_integer_pixels_are_rounded_and_clipped_after_interpolation(dtype, size):
    lut, top = random_lut(size), DEPTHS[dtype]
    pixels = np.random.default_rng(2).integers(0, top + 1, (3000, 3)).astype(dtype)
    exact = np.clip(tetrahedral_reference(lut, pixels / top), 0, 1) * top
    np.testing.assert_allclose(apply_lut(lut, pixels).astype(float), exact, atol=0.501 + 4e-6 * top)  # float32 inside


def test_greys_stay_exactly_neutral_through_a_neutral_curve():
    lut = bake(lambda rgb: rgb**1.7, 33)
    ramp = np.repeat(np.arange(65536, dtype=np.uint16)[:, None], 3, axis=1)
    graded = apply_lut(lut, ramp)
    assert (graded == graded[:, :1]).all()
    graded8 = apply_lut(lut, (ramp[::257] >> 8).astype(np.uint8))
    assert (graded8 == graded8[:, :1]).all()


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("size", [2, 17, 33, 64, 65])
def test_identity_is_bit_exact(dtype, size):
    top = DEPTHS[dtype]
    pixels = np.random.default_rng(3).integers(0, top + 1, (50_000, 3)).astype(dtype)
    pixels[:256] = np.linspace(0, top, 256).astype(dtype)[:, None]
    np.testing.assert_array_equal(apply_lut(Lut.identity(size), pixels), pixels)
    # One moved corner keeps the LUT from being skipped: the rest must still pass exactly
    table = grid(size).copy()
    table[-1, 0, 0] += 0.25
    elsewhere = pixels[(pixels[:, 0] <= pixels[:, 1]) | (pixels[:, 0] <= pixels[:, 2])]
    moved = Lut(table)
    assert not moved.is_identity
    np.testing.assert_array_equal(apply_lut(moved, elsewhere), elsewhere)


def test_identity_copies_float_values_outside_the_range_too():
    rgb = np.array([[-0.5, 0.1, 1.5]], dtype=np.float32)
    result = apply_lut(Lut.identity(33), rgb)
    np.testing.assert_array_equal(result, rgb)
    assert result is not rgb


@pytest.mark.parametrize(
    "shape", [(0, 3), (0, 4, 3), (4, 0, 3), (1, 1, 3), (3,), (1, 3), (7, 5, 3), (3, 700, 3), (2, 3, 4, 3)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_shape(shape, dtype):
    lut, top = random_lut(9), DEPTHS.get(dtype, 1)
    pixels = (np.random.default_rng(4).random(shape) * top).astype(dtype)
    result = apply_lut(lut, pixels)
    assert (result.shape, result.dtype) == (shape, dtype)
    # SIMD and scalar code of OpenColorIO differ in the last float32 bit
    expected = np.clip(tetrahedral_reference(lut, pixels.reshape(-1, 3) / top), *((0, 1) if top > 1 else (-9, 9))) * top
    np.testing.assert_allclose(result.reshape(-1, 3), expected, atol=1e-6 if top == 1 else 0.501 + 4e-6 * top)


def test_strided_pixels_and_read_only_pixels():
    rgba = np.random.default_rng(5).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    lut = random_lut(9)
    for view in (rgba[..., :3], rgba[::-1, ::2, 2::-1], rgba[..., :3].transpose(1, 0, 2)):
        np.testing.assert_array_equal(apply_lut(lut, view), apply_lut(lut, view.copy()))
    frozen = rgba[..., :3].copy()
    frozen.flags.writeable = False
    before = frozen.copy()
    apply_lut(lut, frozen)
    np.testing.assert_array_equal(frozen, before)


def test_thread_count_and_concurrent_use_do_not_change_the_result():
    lut = random_lut(17)
    pixels = np.random.default_rng(6).integers(0, 256, (201, 333, 3), dtype=np.uint8)
    expected = apply_lut(lut, pixels, threads=1)
    for threads in (2, 3, 8, 100):
        np.testing.assert_array_equal(apply_lut(lut, pixels, threads=threads), expected)
    fresh = random_lut(17)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: apply_lut(fresh, pixels), range(8)):
            np.testing.assert_array_equal(result, expected)


def test_wrong_pixels_are_refused():
    with pytest.raises(TypeError, match="not float64"):
        apply_lut(random_lut(3), np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="three channels"):
        apply_lut(random_lut(3), np.zeros((2, 2, 4), np.uint8))


@pytest.mark.parametrize(
    "table", [np.zeros((2, 2, 3)), np.zeros((2, 2, 2, 4)), np.zeros((1, 1, 1, 3)), np.zeros((2, 3, 2, 3))]
)
def test_wrong_tables_are_refused(table):
    with pytest.raises(ValueError, match="N x N x N x 3"):
        Lut(table)


def test_table_is_checked_copied_and_frozen():
    table = grid(3).copy()
    lut = Lut(table)
    table[0] = 9
    assert lut.is_identity
    with pytest.raises(ValueError, match="read-only"):
        lut.table[0] = 1
    table[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        Lut(table)


def test_bake_samples_the_grid_unclipped():
    lut = bake(lambda rgb: rgb * 3 - 1, 40)
    np.testing.assert_array_equal(lut.table, grid(40) * 3 - 1)
    np.testing.assert_array_equal(lut.table[-1, 0, 0], [2, -1, -1])


def test_errors_inside_the_baked_function_come_out():
    def broken(rgb):
        raise RuntimeError("no colour")

    with pytest.raises(RuntimeError, match="no colour"):
        bake(broken, 33)

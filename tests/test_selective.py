"""The SelectiveAdjust tool: weights, hidden magenta, greys, exact removal, smooth luminance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor import selective
from editor.color import oklch_to_srgb, srgb_to_oklch
from editor.selective import HUE_CENTRES, MAGENTA, apply_selective, weights
from editor.tools import COLORS, SelectiveAdjust

CIRCLE = np.radians(np.arange(0, 360, 0.01))


def edit(**shifts):
    return SelectiveAdjust(**shifts)


def random_rgb(dtype=np.float32):
    return np.random.default_rng(9).uniform(0, 1, (2000, 3)).astype(dtype)


def at_hue(degrees, L=0.6, C=0.1):
    return oklch_to_srgb(np.array([[L, C, np.radians(degrees)]]))


def lch(rgb):
    L, C, h = srgb_to_oklch(rgb)[0]
    return L, C, np.degrees(h) % 360


def test_weights_sum_to_one_and_are_shares():
    w = weights(CIRCLE)
    assert w.shape == (*CIRCLE.shape, 7)
    np.testing.assert_allclose(w.sum(axis=-1), 1, atol=1e-12)
    assert w.min() >= 0
    assert ((w > 1e-9).sum(axis=-1) <= 2).all()


def test_weights_are_one_at_their_centres():
    centres = np.radians([*HUE_CENTRES.values(), MAGENTA])
    np.testing.assert_allclose(weights(centres), np.eye(7), atol=1e-12)
    np.testing.assert_allclose(weights(centres - 2 * np.pi), np.eye(7), atol=1e-12)


def test_weights_are_smooth_around_the_whole_circle():
    """C1: neither value nor slope jumps, also across 0°."""
    w = weights(CIRCLE)
    slope = np.diff(w, axis=0, append=w[:1]) / np.radians(0.01)
    assert np.abs(slope).max() < np.pi / 2 / np.radians(24) + 0.01  # the closest pair, red and orange, is 24° apart
    assert np.abs(np.diff(slope, axis=0, append=slope[:1])).max() < 0.01


def test_blend_is_the_weighted_sum():
    values = np.array([0.3, -1, 0.2, 0.9, -0.4, 1, 0])
    np.testing.assert_allclose(selective.blend(CIRCLE, values), weights(CIRCLE) @ values, atol=1e-12)


def test_centres_are_the_hues_of_srgb():
    """Red, green, blue and cyan, yellow, magenta of sRGB (CSS Color 4)."""
    published = {"red": 29.23, "yellow": 109.77, "green": 142.50, "cyan": 194.77, "blue": 264.05}
    for name, degrees in published.items():
        assert HUE_CENTRES[name] == pytest.approx(degrees, abs=0.5)
    assert abs(MAGENTA - 328.36) < 0.5


def test_neutral_returns_the_input_itself():
    rgb = random_rgb()
    assert apply_selective(rgb, SelectiveAdjust()) is rgb


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_shape_layout_and_input_are_kept(dtype):
    rgb = random_rgb(dtype).reshape(40, 50, 3)
    before = rgb.copy()
    result = apply_selective(rgb, edit(red={"saturation": 30, "luminance": -20}))
    assert (result.dtype, result.shape, result.flags.c_contiguous) == (dtype, rgb.shape, True)
    np.testing.assert_array_equal(rgb, before)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-100, 100), min_size=12, max_size=12))
def test_greys_are_untouched_bit_for_bit(values):
    shifts = {c: {"saturation": values[2 * i], "luminance": values[2 * i + 1]} for i, c in enumerate(COLORS)}
    grey = np.repeat(np.linspace(-0.2, 1.5, 999, dtype=np.float32)[:, None], 3, axis=1)
    np.testing.assert_array_equal(apply_selective(grey, edit(**shifts)), grey)
    almost = (grey + np.random.default_rng(1).uniform(-0.004, 0.004, grey.shape)).astype(np.float32)[200:]
    np.testing.assert_array_equal(apply_selective(almost, edit(**shifts)), almost)


@pytest.mark.parametrize("color", COLORS)
def test_saturation_minus_100_removes_a_colour_exactly_at_its_centre(color):
    result = apply_selective(at_hue(HUE_CENTRES[color]), edit(**{color: {"saturation": -100}}))
    assert np.ptp(result) < 1e-9


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("value", [-70, 50])
def test_saturation_scales_chroma_alone(color, value):
    rgb = at_hue(HUE_CENTRES[color], C=0.08)
    L, C, h = lch(rgb)
    L2, C2, h2 = lch(apply_selective(rgb, edit(**{color: {"saturation": value}})))
    assert (L2, C2, h2) == pytest.approx((L, C * (1 + value / 100), h), abs=1e-4)


@pytest.mark.parametrize("color", COLORS)
def test_other_colours_stay(color):
    for other, degrees in {**HUE_CENTRES, "magenta": MAGENTA}.items():
        rgb = at_hue(degrees)
        result = apply_selective(rgb, edit(**{color: {"saturation": -100, "luminance": 100}}))
        if other != color:
            np.testing.assert_allclose(result, rgb, atol=1e-9)
        else:
            assert np.abs(result - rgb).max() > 0.05


def test_magenta_takes_only_its_neighbours_share():
    """Half way from blue to magenta half of blue's effect is felt, and nothing of red's."""
    between = (HUE_CENTRES["blue"] + MAGENTA) / 2
    rgb = at_hue(between)
    assert lch(apply_selective(rgb, edit(blue={"saturation": -100})))[1] == pytest.approx(0.05, abs=1e-6)
    np.testing.assert_allclose(apply_selective(rgb, edit(red={"saturation": -100})), rgb, atol=1e-9)


@pytest.mark.parametrize("color", COLORS)
def test_luminance_is_monotone_keeps_hue_and_stays_in_range(color):
    rgb = at_hue(HUE_CENTRES[color], C=0.08)
    values = range(-100, 101, 20)
    results = [lch(apply_selective(rgb, edit(**{color: {"luminance": v}}))) for v in values]
    L = [r[0] for r in results]
    assert (np.diff(L) > 0.005).all()
    assert 0.3 < L[0] < 0.6 < L[-1] < 0.85
    np.testing.assert_allclose([r[2] for r in results], HUE_CENTRES[color], atol=1e-6)


@pytest.mark.parametrize("value", [-100, -40, 40, 100])
def test_luminance_keeps_the_order_of_lightness(value):
    """A gradient of one colour from dark to light stays one."""
    L = np.linspace(0.12, 0.95, 300)
    rgb = oklch_to_srgb(np.stack([L, np.full_like(L, 0.08), np.full_like(L, np.radians(264))], axis=-1))
    result = srgb_to_oklch(apply_selective(rgb, edit(blue={"luminance": value})))[:, 0]
    assert np.diff(result).min() > 0
    assert result.min() > 0
    assert result.max() < 1


def test_effect_sets_in_smoothly_with_chroma():
    C = np.linspace(0, 0.12, 1000)
    rgb = oklch_to_srgb(np.stack([np.full_like(C, 0.6), C, np.full_like(C, np.radians(142.5))], axis=-1))
    result = srgb_to_oklch(apply_selective(rgb, edit(green={"luminance": 60})))[:, 0]
    assert np.diff(result).max() < 0.002
    assert result[C < 0.02] == pytest.approx(0.6, abs=1e-6)
    assert np.ptp(result[C > 0.061]) < 1e-6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-100, 100), min_size=12, max_size=12), st.tuples(*[st.floats(-2, 3, width=32)] * 3))
def test_everything_stays_finite(values, pixel):
    shifts = {c: {"saturation": values[2 * i], "luminance": values[2 * i + 1]} for i, c in enumerate(COLORS)}
    assert np.isfinite(apply_selective(np.array([pixel], np.float32), edit(**shifts))).all()

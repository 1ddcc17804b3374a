"""The Adjust stages: neutral values, greys, monotone tones, inverses, analytic exposure."""

import colour
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor import adjust
from editor.color import fit_gamut, linear_to_srgb, luminance, oklch_to_srgb, srgb_to_linear, srgb_to_oklch
from editor.tools import Adjust

TONE = ["exposure", "linearOffset", "contrast", "brightness", "highlights", "shadows"]
COLOUR = ["saturation", "vibrance", "hue"]
TONING = ["temperature", "tint"]
TONES = [adjust.contrast, adjust.brightness, adjust.highlights, adjust.shadows]
strengths = st.integers(-100, 100)


def random_rgb(n=500, dtype=np.float32, low=0.0, high=1.0):
    return np.random.default_rng(3).uniform(low, high, (n, 3)).astype(dtype)


def greys(dtype=np.float32):
    """Every 8-bit code with fifteen steps between them."""
    return np.repeat((np.arange(255 * 16 + 1) / (255 * 16)).astype(dtype)[:, None], 3, axis=1)


def codes(rgb):
    return np.round(np.clip(rgb, 0, 1) * 255).astype(int)


def test_neutral_returns_the_input_itself():
    rgb = random_rgb(low=-1, high=2)
    assert adjust.apply_adjust(rgb, Adjust()) is rgb
    assert adjust.apply_adjust(rgb, Adjust(hue=360)) is rgb
    assert adjust.apply_adjust(rgb, Adjust(structure=50, sharpen=20, bloom=90)) is rgb


@pytest.mark.parametrize(
    "stage",
    [
        adjust.exposure,
        adjust.linear_offset,
        *TONES,
        adjust.saturation,
        adjust.vibrance,
        adjust.hue,
        adjust.temperature,
        adjust.tint,
    ],
)
def test_every_neutral_stage_returns_the_input_itself(stage):
    linear = random_rgb(low=-1, high=2)
    assert stage(linear, 0) is linear


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_shape_and_input_are_kept(dtype):
    rgb = random_rgb(dtype=dtype).reshape(20, 25, 3)
    before = rgb.copy()
    everything = Adjust(
        exposure=10,
        linearOffset=5,
        contrast=20,
        brightness=5,
        highlights=10,
        shadows=-10,
        saturation=20,
        vibrance=20,
        hue=10,
        temperature=30,
        tint=10,
    )
    result = adjust.apply_adjust(rgb, everything)
    assert (result.dtype, result.shape, result.flags.c_contiguous) == (dtype, rgb.shape, True)
    np.testing.assert_array_equal(rgb, before)


def test_chunks_give_the_same_result_as_the_whole():
    rgb = random_rgb()
    edit = Adjust(contrast=30, saturation=20, temperature=10)
    parts = [adjust.apply_adjust(part, edit) for part in np.array_split(rgb, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), adjust.apply_adjust(rgb, edit))


@pytest.mark.parametrize("name", TONE + COLOUR)
@pytest.mark.parametrize("value", [-100, -37, 8, 55, 100])
def test_greys_stay_neutral(name, value):
    result = adjust.apply_adjust(greys(), Adjust(**{name: value % 360 if name == "hue" else value}))
    np.testing.assert_array_equal(result[:, 0], result[:, 1])
    np.testing.assert_array_equal(result[:, 2], result[:, 1])


@settings(max_examples=30, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys([*TONE, "saturation", "vibrance"], strengths)), st.integers(0, 360))
def test_greys_stay_neutral_under_all_untinted_stages_together(values, hue):
    result = fit_gamut(adjust.apply_adjust(greys()[::3], Adjust(**values, hue=hue)))
    np.testing.assert_array_equal(result[:, 0], result[:, 1])
    np.testing.assert_array_equal(result[:, 2], result[:, 1])


@settings(max_examples=30, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(TONE, strengths)), strengths)
def test_saturation_minus_100_is_exactly_grey(values, vibrance):
    result = adjust.apply_adjust(random_rgb(), Adjust(**values, saturation=-100, vibrance=vibrance, hue=77))
    np.testing.assert_array_equal(result[:, 0], result[:, 1])
    np.testing.assert_array_equal(result[:, 2], result[:, 1])


def test_exposure_of_the_color_checker_is_analytic():
    """One stop is twice the linear light of the reflectances measured for BabelColor's average chart."""
    chart = colour.CCS_COLOURCHECKERS["BabelColor Average"]
    xyY = np.array(list(chart.data.values()))
    linear = colour.XYZ_to_RGB(colour.xyY_to_XYZ(xyY), "sRGB", chart.illuminant, "Bradford")
    display = np.copysign(colour.cctf_encoding(np.abs(linear), "sRGB"), linear)
    for value, factor in ((50, 2), (-50, 0.5), (100, 4)):
        result = adjust.apply_adjust(display, Adjust(exposure=value))
        expected = np.copysign(colour.cctf_encoding(np.abs(linear * factor), "sRGB"), linear)
        np.testing.assert_allclose(result, expected, atol=2e-5)


def test_linear_offset_lifts_black_to_a_faded_30():
    black = np.zeros((1, 3))
    assert codes(adjust.apply_adjust(black, Adjust(linearOffset=25))).max() == pytest.approx(30, abs=1.5)
    assert adjust.apply_adjust(black, Adjust(linearOffset=-25)).max() < 0


@pytest.mark.parametrize("name", TONE)
@pytest.mark.parametrize("value", range(-100, 101, 20))
def test_tones_are_monotone_and_finite(name, value):
    x = np.linspace(-0.3, 1.6, 4001)
    result = adjust.apply_adjust(np.repeat(x[:, None], 3, axis=1), Adjust(**{name: value}))[:, 0]
    assert np.isfinite(result).all()
    assert np.diff(result).min() > 0


@pytest.mark.parametrize("stage", TONES)
@pytest.mark.parametrize("s", [-1, -0.4, 0.4, 1])
def test_tones_keep_the_ratios_of_the_channels(stage, s):
    linear = random_rgb(dtype=np.float64, low=0.01)
    result = stage(linear, s)
    np.testing.assert_allclose(result / result[:, 1:2], linear / linear[:, 1:2], rtol=1e-9)


@pytest.mark.parametrize("stage", TONES)
@pytest.mark.parametrize("s", [-1, -0.5, 0.5, 1])
def test_tones_are_smooth(stage, s):
    """C1: on a fine display grid the slope never jumps."""
    x = srgb_to_linear(np.linspace(0.02, 1.2, 20001))
    y = linear_to_srgb(stage(np.repeat(x[:, None], 3, axis=1), s)[:, 0])
    assert np.abs(np.diff(y, 2)).max() / np.diff(y).max() < 0.02


def test_tones_hold_their_pivots():
    ends = np.array([[0.0] * 3, [1.0] * 3])
    middle = np.full((1, 3), adjust.MIDDLE_GREY)
    for s in (-1, -0.3, 0.3, 1):
        np.testing.assert_allclose(adjust.contrast(middle, s), middle)
        for stage in (adjust.brightness, adjust.highlights, adjust.shadows):
            np.testing.assert_allclose(stage(ends, s), ends, atol=1e-12)


def test_contrast_follows_the_power_law_at_middle_grey():
    for s in (-0.4, 0.4, 1.0):
        Y = adjust.MIDDLE_GREY * np.array([[0.99] * 3, [1.01] * 3])
        low, high = np.log(adjust.contrast(Y, s)[:, 0])
        assert (high - low) / np.log(1.01 / 0.99) == pytest.approx(2**s, rel=0.02)


def test_highlights_and_shadows_work_on_their_own_part():
    dark, light = np.full((1, 3), 0.03), np.full((1, 3), 0.7)
    for s in (-1, 0.5):
        np.testing.assert_allclose(adjust.highlights(dark, s), dark, rtol=1e-14)
        np.testing.assert_allclose(adjust.shadows(light, s), light, rtol=1e-14)
        assert np.sign(adjust.highlights(light, s) - light).tolist() == [[np.sign(s)] * 3]
        assert np.sign(adjust.shadows(dark, s) - dark).tolist() == [[np.sign(s)] * 3]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([adjust.highlights, adjust.shadows, adjust.temperature, adjust.tint, adjust.exposure]),
    st.floats(-1, 1),
)
def test_plus_then_minus_returns(stage, s):
    linear = random_rgb(dtype=np.float64)
    np.testing.assert_allclose(stage(stage(linear, s), -s), linear, atol=1e-9)


def test_saturation_scales_chroma_at_constant_lightness_and_hue():
    rgb = random_rgb(dtype=np.float64, low=0.2, high=0.6)
    L, C, h = srgb_to_oklch(rgb).T
    for value in (-60, 30):
        L2, C2, h2 = srgb_to_oklch(adjust.apply_adjust(rgb, Adjust(saturation=value))).T
        np.testing.assert_allclose(L2, L, atol=1e-6)
        np.testing.assert_allclose(C2, C * (1 + value / 100), atol=1e-6)
        np.testing.assert_allclose(np.cos(h2 - h), 1, atol=1e-6)


def test_hue_turns_by_degrees_and_360_is_0():
    rgb = random_rgb(dtype=np.float64, low=0.2, high=0.6)
    L, C, h = srgb_to_oklch(rgb).T
    L2, C2, h2 = srgb_to_oklch(adjust.apply_adjust(rgb, Adjust(hue=100))).T
    np.testing.assert_allclose([L2, C2], [L, C], atol=1e-6)
    np.testing.assert_allclose(np.cos(h2 - h - np.radians(100)), 1, atol=1e-6)
    full_turn = adjust.apply_adjust(rgb, Adjust(hue=360, contrast=10))
    np.testing.assert_array_equal(full_turn, adjust.apply_adjust(rgb, Adjust(contrast=10)))


def test_vibrance_lifts_muted_colours_most_and_spares_skin():
    def gain(L, C, degrees, value=60):
        rgb = oklch_to_srgb(np.array([[L, C, np.radians(degrees)]]))
        return srgb_to_oklch(adjust.apply_adjust(rgb, Adjust(vibrance=value)))[0, 1] / C

    assert gain(0.6, 0.03, 250) > 1.5
    assert gain(0.6, 0.03, 250) > gain(0.6, 0.12, 250) > 1
    assert gain(0.65, 0.06, 250) - 1 > 1.5 * (gain(0.65, 0.06, 53) - 1)
    assert gain(0.6, 0.03, 250, -60) < 0.7


@pytest.mark.parametrize("value", [-100, -40, 60, 100])
def test_vibrance_keeps_the_order_of_chroma(value):
    C = np.linspace(0, 0.25, 500)
    for degrees in (20, 53, 150, 264):
        lab = np.stack(
            [np.full_like(C, 0.6), C * np.cos(np.radians(degrees)), C * np.sin(np.radians(degrees))], axis=-1
        )
        assert np.diff(C * adjust.vibrance_gain(lab, value / 100)).min() > 0


def test_temperature_moves_white_along_the_locus():
    """Warm +100 on grey has the chromaticity of a white 160 mired from D65 (Ohno 2013, colour-science)."""
    grey = np.full((1, 3), 0.2)
    for value, mired in ((100, 160), (35, 56)):
        toned = adjust.temperature(grey, value / 100)
        uv = colour.UCS_to_uv(colour.XYZ_to_UCS(colour.RGB_to_XYZ(toned, "sRGB")))
        cct, duv = colour.temperature.uv_to_CCT_Ohno2013(uv[0])
        assert 1e6 / cct - 153.8 == pytest.approx(mired, abs=3)
        assert duv == pytest.approx(0.0032, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1))
def test_toning_restores_luminance(temperature, tint):
    linear = random_rgb(dtype=np.float64)
    np.testing.assert_allclose(luminance(adjust.toning(linear, temperature, tint)), luminance(linear), atol=1e-9)


def test_toning_directions():
    grey = np.full((1, 3), 0.2)
    r, g, b = adjust.temperature(grey, 0.35)[0]
    assert r > g > b
    r, g, b = adjust.tint(grey, 0.3)[0]
    assert min(r, b) > g


def test_saturation_minus_100_with_temperature_is_sepia_or_cyanotype():
    """Toning comes after saturation."""
    rgb = random_rgb(low=0.2, high=0.8)
    sepia = srgb_to_oklch(adjust.apply_adjust(rgb, Adjust(saturation=-100, temperature=45)))
    cyanotype = srgb_to_oklch(adjust.apply_adjust(rgb, Adjust(saturation=-100, temperature=-40)))
    assert np.degrees(sepia[:, 2]).min() > 55
    assert np.degrees(sepia[:, 2]).max() < 95
    assert np.ptp(np.degrees(cyanotype[:, 2]) % 360) < 10
    assert 230 < np.degrees(cyanotype[:, 2]).mean() % 360 < 275


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys([*TONE, *TONING, "saturation", "vibrance"], strengths)),
    st.tuples(*[st.floats(-2, 4, width=32)] * 3),
)
def test_everything_stays_finite(values, pixel):
    rgb = np.array([pixel], np.float32)
    assert np.isfinite(fit_gamut(adjust.apply_adjust(rgb, Adjust(**values)))).all()

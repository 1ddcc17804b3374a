"""Colour science against published values and analytic properties."""

import colour
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor import color

# Sharma, Wu & Dalal 2005, "The CIEDE2000 color-difference formula", table 1: Lab, Lab, difference.
CIEDE2000_TABLE = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def random_rgb(n=2000, low=0.0, high=1.0, dtype=np.float64):
    return np.random.default_rng(5).uniform(low, high, (n, 3)).astype(dtype)


def test_delta_e_matches_the_published_table():
    table = np.array([row.split() for row in CIEDE2000_TABLE.strip().splitlines()], float)
    assert len(table) == 34
    np.testing.assert_allclose(color.delta_e_2000_lab(table[:, :3], table[:, 3:6]), table[:, 6], atol=1e-4)


def test_delta_e_of_display_colours_matches_colour_science():
    rgb1, rgb2 = random_rgb(200), random_rgb(400)[200:]
    lab1, lab2 = (
        colour.XYZ_to_Lab(colour.sRGB_to_XYZ(rgb), colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"])
        for rgb in (rgb1, rgb2)
    )
    np.testing.assert_allclose(color.delta_e_2000(rgb1, rgb2), colour.delta_E(lab1, lab2), atol=0.02)
    assert not color.delta_e_2000(rgb1, rgb1).any()


def test_oklab_of_the_primaries_matches_published_values():
    """Values of the sRGB primaries in CSS Color 4 / Ottosson 2020."""
    published = [[0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153], [1, 0, 0]]
    rgb = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    np.testing.assert_allclose(color.linear_to_oklab(rgb), published, atol=2e-5)


def test_oklab_matches_colour_science():
    rgb = random_rgb()
    theirs = colour.XYZ_to_Oklab(colour.sRGB_to_XYZ(rgb))
    np.testing.assert_allclose(color.linear_to_oklab(color.srgb_to_linear(rgb)), theirs, atol=3e-4)


def test_transfer_function_and_luminance_match_colour_science():
    rgb = random_rgb()
    linear = color.srgb_to_linear(rgb)
    np.testing.assert_allclose(linear, colour.cctf_decoding(rgb, "sRGB"), atol=1e-7)
    np.testing.assert_allclose(color.linear_to_srgb(linear), rgb, atol=2e-7)
    np.testing.assert_allclose(color.luminance(linear), colour.sRGB_to_XYZ(rgb)[:, 1], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transfer_function_is_odd_and_returns(dtype):
    x = np.linspace(-2, 2, 401, dtype=dtype)
    linear = color.srgb_to_linear(x)
    assert linear.dtype == dtype
    np.testing.assert_array_equal(color.srgb_to_linear(-x), -linear)
    np.testing.assert_allclose(color.linear_to_srgb(linear), x, atol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_conversion_keeps_the_dtype(dtype):
    rgb = random_rgb(50, dtype=dtype)
    lch = color.srgb_to_oklch(rgb)
    results = [lch, color.oklch_to_srgb(lch), color.max_chroma(lch[:, 0], lch[:, 2]), color.fit_gamut(rgb * 1.5)]
    assert {result.dtype for result in results} == {np.dtype(dtype)}


def test_oklch_returns_and_has_published_hues():
    rgb = random_rgb(low=-0.5, high=1.5)
    np.testing.assert_allclose(color.oklch_to_srgb(color.srgb_to_oklch(rgb)), rgb, atol=1e-6)
    # CSS Color 4: hues of sRGB red, green, blue.
    hues = np.degrees(color.srgb_to_oklch(np.eye(3))[:, 2]) % 360
    np.testing.assert_allclose(hues, [29.23, 142.50, 264.05], atol=0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_greys_stay_exactly_grey(dtype):
    grey = np.repeat(np.linspace(-0.5, 2, 5001, dtype=dtype)[:, None], 3, axis=1)
    lab = color.linear_to_oklab(color.srgb_to_linear(grey))
    assert not lab[:, 1:].any()
    back = color.linear_to_srgb(color.oklab_to_linear(lab))
    np.testing.assert_array_equal(back[:, 0], back[:, 1])
    np.testing.assert_array_equal(back[:, 2], back[:, 1])
    np.testing.assert_allclose(back, grey, atol=2e-6)
    np.testing.assert_array_equal(color.fit_gamut(grey), grey)


def test_planar_layout_changes_no_value():
    rgb = random_rgb(low=-0.3, high=1.4, dtype=np.float32).reshape(40, 50, 3)
    np.testing.assert_array_equal(color.planar(rgb), rgb)
    np.testing.assert_array_equal(color.fit_gamut(color.planar(rgb)), color.fit_gamut(rgb))


def test_max_chroma_of_the_primaries_is_their_own():
    rgb = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]])
    L, C, h = color.srgb_to_oklch(rgb).T
    np.testing.assert_allclose(color.max_chroma(L, h), C, atol=0.004)
    np.testing.assert_allclose(color.max_chroma(L, h + 4 * np.pi), color.max_chroma(L, h))


def test_max_chroma_finds_the_surface_of_the_gamut():
    """Points on the faces of the RGB cube have the largest chroma; the sector before blue is opened on purpose."""
    rgb = random_rgb(6000)
    rows = np.arange(len(rgb))
    rgb[rows, rows % 3] = rows // 3 % 2
    L, C, h = color.srgb_to_oklch(rgb).T
    before_blue = np.abs(np.degrees(h) % 360 - 254) < 11
    limit = color.max_chroma(L, h)
    assert np.abs(limit - C)[~before_blue].max() < 0.004
    assert (limit - C)[before_blue].min() > -0.004


def test_max_chroma_is_zero_beyond_black_and_white_and_has_no_jumps():
    h = np.linspace(0, 2 * np.pi, 3601)
    assert not color.max_chroma(np.full_like(h, -0.1), h).any()
    assert not color.max_chroma(np.full_like(h, 1.0), h).any()
    assert np.abs(np.diff(color.max_chroma(np.full_like(h, 0.45), h))).max() < 0.004


def test_fit_gamut_leaves_muted_colours_bit_for_bit():
    rgb = random_rgb()
    L, C, h = color.srgb_to_oklch(rgb).T
    below = 0.99 * color.GAMUT_KNEE * color.max_chroma(L, h)
    inside = below > C
    assert inside.sum() > 200
    np.testing.assert_array_equal(color.fit_gamut(rgb)[inside], rgb[inside])


def test_fit_gamut_keeps_lightness_and_hue_and_lands_inside():
    rgb = random_rgb(5000, -0.4, 1.4)
    L, C, h = color.srgb_to_oklch(rgb).T
    fitted = color.fit_gamut(rgb)
    L_fit, C_fit, h_fit = color.srgb_to_oklch(fitted).T
    usual = (L > 0.02) & (L < 1 - color.BRIGHT_RESERVE)
    np.testing.assert_allclose(L_fit[usual], L[usual], atol=1e-5)
    # Blues with negative red and green are turned to blue on purpose.
    imaginary = (np.abs(np.degrees(h) % 360 - 244) < 21) & (rgb[:, :2].min(axis=-1) < 0)
    colourful = usual & (C_fit > 0.01) & ~imaginary
    turn = np.abs(np.angle(np.exp(1j * (h_fit - h))))
    assert turn[colourful].max() < 1e-4
    assert (C_fit <= C + 1e-9).all()
    before_blue = np.abs(np.degrees(h_fit) % 360 - 254) < 11
    assert fitted[usual & ~before_blue].min() > -0.02
    assert fitted[usual & ~before_blue].max() < 1.002


def test_fit_gamut_is_continuous_and_keeps_the_order_of_chroma():
    C = np.linspace(0, 0.5, 1001)
    for L, h in ((0.3, 0.5), (0.6, 2.0), (0.45, 4.6), (0.9, 1.9)):
        lch = np.stack([np.full_like(C, L), C, np.full_like(C, h)], axis=-1)
        fitted = color.srgb_to_oklch(color.fit_gamut(color.oklch_to_srgb(lch)))[:, 1]
        assert np.diff(fitted).min() > -1e-6
        assert np.diff(fitted).max() < 6e-4


def test_fit_gamut_twice_changes_little():
    once = np.clip(color.fit_gamut(random_rgb(3000, -0.3, 1.3)), 0, 1)
    assert color.delta_e_2000(color.fit_gamut(once), once).mean() < 0.5


def test_fit_gamut_does_not_clip_lightness():
    np.testing.assert_array_equal(color.fit_gamut(np.full((1, 3), 1.7)), np.full((1, 3), 1.7))
    assert color.fit_gamut(np.array([[2.0, 1.8, 1.9]])).min() > 1.5


def test_fit_gamut_spares_bright_yellow():
    """A fifth of a stop must not bleach pure yellow."""
    linear = np.array([[1.0, 1.0, 0.0]]) * 2**0.2
    fitted = color.srgb_to_oklch(color.fit_gamut(color.linear_to_srgb(linear)))
    assert fitted[0, 1] > 0.1
    assert np.degrees(fitted[0, 2]) == pytest.approx(109.8, abs=0.5)


def test_fit_gamut_keeps_blue_blue():
    """Pure blue without a little red and green is imaginary; it comes back as blue, not as petrol."""
    for linear in ([-0.015, -0.015, 0.433], [-0.012, -0.016, 0.64]):
        r, g, b = np.clip(color.fit_gamut(color.linear_to_srgb(np.array([linear])))[0], 0, 1)
        assert b > 0.5
        assert max(r, g) < 0.13


def test_white_points_lie_on_the_locus():
    """Against Ohno 2013 in colour-science: correlated colour temperature and Duv of the whites."""
    for shift, duv in ((0, 0), (60, 0), (160, 0), (0, -0.03), (0, 0.02)):
        XYZ = color.white_point(shift, duv)
        uv = colour.UCS_to_uv(colour.XYZ_to_UCS(XYZ))
        cct, distance = colour.temperature.uv_to_CCT_Ohno2013(uv)
        assert 1e6 / cct == pytest.approx(153.8 + shift, abs=2.5)
        assert distance == pytest.approx(0.0032 + duv, abs=5e-4)


def test_chromatic_adaptation_matches_colour_science():
    d65, warm = color.white_point(), color.white_point(100)
    theirs = colour.adaptation.matrix_chromatic_adaptation_VonKries(d65, warm, transform="CAT16")
    to_xyz = colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ
    expected = np.linalg.inv(to_xyz) @ theirs @ to_xyz
    np.testing.assert_allclose(color.chromatic_adaptation(d65, warm), expected, atol=2e-3)
    np.testing.assert_allclose(color.chromatic_adaptation(d65, d65), np.eye(3), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-3, 3, width=32)] * 3))
def test_fit_gamut_is_finite_everywhere(rgb):
    assert np.isfinite(color.fit_gamut(np.array([rgb], np.float32))).all()

"""Colour science against published values and analytic properties."""

import numpy as np
import pytest

from editor import color


def test_oklab_of_the_primaries_matches_published_values():
    """Values of the sRGB primaries in CSS Color 4 / Ottosson 2020."""
    published = [[0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153], [1, 0, 0]]
    rgb = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    np.testing.assert_allclose(color.linear_to_oklab(rgb), published, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transfer_function_is_odd_and_returns(dtype):
    x = np.linspace(-2, 2, 401, dtype=dtype)
    linear = color.srgb_to_linear(x)
    assert linear.dtype == dtype
    np.testing.assert_array_equal(color.srgb_to_linear(-x), -linear)
    np.testing.assert_allclose(color.linear_to_srgb(linear), x, atol=2e-6)

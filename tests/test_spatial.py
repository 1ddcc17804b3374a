"""Structure, sharpen and bloom: neutral, greys, halos, order of operations, preview against full size."""

import cv2
import numpy as np
import pytest
from skimage import data
from sklearn.datasets import load_sample_image

from editor import spatial
from editor.color import delta_e_2000, srgb_to_linear
from editor.spatial import apply_spatial, bloom, sharpen, structure
from editor.tools import Adjust

STAGES = [structure, sharpen, bloom]
STRONG = Adjust(structure=100, sharpen=100, bloom=100)


def photo(name):
    image = load_sample_image("china.jpg") if name == "china" else getattr(data, name)()
    return image.astype(np.float32) / 255


def codes(rgb):
    return np.round(np.clip(rgb, 0, 1) * 255).astype(int)


def step_edge(dark, light, size=400):
    image = np.full((size, size, 3), dark, np.float32)
    image[:, size // 2 :] = light
    return image


@pytest.mark.parametrize("stage", STAGES)
def test_neutral_returns_the_input_itself(stage):
    rgb = photo("coffee")
    assert stage(rgb, 0) is rgb
    assert apply_spatial(rgb, Adjust(contrast=30)) is rgb


@pytest.mark.parametrize("stage", STAGES)
def test_input_is_kept_and_output_is_float32(stage):
    rgb = photo("coffee")
    before = rgb.copy()
    result = stage(rgb, 1.0)
    assert (result.dtype, result.shape) == (np.float32, rgb.shape)
    np.testing.assert_array_equal(rgb, before)
    assert np.abs(result - rgb).max() > 0.02


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (17, 101), (333, 7)])
def test_odd_and_tiny_pictures_work(stage, shape):
    rgb = np.random.default_rng(0).uniform(-0.1, 1.2, (*shape, 3)).astype(np.float32)
    result = stage(rgb, 1.0)
    assert result.shape == rgb.shape
    assert np.isfinite(result).all()


@pytest.mark.parametrize("stage", STAGES)
def test_greys_stay_neutral(stage):
    grey = np.repeat(cv2.cvtColor(photo("astronaut"), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    result = codes(stage(grey, 1.0))
    np.testing.assert_array_equal(result[..., 0], result[..., 1])
    np.testing.assert_array_equal(result[..., 2], result[..., 1])


@pytest.mark.parametrize("stage", [structure, sharpen])
def test_luma_stages_keep_the_ratios_of_the_channels(stage):
    rgb = np.maximum(photo("coffee"), 0.05)
    result = stage(rgb, 1.0)
    np.testing.assert_allclose(result / result[..., 1:2], rgb / rgb[..., 1:2], rtol=1e-5)


@pytest.mark.parametrize("stage", [structure, sharpen])
def test_flat_areas_and_smooth_gradients_stay(stage):
    flat = np.full((100, 150, 3), 0.4, np.float32)
    np.testing.assert_allclose(stage(flat, 1.0), flat, atol=1e-5)
    ramp = np.broadcast_to(np.linspace(0.1, 0.9, 600, dtype=np.float32)[None, :, None], (400, 600, 3)).copy()
    inner = (slice(None), slice(60, -60))
    assert np.abs(stage(ramp, 1.0) - ramp)[inner].max() < 0.01


@pytest.mark.parametrize(("dark", "light"), [(0.1, 0.9), (0.25, 0.75), (0.35, 0.65)])
def test_structure_makes_no_halo_at_an_edge(dark, light):
    rgb = step_edge(dark, light)
    overshoot = np.abs(structure(rgb, 1.0) - rgb).max()
    assert overshoot < 0.07
    # A base that ignores edges, with the same window and gain, overshoots by more than three times as much.
    plain = spatial.STRUCTURE_GAIN * (rgb - cv2.blur(rgb, (23, 23)))
    assert overshoot < 0.3 * np.abs(plain).max()


def test_structure_raises_local_contrast():
    rgb = photo("china")
    luma = cv2.cvtColor(structure(rgb, 0.5), cv2.COLOR_RGB2GRAY)
    before = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)

    def local_contrast(image):
        return np.abs(image - cv2.GaussianBlur(image, (0, 0), 6)).mean()

    assert local_contrast(luma) > 1.15 * local_contrast(before)
    assert luma.mean() == pytest.approx(before.mean(), abs=0.01)


def test_sharpen_overshoot_is_limited():
    rgb = step_edge(0.2, 0.8)
    result = sharpen(rgb, 1.0)
    assert result.min() > 0.2 - spatial.SHARPEN_LIMIT
    assert result.max() < 0.8 + spatial.SHARPEN_LIMIT
    near_edge = np.abs(np.arange(400) - 200) < 8
    np.testing.assert_allclose(result[:, ~near_edge], rgb[:, ~near_edge], atol=1e-5)


def test_sharpen_steepens_edges_and_spares_faint_noise():
    blurred = cv2.GaussianBlur(step_edge(0.3, 0.7), (0, 0), 2)
    slope = [np.diff(image[200, :, 0]).max() for image in (blurred, sharpen(blurred, 1.0, diagonal=2500))]
    assert slope[1] > 1.3 * slope[0]
    noise = np.random.default_rng(2).normal(0.5, 0.001, (200, 200, 1)).astype(np.float32).repeat(3, axis=2)
    assert sharpen(noise, 1.0).std() < 1.2 * noise.std()


def test_bloom_only_adds_light_and_stays_within_white():
    rgb = photo("astronaut")
    result = bloom(rgb, 1.0)
    assert (result >= rgb - 1e-6).all()
    assert bloom(rgb, 0.4).max() <= 1 + 1e-6


def test_bloom_glows_around_bright_parts_alone():
    rgb = np.full((300, 400, 3), 0.1, np.float32)
    np.testing.assert_allclose(bloom(rgb, 1.0), rgb, atol=1e-6)
    rgb[140:160, 190:210] = (1.0, 0.8, 0.6)
    added = srgb_to_linear(bloom(rgb, 1.0)) - srgb_to_linear(rgb)
    profile = added[150, 215:390].sum(axis=-1)
    assert profile[0] > 0.05
    assert (np.diff(profile) < 1e-4).all()  # fades with distance
    assert profile[-1] < 0.05 * profile[0]
    r, g, b = added[150, 230]
    assert r > g > b  # in the light's own colour


@pytest.mark.parametrize("stage", STAGES)
def test_stronger_values_do_more(stage):
    rgb = photo("china")
    change = [np.abs(stage(rgb, s) - rgb).mean() for s in (0.1, 0.3, 0.6, 1.0)]
    assert (np.diff(change) > 0).all()


def test_stages_run_in_order():
    rgb = photo("coffee")
    one_by_one = bloom(sharpen(structure(rgb, 0.4), 0.5), 0.3)
    together = apply_spatial(rgb, Adjust(structure=40, sharpen=50, bloom=30))
    assert delta_e_2000(together, one_by_one).mean() < 0.1


def test_bands_and_threads_change_nothing(monkeypatch):
    rgb = photo("coffee")
    reference = apply_spatial(rgb, STRONG, threads=1)
    monkeypatch.setattr(spatial, "_BAND_PIXELS", 10_000)
    np.testing.assert_allclose(apply_spatial(rgb, STRONG, threads=3), reference, atol=1e-6)


def test_diagonal_sets_the_radius_of_a_crop():
    """A crop with the whole picture's diagonal is sharpened like the whole."""
    rgb = cv2.resize(photo("china"), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    whole = sharpen(rgb, 0.8)
    crop = sharpen(rgb[300:700, 400:1000].copy(), 0.8, diagonal=np.hypot(*rgb.shape[:2]))
    np.testing.assert_allclose(crop[20:-20, 20:-20], whole[320:680, 420:980], atol=1e-5)


@pytest.mark.parametrize("name", ["china", "astronaut", "coffee"])
@pytest.mark.parametrize(
    "values",
    [{"structure": 60}, {"sharpen": 60}, {"bloom": 60}, {"structure": 30, "sharpen": 30, "bloom": 30}],
    ids="+".join,
)
def test_preview_and_full_size_agree(name, values):
    """A picture of three times the size, with texture that the preview cannot hold, scaled down after the stages."""
    small = photo(name)
    height, width = small.shape[:2]
    full = cv2.resize(small, (3 * width, 3 * height), interpolation=cv2.INTER_CUBIC)
    full += np.random.default_rng(4).normal(0, 0.02, (*full.shape[:2], 1)).astype(np.float32)
    full = np.clip(full, 0, 1)

    def preview(image):
        return cv2.resize(np.clip(image, 0, 1), (width, height), interpolation=cv2.INTER_AREA)

    adjust = Adjust(**values)
    difference = delta_e_2000(preview(apply_spatial(full, adjust)), apply_spatial(preview(full), adjust))
    assert difference.mean() <= 0.8

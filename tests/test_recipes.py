"""The 33 looks: the files are what the recipes make, and each look is what its name says."""

from itertools import combinations

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest
from skimage import data
from sklearn.datasets import load_sample_image

from editor.color import delta_e_2000, linear_to_srgb, luminance, oklch_to_srgb, srgb_to_linear, srgb_to_oklch
from editor.cube import read_cube
from editor.lut import apply_lut
from editor.tools import PRESETS
from luts.blocks import hex_colour, to_oklab
from luts.recipes import GRIDS, RECIPES
from luts.writer import BAR, FOLDER, SIZES, cube_error, table, write_cubes

NAMES = sorted(PRESETS)
DUOTONES = [name for name in NAMES if name.startswith("duotone_")]
FADED = [name for name in NAMES if name.startswith("faded_")]
TEAL_AND_ORANGE = [name for name in NAMES if name.startswith("teal_and_orange_")]
UNNATURAL = {*DUOTONES, "night_vision", "negative", "cyberpunk"}
NATURAL = [name for name in NAMES if name not in UNNATURAL]

# X-Rite ColorChecker dark and light skin; Monk Skin Tone scale (Google, 2022), light to dark.
SKIN_CODES = "735244 c29682 f6ede4 f3e7db f7ead0 eadaba d7bd96 a07e56 825c43 604134 3a312a 292420"
SKIN = np.array([hex_colour(f"#{code}") for code in SKIN_CODES.split()])
# The palest and darkest tones are near grey: there a look's own tint is all one sees.
COLOURED_SKIN = SKIN[[0, 1, 5, 6, 7, 8, 9]]


def greys(count=256):
    return np.repeat(np.linspace(0, 1, count)[:, None], 3, axis=1)


def lightness(rgb):
    return srgb_to_oklch(rgb)[..., 0]


def hue(rgb):
    return np.degrees(srgb_to_oklch(rgb)[..., 2]) % 360


def turn_between(angle, other):
    return (angle - other + 180) % 360 - 180


def look(name, rgb):
    return RECIPES[name](np.asarray(rgb, dtype=float))


def relative_to_grey(name, rgb):
    """OKLab a, b of rendered colours minus those of the rendered grey of the same lightness, (n, 2)."""
    lab, ramp = to_oklab(look(name, rgb)), to_oklab(look(name, greys(1025)))
    grey = [np.interp(lab[:, 0], ramp[:, 0], ramp[:, axis]) for axis in (1, 2)]
    return lab[:, 1:] - np.stack(grey, axis=-1)


@pytest.fixture(scope="module")
def photos():
    """Every 16th pixel each way of six photos, (n, 3) 0..1 each."""
    pictures = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    pictures += [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    return [picture[::16, ::16].reshape(-1, 3) / 255 for picture in pictures]


def test_there_is_one_recipe_and_one_file_for_each_preset():
    assert set(RECIPES) == set(PRESETS)
    assert {path.stem for path in FOLDER.glob("*.cube")} >= set(PRESETS)
    assert set(GRIDS) < set(PRESETS)


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 8e6


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_recipe_makes(name):
    cube = read_cube(FOLDER / f"{name}.cube")
    made = table(RECIPES[name], GRIDS.get(name, SIZES[0]))
    assert cube.is_plain
    assert not cube.warnings
    assert cube.title == name
    # One unit in the last place: another processor's powers may round a tie the other way.
    np.testing.assert_allclose(cube.table, made, rtol=0, atol=1.01e-4)


def test_the_writer_writes_the_folder_file_byte_for_byte(tmp_path):
    """On a look of exact arithmetic, which no processor rounds differently."""
    (path,) = write_cubes({"negative": RECIPES["negative"]}, GRIDS, tmp_path)
    assert path.read_bytes() == (FOLDER / "negative.cube").read_bytes()


@pytest.mark.parametrize("name", ["faded_Retro", "ultra", "negative"])
def test_opencolorio_reads_the_file_to_the_same_colours(name):
    transform = ocio.FileTransform(str(FOLDER / f"{name}.cube"), interpolation=ocio.INTERP_TETRAHEDRAL)
    processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    colours = np.random.default_rng(3).random((500, 3)).astype(np.float32)
    expected = colours.copy()
    processor.applyRGB(expected)
    ours = apply_lut(read_cube(FOLDER / f"{name}.cube").to_lut(), colours)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_cube_keeps_to_the_recipe(name):
    figures = cube_error(RECIPES[name], GRIDS.get(name, SIZES[0]))
    assert figures["photos_p99"] <= BAR
    assert figures["random_p99"] <= BAR


@pytest.mark.parametrize("name", NAMES)
def test_every_node_is_a_displayable_colour(name):
    nodes = read_cube(FOLDER / f"{name}.cube").table
    assert nodes.min() >= 0
    assert nodes.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_greys_are_monotone(name):
    steps = np.diff(lightness(look(name, greys())))
    steps = -steps if name == "negative" else steps
    assert steps.min() >= -1e-9
    assert (steps > 0).mean() > 0.97


@pytest.mark.parametrize("name", NAMES)
def test_a_grey_ramp_has_no_bands(name):
    slope = np.diff(look(name, greys(1025)), axis=0) * 1024
    assert slope.max() < 4  # four output codes for one input code
    assert slope.min() > -0.1 or name == "negative"  # hardly any channel falls where the grey rises
    assert np.abs(np.diff(slope, axis=0)).max() < 0.15  # and slopes change gently from code to code


@pytest.mark.parametrize("name", NAMES)
def test_neighbouring_nodes_vary_smoothly(name):
    nodes = look(name, np.stack(np.meshgrid(*[np.linspace(0, 1, 33)] * 3, indexing="ij"), axis=-1))
    for axis in range(3):
        bend = np.abs(np.diff(nodes, 2, axis=axis))
        assert bend.max() < 0.25
        assert np.quantile(bend, 0.99) < 0.05


@pytest.mark.parametrize("name", [n for n in NAMES if n not in (*DUOTONES, "night_vision", "negative")])
@pytest.mark.parametrize(("light", "chroma"), [(0.5, 0.07), (0.65, 0.1), (0.8, 0.07)])
def test_hues_keep_their_order_round_the_circle(name, light, chroma):
    """Seen from the look's own grey, no hue steps back and none leaps ahead of its neighbour."""
    angle = np.radians(np.arange(0, 360, 2.0))
    circle = oklch_to_srgb(np.stack([np.full_like(angle, light), np.full_like(angle, chroma), angle], axis=-1))
    seen = relative_to_grey(name, circle)
    hues = np.degrees(np.arctan2(seen[:, 1], seen[:, 0]))
    steps = turn_between(np.roll(hues, -1), hues)
    assert steps.sum() == pytest.approx(360)
    assert steps.min() > -0.5
    assert steps.max() < 20


@pytest.mark.parametrize("name", NATURAL)
def test_skin_stays_skin(name):
    warmth = relative_to_grey(name, COLOURED_SKIN)
    hues = np.degrees(np.arctan2(warmth[:, 1], warmth[:, 0]))
    assert hues.min() > 5  # against the picture's own white it is neither pink
    assert hues.max() < 95  # nor green
    assert np.hypot(*warmth.T).max() < 0.14
    lch = srgb_to_oklch(look(name, COLOURED_SKIN))
    green_to_violet = turn_between(np.degrees(lch[:, 2]), 220)
    assert not ((np.abs(green_to_violet) < 100) & (lch[:, 1] > 0.035)).any()
    assert lch[:, 1].max() < 0.18  # sunburn


@pytest.mark.parametrize("name", [n for n in NATURAL if n != "darkness"])
def test_large_areas_do_not_clip(name, photos):
    pixels = np.concatenate(photos)

    def clipped(rgb):
        return ((rgb < 0.5 / 255).all(axis=-1) | (rgb > 254.5 / 255).all(axis=-1)).mean()

    assert clipped(look(name, pixels)) < clipped(pixels) + 0.03


def test_every_look_differs_from_the_original_and_from_every_other(photos):
    pixels = np.concatenate(photos)
    looks = {name: look(name, pixels) for name in NAMES} | {"original": pixels}
    bars = {(a, b): 4.0 if "original" in (a, b) else 3.0 for a, b in combinations(looks, 2)}
    distance = {pair: delta_e_2000(looks[pair[0]], looks[pair[1]]).mean() for pair in bars}
    assert {pair: round(float(d), 2) for pair, d in distance.items() if d <= bars[pair]} == {}


# What the names promise, as OKLCh hues of rendered dark (50/255) and light (200/255) grey, degrees.
TINTS = {
    "action": (240, None),
    "north": (245, 240),
    "winter": (250, 240),
    "purple_rain": (300, 310),
    "lovely_day": (70, 75),
    "spring": (125, 0),
    "faded_Retro": (25, 90),
    "faded_HighNoon": (66, 80),
    "faded_Mist": (235, 230),
    "faded_Terra": (45, 55),
    "faded_Vista": (175, 125),
    "faded_C1": (205, None),
    "faded_AL2": (5, 40),
    "teal_and_orange_1": (195, 70),
    "teal_and_orange_2": (185, 75),
    "teal_and_orange_3": (195, 70),
    "teal_and_orange_4": (100, 68),
    "teal_and_orange_5": (208, 203),
    "teal_and_orange_6": (202, 80),
    "fortune": (66, 82),
    "enchanted": (235, 315),
    "firecracker": (34, 60),
    "cyberpunk": (240, 335),
    "darkness": (244, 243),
}


@pytest.mark.parametrize("name", TINTS)
def test_shadows_and_highlights_have_the_promised_tint(name):
    lch = srgb_to_oklch(look(name, [[50 / 255] * 3, [200 / 255] * 3]))
    for (_, chroma, angle), promised in zip(lch, TINTS[name], strict=True):
        if promised is None:
            assert chroma < 0.012
        else:
            assert chroma > 0.005
            assert abs(turn_between(np.degrees(angle), promised)) < 25


def test_the_lightness_of_the_looks_is_as_promised(photos):
    pixels = np.concatenate(photos)
    light = {name: lightness(look(name, pixels)) for name in NATURAL}
    mean = {name: float(values.mean()) for name, values in light.items()}
    spread = {name: float(values.std()) for name, values in light.items()}
    before, before_spread = float(lightness(pixels).mean()), float(lightness(pixels).std())
    assert mean["lovely_day"] > before + 0.04
    assert mean["spring"] > before + 0.02
    assert mean["darkness"] == min(mean.values()) < before - 0.15
    assert mean["teal_and_orange_6"] == min(mean[name] for name in TEAL_AND_ORANGE) < before - 0.08
    assert mean["fortune"] < before - 0.03
    assert spread["faded_Mist"] == min(spread.values()) < 0.7 * before_spread
    for name in ("action", "ultra", "vivid", "teal_and_orange_3"):
        assert spread[name] > 1.1 * before_spread


def test_the_colourfulness_of_the_looks_is_as_promised(photos):
    pixels = np.concatenate(photos)
    chroma = {name: float(srgb_to_oklch(look(name, pixels))[..., 1].mean()) for name in NATURAL}
    before = float(srgb_to_oklch(pixels)[..., 1].mean())
    assert chroma["ultra"] > chroma["vivid"] > 1.15 * before
    for name in ("winter", "darkness", "faded_Mist"):
        assert chroma[name] < 0.75 * before
    assert chroma["teal_and_orange_3"] > chroma["teal_and_orange_2"]


@pytest.mark.parametrize("name", ["vivid", "ultra"])
def test_looks_that_only_strengthen_leave_greys_grey(name):
    ramp = look(name, greys())
    np.testing.assert_allclose(ramp, ramp[:, 1:2] + np.zeros(3), atol=1e-9)


@pytest.mark.parametrize("name", FADED)
def test_faded_looks_lift_black_and_hold_white_back(name):
    black, white = lightness(look(name, [[0, 0, 0], [1, 1, 1]]))
    assert black > lightness(np.full(3, 25 / 255))
    assert white < 0.99


@pytest.mark.parametrize("name", DUOTONES)
def test_duotones_run_by_luminance_from_black_through_their_colour_to_white(name):
    black, white = look(name, [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_allclose(black, 0, atol=1e-9)
    np.testing.assert_allclose(white, 1, atol=1e-9)
    colours = np.random.default_rng(4).random((200, 3))
    grey = linear_to_srgb(luminance(srgb_to_linear(colours)))
    np.testing.assert_allclose(look(name, colours), look(name, np.repeat(grey[:, None], 3, axis=1)), atol=1e-9)
    named = {"red": 29, "pink": 355, "green": 148, "yellow": 95, "orange": 55}[name.removeprefix("duotone_")]
    middle = look(name, greys()[100:170])
    assert np.abs(turn_between(hue(middle), named)).max() < 20
    assert srgb_to_oklch(middle)[..., 1].max() > 0.15


def test_negative_is_the_complement():
    colours = np.random.default_rng(5).random((50, 3))
    np.testing.assert_allclose(look("negative", look("negative", colours)), colours, atol=1e-12)
    np.testing.assert_array_equal(look("negative", [1.0, 0.25, 0.0]), [0, 0.75, 1])

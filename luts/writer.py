"""From recipes to .cube files, and how close the files come to the recipes.

The grid is chosen by measurement: CIEDE2000 between a recipe and its cube (tetrahedral, OpenColorIO)
on photos and on random colours; the smallest of `SIZES` whose 99th percentiles stay within `BAR`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import data
from sklearn.datasets import load_sample_image

from editor.color import delta_e_2000
from editor.cube import Cube, format_cube
from editor.lut import Lut, apply_lut, bake

Recipe = Callable[[NDArray[np.float64]], NDArray[np.float64]]

FOLDER = Path(__file__).parent
SIZES = (17, 21, 25, 29, 33)  # nodes a side
BAR = 0.5  # CIEDE2000, 99th percentile
DECIMALS = 4  # half a unit in the last place is 0.013 of an 8-bit code


def table(recipe: Recipe, size: int) -> NDArray[np.floating]:
    """The recipe at the nodes of a size³ grid, rounded as in the file; indexed [r, g, b]."""
    nodes = bake(lambda rgb: recipe(rgb.astype(np.float64)), size).table
    return np.round(nodes.astype(np.float64), DECIMALS)


def write_cubes(recipes: Mapping[str, Recipe], grids: Mapping[str, int], folder: Path = FOLDER) -> list[Path]:
    """Write folder/NAME.cube for every recipe; `grids` names those that need more than the coarsest grid."""
    written = []
    for name, recipe in recipes.items():
        cube = Cube(title=name, table=table(recipe, grids.get(name, SIZES[0])))
        path = folder / f"{name}.cube"
        path.write_text(format_cube(cube, decimals=DECIMALS), encoding="ascii", newline="\n")
        written.append(path)
    return written


def cube_error(recipe: Recipe, size: int) -> dict[str, float]:
    """99th percentile and largest CIEDE2000 between recipe and cube, on photos and on random colours."""
    lut = Lut(table(recipe, size).astype(np.float32))
    figures = {}
    for source, colours in {"photos": photo_colours(), "random": random_colours()}.items():
        error = delta_e_2000(apply_lut(lut, colours.astype(np.float32)), recipe(colours))
        figures[f"{source}_p99"] = round(float(np.percentile(error, 99)), 3)
        figures[f"{source}_max"] = round(float(error.max()), 3)
    return figures


def smallest_grid(recipe: Recipe) -> int:
    """The smallest of `SIZES` that keeps the bar, the largest where none does."""
    for size in SIZES:
        figures = cube_error(recipe, size)
        if max(figures["photos_p99"], figures["random_p99"]) <= BAR:
            break
    return size


def print_errors(recipes: Mapping[str, Recipe], grids: Mapping[str, int]) -> None:
    """Print each cube's CIEDE2000 error and the smallest grid that would do, then the same as one JSON line."""
    print(f"{'':20} nodes  photos p99   max  random p99   max  enough")
    rows = {}
    for name, recipe in recipes.items():
        size = grids.get(name, SIZES[0])
        errors, enough = cube_error(recipe, size), smallest_grid(recipe)
        rows[name] = {"nodes": size, "enough": enough, **errors}
        figures = "{photos_p99:12.3f}{photos_max:6.2f}{random_p99:12.3f}{random_max:6.2f}".format(**errors)
        print(f"{name:20} {size:5}{figures}{enough:8}")
    print(json.dumps(rows))


@cache
def photo_colours(per_photo: int = 5000) -> NDArray[np.float64]:
    """(n, 3) display colours drawn from six photos: skin, crockery, fur, night, sky and leaves, a flower."""
    generator = np.random.default_rng(0)
    photos = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    photos += [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    flat = [photo.reshape(-1, 3) for photo in photos]
    return np.concatenate([f[generator.choice(len(f), per_photo, replace=False)] for f in flat]) / 255


@cache
def random_colours(count: int = 30000) -> NDArray[np.float64]:
    """(n, 3) display colours, even over the RGB cube."""
    return np.random.default_rng(1).random((count, 3))

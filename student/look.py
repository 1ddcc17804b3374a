"""The look error: how far a student's look is from the teacher's, as a viewer would see it.

Both edits are rendered on the same small sample photos through the real pipeline (the exact pointwise chain,
then the spatial stages, then the clip to 0..1) and compared by CIEDE2000 (Sharma et al. 2005,
by scikit-image). Knows nothing of planners.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from editor.image import load_image, preview
from editor.pipeline import exact
from editor.presets import Presets
from editor.samples import samples
from editor.spatial import apply_spatial
from editor.tools import Edit

Floats = NDArray[np.float64]

LONG_SIDE = 64  # pixels; looks are global, and a small photo has the colours of a large one
STEP = 2  # every second pixel of every second row is compared


@cache
def photos() -> tuple[NDArray[np.float32], ...]:
    """The fixed sample photos: a face, food, an animal, a flower, architecture and a night sky; (H, W, 3) 0..1."""
    pictures = (load_image(sample.loader()) for sample in samples() if sample.kind == "image")
    small = (preview(picture, LONG_SIDE).pixels for picture in pictures)
    return tuple((pixels / np.iinfo(pixels.dtype).max).astype(np.float32) for pixels in small)


def rendered(edit: Edit, presets: Presets) -> list[NDArray]:
    """The compared pixels of every sample photo with an edit applied: (n, 3) CIELAB under D65 each."""
    whole = edit.adjust if edit.spatial else None
    parts = photos() if whole else [photo[::STEP, ::STEP] for photo in photos()]
    flat = exact(np.concatenate([part.reshape(-1, 3) for part in parts]), edit, presets)
    if whole:
        graded = (g.reshape(part.shape) for g, part in zip(_split(flat, parts), parts, strict=True))
        parts = [apply_spatial(g.astype(np.float32), whole, threads=1)[::STEP, ::STEP] for g in graded]
        flat = np.concatenate([part.reshape(-1, 3) for part in parts])
    return _split(rgb2lab(np.clip(flat, 0, 1)), parts)


def _split(flat: NDArray, parts: Sequence[NDArray]) -> list[NDArray]:
    ends: list[int] = np.cumsum([part.size // 3 for part in parts])[:-1].tolist()
    return np.split(flat, ends)


def distance(a: Sequence[NDArray], b: Sequence[NDArray]) -> float:
    """Mean CIEDE2000 between two renderings, each photo weighing the same."""
    return float(np.mean([deltaE_ciede2000(x, y).mean() for x, y in zip(a, b, strict=True)]))


@dataclass(frozen=True, eq=False)
class Looks:
    """Distances of n intents, in mean CIEDE2000 over the sample photos."""

    apart: Floats  # (n,) student to teacher
    teacher: Floats  # (n,) teacher to the original: how strong the look is
    student: Floats  # (n,) student to the original

    @property
    def errors(self) -> Floats:
        """`apart` / `teacher` per intent: 0 is the teacher's look, 1 what doing nothing scores.

        Intents whose teacher changes nothing have no such ratio and are left out.
        """
        return self.apart[self.teacher > 0] / self.teacher[self.teacher > 0]


def compare_looks(
    teacher: Sequence[Edit], students: Mapping[str, Sequence[Edit]], presets: Presets | None = None
) -> dict[str, Looks]:
    """Distances of each student's edits from the teacher's, intent by intent; the teacher is rendered once."""
    presets = presets or Presets.builtin()

    original = rendered(Edit(), presets)

    def one(i: int) -> list[tuple[float, float, float]]:
        target = rendered(teacher[i], presets)
        strength = distance(original, target)
        return [_distances(edits[i], original, target, strength, presets) for edits in students.values()]

    with ThreadPoolExecutor(2) as pool:
        rows = np.array(list(pool.map(one, range(len(teacher)))), dtype=float).reshape(len(teacher), -1, 3)
    return {name: Looks(*rows[:, j].T) for j, name in enumerate(students)}


def _distances(
    edit: Edit, original: Sequence[NDArray], target: Sequence[NDArray], strength: float, presets: Presets
) -> tuple[float, float, float]:
    """(apart, teacher, student) of one intent."""
    if edit.is_neutral:
        return strength, strength, 0.0
    look = rendered(edit, presets)
    return distance(look, target), strength, distance(original, look)


def summarise(looks: Looks, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """{"n", "median", "mean", "below_half", "strength_ratio"} with 95% bootstrap intervals (intents resampled).

    `below_half` is the share of intents with an error under 0.5; `strength_ratio` the student's mean distance
    from the original over the teacher's: below 1 is too timid, above 1 too strong.
    """
    kept = looks.teacher > 0
    errors, teacher, student = looks.errors, looks.teacher[kept], looks.student[kept]
    if not len(errors):
        return {"n": 0, "median": None, "mean": None, "below_half": None, "strength_ratio": None}
    picks = np.random.default_rng(seed).integers(0, len(errors), size=(resamples, len(errors)))
    picks = np.concatenate([np.arange(len(errors))[None], picks])  # first row: the figure itself
    figures = {
        "median": np.median(errors[picks], axis=1),
        "mean": errors[picks].mean(axis=1),
        "below_half": (errors < 0.5)[picks].mean(axis=1),
        "strength_ratio": student[picks].mean(axis=1) / teacher[picks].mean(axis=1),
    }
    result: dict[str, Any] = {"n": len(errors)}
    for name, values in figures.items():
        result[name] = round(float(values[0]), 6)
        if resamples:
            result[f"{name}_ci"] = [round(float(v), 6) for v in np.percentile(values[1:], [2.5, 97.5])]
    return result

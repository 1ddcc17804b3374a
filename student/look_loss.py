"""The look error as a loss: how far a predicted edit is from the teacher's in what a viewer would see.

Near enough, every value moves the sample photos' colours along a line of its own: an edit is a vector of values
(15 Adjust, 12 Selective Adjust, 33 presets), its look that vector times the effects of its parts, and the distance
of two looks a quadratic form. On 500 validation intents it ranks the errors as `student.look` does (Spearman .96).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from editor.presets import Presets
from editor.tools import ADJUST_PARAMETERS, COLORS, Adjust, Edit, Filter, SelectiveAdjust, limits
from student import heads, look
from student.metrics import adjust_vector, selective_vector

Floats = NDArray[np.float64]

SIZES = [part.stop - part.start for part in (heads.ADJUST, heads.SELECTIVE, heads.PRESET)]
STEP = 20.0  # of a value, percent: a usual one
TURNS = 15.0, 345.0, 30.0, 330.0  # degrees of hue
INTENSITY = 70.0
FAINT = 2.0  # CIELAB units added to a look's strength: faint looks must not rule the loss


@cache
def factor() -> Tensor:
    """(60, 60) R: the length of values · R is their root mean square change in CIELAB over the sample photos."""
    presets = Presets.builtin()
    original = look.rendered(Edit(), presets)
    edits = [*_adjusts(), *_selectives()]
    values = [np.concatenate([adjust_vector(e), selective_vector(e)]) for e in edits]
    looks = np.stack([_change(e, original, presets) for e in edits])
    effects, *_ = np.linalg.lstsq(np.stack(values), looks, rcond=None)
    filters = (Edit(filter=Filter(name=name, intensity=INTENSITY)) for name in heads.PRESET_NAMES)
    of_presets = [_change(e, original, presets) / (INTENSITY / 100) for e in filters]
    whole = np.concatenate([effects, of_presets])
    # the same lengths in 60 numbers instead of all pixels
    return torch.linalg.qr(torch.from_numpy(whole.T), mode="r").R.T.float()


def _adjusts() -> list[Edit]:
    linear = [p for p in ADJUST_PARAMETERS if p != "hue"]
    steps = [(p, sign * STEP) for p in linear for sign in (1, -1) if sign > 0 or limits(p)[0] < 0]
    return [Edit(adjust=Adjust(**{p: value})) for p, value in [*steps, *(("hue", turn) for turn in TURNS)]]


def _selectives() -> list[Edit]:
    shifts = ({part: sign * STEP} for part in ("saturation", "luminance") for sign in (1, -1))
    return [Edit(selective_adjust=SelectiveAdjust.model_validate({c: s})) for s in shifts for c in COLORS]


def _change(edit: Edit, original: Sequence[NDArray], presets: Presets) -> Floats:
    """What an edit changes in all compared pixels, every photo weighing the same."""
    pairs = zip(look.rendered(edit, presets), original, strict=True)
    return np.concatenate([((a - b) / np.sqrt(len(a) * len(original))).ravel() for a, b in pairs])


def look_loss(outputs: Tensor, targets: Sequence[Tensor]) -> Tensor:
    """Expected look error of each example, (batch,), of raw outputs (batch, 66) against `Targets` field by field.

    Expected over whether Selective Adjust is used and which filter, as probable as the outputs say (that is learnt
    by losses of their own, not by this one). 0 where the teacher uses no tool.
    """
    use, adjust, adjust_length, selective, selective_length, preset, intensity = targets
    of_adjust, of_selective, of_preset = factor().to(outputs.device).split(SIZES)
    wanted = (
        adjust * adjust_length.exp()[:, None] @ of_adjust
        + selective * selective_length.exp()[:, None] @ of_selective
        + preset * intensity[:, None] @ of_preset
    )
    missing = _vectors(outputs[:, heads.ADJUST], outputs[:, heads.ADJUST_LENGTH]) @ of_adjust - wanted
    with_selective = _vectors(outputs[:, heads.SELECTIVE], outputs[:, heads.SELECTIVE_LENGTH]) @ of_selective
    filters = torch.sigmoid(outputs[:, heads.INTENSITY])[:, None, None] * of_preset
    filters = functional.pad(filters, (0, 0, 1, 0))  # (batch, none and presets, 60)
    chosen = torch.stack([missing, missing + with_selective], 1)  # (batch, without and with, 60)
    apart = (chosen[:, :, None] + filters[:, None]).square().sum(-1).add(1e-4).sqrt()

    sure = torch.sigmoid(outputs[:, heads.USE].detach())
    presets = sure[:, 2:] * functional.softmax(outputs[:, heads.PRESET].detach(), dim=-1)
    odds = torch.stack([1 - sure[:, 1], sure[:, 1]], 1)[:, :, None] * torch.cat([1 - sure[:, 2:], presets], 1)[:, None]
    strength = wanted.square().sum(-1).sqrt() + FAINT
    return use.amax(1) * (apart * odds).sum((1, 2)) / strength


def _vectors(direction: Tensor, log_length: Tensor) -> Tensor:
    return functional.normalize(direction, dim=-1) * log_length.clamp(*heads.LOG_LENGTHS).exp()[:, None]

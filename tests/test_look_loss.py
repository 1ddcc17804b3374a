"""The look error as a loss: effects of values, agreement with the rendered look error, what it teaches."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from editor.presets import Presets
from editor.tools import Adjust, ColorShift, Edit, Filter, SelectiveAdjust
from student import heads, look
from student.dataset import load
from student.examples import Targets
from student.look_loss import factor, look_loss
from student.metrics import Vectors

SURE = 12.0  # a logit that leaves no doubt


def _targets(edits):
    found = Targets.of_edits(edits)
    return [torch.from_numpy(getattr(found, name)) for name in Targets.__dataclass_fields__]


def _outputs(edits):
    """Raw outputs that decode to the edits, without doubt."""
    t = Targets.of_edits(edits)
    outputs = torch.zeros(len(edits), heads.OUTPUTS)
    outputs[:, heads.USE] = torch.from_numpy((2 * t.use - 1) * SURE)
    outputs[:, heads.ADJUST] = torch.from_numpy(t.adjust)
    outputs[:, heads.ADJUST_LENGTH] = torch.from_numpy(np.where(t.use[:, 0] > 0, t.adjust_length, -5))
    outputs[:, heads.SELECTIVE] = torch.from_numpy(t.selective)
    outputs[:, heads.SELECTIVE_LENGTH] = torch.from_numpy(t.selective_length)
    outputs[:, heads.PRESET] = torch.from_numpy(t.preset * 2 * SURE)
    outputs[:, heads.INTENSITY] = torch.logit(torch.from_numpy(t.intensity).clamp(1e-4, 1 - 1e-4))
    return outputs


@pytest.mark.parametrize(
    "edit",
    [
        Edit(adjust=Adjust(exposure=15)),
        Edit(adjust=Adjust(temperature=-25, saturation=10)),
        Edit(adjust=Adjust(hue=20)),
        Edit(selective_adjust=SelectiveAdjust(blue=ColorShift(saturation=-30))),
        Edit(filter=Filter(name=heads.PRESET_NAMES[3], intensity=50)),
    ],
)
def test_effects_foretell_the_change_that_rendering_shows(edit):
    presets = Presets.builtin()
    pairs = zip(look.rendered(edit, presets), look.rendered(Edit(), presets), strict=True)
    shown = np.sqrt(np.mean([((a - b) ** 2).sum(1).mean() for a, b in pairs]))
    v = Vectors.of([edit])
    preset = np.array(heads.PRESET_NAMES) == v.preset[0]
    values = np.concatenate([v.adjust[0], v.selective[0], preset * v.intensity[0] / 100])
    assert np.linalg.norm(values @ factor().numpy()) == pytest.approx(shown, rel=0.15)


def test_the_teachers_own_edit_costs_nothing_and_no_edit_costs_nearly_one():
    edits = [row.edit for row in load("validation")[:60]]
    teacher = [edit for edit in edits if not edit.is_neutral]
    assert len(teacher) > 30
    targets = _targets(teacher)
    assert look_loss(_outputs(teacher), targets).max() < 0.02
    nothing = look_loss(_outputs([Edit()] * len(teacher)), targets)
    assert nothing.max() <= 1.01
    assert nothing.median() > 0.7  # faint looks cost less


def test_requests_that_ask_for_no_tool_have_no_look_to_miss():
    strong = _outputs([Edit(adjust=Adjust(exposure=60))])
    assert look_loss(strong, _targets([Edit()])).item() == 0


def test_it_ranks_errors_as_the_rendered_look_error_does():
    edits = [row.edit for row in load("validation") if not row.edit.is_neutral][:120]
    students = edits[1:] + edits[:1]  # somebody else's answer, a good or a bad one
    errors = look.compare_looks(edits, {"other": students})["other"].errors
    losses = look_loss(_outputs(students), _targets(edits)).numpy()
    assert spearmanr(errors, losses).statistic > 0.9


def test_use_and_preset_are_left_to_their_own_losses():
    edits = [row.edit for row in load("validation") if not row.edit.is_neutral][:20]
    outputs = (_outputs(edits) + torch.randn(20, heads.OUTPUTS, generator=torch.Generator().manual_seed(0))).detach()
    outputs.requires_grad_(True)
    look_loss(outputs, _targets(edits)).sum().backward()
    slopes = outputs.grad.abs().sum(0)
    assert slopes[heads.USE].sum() == 0
    assert slopes[heads.PRESET].sum() == 0
    assert (slopes[heads.ADJUST] > 0).all()
    assert slopes[heads.INTENSITY] > 0

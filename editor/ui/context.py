"""What a tab is handed when it is built: planners, presets, samples, the store, and memos that users share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from editor.planner import Planner
from editor.presets import Presets
from editor.samples import Sample
from editor.sampling import Recorded
from editor.store import Store
from editor.ui.exports import Exports
from editor.ui.previews import Previews
from editor.ui.recorder import Recorder


@dataclass(frozen=True)
class Context:
    """Everything here is shared by all users and safe for threads; a user's own data lives in `gr.State`."""

    planners: Mapping[str, Planner]  # by the name shown to people; the first one is the default
    presets: Presets
    samples: tuple[Sample, ...] = ()
    store: Store | None = None
    recorded: Callable[[], Sequence[Recorded]] | None = None  # test intents with the teacher's edits
    assets: Path = Path(__file__).resolve().parents[2] / "assets"
    previews: Previews = field(default_factory=Previews)
    exports: Exports = field(default_factory=Exports)

    @property
    def default_planner(self) -> str:
        """Name of the planner that answers unless another one is chosen."""
        return next(iter(self.planners))

    @cached_property
    def recorder(self) -> Recorder:
        """Writes what people do in the Edit tab to the store, if there is one."""
        return Recorder(self.store, self.presets)

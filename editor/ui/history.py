"""Undo and redo: the settings that were, and where the user stands among them. Immutable and small."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from editor.planner import Answer
from editor.tools import Edit
from editor.ui.controls import Settings

LONGEST = 100


@dataclass(frozen=True)
class Credit:
    """The answer that an export is counted for."""

    ask_id: str
    planned: Edit  # the planner's own edit, before taste and controls


@dataclass(frozen=True)
class Step:
    """Settings and where they came from."""

    settings: Settings = field(default_factory=Settings)
    answer: Answer | None = None  # the planner's, as long as the edit still rests on it
    prompt: str = ""
    asked: str = ""  # id of the event that holds the answer
    credit: Credit | None = None  # None while the edit rests on no answer
    taste: str = ""  # the taste that was applied to the answer, in words
    moved: tuple[str, ...] = ()  # controls that this step moved; empty for a plan, a recipe or a reset


@dataclass(frozen=True)
class History:
    """Steps from the first to the latest; `at` is the one shown."""

    steps: tuple[Step, ...] = (Step(),)
    at: int = 0

    @property
    def now(self) -> Step:
        """The step shown."""
        return self.steps[self.at]

    @property
    def can_undo(self) -> bool:
        """True when there is an earlier step."""
        return self.at > 0

    @property
    def can_redo(self) -> bool:
        """True when a step was undone."""
        return self.at < len(self.steps) - 1

    def add(self, step: Step) -> History:
        """A new step after the one shown; undone steps are dropped."""
        steps = (*self.steps[: self.at + 1], step)[-LONGEST:]
        return History(steps, len(steps) - 1)

    def move(self, settings: Settings) -> History:
        """Settings after a control moved; consecutive moves of the same control are one step."""
        moved = settings.changed(self.now.settings)
        if not moved:
            return self
        step = replace(self.now, settings=settings, moved=moved)
        if moved == self.now.moved and not self.can_redo and self.at > 0:
            return replace(self, steps=(*self.steps[:-1], step))
        return self.add(step)

    def undo(self) -> History:
        """One step back, if there is one."""
        return replace(self, at=max(self.at - 1, 0))

    def redo(self) -> History:
        """One step forward, if there is one."""
        return replace(self, at=min(self.at + 1, len(self.steps) - 1))

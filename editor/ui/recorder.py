"""Writes the Edit tab's events in a thread of its own, in order: the page never waits for a database or fails with it.

What an event means is decided here; what is stored of it, in `editor.store`. An event's id is made of what was done
(project, prompt, planner, look), so a double click or a retry writes the same row again, which counts once. A control
counts as changed when it has come to rest: nothing moved it for `REST` seconds, or something else was done. Undo and
redo are no events and take none back. A preset of the user's own is stored without its name, which is a file's.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from editor.experiment import Experiment
from editor.planner import Answer
from editor.store import ExportKind, Store, kept_tools, now_ms
from editor.tools import TOOLS, Edit, Filter
from editor.ui.controls import NAMES, PARAMETERS, Settings
from editor.ui.history import Step
from editor.ui.media import Media

REST = 1.5  # seconds
MOST_WAITING = 10_000  # events; the memory must not fill up while a database is gone
LAST_WORDS = 5.0  # seconds for what still waits when the server ends
OWN_PRESET = "own preset"
_NAMESPACE = uuid.UUID("7c1d9e64-5b0f-4b57-9d0e-0d4f6d2b8a11")


def event_id(*parts: str) -> str:
    """The same id for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


@dataclass
class _Move:
    """A control on its way: where it started, where it is now."""

    user: str
    step: Step  # before the move
    start: list[Any]  # values of all controls, in the order of `NAMES`
    last: list[Any]
    touched: set[str]
    due: float = 0.0  # monotonic seconds
    at: int = field(default_factory=now_ms)


class Recorder:
    """Records for all users; without a store nothing happens. `presets` are the names that may be stored."""

    def __init__(self, store: Store | None, presets: Container[str] = (), rest: float = REST) -> None:
        self.store = store
        self._presets = presets
        self._rest = rest
        self._writes: deque[tuple[str, Callable[[], object]]] = deque()
        self._moves: dict[str, _Move] = {}  # by project
        self._writing = False
        self._thread: threading.Thread | None = None
        self._wake = threading.Condition()

    def user_id(self, visitor: str) -> str:
        """The pseudonym of a browser's or session's random text; "" without a store."""
        return self.store.user_id(visitor) if self.store and visitor else ""

    def started(self, user: str, media: Media) -> None:
        """A picture or clip was opened: its `id` is the project's."""
        if self.store:
            self._put("started", self.store.project_started, user, media.kind, id=media.id, at=now_ms())

    def asked(self, user: str, media: Media, step: Step) -> None:
        """The planner's answer of a step, as the planner gave it."""
        if not (self.store and step.answer and step.asked):
            return
        self.settle(media)
        event: dict[str, Any] = {"id": step.asked, "at": now_ms()}
        answer = step.answer
        self._put("asked", self.store.asked, media.id, user, step.prompt, answer, answer.version, **event)

    def moved(self, user: str, media: Media, before: Step, values: Sequence[Any]) -> None:
        """Controls were moved to `values`; what came of it is recorded when they rest."""
        if not self.store:
            return
        now = [0.0 if value is None else value for value in values]
        with self._wake:
            move = self._moves.get(media.id)
            start = move.last if move else before.settings.values
            touched = {name for name, a, b in zip(NAMES, start, now, strict=True) if a != b}
            if not touched:
                return
            if move is None or not touched & move.touched:
                self._settle(media.id)
                move = self._moves[media.id] = _Move(user, before, start, now, set())
            move.touched |= touched
            move.last, move.due, move.at = now, time.monotonic() + self._rest, now_ms()
            self._begin()
            self._wake.notify_all()

    def settle(self, media: Media) -> None:
        """What moved in this project has come to rest."""
        with self._wake:
            self._settle(media.id)

    def exported(self, user: str, media: Media, step: Step, kind: ExportKind) -> None:
        """A file was made. The same look taken home again in the same kind is the same event."""
        if not self.store:
            return
        self.settle(media)
        final, credit = self._public(step.settings.effective), step.credit
        ask = credit.ask_id if credit else None
        kept = kept_tools(credit.planned, final) if credit else {}
        event: dict[str, Any] = {"id": event_id("export", media.id, kind, ask or "", final.to_json()), "at": now_ms()}
        self._put("exported", self.store.exported, media.id, user, kind, final, kept, ask_id=ask, **event)

    def exposed(self, user: str, experiment: Experiment) -> None:
        """A user is about to meet an arm."""
        if self.store:
            self._put("exposed", experiment.serve, self.store, user, at=now_ms())

    def flush(self, timeout: float = LAST_WORDS) -> bool:
        """Let everything rest and be written; False when that takes longer."""
        with self._wake:
            for project in list(self._moves):
                self._settle(project)
        return self.written(timeout)

    def written(self, timeout: float) -> bool:
        """Wait until nothing waits to be written; False when that takes longer."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._writes and not self._writing, timeout)

    def _put(self, name: str, write: Callable[..., object], *args: Any, **options: Any) -> None:
        with self._wake:
            if len(self._writes) >= MOST_WAITING:
                logging.getLogger(__name__).warning("Too many events wait to be stored; one was dropped: %s", name)
                return
            self._writes.append((name, partial(write, *args, **options)))
            self._begin()
            self._wake.notify_all()

    def _settle(self, project: str) -> None:
        move = self._moves.pop(project, None)
        if move is None or self.store is None:
            return
        ask = move.step.credit.ask_id if move.step.credit else None
        event: dict[str, Any] = {"ask_id": ask, "at": move.at}
        for tool in TOOLS:
            at = NAMES.index(f"{tool}_on")
            if move.start[at] != move.last[at]:
                self._put("switched", self.store.switched, project, move.user, tool, bool(move.last[at]), **event)
        for name, before, after in self._changes(move):
            self._put("changed", self.store.changed, project, move.user, PARAMETERS[name], before, after, **event)

    def _changes(self, move: _Move) -> list[tuple[str, float | str, float | str]]:
        """(control, before, after) of the controls that rest elsewhere; before is the planner's, where one planned."""
        credit = move.step.credit
        base = Settings(edit=credit.planned).values if credit else move.start
        values = zip(NAMES, move.start, base, move.last, strict=True)
        found = {name: found for name, *found in values if name in PARAMETERS and found[0] != found[2]}
        start, planned, last = found.get("preset", ("", "", ""))
        if start == "none" and planned == last:
            del found["preset"]  # its intensity had been 0, which reads as no preset: only the intensity moved
        elif last:
            found.pop("intensity", None)  # it follows the choice of a preset
        return [(name, self._plain(planned), self._plain(last)) for name, (_, planned, last) in found.items()]

    def _plain(self, value: Any) -> float | str:
        if not isinstance(value, str):
            return float(value)
        return value if value == "none" or value in self._presets else OWN_PRESET

    def _public(self, edit: Edit) -> Edit:
        if edit.filter is None or edit.filter.name in self._presets:
            return edit
        return edit.model_copy_validated(filter=Filter(name=OWN_PRESET, intensity=edit.filter.intensity))

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()
            atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            name, write = self._next()
            try:
                write()
            except Exception as error:  # whatever it is, the page goes on; its text may hold a prompt or an address
                logging.getLogger(__name__).warning("An event was not stored: %s, %s", name, type(error).__name__)

    def _next(self) -> tuple[str, Callable[[], object]]:
        with self._wake:
            self._writing = False
            while True:
                now = time.monotonic()
                for project in [p for p, move in self._moves.items() if move.due <= now]:
                    self._settle(project)
                if self._writes:
                    self._writing = True
                    return self._writes.popleft()
                self._wake.notify_all()
                due = min((move.due for move in self._moves.values()), default=None)
                self._wake.wait(None if due is None else max(due - now, 0.01))


def ask_id(media: Media | None, before: Step, prompt: str, answer: Answer) -> str:
    """The id of an ask: the same for a request that is sent again, another one for the next request."""
    if media is None:
        return str(uuid.uuid4())  # written when a picture is opened
    if before.asked and before.prompt == prompt and before.answer and before.answer.planner == answer.planner:
        return before.asked
    return event_id("ask", media.id, before.asked, answer.planner, prompt)

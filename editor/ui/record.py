"""Ties handlers to the recorder: who acts, and what each handler's call means as an event.

A person is the random number that their browser keeps; a caller of the API without one is their Gradio session.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any

import gradio as gr

from editor.store import ExportKind
from editor.ui.context import Context
from editor.ui.editing import Shown
from editor.ui.recorder import Recorder

# (recorder, user, the handler's arguments by name, its result); called when the handler is done.
Note = Callable[[Recorder, str, dict[str, Any], Any], None]


def recorded(function: Callable[..., Any], note: Note | None = None) -> Callable[..., Any]:
    """`function(context, ...)` as `(context, request, visitor, ...)`: afterwards, `note` records what was done.

    A function with a parameter `user` is given the person's pseudonym ("" where nothing is stored). A fault of the
    recording is logged and goes no further.
    """
    signature = inspect.signature(function)

    def person(context: Context, request: gr.Request | None, visitor: str) -> tuple[str, dict[str, str]]:
        session = f"session {request.session_hash}" if request and request.session_hash else ""
        user = context.recorder.user_id(visitor or session)
        return user, {"user": user} if "user" in signature.parameters else {}

    def record(context: Context, user: str, inputs: tuple[Any, ...], extra: dict[str, str], result: Any) -> None:
        if note is None or not user:
            return
        try:
            note(context.recorder, user, dict(signature.bind(context, *inputs, **extra).arguments), result)
        except Exception as error:  # the person goes on; the text of a fault may hold what they typed
            logging.getLogger(__name__).warning("%s was not recorded: %s", function.__name__, type(error).__name__)

    @wraps(function)
    def run(context: Context, request: gr.Request | None, visitor: str, *inputs: Any) -> Any:
        user, extra = person(context, request, visitor)
        result = function(context, *inputs, **extra)
        record(context, user, inputs, extra, result)
        return result

    @wraps(function)
    def stream(context: Context, request: gr.Request | None, visitor: str, *inputs: Any) -> Generator[Any, None, None]:
        user, extra = person(context, request, visitor)
        for result in function(context, *inputs, **extra):
            record(context, user, inputs, extra, result)
            yield result

    chosen: Any = stream if inspect.isgeneratorfunction(function) else run
    chosen.__signature__ = _signature(signature)
    chosen.__annotations__ = {**function.__annotations__, "request": gr.Request, "visitor": str}
    return chosen


def _signature(signature: inspect.Signature) -> inspect.Signature:
    """Request and visitor behind the context; `user` comes from them."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    context, *rest = signature.parameters.values()
    added = [inspect.Parameter(name, kind) for name in ("request", "visitor")]
    return signature.replace(parameters=[context, *added, *(p for p in rest if p.name != "user")])


def opened(recorder: Recorder, user: str, given: dict[str, Any], shown: Shown) -> None:
    """A picture starts a project; an answer that it is opened with was asked for it. A .cube is a chosen preset."""
    before, media, now = given["media"], shown.media, shown.history.now
    if media is None:
        return
    if before is None or media.id != before.id:
        if before:
            recorder.settle(before)
        recorder.started(user, media)
        recorder.asked(user, media, now)
    elif now.moved:
        recorder.moved(user, media, given["history"].now, now.settings.values)


def asked(recorder: Recorder, user: str, _given: dict[str, Any], shown: Shown) -> None:
    """A planner answered."""
    if shown.media:
        recorder.asked(user, shown.media, shown.history.now)


def moved(recorder: Recorder, user: str, given: dict[str, Any], shown: Shown) -> None:
    """Controls were moved to the values given."""
    if shown.media:
        recorder.moved(user, shown.media, given["history"].now, given["values"])


def chosen(recorder: Recorder, user: str, given: dict[str, Any], shown: Shown) -> None:
    """A preset was chosen."""
    if shown.media:
        recorder.moved(user, shown.media, given["history"].now, shown.settings.values)


def stepped(recorder: Recorder, _user: str, _given: dict[str, Any], shown: Shown) -> None:
    """Undo, redo and reset are no events; what moved before them has come to rest."""
    if shown.media:
        recorder.settle(shown.media)


def made(kind: ExportKind) -> Note:
    """A file of this kind was made."""

    def note(recorder: Recorder, user: str, given: dict[str, Any], result: Any) -> None:
        running_clip = kind == "video" and result[1] is None
        if given["media"] and not running_clip:
            recorder.exported(user, given["media"], given["history"].now, kind)

    return note

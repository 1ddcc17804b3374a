"""What the Edit tab does for the person before it: their experiment's planner, their taste, their privacy.

Plain functions without Gradio components. `user` is the pseudonym; "" where nothing is stored.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from html import escape

from sqlalchemy.exc import SQLAlchemyError

from editor.errors import UserError
from editor.experiment import Experiment
from editor.store import now_ms
from editor.taste import Taste, learn, taste_of
from editor.tools import Edit
from editor.ui.context import Context

NOTHING_LEARNED = "Nothing learned yet: export a few edits first."
OWN_EXPORTS = 1.0  # seconds that the taste waits for the person's last export to be written
_log = logging.getLogger(__name__)


def running_experiment(context: Context) -> Experiment | None:
    """The experiment that runs. A faulty one is logged and does not run: people go on with the default planner."""
    if context.store is None:
        return None
    try:
        experiment = Experiment.from_environment()
    except UserError as error:
        _log.warning("No experiment runs: %s", error)
        return None
    missing = sorted(set(experiment.arms) - set(context.planners)) if experiment else []
    if missing:
        _log.warning("No experiment runs: %s are no planners of this page", ", ".join(missing))
        return None
    return experiment


def planner_for(context: Context, planner: str, user: str) -> str:
    """The planner that answers: the one named, else the person's arm (then exposed), else the default one."""
    if planner:
        if planner not in context.planners:
            raise UserError(f"There is no planner {planner!r}; choose one of {', '.join(context.planners)}.")
        return planner
    experiment = running_experiment(context) if user else None
    if experiment is None:
        return context.default_planner
    context.recorder.exposed(user, experiment)
    return experiment.planner_for(user)


def taste(context: Context, user: str, since: float) -> Taste:
    """The person's taste from their exports after `since` (Unix ms); an empty one when it cannot be read."""
    if context.store is None or not user:
        return learn([])
    context.recorder.written(OWN_EXPORTS)
    try:
        return taste_of(context.store.engine, user, int(since or 0))
    except SQLAlchemyError as error:
        _log.warning("A taste could not be read: %s", type(error).__name__)
        return learn([])


def flavoured(context: Context, edit: Edit, user: str, since: float) -> tuple[Edit, str]:
    """A planner's edit moved towards the person's taste, and the taste in words; "" when it changes nothing."""
    mine = taste(context, user, since)
    moved = mine.apply(edit)
    return moved, "" if moved == edit else mine.words() or "small corrections"


@dataclass(frozen=True)
class TasteShown:
    """What the page says of a taste."""

    since: int  # Unix ms of the last reset
    words: str
    learned: bool


def taste_words(context: Context, since: float, user: str = "") -> TasteShown:
    """The person's taste in words: "Your taste: warmer, less contrast."; the time of the last reset is kept."""
    mine = taste(context, user, since)
    learned = bool(mine.gain.any() or mine.offset.any())
    words = f"Your taste: {mine.words() or 'small corrections'}." if learned else NOTHING_LEARNED
    return TasteShown(int(since or 0), words, learned)


def forget_taste(context: Context, user: str = "") -> TasteShown:
    """Nothing exported until now counts for the person's taste any more."""
    return taste_words(context, now_ms(), user)


@dataclass(frozen=True)
class Arrival:
    """A browser that opens the page."""

    visitor: str
    use_taste: bool
    taste: TasteShown
    privacy: str


def arrive(context: Context, visitor: str, use_taste: bool, since: float) -> Arrival:
    """Tell the browser by the random number that it keeps; "" where it keeps none."""
    visitor = visitor if 8 <= len(visitor or "") <= 100 else ""
    user = context.recorder.user_id(visitor)
    return Arrival(visitor, bool(use_taste), taste_words(context, since, user), privacy(context, user))


def privacy(context: Context, user: str) -> str:
    """What is stored about the person, as HTML."""
    files = "Files that you open and files that are made for you are deleted from the server after a day."
    if context.store is None:
        return f"<p>This server stores nothing about what you do here. {files}</p>"
    forget = f"<code>python -m editor.store forget {escape(user)}</code>"
    mine = (
        f'<code id="pseudonym">{escape(user)}</code>. Whoever runs this server deletes everything under it with '
        f"{forget}; clearing this page's data in your browser gives you a new one"
        if user
        else "your session here"
    )
    return (
        "<p>This server stores what you do, so that the next student learns from it: that a picture or a clip was "
        "opened, your words and the planner's answer, which controls you changed and tools you switched, which edits "
        "you exported, the planner that an experiment gave you, your votes and ratings, and the time. It never stores "
        "your picture, the name of a file, your address or an account; only photos that you add to a blind test or a "
        "reality check are kept, for their voters.</p><p>All of it lies under a pseudonym, made from a random number "
        "that this browser keeps: "
        f"{mine}.</p><p>{files}</p>"
    )

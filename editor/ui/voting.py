"""Handlers of the Blind test tab: pairs to judge, votes, new campaigns. Plain functions without Gradio components.

`visitor` is the random number that the browser keeps; the database gets only its pseudonym.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from editor import campaigns
from editor.asking import PATIENCE, ask_all
from editor.campaigns import Comparison, Progress, Revealed
from editor.errors import UserError
from editor.gallery import keep, picture_path
from editor.sampling import PAPER_PROMPTS, cross
from editor.store import Store
from editor.tools import Edit
from editor.ui.comparing import chosen_planners
from editor.ui.context import Context
from editor.ui.media import Media

NO_STORE = "Nothing is stored on this server, so there is nothing to judge here: start it without VIBEGRADE_STORE=off."
MOST_PROMPTS = 100
PAPER_TITLE = "The paper's eight prompts"


def store_of(context: Context) -> Store:
    """The event store. Raises `UserError` where the server keeps none."""
    if context.store is None:
        raise UserError(NO_STORE)
    return context.store


def voter(context: Context, visitor: str) -> str:
    """The pseudonym of a browser. Raises `UserError` for a missing number."""
    if not 8 <= len(visitor) <= 100:
        raise UserError("This browser could not be told apart from others: allow local storage, then reload the page.")
    return store_of(context).user_id(visitor)


@dataclass(frozen=True)
class Ballot:
    """A pair to judge; without `showing` the voter has judged them all."""

    voted: int
    total: int
    showing: str = ""
    prompt: str = ""
    left: str = field(default="", repr=False)  # data URLs: same size, same encoding, no name
    right: str = field(default="", repr=False)
    original: str = field(default="", repr=False)


def all_campaigns(context: Context) -> list[Progress]:
    """Every campaign with its progress, newest first."""
    return campaigns.campaigns(store_of(context).engine)


def next_pair(context: Context, campaign: str, visitor: str) -> Ballot:
    """The pair that this browser should judge now; an open one comes back as it was."""
    engine = store_of(context).engine
    if not campaign:
        return Ballot(0, 0)
    shown = campaigns.next_showing(engine, campaign, voter(context, visitor))
    if shown is None:
        total = next(c.pairs for c in all_campaigns(context) if c.id == campaign)
        return Ballot(total, total)
    media = named_media(context, shown.picture)
    left, right = (context.previews.graded(media, edit, context.presets) for edit in (shown.left, shown.right))
    original = context.previews.of(media).before
    return Ballot(shown.voted, shown.total, shown.id, shown.prompt, left, right, original)


def named_media(context: Context, picture: str) -> Media:
    """A campaign's picture, under a name that tells nothing."""
    return Media(str(picture_path(picture, context.samples)), "picture")


def pictures_loaded(context: Context, showing: str, visitor: str) -> str:
    """Both pictures are on this browser's screen: from now on its vote counts. Returns the showing."""
    campaigns.pictures_loaded(store_of(context).engine, showing, voter(context, visitor))
    return showing


def vote(context: Context, choice: str, showing: str, visitor: str) -> Revealed:
    """Store a choice (left, right, neutral, both_bad) and learn the planners; a second vote changes nothing."""
    return campaigns.vote(store_of(context).engine, showing, voter(context, visitor), choice)


@dataclass(frozen=True)
class Made:
    """A campaign that is being made; `id` is set when it is there."""

    done: int
    total: int
    id: str = ""


def create(
    context: Context,
    title: str,
    prompts: str,
    pictures: Sequence[str],
    uploads: Sequence[str] | None,
    planners: Sequence[str],
    minimum_votes: float,
    seed: float,
    patience: float = PATIENCE,
) -> Iterator[Made]:
    """Make a campaign: every prompt (one a line) on every picture for every two planners; edits are frozen.

    Raises `UserError` when a planner has no answer: a campaign with holes would compare unlike things.
    """
    engine = store_of(context).engine
    chosen = chosen_planners(context, planners)
    asked = list(dict.fromkeys(line.strip() for line in prompts.splitlines() if line.strip()))
    if not 1 <= len(asked) <= MOST_PROMPTS:
        raise UserError(f"Write 1 to {MOST_PROMPTS} prompts, one on a line.")
    _positive(minimum_votes, "The number of votes")
    shown = [*pictures, *(keep(path, Path(path).name) for path in uploads or ())]
    if not shown:
        raise UserError("Choose at least one picture.")
    edits: dict[tuple[str, str], Edit] = {}
    for number, prompt in enumerate(asked):
        yield Made(number, len(asked))
        for reply in ask_all({name: context.planners[name] for name in chosen}, prompt, patience):
            if reply.answer is None:
                raise UserError(f"No campaign was made: for “{prompt}”, {reply.problem}")
            edits[reply.planner, prompt] = reply.answer.edit
    in_order = {(name, prompt): edits[name, prompt] for name in chosen for prompt in asked}
    comparisons = checked(context, cross(asked, list(dict.fromkeys(shown)), in_order))
    made = campaigns.create_campaign(engine, title, comparisons, int(minimum_votes), int(seed))
    yield Made(len(asked), len(asked), made)


def create_paper_campaign(context: Context) -> Iterator[Made]:
    """The ready campaign: the paper's eight prompts on every sample photo, first planner against second."""
    photos = [sample.name for sample in context.samples if sample.kind == "image"]
    yield from create(context, PAPER_TITLE, "\n".join(PAPER_PROMPTS), photos, None, list(context.planners)[:2], 10, 0)


def create_from_file(context: Context, path: str | None, title: str, minimum_votes: float, seed: float) -> str:
    """Make a campaign of a JSON-lines file (see `editor.campaigns.read_comparisons`). Returns its id."""
    if not path:
        raise UserError("Choose a campaign file first.")
    _positive(minimum_votes, "The number of votes")
    comparisons = checked(context, campaigns.read_comparisons(path))
    title = title.strip() or Path(path).stem.replace("_", " ")
    return campaigns.create_campaign(store_of(context).engine, title, comparisons, int(minimum_votes), int(seed))


def checked(context: Context, comparisons: list[Comparison]) -> list[Comparison]:
    """The comparisons, all of which can be shown. Raises `UserError` for an unknown picture or preset."""
    for picture in {comparison.picture for comparison in comparisons}:
        picture_path(picture, context.samples)
    for comparison in comparisons:
        for side in (comparison.a, comparison.b):
            if side.edit.filter:
                context.presets.get(side.edit.filter.name)
    return comparisons


def _positive(number: float, name: str) -> None:
    if not number or not 1 <= number <= 10_000:
        raise UserError(f"{name} must lie between 1 and 10,000.")

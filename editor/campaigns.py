"""Blind tests: making a campaign, showing its pairs to voters, taking their votes.

The server chooses the sides, and names the models only after the vote is stored. Reloads, two tabs,
double clicks and the back button are answered by the same rows: the database allows one showing for
each pair and voter and one vote for each showing. What votes mean is `editor.vote_results`.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import Connection, Engine, case, func, select
from sqlalchemy.orm import Session

from editor.errors import UserError
from editor.schema import Campaign, Loading, Pair, Showing, Vote
from editor.store import insert_once, new_id, now_ms
from editor.tools import Edit, EditError

Choice = Literal["left", "right", "neutral", "both_bad"]
CHOICES: tuple[Choice, ...] = ("left", "right", "neutral", "both_bad")
REPEAT_SHARE, IDENTICAL_SHARE = 0.05, 0.03  # of the plain pairs; at least one each from 10 pairs on
REPEAT_GAP = 3  # votes between a pair and its swapped repeat, so that memory does not answer it


@dataclass(frozen=True)
class Candidate:
    """One side of a comparison."""

    planner: str
    edit: Edit


@dataclass(frozen=True)
class Comparison:
    """Two candidates for a prompt on a picture; `picture` names a sample."""

    prompt: str
    picture: str
    a: Candidate
    b: Candidate


@dataclass(frozen=True)
class Shown:
    """What a voter sees: nothing here tells the planners."""

    id: str
    prompt: str
    picture: str
    left: Edit
    right: Edit
    voted: int  # votes of this voter in the campaign
    total: int  # pairs in the campaign


@dataclass(frozen=True)
class Revealed:
    """What a voter learns once the vote is stored."""

    choice: Choice  # the stored one: a second vote does not change the first
    left: str  # planner
    right: str


def create_campaign(
    engine: Engine, title: str, comparisons: Sequence[Comparison], minimum_votes: int = 10, seed: int = 0
) -> str:
    """Freeze the comparisons with their checks (swapped repeats, identical pairs). Returns the campaign's id.

    Raises `UserError` when there is nothing to compare.
    """
    if not comparisons:
        raise UserError("A campaign needs at least one comparison.")
    if not title.strip():
        raise UserError("Give the campaign a title.")
    rng = random.Random(seed)
    campaign = new_id()
    plain = [_pair(campaign, "plain", c) for c in comparisons]
    repeats = [
        {**pair, "id": new_id(), "kind": "repeat", "repeat_of": pair["id"]}
        for pair in rng.sample(plain, _share(len(plain), REPEAT_SHARE))
    ]
    identical = [
        {**pair, "id": new_id(), "kind": "identical", "planner_b": pair["planner_a"], "edit_b": pair["edit_a"]}
        for pair in rng.sample(plain, _share(len(plain), IDENTICAL_SHARE))
    ]
    pairs = plain + repeats + identical
    with engine.begin() as connection:
        connection.execute(
            insert_once(engine, Campaign),
            {
                "id": campaign,
                "title": " ".join(title.split())[:200],
                "minimum_votes": minimum_votes,
                "seed": seed,
                "at": now_ms(),
            },
        )
        for position, pair in enumerate(pairs):  # one by one: a repeat refers to its pair
            connection.execute(insert_once(engine, Pair).values(**pair, position=position))
    return campaign


def _share(pairs: int, share: float) -> int:
    return max(round(pairs * share), int(pairs >= 10))


def _pair(campaign: str, kind: str, comparison: Comparison) -> dict[str, Any]:
    return {
        "id": new_id(),
        "campaign_id": campaign,
        "kind": kind,
        "repeat_of": None,
        "prompt": comparison.prompt,
        "picture": comparison.picture,
        "planner_a": comparison.a.planner,
        "planner_b": comparison.b.planner,
        "edit_a": comparison.a.edit.to_json(),
        "edit_b": comparison.b.edit.to_json(),
    }


def read_comparisons(path: str | Path) -> list[Comparison]:
    """Comparisons of a JSON-lines file: prompt, picture, a and b with planner and edit. Raises `UserError`."""
    comparisons = []
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError("The campaign file cannot be read: give a UTF-8 text file of JSON lines.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            sides = [Candidate(str(record[s]["planner"]), Edit.from_dict(record[s]["edit"])) for s in ("a", "b")]
            comparisons.append(Comparison(str(record["prompt"]), str(record["picture"]), *sides))
        except EditError as error:
            raise UserError(f"Line {number} of the campaign file: {error}.") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f'Line {number} of the campaign file must be {{"prompt", "picture", '
                '"a": {"planner", "edit"}, "b": {"planner", "edit"}}.'
            ) from None
    return comparisons


def next_showing(engine: Engine, campaign_id: str, voter_id: str) -> Shown | None:
    """The pair that the voter should judge now, None when all are done.

    An open showing comes back as it was (reload, second tab); else the pair with the fewest votes.
    """
    with engine.begin() as connection:
        total = connection.scalar(select(func.count()).where(Pair.campaign_id == campaign_id)) or 0
        if not total:
            raise UserError("This campaign does not exist; ask for a new link.")
        seen = _seen(connection, campaign_id, voter_id)
        voted = [row for row in seen if row.choice is not None]
        open_showing = next((row.id for row in seen if row.choice is None), None)
        if open_showing is None:
            pair = _next_pair(connection, campaign_id, voter_id, seen)
            if pair is None:
                return None
            left = {row.pair_id: row.left for row in seen}.get(pair.repeat_of)
            side = secrets.choice("ab") if left is None else "b" if left == "a" else "a"
            values = {"id": new_id(), "pair_id": pair.id, "voter_id": voter_id, "left": side, "at": now_ms()}
            connection.execute(insert_once(engine, Showing).values(**values))
            # Another tab may have been first: its row is the one that counts.
            mine = (Showing.pair_id == pair.id) & (Showing.voter_id == voter_id)
            open_showing = connection.execute(select(Showing.id).where(mine)).scalar_one()
        return _shown(connection, open_showing, len(voted), total)


def _seen(connection: Connection, campaign_id: str, voter_id: str) -> Sequence[Any]:
    """A voter's showings in order, with the choice where there is one."""
    query = (
        select(Showing.id, Showing.pair_id, Showing.left, Vote.choice)
        .join(Pair, Pair.id == Showing.pair_id)
        .outerjoin(Vote, Vote.showing_id == Showing.id)
        .where(Pair.campaign_id == campaign_id, Showing.voter_id == voter_id)
        .order_by(Showing.at, Showing.id)
    )
    return connection.execute(query).all()


def _next_pair(connection: Connection, campaign_id: str, voter_id: str, seen: Sequence[Any]) -> Any:
    shown = [row.pair_id for row in seen]
    votes = (
        select(Showing.pair_id, func.count().label("votes"))
        .join(Vote, Vote.showing_id == Showing.id)
        .group_by(Showing.pair_id)
        .subquery()
    )
    query = (
        select(Pair.id, Pair.repeat_of, func.coalesce(votes.c.votes, 0).label("votes"))
        .outerjoin(votes, votes.c.pair_id == Pair.id)
        .where(Pair.campaign_id == campaign_id, Pair.id.not_in(shown))
    )
    left = connection.execute(query).all()
    fresh = [p for p in left if p.repeat_of is None]
    to_repeat = {p.repeat_of for p in left}
    first = [p for p in fresh if p.id in to_repeat]
    if first and len(fresh) <= REPEAT_GAP + len(first):  # keep enough other pairs to stand between it and its repeat
        fresh = first
    remembered = set(shown[-REPEAT_GAP:])
    allowed = fresh + [p for p in left if p.repeat_of in shown and p.repeat_of not in remembered]
    # A repeat that is only waiting for its gap may come early when nothing else is left.
    candidates = allowed or [p for p in left if p.repeat_of in shown]
    order = random.Random(f"{voter_id}{campaign_id}")  # each voter meets equally wanted pairs in an order of their own
    ranks = {pair_id: order.random() for pair_id in sorted(p.id for p in left)}
    return min(candidates, key=lambda p: (p.votes, ranks[p.id]), default=None)


def _shown(connection: Connection, showing_id: str, voted: int, total: int) -> Shown:
    pair = connection.execute(
        select(Pair.prompt, Pair.picture, Pair.edit_a, Pair.edit_b, Showing.left)
        .join(Showing, Showing.pair_id == Pair.id)
        .where(Showing.id == showing_id)
    ).one()
    edits = [Edit.from_json(pair.edit_a), Edit.from_json(pair.edit_b)]
    if pair.left == "b":
        edits.reverse()
    return Shown(showing_id, pair.prompt, pair.picture, edits[0], edits[1], voted, total)


def pictures_loaded(engine: Engine, showing_id: str, voter_id: str) -> None:
    """Both pictures are on the voter's screen: from now on the vote counts."""
    with engine.begin() as connection:
        _own(connection, showing_id, voter_id)
        connection.execute(insert_once(engine, Loading).values(showing_id=showing_id, at=now_ms()))


def vote(engine: Engine, showing_id: str, voter_id: str, choice: str) -> Revealed:
    """Store a vote and reveal the planners. A second vote on the same showing changes nothing.

    Raises `UserError` before both pictures have loaded, for another voter's showing or an unknown choice.
    """
    if choice not in CHOICES:
        raise UserError(f"A vote is one of {', '.join(CHOICES)}.")
    with engine.begin() as connection:
        left = _own(connection, showing_id, voter_id)
        loaded = connection.scalar(select(Loading.at).where(Loading.showing_id == showing_id))
        if loaded is None:
            raise UserError("Wait until both pictures have loaded, then vote.")
        at = now_ms()
        dwell = min(max(at - loaded, 0), 2**31 - 1)
        row = {"showing_id": showing_id, "choice": choice, "dwell_ms": dwell, "at": at}
        connection.execute(insert_once(engine, Vote).values(**row))
        stored = connection.execute(select(Vote.choice).where(Vote.showing_id == showing_id)).scalar_one()
        planners = connection.execute(
            select(Pair.planner_a, Pair.planner_b)
            .join(Showing, Showing.pair_id == Pair.id)
            .where(Showing.id == showing_id)
        ).one()
    first, second = planners if left == "a" else planners[::-1]
    return Revealed(cast(Choice, stored), first, second)


def _own(connection: Connection, showing_id: str, voter_id: str) -> str:
    """The left side of a showing of this voter. Raises `UserError` for anybody else's."""
    mine = (Showing.id == showing_id) & (Showing.voter_id == voter_id)
    left = connection.scalar(select(Showing.left).where(mine))
    if left is None:
        raise UserError("This pair was not shown to you; open the campaign's link again.")
    return str(left)


@dataclass(frozen=True)
class Progress:
    """How far a campaign is."""

    id: str
    title: str
    pairs: int
    votes: int
    voters: int
    complete: int  # pairs with the minimum of votes
    minimum_votes: int
    at: int  # made when, Unix milliseconds


def campaigns(engine: Engine) -> list[Progress]:
    """All campaigns with their progress, newest first."""
    counts = (
        select(Pair.id, Pair.campaign_id, func.count(Vote.showing_id).label("votes"))
        .outerjoin(Showing, Showing.pair_id == Pair.id)
        .outerjoin(Vote, Vote.showing_id == Showing.id)
        .group_by(Pair.id, Pair.campaign_id)
        .subquery()
    )
    enough = func.sum(case((counts.c.votes >= Campaign.minimum_votes, 1), else_=0))
    query = (
        select(Campaign, func.count(counts.c.id), func.sum(counts.c.votes), enough)
        .join(counts, counts.c.campaign_id == Campaign.id)
        .group_by(Campaign.id)
        .order_by(Campaign.at.desc(), Campaign.id)
    )
    voters = (
        select(Pair.campaign_id, func.count(func.distinct(Showing.voter_id)))
        .join(Showing, Showing.pair_id == Pair.id)
        .join(Vote, Vote.showing_id == Showing.id)
        .group_by(Pair.campaign_id)
    )
    with Session(engine) as session:
        people = {row[0]: row[1] for row in session.execute(voters)}
        return [
            Progress(c.id, c.title, pairs, int(votes), people.get(c.id, 0), int(done), c.minimum_votes, c.at)
            for c, pairs, votes, done in session.execute(query).all()
        ]

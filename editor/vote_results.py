"""What the votes of a blind test mean: the paper's table, intervals, and checks of the voters.

Raw votes are never touched: every figure is recomputed from the rows of `votes_query`, which the results
page shows.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Engine, Select, select

from editor.schema import Loading, Pair, Showing, Vote
from editor.stats import ALPHA, bradley_terry, sign_test, wilson_interval

HURRIED_MS = 700  # median time to judge two pictures below which nobody can have looked
MIN_VOTES_TO_JUDGE_A_VOTER = 8


def votes_query(campaign_id: str) -> Select[*tuple[Any, ...]]:
    """One row a vote with its pair: the rows behind every number of a campaign's results."""
    return (
        select(
            Pair.id.label("pair"),
            Pair.position,
            Pair.kind,
            Pair.repeat_of,
            Pair.prompt,
            Pair.picture,
            Pair.planner_a,
            Pair.planner_b,
            Showing.voter_id.label("voter"),
            Showing.left,
            Vote.choice,
            Vote.dwell_ms,
            Vote.at,
        )
        .join(Showing, Showing.pair_id == Pair.id)
        .join(Loading, Loading.showing_id == Showing.id)
        .join(Vote, Vote.showing_id == Showing.id)
        .where(Pair.campaign_id == campaign_id)
        .order_by(Vote.at, Showing.id)
    )


def votes_frame(engine: Engine, campaign_id: str) -> pd.DataFrame:
    """The rows of `votes_query`, and `winner`: a, b, neutral or both_bad."""
    query = votes_query(campaign_id)
    with engine.connect().execution_options(read_only=True) as connection:
        frame = pd.DataFrame(
            connection.execute(query).mappings().all(), columns=[c.name for c in query.selected_columns]
        )
    frame["winner"] = [_winner(left, choice) for left, choice in zip(frame["left"], frame["choice"], strict=True)]
    return frame


def _winner(left: str, choice: str) -> str:
    if choice == "left":
        return left
    if choice == "right":
        return "b" if left == "a" else "a"
    return choice


def excluded_voters(votes: pd.DataFrame) -> dict[str, str]:
    """Voter -> reason, for voters whose answers cannot be judgements."""
    reasons = {}
    for voter, mine in votes.groupby("voter"):
        if len(mine) < MIN_VOTES_TO_JUDGE_A_VOTER:
            continue
        sided = mine["choice"].isin(["left", "right"])
        one_side = (mine["choice"] == "left").sum(), (mine["choice"] == "right").sum()
        identical = mine[mine["kind"] == "identical"]
        if mine["dwell_ms"].median() < HURRIED_MS:
            reasons[str(voter)] = "hurried"
        elif sided.all() and min(one_side) == 0:
            reasons[str(voter)] = "one side only"
        elif mine["choice"].nunique() == 1:
            reasons[str(voter)] = "same answer always"
        elif len(identical) >= 2 and identical["choice"].isin(["left", "right"]).all():
            reasons[str(voter)] = "preferred identical pictures"
    return reasons


def prompt_table(votes: pd.DataFrame) -> pd.DataFrame:
    """The paper's table for plain pairs: prompt, planners, votes for a, b, neutral, both bad, verdict."""
    rows = []
    plain = votes[votes["kind"] == "plain"].sort_values(["planner_a", "planner_b", "position"])
    for (a, b, prompt), group in plain.groupby(["planner_a", "planner_b", "prompt"], sort=False):
        counts = group["winner"].value_counts()
        wins, losses = int(counts.get("a", 0)), int(counts.get("b", 0))
        row = {"prompt": prompt, "planner_a": a, "planner_b": b, "a": wins, "b": losses}
        row |= {"neutral": int(counts.get("neutral", 0)), "both_bad": int(counts.get("both_bad", 0))}
        rows.append({**row, "verdict": verdict(str(a), str(b), wins, losses)})
    return pd.DataFrame(rows, columns=["prompt", "planner_a", "planner_b", "a", "b", "neutral", "both_bad", "verdict"])


def verdict(a: str, b: str, wins: int, losses: int) -> str:
    """Who is ahead, and whether it may be chance."""
    if wins == losses:
        return "even"
    ahead = a if wins > losses else b
    return ahead if sign_test(wins, losses) < ALPHA else f"{ahead}, may be chance"


def pairings(votes: pd.DataFrame) -> pd.DataFrame:
    """Per two planners: wins, win rate of a among decided votes with its Wilson interval, sign test."""
    rows = []
    plain = votes[votes["kind"] == "plain"]
    for (a, b), group in plain.groupby(["planner_a", "planner_b"], sort=False):
        wins, losses = int((group["winner"] == "a").sum()), int((group["winner"] == "b").sum())
        low, high = wilson_interval(wins, wins + losses)
        row: dict[str, Any] = {"planner_a": a, "planner_b": b, "votes": len(group), "a": wins, "b": losses}
        row["win_rate"] = wins / (wins + losses) if wins + losses else math.nan
        rows.append({**row, "low": low, "high": high, "p_value": sign_test(wins, losses)})
    columns = ["planner_a", "planner_b", "votes", "a", "b", "win_rate", "low", "high", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def ranking(votes: pd.DataFrame) -> pd.DataFrame | None:
    """Bradley-Terry strengths with intervals from resampled voters; None with fewer than three planners."""
    plain = votes[(votes["kind"] == "plain") & (votes["winner"] != "both_bad")]
    if len({*plain["planner_a"], *plain["planner_b"]}) < 3:
        return None
    comparisons = pd.DataFrame(
        {
            "a": plain["planner_a"],
            "b": plain["planner_b"],
            "winner": plain["winner"].replace("neutral", "tie"),
            "voter": plain["voter"],
        }
    )
    return bradley_terry(comparisons)


@dataclass(frozen=True)
class Checks:
    """How far the voters can be trusted."""

    left_share: float  # of decided votes on plain pairs; 0.5 without a bias
    left_low: float
    left_high: float
    repeats: int
    consistent: float  # share of swapped repeats with the same winner; NaN without repeats
    identical: int
    identical_neutral: float  # share of identical pairs judged neutral or both bad; NaN without
    dwell_median_ms: float
    excluded: dict[str, int]  # reason -> voters


def checks(votes: pd.DataFrame, excluded: dict[str, str]) -> Checks:
    """Check figures over the votes that count."""
    decided = votes[votes["choice"].isin(["left", "right"]) & (votes["kind"] == "plain")]
    left = int((decided["choice"] == "left").sum())
    low, high = wilson_interval(left, len(decided))
    repeats = votes[votes["kind"] == "repeat"].merge(
        votes[["pair", "voter", "winner"]],
        left_on=["repeat_of", "voter"],
        right_on=["pair", "voter"],
        suffixes=("", "_first"),
    )
    same = votes[votes["kind"] == "identical"]
    return Checks(
        left_share=left / len(decided) if len(decided) else math.nan,
        left_low=low,
        left_high=high,
        repeats=len(repeats),
        consistent=float((repeats["winner"] == repeats["winner_first"]).mean()),
        identical=len(same),
        identical_neutral=float(same["choice"].isin(["neutral", "both_bad"]).mean()),
        dwell_median_ms=float(votes["dwell_ms"].median()),
        excluded=dict(Counter(excluded.values())),
    )


@dataclass(frozen=True)
class Results:
    """Everything on the results page of one campaign."""

    votes: pd.DataFrame  # all raw votes, the excluded ones too
    prompts: pd.DataFrame
    pairings: pd.DataFrame
    ranking: pd.DataFrame | None
    checks: Checks

    def to_json(self) -> str:
        """The results as JSON, raw votes included; voters are numbered, not named."""
        record = {
            "prompts": self.prompts.to_dict("records"),
            "pairings": _without_nan(self.pairings),
            "ranking": None if self.ranking is None else _without_nan(self.ranking),
            "checks": {k: None if v != v else v for k, v in vars(self.checks).items()},  # noqa: PLR0124 - NaN
            "votes": anonymous(self.votes).to_dict("records"),
        }
        return json.dumps(record, indent=2)


def _without_nan(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(column): value for column, value in record.items()} for record in records]


def anonymous(votes: pd.DataFrame) -> pd.DataFrame:
    """Votes for downloading: voters as numbers in order of appearance."""
    frame = votes.copy()
    frame["voter"] = pd.factorize(frame["voter"])[0] + 1
    return frame


def results(engine: Engine, campaign_id: str) -> Results:
    """Read a campaign's votes and work everything out."""
    votes = votes_frame(engine, campaign_id)
    excluded = excluded_voters(votes)
    counted = votes[~votes["voter"].isin(excluded)]
    return Results(votes, prompt_table(counted), pairings(counted), ranking(counted), checks(counted, excluded))

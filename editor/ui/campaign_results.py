"""The results page of a blind test: tables as HTML, and files to take home. Figures come from `editor.vote_results`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from editor.errors import UserError
from editor.stats import ALPHA
from editor.ui.context import Context
from editor.ui.exports import new_file
from editor.ui.tables import html_table, interval, percent, plural, records, sentence, stack, whisker
from editor.ui.voting import store_of
from editor.vote_results import Checks, Results, anonymous, results, votes_query

NO_VOTES = "No votes yet. Share the link above; the table appears with the first vote."


@dataclass(frozen=True)
class Report:
    """What the results page shows."""

    html: str
    query: str  # SQL of the rows behind every number
    files: tuple[str, ...] = field(default=())  # table CSV, votes CSV, JSON; () without votes


def report(context: Context, campaign: str) -> Report:
    """Work out a campaign's results from its votes."""
    if not campaign:
        raise UserError("Choose a campaign first.")
    engine = store_of(context).engine
    found = results(engine, campaign)
    query = sql(engine, campaign)
    if found.votes.empty:
        return Report(sentence(NO_VOTES), query)
    parts = [headline(found), prompt_table(found.prompts), pairing_table(found.pairings)]
    parts += [ranking_table(found.ranking)] if found.ranking is not None else []
    return Report("".join([*parts, checks_table(found.checks)]), query, write_files(found))


def sql(engine: Engine, campaign: str) -> str:
    """The query of the rows behind every number, ready to run."""
    return str(votes_query(campaign).compile(engine, compile_kwargs={"literal_binds": True}))


def headline(found: Results) -> str:
    """The outcome in words."""
    excluded = sum(found.checks.excluded.values())
    voters = found.votes["voter"].nunique()
    counted = f"{plural('vote', len(found.votes))} by {plural('voter', voters)}"
    apart = f"; {plural('voter', excluded)} set aside, see the checks" if excluded else ""
    lines = [sentence(f"{counted}{apart}.")]
    for row in records(found.pairings):
        decided = row.a + row.b
        if not decided:
            lines.append(sentence(f"{row.planner_a} against {row.planner_b}: no decided vote yet."))
            continue
        if row.a == row.b:
            lines.append(sentence(f"{row.planner_a} and {row.planner_b} are even."))
            continue
        ahead, behind = (row.planner_a, row.planner_b) if row.a > row.b else (row.planner_b, row.planner_a)
        wins = max(row.a, row.b)
        sure = "" if row.p_value < ALPHA else "; this may be chance"
        share = f"{wins:,} of {decided:,} decided votes ({percent(wins / decided)})"
        lines.append(sentence(f"{ahead} wins {share} against {behind}{sure}."))
    return f'<div class="judge-text">{"".join(lines)}</div>'


def prompt_table(prompts: pd.DataFrame) -> str:
    """The paper's table: prompt, votes for each side, verdict."""
    several = len(prompts[["planner_a", "planner_b"]].drop_duplicates()) > 1
    first = prompts.iloc[0] if len(prompts) else None
    a, b = ("A", "B") if several or first is None else (first["planner_a"], first["planner_b"])
    rows = []
    for row in records(prompts):
        bar = stack(("a", row.a), ("neutral", row.neutral), ("bad", row.both_bad), ("b", row.b))
        pair = [f"{row.planner_a} / {row.planner_b}"] if several else []
        rows.append([row.prompt, *pair, row.a, row.b, row.neutral, row.both_bad, bar, row.verdict])
    headers = ["Prompt", *(["A / B"] if several else []), a, b, "Neutral", "Both bad", "Shares", "Verdict"]
    return html_table(headers, rows, "By prompt")


def pairing_table(pairings: pd.DataFrame) -> str:
    """Win rate with its Wilson interval and the sign test, for every two planners."""
    rows = []
    for row in records(pairings):
        decided = row.a + row.b
        bar = whisker(row.win_rate, row.low, row.high) if decided else ""
        test = f"{row.p_value:.3g}" if decided else "–"
        shares = [percent(row.win_rate), interval(row.low, row.high) if decided else "–", bar]
        rows.append([f"{row.planner_a} against {row.planner_b}", row.votes, row.a, row.b, *shares, test])
    headers = ["Planners", "Votes", "Wins", "Losses", "Win rate", "95 % interval", "0 to 100 %", "Sign test p"]
    return html_table(headers, rows, "Win rate of decided votes")


def ranking_table(ranking: pd.DataFrame) -> str:
    """Bradley-Terry strengths with intervals from resampled voters."""
    rows = [[r.model, f"{r.strength:+.2f}", f"{r.low:+.2f} to {r.high:+.2f}"] for r in records(ranking)]
    return html_table(["Planner", "Strength, log-odds", "95 % interval"], rows, "Ranking (Bradley–Terry)")


def checks_table(checks: Checks) -> str:
    """How far the voters can be trusted."""
    left = f"{percent(checks.left_share)} ({interval(checks.left_low, checks.left_high)})"
    rows: list[list[Any]] = [
        ["Left side chosen, 50 % without a bias", left],
        ["Same answer to the pair shown again with sides swapped", f"{percent(checks.consistent)} of {checks.repeats}"],
        ["Identical pictures called neutral or both bad", f"{percent(checks.identical_neutral)} of {checks.identical}"],
        ["Median time to choose", _seconds(checks.dwell_median_ms)],
        *([f"Voters set aside: {reason}", voters] for reason, voters in sorted(checks.excluded.items())),
    ]
    return html_table(["Check", "Outcome"], rows, "Checks of the voters")


def write_files(found: Results) -> tuple[str, ...]:
    """The table and the votes as CSV, and everything as JSON."""
    paths = [new_file(name) for name in ("blind-test-table.csv", "blind-test-votes.csv", "blind-test.json")]
    found.prompts.to_csv(paths[0], index=False)
    anonymous(found.votes).to_csv(paths[1], index=False)
    Path(paths[2]).write_text(found.to_json(), encoding="utf-8")
    return tuple(map(str, paths))


def _seconds(milliseconds: float) -> str:
    return "–" if milliseconds != milliseconds else f"{milliseconds / 1000:.1f} s"  # noqa: PLR0124 - NaN

"""From events to training rows, as in the paper: what people exported decides what the student learns.

An output of a tool is good when it stayed in exported projects. Per intent and tool the output with the
highest export rate is kept: by its Wilson lower bound, so that one lucky call does not win (the paper's
plain rate is `--rule plain`). Intents nobody exported are dropped. The database counts, Polars decides.
Command: `python -m student.collect --database URL -o rows.jsonl [--json]`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import typer

from editor.database import default_url, open_database
from editor.errors import UserError, run_command
from editor.tools import TOOLS, Edit
from student.dataset import Row, normalise, statistics, write_rows

Rule = Literal["bound", "plain"]
Z = 1.959964  # of the 95% Wilson bound
POPULARITIES = (1, 3, 5, 10)  # the paper's r_i: intents with at least i calls

# The database counts equal answers (millions of asks, thousands of answers); Polars does the rest.
# An ask that was exported twice counts once, and a tool counts as kept when any of its exports kept it.
ANSWERS = """
SELECT a.intent_key, MIN(a.intent) AS intent, a.adjust, a.selective_adjust, a.filter,
       COUNT(*) AS calls, COUNT(e.ask_id) AS exported,
       COALESCE(SUM(e.adjust), 0) AS kept_adjust,
       COALESCE(SUM(e.selective_adjust), 0) AS kept_selective_adjust,
       COALESCE(SUM(e.filter), 0) AS kept_filter
FROM asks a LEFT JOIN (
    SELECT ask_id,
           MAX(CASE WHEN kept_adjust THEN 1 ELSE 0 END) AS adjust,
           MAX(CASE WHEN kept_selective_adjust THEN 1 ELSE 0 END) AS selective_adjust,
           MAX(CASE WHEN kept_filter THEN 1 ELSE 0 END) AS filter
    FROM exports WHERE ask_id IS NOT NULL GROUP BY ask_id
) e ON e.ask_id = a.id
GROUP BY a.intent_key, a.adjust, a.selective_adjust, a.filter
"""
SCHEMA = {
    **dict.fromkeys(("intent_key", "intent", *TOOLS), pl.String),
    **dict.fromkeys(("calls", "exported", *(f"kept_{tool}" for tool in TOOLS)), pl.Int64),
}


@dataclass(frozen=True)
class Collected:
    """Training rows and how they came about."""

    rows: list[Row]
    counts: dict[str, Any]


def read_answers(url: str) -> pl.DataFrame:
    """A row for each distinct answer to an intent, with its calls, exports and, per tool, how often it was kept."""
    engine = open_database(url)
    with engine.connect().execution_options(read_only=True) as connection:
        answers = pl.read_database(ANSWERS, connection, schema_overrides=SCHEMA)
    engine.dispose()
    return answers


def rate(rule: Rule) -> pl.Expr:
    """Score of an output from its columns `exports` and `calls`."""
    p, n = pl.col("exports") / pl.col("calls"), pl.col("calls")
    if rule == "plain":
        return p
    spread = Z * (p * (1 - p) / n + Z**2 / (4 * n**2)).sqrt()
    return (p + Z**2 / (2 * n) - spread) / (1 + Z**2 / n)


def best_outputs(answers: pl.DataFrame, tool: str, rule: Rule, minimum_calls: int) -> pl.DataFrame:
    """Per intent the best output of a tool: columns intent_key, the tool, and its rate as `rate_TOOL`."""
    return (
        answers.group_by("intent_key", tool)
        .agg(calls=pl.col("calls").sum(), exports=pl.col(f"kept_{tool}").sum())
        .filter(pl.col("calls") >= minimum_calls, pl.col("exports") > 0)
        .with_columns(score=rate(rule), **{f"rate_{tool}": pl.col("exports") / pl.col("calls")})
        .sort("score", "calls", tool, descending=[True, True, False], nulls_last=True)
        .group_by("intent_key", maintain_order=True)
        .first()
        .select("intent_key", tool, f"rate_{tool}")
    )


def collect(url: str, rule: Rule = "bound", minimum_calls: int = 3) -> Collected:
    """Rows of the corpus's format, most asked intents first.

    A tool none of whose outputs was kept often enough is left unused in that intent's row.
    """
    answers = read_answers(url).sort("intent_key", "calls", "intent", descending=[False, True, False])
    intents = answers.group_by("intent_key").agg(
        pl.col("intent").first(), pl.col("calls").sum(), pl.col("exported").sum()
    )
    kept = intents.filter(pl.col("exported") > 0)
    table = kept
    for tool in TOOLS:
        table = table.join(best_outputs(answers, tool, rule, minimum_calls), on="intent_key", how="left")
    found = table.filter(pl.any_horizontal(pl.col(f"rate_{tool}").is_not_null() for tool in TOOLS))
    rows = [_row(record) for record in found.sort("calls", "intent_key", descending=[True, False]).to_dicts()]
    counts = {
        "asks": int(answers["calls"].sum()),
        "exported_asks": int(answers["exported"].sum()),
        "intents": len(intents),
        "dropped_no_export": len(intents) - len(kept),
        "dropped_few_calls": len(kept) - len(found),
        "rows": len(rows),
        "rule": rule,
        "minimum_calls": minimum_calls,
        "popularity": {f"r{i}": sum((row.calls or 0) >= i for row in rows) for i in POPULARITIES},
    }
    return Collected(rows, counts)


def _row(record: dict[str, Any]) -> Row:
    edit = Edit.from_dict({tool: record[tool] and json.loads(record[tool]) for tool in TOOLS})
    return Row(record["intent"], "", edit, None, "traffic", record["calls"])


def in_test(intent_key: str, percent: int) -> bool:
    """Split by intent: the same normalised intent is always on the same side."""
    digest = hashlib.sha256(b"traffic test:" + intent_key.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < percent


def used_table(rows: list[Row]) -> str:
    """The paper's used/all table for every popularity threshold, as Markdown."""
    lines = ["| intents | " + " | ".join(TOOLS) + " |", "|---|" + "---|" * len(TOOLS)]
    for threshold in POPULARITIES:
        popular = [row for row in rows if (row.calls or 0) >= threshold]
        used = statistics(popular)["used"] if popular else dict.fromkeys(TOOLS, 0)
        lines.append(f"| r{threshold} | " + " | ".join(f"{used[t]:,} / {len(popular):,}" for t in TOOLS) + " |")
    return "\n".join(lines)


def run(
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON-lines file to write.")],
    database: Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL.")] = None,
    rule: Annotated[str, typer.Option(help="bound: Wilson lower bound; plain: the paper's rate.")] = "bound",
    minimum_calls: Annotated[int, typer.Option(min=1, help="Calls an output needs to be considered.")] = 3,
    test_percent: Annotated[int, typer.Option(min=0, max=90, help="Share of intents for OUTPUT.test.jsonl.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON alone.")] = False,
) -> None:
    """Build training rows from the event store. The last line is JSON."""
    if rule not in ("bound", "plain"):
        raise UserError(f"No rule {rule!r}; choose bound or plain.")
    collected = collect(database or default_url(), "plain" if rule == "plain" else "bound", minimum_calls)
    if not collected.rows:
        raise UserError("No intent was exported often enough yet; nothing was written.")
    train: list[Row] = []
    test: list[Row] = []
    for row in collected.rows:
        (test if in_test(normalise(row.intent), test_percent) else train).append(row)
    write_rows(train, output)
    if test_percent:
        write_rows(test, output.with_suffix(".test.jsonl"))
    counts = {**collected.counts, "train": len(train), "test": len(test)}
    if not as_json:
        typer.echo(used_table(collected.rows))
    typer.echo(json.dumps(counts))


if __name__ == "__main__":
    run_command(lambda: typer.run(run))

"""Scores a planner against the teacher, beside the yardsticks: `python -m student.evaluate --planner NAME`.

The figures are those of `student.metrics` and `student.look`; every one has a bootstrap 95% interval. The
last line of standard output is JSON. `--record` keeps the result and rewrites `student/RESULTS.md`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from editor.errors import UserError
from editor.planner import Answer, Planner
from editor.tools import TOOLS
from student import report
from student.dataset import DATA, Row, normalise, read_rows
from student.look import compare_looks, summarise
from student.metrics import Outcomes, Vectors, calibration_error, compare, popularity, right, score, subsets
from student.planners import PLANNERS, load_planner

YARDSTICKS = ("constant", "nearest", "knn")
LABELLING = "teacher again"
LENGTHS = ((1, "1 word"), (3, "2-3 words"), (6, "4-6 words"), (10**9, "7 or more words"))
TOOL_KEYS = ("precision", "recall", "selection", "quality", "final")


def answers(planner: Planner, prompts: Sequence[str], quiet: bool = False, batched: bool = False) -> list[Answer]:
    """A planner's answers one by one, or its edits alone in batches where asked for and it has `plan_many`."""
    if batched and hasattr(planner, "plan_many"):
        return [Answer(edit, planner.name) for edit in planner.plan_many(prompts)]
    return [planner.answer(prompt) for prompt in tqdm(prompts, desc=planner.name, disable=quiet)]


def second_labelling(rows: Sequence[Row], labelling: Sequence[Row]) -> tuple[list[Row], list[Answer]]:
    """The rows that a second labelling covers too (joined on the normalised intent), and its edits as answers."""
    edits = {normalise(row.intent): row.edit for row in labelling}
    joined = [row for row in rows if normalise(row.intent) in edits]
    if not joined:
        raise UserError("The two files have no intent in common.")
    return joined, [Answer(edits[normalise(row.intent)], LABELLING) for row in joined]


def length_group(intent: str) -> str:
    """Name of the subset that an intent's number of words puts it in."""
    words = len(normalise(intent).split())
    return next(name for limit, name in LENGTHS if words <= limit)


def evaluate(
    name: str, rows: Sequence[Row], answered: Mapping[str, Sequence[Answer]], look: bool = True, resamples: int = 1000
) -> dict[str, Any]:
    """The whole report on `answered[name]`, with the other planners' figures under "table".

    `answered` maps planner names to one answer a row. `look=False` leaves the rendering out (look_error None).
    """
    edits = {planner: [answer.edit for answer in given] for planner, given in answered.items()}
    teacher = [row.edit for row in rows]
    outcomes = {planner: compare(Vectors.of(teacher), Vectors.of(given)) for planner, given in edits.items()}
    table = {planner: score(result, resamples) for planner, result in outcomes.items()}
    if look:
        for planner, looks in compare_looks(teacher, edits).items():
            table[planner]["look_error"] = summarise(looks, resamples)
    return {
        "planner": name,
        "n": len(rows),
        **_headline(table[name]),
        "yardsticks": {planner: scores["overall"] for planner, scores in table.items() if planner != name},
        "calibration_error": calibration(answered[name], outcomes[name]),
        "domains": _overalls(subsets([row.domain for row in rows], outcomes[name])),
        "lengths": _by_length(rows, outcomes[name]),
        "popularity": _overalls(popularity([row.calls for row in rows], outcomes[name])),
        "table": table,
    }


def _headline(scores: dict[str, Any]) -> dict[str, Any]:
    look = scores.get("look_error")
    return {
        "overall": scores["overall"],
        "overall_ci": scores.get("overall_ci"),
        **{tool: {key: scores[tool][key] for key in TOOL_KEYS} for tool in TOOLS},
        "look_error": look and {key: look[key] for key in ("median", "below_half", "strength_ratio")},
        "not_colour_f1": scores["not_colour"]["selection"],
    }


def calibration(answered: Sequence[Answer], outcomes: Outcomes) -> dict[str, float | None]:
    """Expected calibration error of each tool's confidence, None where the planner gives none."""
    good = right(outcomes)
    given = np.array([[answer.confidence.get(tool, np.nan) for tool in TOOLS] for answer in answered], dtype=float)
    return {tool: calibration_error(given[:, i], good[:, i]) for i, tool in enumerate(TOOLS)}


def _overalls(groups: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"n": s["n"], "overall": s["overall"]} | {tool: s[tool]["final"] for tool in TOOLS}
        for name, s in sorted(groups.items())
    }


def _by_length(rows: Sequence[Row], outcomes: Outcomes) -> dict[str, dict[str, Any]]:
    return _overalls(subsets([length_group(row.intent) for row in rows], outcomes))


def print_report(result: dict[str, Any], console: Console) -> None:
    """The tables for people."""
    console.print(_comparison(result))
    for title, key in (("Domain", "domains"), ("Length", "lengths"), ("Popularity (calls)", "popularity")):
        if result[key]:
            table = Table(title, "n", "overall", *TOOLS, title=f"{result['planner']} by {title.lower()}")
            for name, row in result[key].items():
                table.add_row(name, f"{row['n']:,}", *(_number(row[k]) for k in ("overall", *TOOLS)))
            console.print(table)


def _comparison(result: dict[str, Any]) -> Table:
    scores = result["table"]
    table = Table("", *scores, title=f"Agreement with the teacher on {result['n']:,} intents (95% intervals)")
    for label, path in report.FIGURES:
        cells = [report.figure(s, path) for s in scores.values()]
        if any(cell != "–" for cell in cells):
            table.add_row(label.replace("**", ""), *cells)
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Load, plan, score. Raises `UserError`."""
    rows = read_rows(arguments.data)
    answered: dict[str, Sequence[Answer]] = {}
    if arguments.against:
        rows, answered[LABELLING] = second_labelling(rows, read_rows(arguments.against))
    prompts = [row.intent for row in rows]
    name = arguments.planner or LABELLING
    for planner in dict.fromkeys([*([name] if arguments.planner else []), *YARDSTICKS]):
        answered[planner] = answers(load_planner(planner), prompts, arguments.json, arguments.batched)
    ordered = {name: answered.pop(name), **answered}
    return evaluate(name, rows, ordered, not arguments.no_look, arguments.resamples)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m student.evaluate", description=__doc__)
    parser.add_argument("--planner", choices=PLANNERS, help="planner to score (with --against alone: none)")
    parser.add_argument("--data", type=Path, default=DATA / "test.jsonl", help="rows to score on (default: test)")
    parser.add_argument("--against", type=Path, help="second labelling of the same intents, scored like a planner")
    parser.add_argument("--no-look", action="store_true", help="skip rendering: no look error")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples (default: 1000)")
    parser.add_argument("--batched", action="store_true", help="plan in batches: faster, but no calibration error")
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--record", action="store_true", help=f"keep the result and rewrite {report.PAGE.name}")
    arguments = parser.parse_args(argv)
    if not arguments.planner and not arguments.against:
        parser.error("name a --planner, or a second labelling with --against")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 1 and one sentence on standard error for a user's mistake."""
    arguments = parse(argv)
    try:
        result = run(arguments)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    if not arguments.json:
        print_report(result, Console(width=160))
    if arguments.record:
        report.record(result | {"kind": "evaluation", "data": arguments.data.name})
    print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())

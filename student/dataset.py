"""The teacher corpus: rows of intent and edit, their splits, checks and statistics.

Knows nothing of models or rendering. `train.jsonl` and `test.jsonl` lie in `student/data/`; validation is
split off the training file by a hash of the normalised intent, so a row never changes its split when
others are added. `added.jsonl` holds rows that the teacher wrote later, for training alone.
Command: `python -m student.dataset stats | check`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from editor.errors import UserError
from editor.text import normalise
from editor.tools import ADJUST_PARAMETERS, PRESETS, SELECTIVE_PARAMETERS, TOOLS, Edit, EditError

__all__ = [
    "SPLITS",
    "DatasetError",
    "Row",
    "Split",
    "faults",
    "filed",
    "filed_lines",
    "load",
    "normalise",
    "read_rows",
    "statistics",
    "training_rows",
    "write_rows",
]

DATA = Path(__file__).parent / "data"
VALIDATION_PERCENT = 8
Split = Literal["train", "added", "validation", "test"]
FILED = ("train", "added")  # files, in the order in which a student's index numbers their rows
SPLITS: tuple[Split, ...] = ("train", "added", "validation", "test")


@dataclass(frozen=True)
class Row:
    """One labelled intent."""

    intent: str  # the request as typed
    why: str  # the teacher's rationale, at most about 14 words
    edit: Edit
    similar: str | None  # another request for much the same look, for augmentation
    domain: str
    calls: int | None = None  # how often users asked for it, where the event store knows


class DatasetError(UserError):
    """A data file that cannot be used; the message names the file and the line."""


@cache
def _corpus(name: str) -> tuple[Row, ...]:
    return tuple(read_rows(DATA / f"{name}.jsonl"))


def filed() -> list[Row]:
    """The rows of `train.jsonl`, then those of `added.jsonl`, in file order, whatever their split."""
    return [row for name in FILED for row in read_rows(DATA / f"{name}.jsonl")]


def filed_lines() -> Iterator[bytes]:
    """The lines that hold those rows, unread."""
    for name in FILED:
        with (DATA / f"{name}.jsonl").open("rb") as file:
            yield from file


def load(split: Split) -> list[Row]:
    """The rows of a split, in file order.

    A training row's `similar` text that is itself a validation intent is withheld (None), so that
    augmentation cannot leak it. Raises `DatasetError`.
    """
    if split in ("added", "test"):
        return list(_corpus(split))
    rows = _corpus("train")
    held_out = {normalise(row.intent) for row in rows if in_validation(row.intent)}
    if split == "validation":
        return [row for row in rows if normalise(row.intent) in held_out]
    return [
        replace(row, similar=None) if row.similar and normalise(row.similar) in held_out else row
        for row in rows
        if normalise(row.intent) not in held_out
    ]


def training_rows() -> list[Row]:
    """All rows that a student may learn from: the training split, then the added rows."""
    return [*load("train"), *load("added")]


def in_validation(intent: str) -> bool:
    """True for the 8% of intents whose hash puts them in the validation split."""
    digest = hashlib.sha256(b"validation:" + normalise(intent).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % 100 < VALIDATION_PERCENT


def read_rows(path: str | Path) -> list[Row]:
    """Rows of a JSON-lines file; blank lines are skipped. Raises `DatasetError` naming the line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"Cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}.") from None
    lines = re.split(r"\r\n|\n|\r", text)  # not splitlines: JSON text may hold U+2028
    rows = [_row(line, f"{path.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise DatasetError(f"{path} holds no rows.")
    return rows


def write_rows(rows: Iterable[Row], path: str | Path) -> None:
    """Write rows as JSON lines in the corpus's format."""
    lines = []
    for row in rows:
        record: dict[str, Any] = {"intent": row.intent, "why": row.why, "edit": row.edit.to_dict()}
        record |= {"similar": row.similar, "domain": row.domain} | ({"calls": row.calls} if row.calls else {})
        lines.append(json.dumps(record, ensure_ascii=False))
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _row(line: str, place: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{place}: not valid JSON ({error}).") from None
    if not isinstance(record, dict):
        raise DatasetError(f"{place}: expected an object with the fields intent and edit.")
    for field in ("intent", "edit"):
        if field not in record:
            raise DatasetError(f"{place}: the field {field} is missing.")
    texts = {f: _text(record, f, place) for f in ("intent", "why", "similar", "domain")}
    calls = record.get("calls")
    if calls is not None and (not isinstance(calls, int) or isinstance(calls, bool) or calls < 0):
        raise DatasetError(f"{place}: calls must be a whole number of 0 or more.")
    try:
        edit = Edit.from_dict(record["edit"])
    except EditError as error:
        raise DatasetError(f"{place}: {error}.") from None
    similar = texts["similar"] or None
    return Row(texts["intent"], texts["why"], edit, similar, texts["domain"] or "unknown", calls)


def _text(record: dict[str, Any], field: str, place: str) -> str:
    value = record.get(field)
    if value is None and field != "intent":
        return ""
    if not isinstance(value, str):
        raise DatasetError(f"{place}: {field} must be text.")
    return value


def faults(train: Sequence[Row], test: Sequence[Row], presets: Iterable[str] = PRESETS) -> list[str]:
    """What is wrong with a pair of splits, [] when nothing is: doubles, leaks into test, unknown presets."""
    known = set(presets)
    found = []
    for name, rows in (("train", train), ("test", test)):
        counts = Counter(normalise(row.intent) for row in rows)
        found += [f"{name}: the intent {intent!r} appears {n} times" for intent, n in counts.items() if n > 1]
        names = {row.edit.filter.name for row in rows if row.edit.filter}
        found += [f"{name}: no such preset as {preset!r}" for preset in sorted(names - known)]
    held_out = {normalise(row.intent) for row in test}
    for row in train:
        if normalise(row.intent) in held_out:
            found.append(f"the training intent {row.intent!r} is in test")
        if row.similar and normalise(row.similar) in held_out:
            found.append(f"the similar text {row.similar!r} of {row.intent!r} is in test")
    return found


def statistics(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts behind the data card: use of tools, parameters and presets, domains, lengths."""
    adjusts = [row.edit.adjust for row in rows if row.edit.adjust]
    selectives = [row.edit.selective_adjust for row in rows if row.edit.selective_adjust]
    lengths = sorted(len(normalise(row.intent).split()) for row in rows)
    return {
        "rows": len(rows),
        "used": {tool: sum(row.edit.uses(tool) for row in rows) for tool in TOOLS},
        "no_tool": sum(row.edit.is_neutral for row in rows),
        "similar": sum(row.similar is not None for row in rows),
        "adjust": {p: sum(getattr(a, p) != 0 for a in adjusts) for p in ADJUST_PARAMETERS},
        "selective_adjust": {
            f"{c}.{p}": sum(getattr(getattr(s, c), p) != 0 for s in selectives) for c, p in SELECTIVE_PARAMETERS
        },
        "presets": dict(Counter(row.edit.filter.name for row in rows if row.edit.filter).most_common()),
        "domains": dict(Counter(row.domain for row in rows).most_common()),
        "words": {q: lengths[min(int(q[1:]) * len(lengths) // 100, len(lengths) - 1)] for q in ("p5", "p50", "p95")},
    }


def _repeats(row: Row, intents: set[str]) -> bool:
    return normalise(row.intent) in intents or normalise(row.similar or "") in intents


def _print_statistics(stats: dict[Split, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    used = Table("tool: used / all", *stats, title="Use of the tools")
    for tool in TOOLS:
        cells = (f"{s['used'][tool]:,} / {s['rows']:,} ({s['used'][tool] / s['rows']:.1%})" for s in stats.values())
        used.add_row(tool, *cells)
    for label, key in (("no tool (not a colour request)", "no_tool"), ("with a similar text", "similar")):
        used.add_row(label, *(f"{s[key]:,} ({s[key] / s['rows']:.1%})" for s in stats.values()))
    used.add_row("words: 5%, median, 95%", *("{p5}, {p50}, {p95}".format(**s["words"]) for s in stats.values()))
    console.print(used)
    titles = {"adjust": "Adjust", "selective_adjust": "Selective adjust", "presets": "Presets", "domains": "Domains"}
    for key, title in titles.items():
        table = Table(key, *stats, title=f"{title}: rows, share of all")
        for name in stats["train"][key]:
            counts = [(s[key].get(name, 0), s["rows"]) for s in stats.values()]
            table.add_row(name, *(f"{n:,} ({n / rows:.1%})" for n, rows in counts))
        console.print(table)


def main(arguments: Sequence[str]) -> int:
    """Run `stats` or `check`; the last line of standard output is JSON."""
    if list(arguments) not in (["stats"], ["check"]):
        print("usage: python -m student.dataset stats | check", file=sys.stderr)
        return 2
    splits = {split: load(split) for split in SPLITS}
    if arguments[0] == "stats":
        stats = {split: statistics(rows) for split, rows in splits.items()}
        _print_statistics(stats)
        print(json.dumps(stats, ensure_ascii=False))
        return 0
    held_out = {normalise(row.intent) for row in splits["validation"]}
    found = faults([*training_rows(), *splits["validation"]], splits["test"])
    found += [
        f"the added row {r.intent!r} repeats a validation intent" for r in splits["added"] if _repeats(r, held_out)
    ]
    print(*found, sep="\n", end="\n" if found else "")
    print(json.dumps({"faults": len(found)} | {split: len(rows) for split, rows in splits.items()}))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

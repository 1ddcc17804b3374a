"""Keeps results as rows and writes `student/RESULTS.md` from them.

A result is a row of `student/results.jsonl`: figures, commit, command, machine, day. Rows are only appended;
the page shows the latest of each planner. It knows nothing of how a figure is made.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
ROWS = ROOT / "results.jsonl"
PAGE = ROOT / "RESULTS.md"

# label, path in the scores of one planner
FIGURES: tuple[tuple[str, str], ...] = (
    ("**overall**", "overall"),
    ("overall, quality where the teacher uses the tool", "overall_teacher"),
    ("overall, quality over all intents", "overall_all"),
    ("overall, raw cosine", "overall_raw"),
    *(
        (f"{tool.replace('_', ' ')}: {label}", f"{tool}.{key}")
        for tool in ("adjust", "selective_adjust", "filter")
        for label, key in (
            ("**final**", "final"),
            ("precision", "precision"),
            ("recall", "recall"),
            ("selection F1", "selection"),
            ("quality, both use it", "quality"),
            ("quality, teacher uses it", "quality_teacher"),
            ("quality, all", "quality_all"),
            ("quality, both, raw cosine", "quality_raw"),
        )
        if not (key == "quality_raw" and tool != "adjust")
    ),
    ("filter: intensity, mean absolute error", "filter.intensity_mae"),
    ("no tool: F1", "not_colour.selection"),
    ("no tool: recall", "not_colour.recall"),
    ("**look error, median**", "look_error.median"),
    ("look error, mean", "look_error.mean"),
    ("look error below 0.5, share", "look_error.below_half"),
    ("strength of the look, student / teacher", "look_error.strength_ratio"),
)

DEFINITIONS = """\
Definitions: `student/metrics.py` and `student/look.py`. Bootstrap 95% intervals in brackets. Headline quality is the
mean over intents where teacher and student both use the tool. The look error leaves out intents whose teacher
changes nothing, since it is relative to the teacher's change."""

PAPER = """\
The paper's students, on its own data (a guide, not a bar): Llama-2-7b-chat .74 overall on all intents, .78 / .83 on
those asked for at least 3 / 5 times; FlanT5-base .72, .77 / .81. Latency there: FlanT5-base 1.38 s on an L4 GPU,
Llama-2-7b 1.63 s on an A100, GPT-3.5-Turbo 3-4 s."""


def figure(scores: dict[str, Any], path: str) -> str:
    """One figure with its interval, '.634 [.62, .65]'; '–' where there is none."""
    group, _, name = path.rpartition(".")
    place = (scores.get(group) or {}) if group else scores
    value, interval = place.get(name), place.get(f"{name}_ci")
    if value is None:
        return "–"
    digits = 1 if abs(value) >= 5 else 3
    shown = f"{value:.{digits}f}"
    if interval and None not in interval:
        shown += " [" + ", ".join(f"{x:.{digits}f}" for x in interval) + "]"
    return shown


def record(result: dict[str, Any], rows: Path = ROWS, page: Path = PAGE) -> None:
    """Append a result with its circumstances and write the page anew."""
    row = {"commit": commit(), "command": command(), "machine": machine(), "day": date.today().isoformat(), **result}
    with rows.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    recorded = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    page.write_text(render(recorded), encoding="utf-8")


def commit() -> str:
    """Short hash of the commit, '+' when the program's files differ from it; 'unknown' outside a clone."""
    try:
        git = ["git", "-C", str(ROOT)]
        head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "*.py", "data"], check=False)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.returncode else "")


def command() -> str:
    """The command line as a person would type it."""
    module = Path(sys.argv[0]).stem
    return shlex.join(["python", "-m", f"student.{module}", *sys.argv[1:]])


def machine() -> str:
    """Processor and number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def latest(rows: Iterable[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The newest row of each planner and data file, in order of first appearance."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        if row["kind"] == kind:
            newest[row["planner"], row.get("data")] = row
    return list(newest.values())


def render(rows: Sequence[dict[str, Any]]) -> str:
    """The page in Markdown."""
    evaluations, benches = latest(rows, "evaluation"), latest(rows, "bench")
    parts = ["# Results", "Generated by `python -m student.evaluate --record` and `python -m student.bench --record`."]
    parts.append(DEFINITIONS)
    for data in dict.fromkeys(row["data"] for row in evaluations):
        parts += _evaluations(data, [row for row in evaluations if row["data"] == data])
    if benches:
        parts += _benches(benches)
    return "\n\n".join(parts) + "\n"


def _evaluations(data: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    scores = {name: s for row in rows for name, s in row["table"].items()}  # yardsticks: newest run wins
    own = {row["planner"]: row["table"][row["planner"]] for row in rows}
    scores = {**own, **{name: s for name, s in scores.items() if name not in own}}
    lines = [[label, *(figure(s, path) for s in scores.values())] for label, path in FIGURES]
    lines.insert(0, ["intents", *(f"{s['n']:,}" for s in scores.values())])
    parts = [f"## Agreement on `{data}`", _table(["", *scores], [x for x in lines if set(x[1:]) != {"–"}]), PAPER]
    for row in rows:
        parts += _subsets(row)
    parts.append("How each was run:")
    parts.append(
        _table(
            ["planner", "command", "commit", "machine", "day"],
            [[r["planner"], f"`{r['command']}`", r["commit"], r["machine"], r["day"]] for r in rows],
        )
    )
    return parts


def _subsets(row: dict[str, Any]) -> list[str]:
    """One planner's subsets and calibration."""
    keys = ("overall", "adjust", "selective_adjust", "filter")
    lines = [
        [name, f"{s['n']:,}", *("–" if s[key] is None else f"{s[key]:.3f}" for key in keys)]
        for group in ("domains", "lengths", "popularity")
        for name, s in row[group].items()
    ]
    parts = [f"### {row['planner']} by domain, length and popularity", _table(["subset", "n", *keys], lines)]
    errors = {tool: error for tool, error in row["calibration_error"].items() if error is not None}
    if errors:
        shown = ", ".join(f"{tool.replace('_', ' ')} {error:.3f}" for tool, error in errors.items())
        parts.append(f"Expected calibration error of the confidence (10 bins): {shown}.")
    return parts


def _benches(rows: Sequence[dict[str, Any]]) -> list[str]:
    names = {
        "p50_ms": "p50, ms",
        "p95_ms": "p95, ms",
        "load_s": "load, s",
        "rss_mb": "resident, MB",
        "size_mb": "on disk, MB",
        "batch64_per_s": "intents/s in batches of 64",
    }
    lines = [[r["planner"], *(f"{r[k]:,}" for k in names), r["commit"], r["machine"], r["day"]] for r in rows]
    note = "One intent, all three tools, batch of one, 2 threads, warm, over different held-out intents."
    return ["## Latency and size", note, _table(["planner", *names.values(), "commit", "machine", "day"], lines)]


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)

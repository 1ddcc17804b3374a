"""The loop: events, training rows, a trained candidate, a report on it, and a recommendation.

`python -m student.flywheel --database URL` leaves a candidate folder with the rows, the weights and report.md.
Nothing is promoted by itself: `python -m student.flywheel promote CANDIDATE --yes` copies a candidate's
weights to where `VIBEGRADE_STUDENT` lets the app find them, and keeps the ones that were there. The stages
can be killed and started again with the same `--name`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from editor.database import default_url
from editor.errors import UserError, run_command
from editor.folders import data_folder
from editor.planner import Planner
from editor.tools import TOOLS
from student import report
from student.augment import find_mistakes, from_teacher
from student.collect import Rule, collect, in_test
from student.dataset import Row, load, normalise, read_rows, training_rows, write_rows
from student.evaluate import answers
from student.experiment_tables import table
from student.metrics import Outcomes, Vectors, compare, score
from student.planners import PLANNERS, load_planner
from student.teacher import Endpoint

WEIGHTS_FOLDER, REPORT, OPTIONS = "weights", "report.json", "options.json"
FIXED = {"mpnet": ("--freeze-embeddings",)}  # what an adapter asks of a training, see student.adapter
RESAMPLES = 1000
FINALS = ("overall", *(f"{tool}.final" for tool in TOOLS))


@dataclass(frozen=True)
class Options:
    """How a candidate is made and judged; kept beside it."""

    rule: Rule = "bound"
    minimum_calls: int = 3
    held_out_percent: int = 15
    minimum_held_out: int = 100  # intents below which no promotion is recommended
    corpus: bool = True  # learn from the corpus too; where both know an intent, the traffic's answer counts
    augment: bool = False
    against: str = "student"
    base: str = "minilm"
    training: str = ""  # further options of student.train


@dataclass(frozen=True)
class Data:
    """Rows of a candidate; no intent is on two sides."""

    traffic: list[Row]
    corpus: list[Row]
    validation: list[Row]
    held_out: list[Row]  # traffic that nothing was learnt from
    counts: dict[str, Any]


def gather(folder: Path, database: str, options: Options) -> Data:
    """Collect and split, once a candidate: a second call reads what the first wrote. Raises `UserError`."""
    parts = ("traffic", "corpus", "validation", "held-out")
    files = {part: folder / f"{part}.jsonl" for part in parts}
    if not (folder / "counts.json").exists():
        rows, counts = _split(database, options)
        for part, path in files.items():
            write_rows(rows[part], path)
        shown = {part.replace("-", "_"): len(rows[part]) for part in parts}
        _write(folder / "counts.json", {**counts, **shown, "held_out_in_corpus": _recorded(rows["held-out"])})
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    found = {part: _rows(path) for part, path in files.items()}
    return Data(found["traffic"], found["corpus"], found["validation"], found["held-out"], counts)


def _split(database: str, options: Options) -> tuple[dict[str, list[Row]], dict[str, Any]]:
    from student.trial import without

    collected = collect(database, options.rule, options.minimum_calls)
    held_out = [row for row in collected.rows if in_test(normalise(row.intent), options.held_out_percent)]
    traffic = without(collected.rows, held_out)
    if not traffic or not held_out:
        raise UserError(
            f"{len(collected.rows)} intents were exported often enough, too few to learn from some and judge on others."
        )
    rows = {
        "traffic": traffic,
        "corpus": without(without(training_rows(), traffic), held_out) if options.corpus else [],
        "validation": without(load("validation"), collected.rows),
        "held-out": held_out,
    }
    return rows, collected.counts


def _recorded(rows: Sequence[Row]) -> int:
    corpus = {normalise(row.intent) for row in (*training_rows(), *load("validation"))}
    return sum(normalise(row.intent) in corpus for row in rows)


def train(folder: Path, data: Data, options: Options) -> tuple[Path, int]:
    """Train a candidate and write its weights; returns their folder and the number of augmented rows."""
    from student import trial
    from student.export import write_weights

    more = [*FIXED.get(options.base, ()), *shlex.split(options.training)]
    new = _augmented(folder, data, options, more) if options.augment else []
    weights = folder / WEIGHTS_FOLDER
    if not weights.exists():
        rows = [*data.traffic, *data.corpus, *new]
        run = trial.train(folder / "training", options.base, rows, data.validation, more, folder.name)
        part = folder / "weights.part"
        shutil.rmtree(part, ignore_errors=True)
        write_weights(run, part)
        part.rename(weights)
    return weights, len(new)


def _augmented(folder: Path, data: Data, options: Options, more: Sequence[str]) -> list[Row]:
    """Intents like the traffic that a first student gets wrong, asked of the teacher once a candidate."""
    from student import trial

    path = folder / "augmented.jsonl"
    if not path.exists():
        rows = [*data.traffic, *data.corpus]
        student = trial.Student(
            trial.train(folder / "first", options.base, rows, data.validation, more), data.validation
        )
        mistakes = find_mistakes(data.traffic, student.edits([row.intent for row in data.traffic]))
        known = [row.intent for row in (*data.corpus, *data.validation, *data.held_out, *load("test"))]
        write_rows(from_teacher(data.traffic, mistakes, Endpoint.from_environment(), known), path)
    return _rows(path)


def _rows(path: Path) -> list[Row]:
    return read_rows(path) if path.stat().st_size > 1 else []


def judge(weights: Path, data: Data, against: str) -> dict[str, Any]:
    """Candidate and current student on the same held-out traffic, and on the corpus's test rows."""
    from student.trial import without

    planners = {"candidate": _planner(str(weights)), "current": _planner(against)}
    return {
        "traffic": _duel(data.held_out, planners),
        "corpus": _duel(without(load("test"), data.traffic), planners),
    }


def _planner(name: str) -> Planner:
    if name in PLANNERS:
        return load_planner(name)
    from student.fast import FastPlanner

    return FastPlanner.load(Path(name))


def _duel(rows: Sequence[Row], planners: dict[str, Planner]) -> dict[str, Any]:
    teacher = Vectors.of([row.edit for row in rows])
    intents = [row.intent for row in rows]
    outcomes = {
        side: compare(teacher, Vectors.of([answer.edit for answer in answers(planner, intents, quiet=True)]))
        for side, planner in planners.items()
    }
    return {
        "n": len(rows),
        **{side: score(result, RESAMPLES) for side, result in outcomes.items()},
        "difference": difference(outcomes["candidate"], outcomes["current"]),
    }


def difference(first: Outcomes, second: Outcomes, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, ...]:
    """(difference, low, high) of the overall scores: paired bootstrap 95% interval, the same intents drawn for both."""

    def gap(which: np.ndarray) -> float:
        a, b = (score(outcomes[which], resamples=0)["overall"] or 0.0 for outcomes in (first, second))
        return float(a - b)

    rng = np.random.default_rng(seed)
    gaps = [gap(rng.integers(len(first), size=len(first))) for _ in range(resamples)]
    low, high = np.percentile(gaps, [2.5, 97.5])
    return gap(np.arange(len(first))), float(low), float(high)


def recommend(figures: dict[str, Any], minimum_held_out: int) -> tuple[bool, str]:
    """Promote or not, and why: surely better on held-out traffic, not surely worse on the corpus."""
    traffic, corpus = figures["traffic"], figures["corpus"]
    shown, lost = (f"{d[0]:+.3f} [{d[1]:+.3f}, {d[2]:+.3f}]" for d in (traffic["difference"], corpus["difference"]))
    if traffic["n"] < minimum_held_out:
        return False, f"Only {traffic['n']} held-out intents; {minimum_held_out} are needed to judge."
    if traffic["difference"][1] <= 0:
        return False, f"It is not shown to be better on held-out traffic: {shown}."
    if corpus["difference"][2] < 0:
        return False, f"It is better on held-out traffic ({shown}) but forgot part of the corpus: {lost}."
    return True, f"It is better on held-out traffic ({shown}) and not worse on the corpus ({lost})."


def markdown(result: dict[str, Any]) -> str:
    """The report for people."""
    verdict = "**Recommendation: promote.**" if result["promote"] else "**Recommendation: do not promote.**"
    parts = [f"# Candidate {result['name']}", f"{verdict} {result['reason']}", "## Data"]
    parts.append(table(["count", "value"], [[k.replace("_", " "), _plain(v)] for k, v in result["counts"].items()]))
    for key, title in (("traffic", "Held-out traffic"), ("corpus", "The corpus's test rows")):
        duel = result["figures"][key]
        rows = [[side, *(report.figure(duel[side], path) for path in FINALS)] for side in ("candidate", "current")]
        gap = "difference of overall: {:+.3f}, paired bootstrap 95% interval [{:+.3f}, {:+.3f}]".format(
            *duel["difference"]
        )
        header = ["", "overall", *(tool.replace("_", " ") for tool in TOOLS)]
        parts += [f"## {title}", f"{duel['n']:,} intents; {gap}.", table(header, rows)]
    made = f"Commit {result['commit']}; machine {result['machine']}; {result['day']}."
    return (
        "\n\n".join([*parts, "## How it was made", made, f"```json\n{json.dumps(result['options'], indent=1)}\n```"])
        + "\n"
    )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v:,}" for k, v in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def spin(folder: Path, database: str, options: Options) -> dict[str, Any]:
    """One turn of the loop, from events to the report in `folder`. Raises `UserError`."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / OPTIONS).exists() and json.loads((folder / OPTIONS).read_text(encoding="utf-8")) != asdict(options):
        raise UserError(f"{folder.name} was begun with other options; choose another --name.")
    _write(folder / OPTIONS, asdict(options))
    data = gather(folder, database, options)
    weights, augmented = train(folder, data, options)
    figures = judge(weights, data, options.against)
    promote_it, reason = recommend(figures, options.minimum_held_out)
    result = {
        "name": folder.name,
        "promote": promote_it,
        "reason": reason,
        "counts": {**data.counts, "augmented": augmented},
        "figures": figures,
        "options": asdict(options),
        "commit": report.commit(),
        "machine": report.machine(),
        "day": datetime.now(UTC).date().isoformat(),
    }
    (folder / "report.md").write_text(markdown(result), encoding="utf-8")
    _write(folder / REPORT, result)
    return result


def _write(path: Path, data: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def promote(candidate: Path, target: Path, anyway: bool = False) -> Path | None:
    """Copy a candidate's weights to `target`; returns where the weights that were there are kept.

    Raises `UserError` for a folder without a report, or where the report advises against it and not `anyway`.
    """
    try:
        result = json.loads((candidate / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{candidate} holds no finished candidate: {REPORT} is missing or cannot be read.") from None
    if not result["promote"] and not anyway:
        raise UserError(f"The report advises against it: {result['reason']} Add --anyway to promote it nevertheless.")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(candidate / WEIGHTS_FOLDER, part)
    shutil.copyfile(candidate / REPORT, part / REPORT)
    before = target.with_name(f"{target.name}-until-{datetime.now(UTC):%Y%m%dT%H%M%S%f}") if target.exists() else None
    if before:
        target.rename(before)
    part.rename(target)
    return before


def candidates_folder() -> Path:
    """Where candidates lie: in the user's data folder, since their rows hold what people typed."""
    return data_folder() / "candidates"


def promoted_folder() -> Path:
    """`VIBEGRADE_STUDENT`, or a folder in the user's data folder."""
    return Path(os.environ.get("VIBEGRADE_STUDENT") or data_folder() / "student")


app = typer.Typer(add_completion=False, help="From events to a candidate student.")


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    database: Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the candidate; the same name goes on.")] = None,
    rule: Annotated[Rule, typer.Option(help="How outputs are chosen, as in student.collect.")] = "bound",
    minimum_calls: Annotated[int, typer.Option(min=1, help="Calls an output needs to be considered.")] = 3,
    held_out_percent: Annotated[int, typer.Option(min=1, max=90, help="Share of intents to judge on.")] = 15,
    minimum_held_out: Annotated[int, typer.Option(min=1, help="Held-out intents below which none is promoted.")] = 100,
    corpus: Annotated[bool, typer.Option(help="Learn from the teacher corpus too.")] = True,
    augment: Annotated[bool, typer.Option(help="Ask the teacher's endpoint for intents like the mistaken.")] = False,
    against: Annotated[str, typer.Option(help="Current student: a planner's name or a weights folder.")] = "student",
    base: Annotated[
        str, typer.Option(help="Pretrained encoder: minilm, mpnet (better, slower) or a folder.")
    ] = "minilm",
    training: Annotated[str, typer.Option(help="Further options of student.train, in quotes.")] = "",
) -> None:
    """Collect, train, evaluate, recommend. The last line is JSON."""
    if context.invoked_subcommand:
        return
    if augment:
        Endpoint.from_environment()  # better now than after the first training
    options = Options(
        *(rule, minimum_calls, held_out_percent, minimum_held_out, corpus, augment, against, base, training)
    )
    folder = candidates_folder() / (name or f"{datetime.now(UTC):%Y%m%dT%H%M%S}")
    result = spin(folder, database or default_url(), options)
    typer.echo((folder / "report.md").read_text(encoding="utf-8"))
    gap = result["figures"]["traffic"]["difference"]
    shown = {"promote": result["promote"], "reason": result["reason"], "difference": gap}
    typer.echo(json.dumps({"candidate": str(folder), **shown}))


@app.command("promote")
def promote_command(
    candidate: Annotated[Path, typer.Argument(help="A candidate's folder, or its name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Really promote it.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also against the report's advice.")] = False,
) -> None:
    """Make a candidate the student that the app uses. The last line is JSON."""
    folder = candidate if candidate.exists() else candidates_folder() / candidate
    target = promoted_folder()
    if not yes:
        raise UserError(f"Nothing was promoted: add --yes to copy {folder.name} to {target}. Read its report.md first.")
    before = promote(folder, target, anyway)
    if before:
        typer.echo(f"The weights used until now are kept in {before}.")
    typer.echo(
        f"Start the app with VIBEGRADE_STUDENT={shlex.quote(str(target))} to use it; without, with the one that ships."
    )
    typer.echo(json.dumps({"promoted": folder.name, "weights": str(target), "before": before and str(before)}))


if __name__ == "__main__":
    run_command(app)

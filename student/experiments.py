"""The paper's experiments and this project's own, on its corpus: `python -m student.experiments NAME|all`.

Every experiment is a list of cells (a seed, and what is varied). A finished cell is one JSON file under
`student/cells/`, so that a killed run goes on where it was, on any machine; the tables of `student/EXPERIMENTS.md`
are written from finished cells alone (`student.experiment_tables`). `--quick` is a smoke run on a handful of
rows in a folder of its own; its figures mean nothing. The last line of standard output is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from editor.errors import UserError
from editor.tools import TOOLS
from student import report
from student.augment import find_mistakes, from_corpus
from student.dataset import Row, load
from student.experiment_tables import PAGE, page
from student.label import measure, read_price, variant_row
from student.metrics import edit_scores
from student.prompts import VARIANTS
from student.simulated_experiments import filtering, filtering_settings, personalisation, personalisation_settings
from student.teacher import Endpoint

if TYPE_CHECKING:
    from student.trial import Student

CELLS = Path(__file__).parent / "cells"
Settings = dict[str, Any]
Figures = dict[str, Any]

SHARES = (1.0, 0.5, 0.25, 0.125)
# Fewer rows make shorter epochs; these let validation find its best before the last one.
EPOCHS = {1.0: 3, 0.5: 4, 0.25: 6, 0.125: 8}
# Nothing but what the rows hold; frozen token vectors save a quarter of the time.
OWN = ("--synthetic", "0", "--typos", "0", "--freeze-embeddings", "--batch", "64")  # small shares need the steps
BARE = (*OWN, "--similar", "0", "--why", "0")  # their intents alone
RATIONALE_SHARE, RATIONALE_EPOCHS = 0.125, 6  # where rows are few, more that is said of each could help most
LESSONS = {
    "neither": ("--why", "0"),
    "second lesson": ("--why", "0", "--words", "0.3"),
    "why as text": (),
    "both": ("--words", "0.3"),
}


@dataclass(frozen=True)
class Plan:
    """What a run of experiments is asked for."""

    quick: bool = False
    seeds: int | None = None  # None: each experiment's own number
    base: str = "minilm"
    threads: int = 1
    prices: Path | None = None
    only: str = ""  # in the cell's name

    def range(self, usual: int) -> range:
        """The seeds of an experiment."""
        return range(self.seeds or (1 if self.quick else usual))


Cells = dict[str, Settings]


def augmentation_cells(plan: Plan) -> Cells:
    """Share of the training rows by seed; seeds outermost, so that an early table has every share."""
    shares = SHARES[:2] if plan.quick else SHARES
    pairs = [(seed, share) for seed in plan.range(3) for share in shares]
    return {f"share{share:g}-seed{seed}": {"share": share, **_size(plan, seed, EPOCHS[share])} for seed, share in pairs}


def augmentation(settings: Settings, folder: Path, plan: Plan) -> Figures:
    """Without: the rows' intents alone. With: trained again with similar intents of its mistakes added."""
    train, held_out, test = _data(settings)
    rows = _some(train, settings)
    student = _trained(folder / "without", settings, plan, rows, BARE)
    before = _finals(student, test)
    mistakes = find_mistakes(rows, student.edits([row.intent for row in rows]))
    new = from_corpus(rows, mistakes, known=[row.intent for row in (*held_out, *test)])
    after = _finals(_trained(folder / "with", settings, plan, [*rows, *new], BARE), test)
    return {"rows": len(rows), "added": len(new), "without": before, "with": after}


def rationale_cells(plan: Plan) -> Cells:
    """Which use of the rationale, by seed."""
    pairs = [(seed, lesson) for seed in plan.range(3) for lesson in LESSONS]
    return {
        f"{lesson.replace(' ', '-')}-seed{seed}": {
            "lesson": lesson,
            "share": RATIONALE_SHARE,
            **_size(plan, seed, RATIONALE_EPOCHS),
        }
        for seed, lesson in pairs
    }


def rationale(settings: Settings, folder: Path, plan: Plan) -> Figures:
    """Finals of a training on the rows' own texts with the rationale used as the cell says."""
    train, _, test = _data(settings)
    more = (*OWN, *LESSONS[settings["lesson"]])
    return _finals(_trained(folder / "trial", settings, plan, _some(train, settings), more), test)


def _some(train: Sequence[Row], settings: Settings) -> list[Row]:
    """The seed's share of the training rows, in their order; smaller shares lie in larger ones."""
    order = np.random.default_rng((settings["seed"], 2024)).permutation(len(train))
    return [train[i] for i in sorted(order[: round(settings["share"] * len(train))])]


def _size(plan: Plan, seed: int, epochs: int) -> Settings:
    """Settings of a training; `rows` and `judged` limit the training rows and the held-out and test rows (0: all)."""
    size = {"rows": 192, "judged": 48, "epochs": 1} if plan.quick else {"rows": 0, "judged": 0, "epochs": epochs}
    return {"base": plan.base, "seed": seed, **size}


def _data(settings: Settings) -> tuple[list[Row], list[Row], list[Row]]:
    """Training, validation and test rows."""
    few = settings["judged"] or None
    return load("train")[: settings["rows"] or None], load("validation")[:few], load("test")[:few]


def _trained(folder: Path, settings: Settings, plan: Plan, rows: Sequence[Row], more: Sequence[str]) -> Student:
    from student import trial  # the simulated experiments need no torch

    held_out = _data(settings)[1]
    options = {"seed": settings["seed"], "epochs": settings["epochs"], "threads": plan.threads, "evaluate-from": 0.75}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return trial.Student(trial.train(folder, settings["base"], rows, held_out, [*words, *more]), held_out)


def _finals(student: Student, test: Sequence[Row]) -> Figures:
    scores = edit_scores([row.edit for row in test], student.edits([row.intent for row in test]))
    return {"overall": scores["overall"], **{tool: scores[tool]["final"] for tool in TOOLS}}


def prompts_cells(plan: Plan) -> Cells:
    """One cell a model of the teacher's endpoint. Raises `UserError` when none is set."""
    model = Endpoint.from_environment().model
    return {re.sub(r"[^\w.-]+", "-", model): {"model": model, "intents": 3 if plan.quick else 50}}


def prompts(settings: Settings, folder: Path, plan: Plan) -> Figures:
    """Tokens, validity, latency and cost of each prompt variant."""
    endpoint = Endpoint.from_environment()
    price = read_price(plan.prices, endpoint.model)
    intents = [row.intent for row in load("validation")[: settings["intents"]]]
    figures: Figures = {}
    for variant in VARIANTS:
        figures[variant] = variant_row(variant, asyncio.run(measure(endpoint, intents, variant)), price)
    return figures


def _per_seed(settings: Callable[[int, bool], Settings], usual: int) -> Callable[[Plan], Cells]:
    return lambda plan: {f"seed{seed}": settings(seed, plan.quick) for seed in plan.range(usual)}


EXPERIMENTS: dict[str, tuple[Callable[[Plan], Cells], Callable[[Settings, Path, Plan], Figures]]] = {
    "personalisation": (_per_seed(personalisation_settings, 10), lambda settings, *_: personalisation(settings)),
    "filtering": (_per_seed(filtering_settings, 5), lambda settings, *_: filtering(settings)),
    "prompts": (prompts_cells, prompts),
    "augmentation": (augmentation_cells, augmentation),
    "rationale": (rationale_cells, rationale),
}


@dataclass(frozen=True)
class Job:
    """A cell that is to be measured: into the file `path`."""

    name: str
    cell: str
    settings: Settings
    path: Path
    plan: Plan
    command: str

    def run(self) -> str:
        """Measure, going on where a killed run was, and write the file; returns the experiment's name."""
        print(f"{self.name}: {self.cell}", file=sys.stderr, flush=True)
        scratch = self.path.with_suffix("")
        if not _holds(scratch / "settings.json", self.settings):  # begun with other settings, or not at all
            shutil.rmtree(scratch, ignore_errors=True)
            write_json(scratch / "settings.json", {"settings": self.settings})
        started = time.monotonic()
        figures = EXPERIMENTS[self.name][1](self.settings, scratch, self.plan)
        minutes = round((time.monotonic() - started) / 60, 2)
        facts = {"commit": report.commit(), "command": self.command, "machine": report.machine(), "minutes": minutes}
        write_json(self.path, {**facts, "day": date.today().isoformat(), "settings": self.settings, "figures": figures})
        shutil.rmtree(scratch)  # checkpoints are large
        return self.name


def jobs(name: str, plan: Plan, cells: Path, command: str) -> list[Job]:
    """The experiment's cells that are not finished. Raises `UserError`."""
    found = [
        Job(name, cell, settings, cells / name / f"{cell}.json", plan, command)
        for cell, settings in EXPERIMENTS[name][0](plan).items()
        if plan.only in cell
    ]
    return [job for job in found if not _holds(job.path, job.settings)]


def run_jobs(todo: Sequence[Job], workers: int, done: Callable[[str], None]) -> None:
    """Run all, so many at once; `done` is told each one's experiment. The first fault ends the rest and is raised."""
    if workers == 1:
        for job in todo:
            done(job.run())
        return
    with ProcessPoolExecutor(min(workers, len(todo) or 1), mp_context=get_context("spawn")) as pool:
        try:
            for finished in as_completed([pool.submit(job.run) for job in todo]):
                done(finished.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _holds(path: Path, settings: Settings) -> bool:
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["settings"] == settings


def write_json(path: Path, data: dict[str, Any]) -> None:
    """All or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def read_cells(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Finished cells by experiment, in the order of their file names."""
    return {
        name: [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / name).glob("*.json"))]
        for name in EXPERIMENTS
    }


def write_page(target: Path, cells: Path) -> None:
    """The page of all finished cells, all or nothing: two processes may write it at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}")
    part.write_text(page(read_cells(cells)), encoding="utf-8")
    os.replace(part, target)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m student.experiments",
        description="Regenerate the tables of student/EXPERIMENTS.md; goes on where a killed run was.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("name", choices=(*EXPERIMENTS, "all"), help="experiment")
    parser.add_argument("--quick", action="store_true", help="a smoke run whose figures mean nothing")
    parser.add_argument("--seeds", type=int, help="number of seeds (default: each experiment's own)")
    parser.add_argument("--base", default="minilm", help="pretrained encoder of the trained students")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a training")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="cells at once, each in a process")
    parser.add_argument("--prices", type=Path, help="price file for the prompts' cost, see `student.teacher`")
    parser.add_argument("--only", default="", help="only cells with this in their name, so that processes can share")
    parser.add_argument("--cells", type=Path, default=CELLS, help="folder of the finished cells")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, write the page, print its tables; 1 and one sentence on standard error for a user's mistake."""
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = parse(argv)
    plan = Plan(arguments.quick, arguments.seeds, arguments.base, arguments.threads, arguments.prices, arguments.only)
    cells = arguments.cells / "quick" if plan.quick else arguments.cells
    command = shlex.join(["python", "-m", "student.experiments", *argv])
    names = list(EXPERIMENTS) if arguments.name == "all" else [arguments.name]
    started, skipped, todo = time.monotonic(), {}, []
    for name in names:
        try:
            todo += jobs(name, plan, cells, command)
        except UserError as error:
            if name != "prompts":  # without an endpoint there is nothing to compare, and nothing wrong
                print(error, file=sys.stderr)
                return 1
            skipped[name] = str(error)
    measured = dict.fromkeys((name for name in names if name not in skipped), 0)
    target = PAGE if cells == CELLS else cells / PAGE.name

    def done(name: str) -> None:
        measured[name] += 1
        write_page(target, cells)

    try:
        run_jobs(todo, arguments.workers, done)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    write_page(target, cells)
    finished = read_cells(cells)
    print(page({name: finished[name] for name in names}))
    minutes = round((time.monotonic() - started) / 60, 2)
    print(json.dumps({"measured": measured, "skipped": skipped, "quick": plan.quick, "minutes": minutes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""SIMULATED traffic with planted tastes, to test collection and the flywheel. No real person is behind it.

Every intent has, per tool, a few candidate outputs (the corpus's own and those of other intents) with a
hidden appeal each; a simulated user asks (Zipf popularity), gets one candidate a tool at random, drops
the tools that do not appeal and exports the project if enough is left. The planted best output is the
one with the highest appeal. User ids start with `simulated`, so that such rows can never pass as real.
Command: `python -m student.simulate --intents N --calls M --seed S --database URL --truth truth.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from sqlalchemy import Engine, insert
from tqdm import tqdm

from editor.database import open_database
from editor.errors import UserError, run_command
from editor.schema import Ask, Base, Change, Export, Project, Switch
from editor.store import canonical
from editor.text import normalise
from editor.tools import TOOLS, Edit
from student.dataset import Row, load

CHUNK = 20_000  # calls written in one transaction
START = 1_767_225_600_000  # 2026-01-01, the first simulated day
DAY = 86_400_000
BY_NAME = sorted(enumerate(TOOLS), key=lambda pair: pair[1])  # canonical JSON has sorted keys
TWEAKED = "adjust.contrast"  # the one control that simulated users move


@dataclass(frozen=True)
class World:
    """What is hidden from collection."""

    rows: Sequence[Row]
    outputs: list[list[list[str | None]]]  # [intent][tool][candidate], canonical text
    appeal: NDArray[np.float64]  # (intents, tools, candidates), 0..1: chance that a user keeps the output
    popularity: NDArray[np.float64]  # (intents,), sums to 1


def make_world(intents: int, seed: int, candidates: int = 3, zipf: float = 1.1) -> World:
    """Plant the tastes. Raises `UserError` when the corpus has fewer intents."""
    rows = [row for row in load("train") if not row.edit.is_neutral]
    if intents > len(rows):
        raise UserError(f"The corpus has {len(rows):,} intents to simulate; ask for fewer than {intents:,}.")
    rng = np.random.default_rng(seed)
    chosen = [rows[i] for i in rng.choice(len(rows), intents, replace=False)]
    outputs = [[_candidates(rows, row, tool, candidates, rng) for tool in TOOLS] for row in chosen]
    # Well apart, so that "best" has a meaning: one good output, the others clearly less liked.
    appeal = rng.uniform(0.2, 0.5, (intents, len(TOOLS), candidates))
    best = rng.integers(candidates, size=(intents, len(TOOLS)))
    np.put_along_axis(appeal, best[..., None], rng.uniform(0.7, 0.9, (intents, len(TOOLS), 1)), axis=2)
    popularity = 1 / np.arange(1, intents + 1) ** zipf
    return World(chosen, outputs, appeal, popularity / popularity.sum())


def _candidates(rows: Sequence[Row], row: Row, tool: Any, count: int, rng: np.random.Generator) -> list[str | None]:
    found = {canonical(row.edit, tool): None}
    while len(found) < count:
        found[canonical(rows[int(rng.integers(len(rows)))].edit, tool)] = None
    return list(found)


def simulate(engine: Engine, world: World, calls: int, seed: int, progress: bool = True) -> int:
    """Write the events of `calls` asks; returns the number of events written."""
    rng = np.random.default_rng(seed + 1)
    written = 0
    with tqdm(total=calls, unit="call", disable=not progress) as bar:
        for start in range(0, calls, CHUNK):
            batch = _batch(world, np.arange(start, min(start + CHUNK, calls)), calls, seed, rng)
            with engine.begin() as connection:
                for table, rows in batch.items():
                    if rows:
                        connection.execute(insert(table), rows)
                        written += len(rows)
            bar.update(min(CHUNK, calls - start))
    return written


def _batch(
    world: World, numbers: NDArray[np.int64], calls: int, seed: int, rng: np.random.Generator
) -> dict[type[Base], list[dict[str, Any]]]:
    n = len(numbers)
    intents = rng.choice(len(world.rows), n, p=world.popularity)
    picks = rng.integers(world.appeal.shape[2], size=(n, len(TOOLS)))
    appeal = world.appeal[intents[:, None], np.arange(len(TOOLS)), picks]
    kept = rng.random((n, len(TOOLS))) < appeal
    exported = rng.random(n) < kept.mean(axis=1)  # whoever keeps nothing leaves
    changed = rng.random(n) < 0.3
    latencies = rng.gamma(4.0, 8.0, n)
    times = START + (numbers * (90 * DAY / max(calls, 1))).astype(np.int64)
    batch: dict[type[Base], list[dict[str, Any]]] = {t: [] for t in (Project, Ask, Change, Switch, Export)}
    for i, number in enumerate(numbers.tolist()):
        key = f"simulated-{seed}-{number}"
        user = f"simulated-{seed}-{number % max(calls // 5, 1)}"
        common = {"id": key, "user_id": user, "at": int(times[i])}
        batch[Project].append({**common, "media": "video" if number % 4 == 0 else "image"})
        intent = int(intents[i])
        said: dict[str, str | None] = {tool: world.outputs[intent][t][picks[i, t]] for t, tool in enumerate(TOOLS)}
        text = world.rows[intent].intent
        batch[Ask].append(
            {
                **common,
                **said,
                "project_id": key,
                "intent": text,
                "intent_key": normalise(text),
                "planner": "simulated teacher",
                "version": "1",
                "latency_ms": float(latencies[i]),
            }
        )
        event = {**common, "project_id": key, "ask_id": key}
        if changed[i]:
            batch[Change].append({**event, "parameter": TWEAKED, "before": "0", "after": "5"})
        dropped = [t for t, tool in enumerate(TOOLS) if not kept[i, t] and said[tool] is not None]
        batch[Switch] += [{**event, "id": f"{key}-{t}", "tool": TOOLS[t], "enabled": False} for t in dropped]
        if exported[i]:
            final = ",".join(f'"{tool}":{said[tool] if kept[i, t] and said[tool] else "null"}' for t, tool in BY_NAME)
            flags = {f"kept_{tool}": bool(kept[i, t]) for t, tool in enumerate(TOOLS)}
            batch[Export].append({**event, **flags, "kind": "image", "edit": f"{{{final}}}"})
    return batch


def truth(world: World) -> Iterator[dict[str, Any]]:
    """The planted best output per intent and tool, as rows of the corpus's format."""
    best = world.appeal.argmax(axis=2)
    for i, row in enumerate(world.rows):
        said = {tool: world.outputs[i][t][best[i, t]] for t, tool in enumerate(TOOLS)}
        edit = Edit.from_dict({tool: text and json.loads(text) for tool, text in said.items()})
        yield {"intent": row.intent, "why": "", "edit": edit.to_dict(), "similar": None, "domain": "simulated"}


def run(
    intents: Annotated[int, typer.Option(min=1, help="Distinct intents.")] = 200,
    calls: Annotated[int, typer.Option(min=1, help="Asks to simulate.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same traffic.")] = 0,
    database: Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL.")] = None,
    truth_file: Annotated[Path | None, typer.Option("--truth", help="Where to write the planted best.")] = None,
) -> None:
    """Write SIMULATED events to a database and the planted best outputs to a file. The last line is JSON."""
    world = make_world(intents, seed)
    engine = open_database(database)
    events = simulate(engine, world, calls, seed)
    if truth_file:
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in truth(world))
        truth_file.write_text("".join(lines), encoding="utf-8")
    typer.echo(json.dumps({"simulated": True, "intents": intents, "calls": calls, "seed": seed, "events": events}))


if __name__ == "__main__":
    run_command(lambda: typer.run(run))

"""The experiments on SIMULATED people: what collection recovers, and how soon a taste is learnt.

No real person is behind any figure here. Cells and figures as `student.experiments` asks for them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from editor.database import open_database
from editor.taste import PARAMETERS, Taste, learn
from editor.tools import TOOLS, Adjust, Edit, limits
from student.collect import collect, read_answers
from student.dataset import Row, load, normalise
from student.metrics import edit_scores
from student.simulate import make_world, simulate, truth

Settings = dict[str, Any]
Figures = dict[str, Any]

CALLS = (2, 5, 10, 20, 50, 100, 200)  # an intent
EXPORTS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
TASTES = ("none", "mild", "clear", "stronger")
SPREAD = 8.0  # of a simulated user's single exports around their taste


def filtering_settings(seed: int, quick: bool) -> Settings:
    """A simulated world, asked more and more often."""
    size: Settings = {"intents": 12, "calls": [2, 10]} if quick else {"intents": 150, "calls": list(CALLS)}
    return {"seed": seed, **size, "minimum_calls": 3}


def filtering(settings: Settings) -> Figures:
    """How much of the planted best outputs each way of choosing rows recovers, by calls an intent."""
    world = make_world(settings["intents"], settings["seed"], zipf=0.0)
    best = {normalise(row["intent"]): Edit.from_dict(row["edit"]) for row in truth(world)}
    figures: Figures = {}
    for calls in settings["calls"]:
        with tempfile.TemporaryDirectory() as place:
            url = f"sqlite:///{place}/simulated.db"
            engine = open_database(url)
            simulate(engine, world, calls * settings["intents"], settings["seed"], progress=False)
            engine.dispose()
            chosen = choices(url, settings["minimum_calls"], settings["seed"])
        figures[str(calls)] = {name: recovery(edits, best) for name, edits in chosen.items()}
    return figures


def choices(url: str, minimum_calls: int, seed: int) -> dict[str, dict[str, Edit]]:
    """Per way of choosing rows from events, the chosen edit of each intent (by its key)."""
    answers = read_answers(url).sort("intent_key", *TOOLS)
    rng = np.random.default_rng(seed)
    return {
        "any answer": drawn(answers, dict.fromkeys(TOOLS, "calls"), rng),
        "any exported answer": drawn(answers, {tool: f"kept_{tool}" for tool in TOOLS}, rng),
        "highest export rate": _by_key(collect(url, "plain", 1).rows),
        f"highest lower bound, {minimum_calls} calls or more": _by_key(collect(url, "bound", minimum_calls).rows),
    }


def _by_key(rows: Sequence[Row]) -> dict[str, Edit]:
    return {normalise(row.intent): row.edit for row in rows}


def drawn(answers: pl.DataFrame, weights: dict[Any, str], rng: np.random.Generator) -> dict[str, Edit]:
    """Per intent and tool an output at random, as likely as the tool's weight column says; 0 is never drawn.

    The least of exponential waiting times falls on each answer in proportion to its rate.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for tool, weight in weights.items():
        waits = pl.Series("wait", rng.exponential(size=len(answers)))
        order = answers.with_columns(waits / pl.col(weight)).filter(pl.col(weight) > 0).sort("wait")
        for record in order.unique("intent_key", keep="first", maintain_order=True).to_dicts():
            chosen.setdefault(record["intent_key"], {})[tool] = record[tool] and json.loads(record[tool])
    return {key: Edit.from_dict(edit) for key, edit in chosen.items()}


def recovery(chosen: dict[str, Edit], best: dict[str, Edit]) -> Figures:
    """Share of intents with a row; among these, share of tools with the planted best output, and the paper's score."""
    keys = [key for key in best if key in chosen]
    if not keys:
        return {"rows": 0.0, "recovered": None, "overall": None}
    pairs = [(best[key].to_dict()[tool], chosen[key].to_dict()[tool]) for key in keys for tool in TOOLS]
    scores = edit_scores([best[key] for key in keys], [chosen[key] for key in keys])
    return {
        "rows": len(keys) / len(best),
        "recovered": float(np.mean([a == b for a, b in pairs])),
        "overall": scores["overall"],
    }


def personalisation_settings(seed: int, quick: bool) -> Settings:
    """Simulated users of every taste: how many of each, their exports, and fresh edits to judge them on."""
    size: Settings = {"users": 2, "fresh": 5} if quick else {"users": 10, "fresh": 40}
    return {"seed": seed, **size, "exports": [1, 5] if quick else list(EXPORTS)}


def personalisation(settings: Settings) -> Figures:
    """Distance to what SIMULATED users want, without their learnt taste and with it, by taste and exports."""
    rng = np.random.default_rng(settings["seed"])
    edits = [row.edit for row in load("validation") if row.edit.adjust]
    figures: Figures = {}
    for taste in TASTES:
        users = [simulated_user(taste, edits, settings, rng) for _ in range(settings["users"])]
        before, after = np.array([u[0] for u in users]), np.array([u[1] for u in users])  # (users,), (users, exports)
        figures[taste] = {
            "before": float(before.mean()),
            "after": after.mean(axis=0).tolist(),
            "worst": (after - before[:, None]).max(axis=0).tolist(),
        }
    return figures


def simulated_user(
    taste: str, edits: Sequence[Edit], settings: Settings, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """A SIMULATED user's mean distance to the planner's edits as they are, and as corrected after n exports."""
    wish, gain = np.zeros(len(PARAMETERS)), 1.3 if taste == "stronger" else 1.0
    if taste in ("mild", "clear"):
        count, low, high = (2, 4, 7) if taste == "mild" else (3, 8, 15)
        where = rng.choice(len(PARAMETERS), count, replace=False)
        wish[where] = rng.uniform(low, high, count) * rng.choice([-1, 1], count)
    exports, fresh = settings["exports"], settings["fresh"]
    drawn_edits = [edits[i] for i in rng.choice(len(edits), max(exports) + fresh)]
    pairs = [(edit, _wanted(edit, gain, wish + rng.normal(0, SPREAD, len(wish)))) for edit in drawn_edits[fresh:]]
    wanted = [(edit, _wanted(edit, gain, wish)) for edit in drawn_edits[:fresh]]
    tastes = [learn(pairs[:n]) for n in exports]
    return _distance(wanted, learn([])), [_distance(wanted, t) for t in tastes]


def _wanted(edit: Edit, gain: float, wish: np.ndarray) -> Edit:
    values = {
        p: float(np.clip(gain * v + w, *limits(p))) for p, v, w in zip(PARAMETERS, _values(edit), wish, strict=True)
    }
    hue = edit.adjust.hue if edit.adjust else 0.0
    return edit.model_copy_validated(adjust=Adjust(**values, hue=hue))


def _values(edit: Edit) -> np.ndarray:
    return np.array([getattr(edit.adjust, p) for p in PARAMETERS])


def _distance(wanted: Sequence[tuple[Edit, Edit]], taste: Taste) -> float:
    """Mean absolute difference over users' fresh edits and the 13 parameters, in the parameters' units."""
    return float(np.mean([np.abs(_values(taste.apply(edit)) - _values(want)).mean() for edit, want in wanted]))

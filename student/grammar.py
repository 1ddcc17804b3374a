"""The grammar of the generative student's answers, derived from the tools' schema: what may be written next.

An answer is JSON in one spelling: keys in the schema's order, neutral values left out, values on a grid of 5.
It is written in *pieces*: a parameter, a colour, a preset, a number or the end. A piece is one token of the
student's, with the quotes, commas and brackets around it, which are never sampled. For each tool an automaton says
which pieces may follow; where only one may, it is written without asking the model. So every answer is valid JSON
in range, and an answer takes as many model steps as it holds decisions. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from editor.tools import ADJUST_PARAMETERS, COLORS, PRESETS, ColorShift, Edit, ToolName, limits

STEP = 5  # the teacher's values are multiples of it
END, NONE = "end", "none"


def _grid(low: float, high: float) -> tuple[int, ...]:
    return tuple(range(int(low), int(high) + 1, STEP))


_VALUES = _grid(min(limits(p)[0] for p in ADJUST_PARAMETERS), max(limits(p)[1] for p in ADJUST_PARAMETERS))
PIECES: tuple[str, ...] = (END, *ADJUST_PARAMETERS, *COLORS, NONE, *PRESETS, *map(str, _VALUES))
PLACE: dict[str, int] = {piece: i for i, piece in enumerate(PIECES)}


@dataclass(frozen=True)
class Choice:
    """One piece that may follow, the JSON it writes, and the state it leads to.

    A number's JSON holds `{}` in its place; `value` is None for all other pieces.
    """

    piece: str
    text: str
    state: int
    value: float | None = None


State = tuple[Choice, ...]


class Grammar:
    """A tool's automaton. State 0 is the start; a state without choices is the end."""

    def __init__(self, tool: ToolName, states: Sequence[State]) -> None:
        self.tool = tool
        self.states = tuple(states)
        self.allowed: NDArray[np.bool_] = np.zeros((len(states), len(PIECES)), bool)  # which pieces may follow
        for row, choices in zip(self.allowed, self.states, strict=True):
            row[[PLACE[choice.piece] for choice in choices]] = True
        self._choices = [{PLACE[choice.piece]: choice for choice in choices} for choices in self.states]

    def choice(self, state: int, piece: int) -> Choice:
        """The choice that a piece, by its place in `PIECES`, is in a state."""
        return self._choices[state][piece]

    def decisions(self, edit: Edit) -> list[tuple[int, int]]:
        """(state, piece) of every decision on the way to the edit's answer; values go to the nearest grid point."""
        draft, found = Draft(self), []
        for piece in _pieces(edit, self.tool):
            choice = self._nearest(draft.state, piece) if isinstance(piece, float) else PLACE[piece]
            found.append((draft.state, choice))
            draft.write(choice)
        return found

    def _nearest(self, state: int, value: float) -> int:
        values = {place: choice.value for place, choice in self._choices[state].items()}
        return min(values, key=lambda place: abs((values[place] or 0) - value))


@dataclass
class Draft:
    """An answer being written. `state` is where the model is asked next; forced pieces are written at once."""

    grammar: Grammar
    state: int = 0
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._write_forced()

    def write(self, piece: int, number: float | None = None) -> None:
        """Write a piece that the grammar allows, and what follows from it.

        `number` stands in for a number's own value; it must lie within the allowed values.
        """
        choice = self.grammar.choice(self.state, piece)
        value = choice.value if number is None else number
        self.texts.append(choice.text if value is None else choice.text.replace("{}", f"{value:g}"))
        self.state = choice.state
        self._write_forced()

    def _write_forced(self) -> None:
        while len(choices := self.grammar.states[self.state]) == 1:
            self.texts.append(choices[0].text)
            self.state = choices[0].state

    @property
    def finished(self) -> bool:
        """True when the answer is whole."""
        return not self.grammar.states[self.state]

    @property
    def text(self) -> str:
        """The JSON written so far."""
        return "".join(self.texts)


@cache
def grammar(tool: ToolName) -> Grammar:
    """The grammar of a tool's answers."""
    states = {"adjust": _adjust_states, "selective_adjust": _selective_states, "filter": _filter_states}[tool]()
    return Grammar(tool, states)


def _numbers(values: Sequence[int], text: str, state: int, zero: bool = False) -> State:
    return tuple(Choice(str(v), text, state, v) for v in values if v or zero)


def _adjust_states() -> list[State]:
    """State 2i: parameter i or a later one, or the end; state 2i+1: the value of parameter i."""
    n = len(ADJUST_PARAMETERS)
    end = 2 * n + 1
    states: list[State] = []
    for i in range(n):
        start = "{" if i == 0 else ", "
        keys = [Choice(p, f'{start}"{p}": ', 2 * j + 1) for j, p in enumerate(ADJUST_PARAMETERS) if j >= i]
        states.append((*keys, Choice(END, "{}" if i == 0 else "}", end)))
        low, high = limits(ADJUST_PARAMETERS[i])
        full_turn = 360 if ADJUST_PARAMETERS[i] == "hue" else None  # the same as 0, which is neutral
        states.append(_numbers([v for v in _grid(low, high) if v != full_turn], "{}", 2 * i + 2))
    return [*states, (Choice(END, "}", end),), ()]


def _selective_states() -> list[State]:
    """State 4i: colour i or a later one, or the end; 4i+1: its saturation; 4i+2: its luminance, 4i+3: not zero."""
    n = len(COLORS)
    end = 4 * n + 1
    first, second = ColorShift.model_fields
    grid = _grid(-100, 100)
    states: list[State] = []
    for i in range(n):
        start = "{" if i == 0 else ", "
        keys = [Choice(c, f'{start}"{c}": {{"{first}": ', 4 * j + 1) for j, c in enumerate(COLORS) if j >= i]
        states.append((*keys, Choice(END, "{}" if i == 0 else "}", end)))
        text = f'{{}}, "{second}": '
        states.append(tuple(Choice(str(v), text, 4 * i + (2 if v else 3), v) for v in grid))
        states.append(_numbers(grid, "{}}", 4 * i + 4, zero=True))
        states.append(_numbers(grid, "{}}", 4 * i + 4))
    return [*states, (Choice(END, "}", end),), ()]


def _filter_states() -> list[State]:
    """State 0: the preset or none; 1: the intensity; 2: the end."""
    presets = [Choice(name, f'{{"name": "{name}", "intensity": ', 1) for name in PRESETS]
    none = Choice(NONE, f'{{"name": "{NONE}", "intensity": 0}}', 2)
    return [(none, *presets), _numbers(_grid(0, 100), "{}}", 2), ()]


def _pieces(edit: Edit, tool: ToolName) -> list[str | float]:
    """The pieces of an edit's answer, numbers as they are; the end is left out where it is forced."""
    value = edit.to_dict()[tool]
    if tool == "filter":
        known = value is not None and value["name"] in PRESETS  # a user's own preset cannot be named
        return [value["name"], float(value["intensity"])] if known else [NONE]
    pieces: list[str | float] = []
    for key in (ADJUST_PARAMETERS if tool == "adjust" else COLORS) if value else ():
        if key in value:
            given = value[key]
            pieces += [key, *(map(float, given.values()) if isinstance(given, dict) else [float(given)])]
    last = ADJUST_PARAMETERS[-1] if tool == "adjust" else COLORS[-1]
    return pieces if value and last in value else [*pieces, END]

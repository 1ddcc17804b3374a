"""What the fast student learns from: texts with targets, from teacher edits or from other students' outputs.

Targets of both origins have one form, so that they mix: probabilities for tool use and preset, mean unit
vectors for the directions, mean logarithms for the lengths. NumPy only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.tools import Edit
from student import heads, synthetic
from student.dataset import SPLITS, Row, load
from student.metrics import Vectors

Floats = NDArray[np.float32]

WORDS = 1500  # of the rationales, learnt as a second lesson
WORDS_A_TEXT = 12


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets of n texts. A tool that is not used has zeros everywhere."""

    use: Floats  # (n, 3) probability that the tool is used
    adjust: Floats  # (n, 15) mean unit vector times use
    adjust_length: Floats  # (n,) log of the vector's length
    selective: Floats  # (n, 12) mean unit vector times use
    selective_length: Floats  # (n,)
    preset: Floats  # (n, 33) probabilities times use
    intensity: Floats  # (n,) 0..1

    def __len__(self) -> int:
        return len(self.use)

    def __getitem__(self, which: slice | NDArray[np.int_]) -> Targets:
        """The targets of some of the texts."""
        return Targets(*(getattr(self, f.name)[which] for f in fields(self)))

    @classmethod
    def of_edits(cls, edits: Sequence[Edit]) -> Targets:
        """Targets that repeat the teacher's edits."""
        v = Vectors.of(edits)
        names = {name: i for i, name in enumerate(heads.PRESET_NAMES)}
        preset = np.zeros((len(edits), len(names)))
        for row, name in enumerate(v.preset):
            if name in names:
                preset[row, names[name]] = 1
        parts = (v.used, *_polar(v.adjust), *_polar(v.selective), preset, v.intensity / 100)
        return cls(*(np.asarray(p, np.float32) for p in parts))

    @classmethod
    def of_outputs(cls, outputs: Sequence[NDArray[np.float64]]) -> Targets:
        """Targets that average several students' raw outputs, each (n, 66)."""
        averaged = (np.mean(p, axis=0, dtype=np.float64) for p in zip(*map(_soft, outputs), strict=True))
        return cls(*(np.asarray(p, np.float32) for p in averaged))

    def mixed(self, other: Targets, share: float) -> Targets:
        """(1 - share) of these targets and `share` of the others."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        mixed = Targets(*((a * (1 - share) + b * share).astype(np.float32) for a, b in pairs))
        # a length says nothing where its side does not use the tool
        for name, tool in (("adjust_length", 0), ("selective_length", 1), ("intensity", 2)):
            wa, wb = self.use[:, tool] * (1 - share), other.use[:, tool] * share
            mean = (getattr(self, name) * wa + getattr(other, name) * wb) / np.maximum(wa + wb, 1e-6)
            getattr(mixed, name)[:] = mean
        return mixed

    @staticmethod
    def joined(parts: Sequence[Targets]) -> Targets:
        """The targets of several lists of texts, one after the other."""
        return Targets(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Targets)))

    def save(self, path: Path, texts: Sequence[str]) -> None:
        """Keep texts and targets in one .npz file."""
        arrays = {f.name: getattr(self, f.name).astype(np.float16) for f in fields(self)}
        np.savez_compressed(path, texts=np.array(texts, dtype=str), **arrays)

    @classmethod
    def load(cls, path: Path) -> tuple[list[str], Targets]:
        """Texts and targets of a file written by `save`."""
        with np.load(path, allow_pickle=False) as data:
            targets = cls(*(data[f.name].astype(np.float32) for f in fields(cls)))
            return [str(t) for t in data["texts"]], targets


def _polar(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors and log lengths; zeros where the vector is zero."""
    length = np.linalg.norm(vectors, axis=1)
    some = length > 0
    unit = np.divide(vectors, length[:, None], out=np.zeros_like(vectors), where=some[:, None])
    return unit, np.log(length, out=np.zeros_like(length), where=some)


def _soft(outputs: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    use = heads.sigmoid(outputs[:, heads.USE])
    adjust, _ = _polar(outputs[:, heads.ADJUST])
    selective, _ = _polar(outputs[:, heads.SELECTIVE])
    preset = heads.softmax(outputs[:, heads.PRESET])
    return (
        use,
        adjust * use[:, :1],
        outputs[:, heads.ADJUST_LENGTH],
        selective * use[:, 1:2],
        outputs[:, heads.SELECTIVE_LENGTH],
        preset * use[:, 2:],
        heads.sigmoid(outputs[:, heads.INTENSITY]),
    )


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts to learn from; `core` ones come in every epoch, of the others a share."""

    texts: list[str]
    targets: Targets
    weights: Floats  # (n,) weight in the loss
    core: NDArray[np.bool_]  # (n,)
    words: NDArray[
        np.int16
    ]  # (n, WORDS_A_TEXT) the rationale's words as places among the WORDS, -1 where there are fewer

    def epoch(self, share: float, rng: np.random.Generator) -> NDArray[np.int_]:
        """A random order of the core texts and a share of the others."""
        others = np.flatnonzero(~self.core)
        some = rng.permutation(others)[: round(share * len(others))]
        return rng.permutation(np.concatenate([np.flatnonzero(self.core), some]))

    def joined(self, other: Examples) -> Examples:
        """These examples and others."""
        return Examples(
            self.texts + other.texts,
            Targets.joined([self.targets, other.targets]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.core, other.core]),
            np.concatenate([self.words, other.words]),
        )


def of_rows(rows: Sequence[Row], similar: float = 0.6, why: float = 0.4, typos: float = 0.1, seed: int = 0) -> Examples:
    """Intents, and with the given weights their `similar` and `why` texts (0 leaves them out).

    A share `typos` of the intents comes once more with a slip of the keyboard or in other case.
    """
    rng = np.random.default_rng(seed)
    found: list[tuple[str, int, float, bool]] = []
    for i, row in enumerate(rows):
        found.append((row.intent, i, 1.0, True))
        if row.similar and similar:
            found.append((row.similar, i, similar, False))
        if row.why and why:
            found.append((row.why, i, why, False))
        if rng.random() < typos:
            found.append((misspelt(row.intent, rng), i, similar or 0.5, False))
    texts, places, weights, core = zip(*found, strict=True)
    targets = Targets.of_edits([row.edit for row in rows])
    where = np.array(places)
    words = rationale_words([row.why for row in rows])[where]
    return Examples(list(texts), targets[where], np.array(weights, np.float32), np.array(core), words)


def of_synthetic(weight: float, seed: int = 0) -> Examples:
    """The made-up rows that no split holds already."""
    recorded = [row for split in SPLITS for row in load(split)]
    rows = synthetic.rows([t for row in recorded for t in (row.intent, row.similar or "")], seed)
    return Examples(
        [row.intent for row in rows],
        Targets.of_edits([row.edit for row in rows]),
        np.full(len(rows), weight, np.float32),
        np.zeros(len(rows), bool),
        np.full((len(rows), WORDS_A_TEXT), -1, np.int16),
    )


def rationale_words(whys: Sequence[str]) -> NDArray[np.int16]:
    """Places of the rationales' common words by falling count, (n, WORDS_A_TEXT), padded with -1.

    The look in words is a richer lesson than the values alone: it says why two names ask for the same edit.
    """
    split = [re.findall(r"[a-z]{3,}", why.lower()) for why in whys]
    common = Counter(word for words in split for word in words).most_common(WORDS)
    place = {word: i for i, (word, _) in enumerate(common)}
    found = np.full((len(whys), WORDS_A_TEXT), -1, np.int16)
    for row, words in enumerate(split):
        known = list(dict.fromkeys(place[w] for w in words if w in place))[:WORDS_A_TEXT]
        found[row, : len(known)] = known
    return found


def misspelt(text: str, rng: np.random.Generator) -> str:
    """The text with two neighbouring letters swapped, a letter lost or doubled, or in capitals."""
    letters = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if len(letters) < 3:
        return text.upper()
    i = int(rng.choice(letters))
    slips = (
        text[:i] + text[i + 1] + text[i] + text[i + 2 :],
        text[:i] + text[i + 1 :],
        text[:i] + text[i] + text[i:],
        text.upper(),
    )
    return slips[int(rng.integers(len(slips)))]

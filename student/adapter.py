"""A fine-tuned MPNet as small changes to the base that PyPI packages carry, and its ready form in the cache.

Every matrix of the encoder is stored as the signs of its change, -1, 0 or 1, with one scale a row: 1.6 bits a
number, after BitDelta (Liu et al., 2024), which has no 0. Token vectors are the base's own; what is small
(biases, norms, positions, heads) is stored whole. `prepare` adds the changes to the base once and leaves a
folder that `student.model` reads as it reads a student that ships whole. Command: `python -m student.adapter`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editor.errors import UserError
from editor.folders import cache_folder
from student import bases, minilm, packing
from student.packing import CONFIG_FILE, SIGNS, STEP, TOKENIZER_FILE, WEIGHTS_FILE, Tensors

BIAS = "encoder.relative_attention_bias.weight"
FIRST_POSITION = 2  # MPNet counts positions from its padding's number on


def rounded(tuned: Tensors, base: Tensors, moments: Mapping[str, NDArray[np.float64]]) -> Tensors:
    """The encoder's matrices as an adapter can keep them: the base's plus signs times one scale a row.

    `moments` are those of each matrix's inputs, see `packing.ternary`.
    """
    result: Tensors = {}
    for name, values in tuned.items():
        if _is_matrix(name, values):
            signs, scale = packing.ternary(values - base[name], moments[name])
            result[name] = base[name] + signs * scale[:, None]
    return result


def changes(tuned: Tensors, base: Tensors) -> Tensors:
    """What a fine-tuned encoder's tensors change in its base's: signs and scales of `rounded` matrices, the rest whole.

    Raises `UserError` when the token vectors were trained too: they would not fit.
    """
    stored: Tensors = {}
    for name, values in tuned.items():
        if name == minilm.WORDS:
            if not np.array_equal(values, base[name]):
                raise UserError("An adapter keeps the base's token vectors: train with --freeze-embeddings.")
        elif _is_matrix(name, values):
            signs, stored[name + STEP] = packing.signs_of(values - base[name])
            stored[name + SIGNS] = packing.pack(signs)
        else:
            stored[name] = values
    return stored


def _is_matrix(name: str, values: NDArray[np.float32]) -> bool:
    return name.startswith("encoder.layer.") and values.ndim == 2


def merged(stored: Tensors, base: Tensors) -> Tensors:
    """The encoder's tensors again, float32: the base's with the changes added."""
    tensors: Tensors = {minilm.WORDS: base[minilm.WORDS]}
    for name, values in stored.items():
        if name.endswith(SIGNS):
            whole = name.removesuffix(SIGNS)
            signs = packing.unpack(values, base[whole].shape[1])
            tensors[whole] = base[whole] + signs * stored[whole + STEP][:, None]
        elif not name.endswith(STEP):
            tensors[name] = values
    return tensors


def bert_names(tensors: Tensors, tokens: int) -> Tensors:
    """MPNet's tensors under BERT's names, its relative positions spelt out for up to `tokens` tokens."""
    parts = {
        "attention.attn.q.": "attention.self.query.",
        "attention.attn.k.": "attention.self.key.",
        "attention.attn.v.": "attention.self.value.",
        "attention.attn.o.": "attention.output.dense.",
        "attention.LayerNorm.": "attention.output.LayerNorm.",
    }
    renamed: Tensors = {}
    for name, values in tensors.items():
        ours = next((part for part in parts if part in name), "")
        renamed[name.replace(ours, parts.get(ours, ""))] = values
    positions = renamed[minilm.POSITIONS]
    renamed[minilm.POSITIONS] = positions[FIRST_POSITION : FIRST_POSITION + tokens]
    renamed[minilm.POSITION_BIAS] = renamed.pop(BIAS)[position_buckets(tokens)].transpose(2, 0, 1)
    return renamed


def position_buckets(tokens: int, buckets: int = 32, furthest: int = 128) -> NDArray[np.int_]:
    """(tokens, tokens) number of the distance from a token to another, near ones exact, far ones in log steps.

    Source: Raffel et al. (2020) T5, both directions; Song et al. (2020) MPNet.
    """
    distance = np.arange(tokens) - np.arange(tokens)[:, None]  # of the key from the query
    half, exact = buckets // 2, buckets // 4
    steps = np.log(np.maximum(np.abs(distance), 1) / exact) / np.log(furthest / exact) * (half - exact)
    far = np.minimum(exact + steps.astype(int), half - 1)
    return np.where(np.abs(distance) < exact, np.abs(distance), far) + half * (distance > 0)


def prepare(folder: Path) -> Path:
    """The ready form of the adapter in a weights folder, made once for its content; whole or not at all.

    Raises `UserError` when the base's packages are missing or the disk is full.
    """
    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()[:24]
    target = cache_folder() / "students" / digest
    if target.is_dir():
        return target
    name = _base(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=target.parent))
    try:
        with bases.opened(name) as base:
            _write(folder / WEIGHTS_FILE, base, part / WEIGHTS_FILE)
            shutil.copyfile(base / TOKENIZER_FILE, part / TOKENIZER_FILE)
        if not target.is_dir():  # another process may have been faster
            os.replace(part, target)
    except OSError as error:
        raise UserError(f"The student could not be made ready in {target.parent}: {error.strerror}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _base(folder: Path) -> str:
    """The base of the student in a weights folder; empty where it ships whole."""
    return str(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")).get("base", ""))


def _write(stored: Path, base: Path, target: Path) -> None:
    """Half precision in the cache: the base's weights need no more, and half the bytes are read at each start."""
    from safetensors.numpy import load_file, save_file

    adapter = load_file(stored)
    signs = {name: values for name, values in adapter.items() if name.endswith(SIGNS)}
    rest = packing.dequantise({name: values for name, values in adapter.items() if name not in signs})
    tensors = bert_names(merged(signs | rest, load_file(base / "model.safetensors")), minilm.MAX_TOKENS)
    ready = {k: np.ascontiguousarray(v, np.float16 if v.ndim == 2 else np.float32) for k, v in tensors.items()}
    save_file(ready, target)


def main() -> int:
    """Make the shipped student ready, at set-up."""
    from student.model import WEIGHTS

    print(f"The student is ready in {prepare(WEIGHTS) if _base(WEIGHTS) else WEIGHTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

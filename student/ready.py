"""The ready form of a student in the cache: its graph for ONNX Runtime and its tokenizer, made once for its content.

Weights are kept small: an adapter has only changes to its base, a student that ships whole 8-bit matrices.
`student.model` runs what is made of either here. Command, run once at set-up: `python -m student.ready`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from editor.errors import UserError
from editor.folders import cache_folder
from student import bases
from student.packing import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE

GRAPH_FILE, TENSORS_FILE = "student.onnx", "student.bin"
FORM = 1  # to be raised when the same weights make another graph
SIZES = ("heads", "layers", "epsilon")


def prepare(folder: Path) -> Path:
    """The ready form of the student in a weights folder, made if need be; whole or not at all.

    Raises `UserError` when the base's packages are missing or the disk is full.
    """
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    digest = _digest(folder, config)
    target = cache_folder() / "students" / digest
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{digest}-", dir=target.parent) as scratch:
            part = Path(scratch) / "student"
            part.mkdir()
            _write(folder, config, part)
            if not target.is_dir():  # another process may have been faster
                part.rename(target)
    except OSError as error:
        raise UserError(f"The student could not be made ready in {target.parent}: {error.strerror}.") from None
    return target


def _digest(folder: Path, config: dict[str, Any]) -> str:
    """A name for all that the ready form depends on; the tokenizer is the base's where there is one."""
    told = [FORM, config.get("base"), *(config[size] for size in SIZES)]
    digest = hashlib.sha256(json.dumps(told).encode())
    for name in (WEIGHTS_FILE,) if "base" in config else (WEIGHTS_FILE, TOKENIZER_FILE):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:24]


def _write(folder: Path, config: dict[str, Any], target: Path) -> None:
    import onnx
    from safetensors.numpy import load_file

    from student import adapter, graph, packing

    stored = load_file(folder / WEIGHTS_FILE)
    with bases.opened(config["base"]) if "base" in config else nullcontext(folder) as source:
        shutil.copyfile(source / TOKENIZER_FILE, target / TOKENIZER_FILE)
        if "base" in config:
            tensors = adapter.served(stored, load_file(source / "model.safetensors"))
        else:
            tensors = packing.dequantise(stored)
    made = graph.build(tensors, *(config[size] for size in SIZES))
    # tensors in a file of their own are read where they lie, not copied to be packed anew
    onnx.save(made, target / GRAPH_FILE, save_as_external_data=True, location=TENSORS_FILE)


def main() -> int:
    """Make the shipped student ready, at set-up."""
    from student.model import WEIGHTS

    print(f"The student is ready in {prepare(WEIGHTS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

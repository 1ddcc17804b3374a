"""Read, write and evaluate .cube colour tables: 1D, 3D, and a 1D shaper before a 3D table.

One strict parser: what has one clear meaning loads (odd but harmless lines become `Cube.warnings`),
what is ambiguous or broken is refused with the line at fault. It knows nothing of presets or edits.
Sources: Adobe, Cube LUT Specification 1.0 (2013); Blackmagic DaVinci Resolve manual, "LUT formats"
(LUT_1D_INPUT_RANGE, LUT_3D_INPUT_RANGE, shaper before the cube).
"""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from editor.errors import UserError
from editor.lut import MAX_SIZE, Lut, bake

MAX_1D_SIZE = 65536
MAX_3D_SIZE = 256
MAX_BYTES = 200 * 2**20
BAKED_SIZE = 65  # grid for tables that are no plain 3D LUT over 0..1

_UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATA_START = re.compile(r"[+\-.\d]|(nan|inf)\b", re.IGNORECASE)
_NO_ROW = re.compile(r"^[ \t]*(#[^\n]*)?(\n|\Z)", re.MULTILINE)
_QUOTED = re.compile(r'title\s*"([^"]*)"', re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_SIZES = {"LUT_1D_SIZE": MAX_1D_SIZE, "LUT_3D_SIZE": MAX_3D_SIZE}
_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
_BOUNDS = ("DOMAIN_MIN", "DOMAIN_MAX")
_VALUES = dict.fromkeys(_RANGES, 2) | dict.fromkeys(_BOUNDS, 3)  # how many numbers follow
_MAX_UNKNOWN_LINES = 100
_LARGEST = float(np.finfo(np.float32).max)


class CubeError(UserError):
    """A table that cannot be used; the message says which line is at fault and why."""


def _unit() -> NDArray[np.float64]:
    return np.array(_UNIT)


@dataclass(frozen=True, eq=False)
class Cube:
    """A colour table as the file states it; values are unbounded.

    `shaper` (n, 3) is the 1D curve over `shaper_domain`, `table` (N, N, N, 3) the 3D table indexed
    [r, g, b] over `domain`; at least one of them is there, the shaper comes first. A domain is
    (2, 3): the lowest and the highest input of each channel. `warnings` are sentences for people.
    """

    title: str = ""
    shaper: NDArray[np.floating] | None = None
    shaper_domain: NDArray[np.floating] = field(default_factory=_unit)
    table: NDArray[np.floating] | None = None
    domain: NDArray[np.floating] = field(default_factory=_unit)
    warnings: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What the file holds, as shown to people."""
        if self.table is None:
            return f"1D, {_length(self.shaper)} entries"
        size = f"3D, {len(self.table)} nodes a side"
        return size if self.shaper is None else f"1D shaper, {_length(self.shaper)} entries, and {size}"

    @property
    def is_plain(self) -> bool:
        """True for a 3D table over 0..1 without a shaper."""
        return self.table is not None and self.shaper is None and np.array_equal(self.domain, _UNIT)

    def evaluate(self, rgb: ArrayLike) -> NDArray[np.float64]:
        """Colours (..., 3) through shaper and table; inputs are clamped to the domains, outputs are not clipped.

        Linear between the shaper's entries, tetrahedral between the table's nodes, as OpenColorIO does.
        """
        values = np.asarray(rgb, dtype=np.float64)
        if self.shaper is not None:
            position = _position(values, self.shaper_domain, len(self.shaper))
            entries = np.arange(len(self.shaper))
            values = np.stack([np.interp(position[..., c], entries, self.shaper[:, c]) for c in range(3)], axis=-1)
        if self.table is None:
            return values
        return _tetrahedral(self.table, _position(values, self.domain, len(self.table)))

    def to_lut(self, size: int | None = None) -> Lut:
        """The table as one plain 3D LUT over 0..1; a plain table of that size keeps its nodes.

        Without `size` a plain table stays as it is and everything else gets 65 nodes a side.
        """
        if self.table is not None and self.is_plain and len(self.table) <= MAX_SIZE and size in (None, len(self.table)):
            return Lut(self.table.astype(np.float32))
        return bake(self.evaluate, size or BAKED_SIZE)


def read_cube(source: str | Path | bytes, name: str = "") -> Cube:
    """Read a .cube file (a path or its bytes). Raises `CubeError`, its message led by the file's name."""
    label = name or ("" if isinstance(source, bytes) else Path(source).name)
    try:
        if isinstance(source, bytes):
            return parse_cube(source)
        path = Path(source)
        if path.stat().st_size > MAX_BYTES:
            raise CubeError(f"the file is larger than {MAX_BYTES // 2**20} MB; export the table with fewer nodes")
        return parse_cube(path.read_bytes())
    except OSError as error:
        raise CubeError(f"{label}: cannot be read ({error.strerror}).") from None
    except CubeError as error:
        raise CubeError(f"{label}: {error}" if label else str(error)) from None


def parse_cube(content: str | bytes) -> Cube:
    """Parse the text of a .cube file. Raises `CubeError` naming the line at fault."""
    text = _decode(content)
    header, start, start_line = _read_header(text)
    shaper_size, table_size = header.sizes
    shaper_domain, domain = header.domains()
    rows = _read_rows(text[start:], start_line, shaper_size + table_size**3)
    cube = Cube(title=header.title, warnings=tuple(header.warnings))
    if shaper_size:
        cube = replace(cube, shaper=rows[:shaper_size], shaper_domain=shaper_domain)
    if table_size:
        grid = rows[shaper_size:].reshape(table_size, table_size, table_size, 3)
        nodes = np.ascontiguousarray(grid.transpose(2, 1, 0, 3))  # files are red-fastest
        cube = replace(cube, table=nodes, domain=domain)
    return cube


def format_cube(cube: Cube, decimals: int = 6) -> str:
    """The text of a .cube file: ASCII, LF, domain keywords only where they say something.

    A shaper with a table is written the Resolve way, which has one range for all channels; raises
    `CubeError` when the channels differ there.
    """
    lines = [f'TITLE "{_ascii(cube.title)}"'] if cube.title else []
    both = cube.shaper is not None and cube.table is not None
    for part, domain, dimension in ((cube.shaper, cube.shaper_domain, "1D"), (cube.table, cube.domain, "3D")):
        if part is None:
            continue
        lines.append(f"LUT_{dimension}_SIZE {len(part)}")
        if both and np.ptp(domain, axis=1).any():
            raise CubeError("a shaper before a 3D table cannot have another range in each channel; bake it to a 3D LUT")
        if both:
            lines.append(f"LUT_{dimension}_INPUT_RANGE {float(domain[0, 0])!r} {float(domain[1, 0])!r}")
        elif not np.array_equal(domain, _UNIT):
            lines += [
                f"DOMAIN_{end} {' '.join(repr(float(v)) for v in row)}"
                for end, row in zip(("MIN", "MAX"), domain, strict=True)
            ]
    rows = [] if cube.shaper is None else [cube.shaper]
    rows += [] if cube.table is None else [cube.table.transpose(2, 1, 0, 3).reshape(-1, 3)]
    values = np.round(np.concatenate(rows).astype(np.float64), decimals) + 0.0  # + 0.0: no "-0"
    row = " ".join([f"%.{decimals}f"] * 3) + "\n"
    return "\n".join(lines) + "\n" + row * len(values) % tuple(values.ravel().tolist())


def write_cube(cube: Cube, path: str | Path) -> None:
    """Write `format_cube(cube)`; the file appears whole or not at all. An existing file is replaced."""
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(format_cube(cube), encoding="ascii", newline="\n")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _tetrahedral(table: NDArray[np.floating], position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tetrahedral interpolation at grid positions (..., 3) in 0..N-1.

    Walks from the cell's lowest corner to its highest, along the axis with the largest fraction
    first; the differences of the sorted fractions weigh the four corners met.
    """
    corner = np.clip(position.astype(np.intp), 0, len(table) - 2)
    fraction = position - corner
    order = np.argsort(-fraction, axis=-1, kind="stable")
    descending = np.take_along_axis(fraction, order, axis=-1)
    result = (1 - descending[..., :1]) * table[corner[..., 0], corner[..., 1], corner[..., 2]]
    for step in range(3):
        np.put_along_axis(
            corner, order[..., step : step + 1], np.take_along_axis(corner, order[..., step : step + 1], -1) + 1, -1
        )
        weight = descending[..., step : step + 1] - (descending[..., step + 1 : step + 2] if step < 2 else 0)
        result += weight * table[corner[..., 0], corner[..., 1], corner[..., 2]]
    return result


def _position(values: NDArray[np.float64], domain: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Inputs as positions 0..count-1, clamped."""
    return np.clip((values - domain[0]) / (domain[1] - domain[0]), 0, 1) * (count - 1)


def _length(shaper: NDArray[np.floating] | None) -> int:
    return 0 if shaper is None else len(shaper)


def _ascii(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    return " ".join(plain.replace('"', "'").split())


def _decode(content: str | bytes) -> str:
    """Text with LF line ends; refuses what is no plain text."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    if len(data) > MAX_BYTES:
        raise CubeError(f"the file is larger than {MAX_BYTES // 2**20} MB; export the table with fewer nodes")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CubeError("the file is UTF-16 text; save it as plain ASCII or UTF-8 text")
    if not data.strip():
        raise CubeError("the file is empty")
    junk = _BINARY.search(data)
    if junk:
        line = data.count(b"\n", 0, junk.start()) + 1
        raise CubeError(f"line {line}: the file is not plain text, so it is no .cube table")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # only titles and comments may hold such letters, rows are checked
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass
class _Header:
    title: str = ""
    found: dict[str, tuple[int, tuple[float, ...]]] = field(default_factory=dict)  # keyword: (line, values)
    warnings: list[str] = field(default_factory=list)

    @property
    def sizes(self) -> tuple[int, int]:
        """(entries of the 1D curve, nodes a side of the 3D table), 0 where there is none."""
        shaper, table = (int(self.found[k][1][0]) if k in self.found else 0 for k in _SIZES)
        if not shaper and not table:
            raise CubeError("there is no LUT_1D_SIZE or LUT_3D_SIZE line, so this is no .cube table")
        return shaper, table

    def domains(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Input ranges (2, 3) of the 1D and of the 3D table, from INPUT_RANGE or DOMAIN lines, 0..1 by default."""
        shaper, table = self.sizes
        if shaper and table:
            self._refuse_bounds_of_two_tables()
            return self._stated("LUT_1D_INPUT_RANGE"), self._stated("LUT_3D_INPUT_RANGE")
        own, other = _RANGES if shaper else _RANGES[::-1]
        if other in self.found:
            line = self.found[other][0]
            if own in self.found:
                self.warnings.append(f"Line {line} was ignored: {other} without such a table.")
            else:
                self.warnings.append(f"Line {line}: {other} was read as {own}, the range of the only table.")
                self.found[own] = self.found[other]
        domain = self._stated(own)
        return domain, domain

    def _refuse_bounds_of_two_tables(self) -> None:
        for keyword in _BOUNDS:
            if keyword in self.found:
                raise CubeError(
                    f"line {self.found[keyword][0]}: {keyword} is ambiguous with both a 1D and a 3D table; "
                    "LUT_1D_INPUT_RANGE and LUT_3D_INPUT_RANGE say which is meant"
                )

    def _stated(self, range_keyword: str) -> NDArray[np.float64]:
        """The (2, 3) domain that an INPUT_RANGE line or DOMAIN lines state; they must not contradict each other."""
        stated = []
        if range_keyword in self.found:
            line, values = self.found[range_keyword]
            stated.append((line, np.repeat(values, 3).reshape(2, 3)))
        bounds = [self.found.get(keyword) for keyword in _BOUNDS]
        if any(bounds):
            line = max(bound[0] for bound in bounds if bound)
            stated.append((line, np.array([b[1] if b else unit for b, unit in zip(bounds, _UNIT, strict=True)])))
        for line, (low, high) in stated:
            if not np.all(low.astype(np.float32) < high.astype(np.float32)):
                raise CubeError(
                    f"line {line}: the input range is reversed or empty; its minimum must be below its maximum"
                )
        if len(stated) == 2 and not np.array_equal(stated[0][1], stated[1][1]):
            raise CubeError(f"line {stated[1][0]}: DOMAIN_MIN and DOMAIN_MAX contradict {range_keyword}")
        return stated[0][1] if stated else _unit()


def _read_header(text: str) -> tuple[_Header, int, int]:
    """Keywords up to the first row: (header, offset of the first row, its line number)."""
    header, unknown = _Header(), 0
    for number, start, line in _lines(text):
        if _DATA_START.match(line):
            return header, start, number
        keyword = line.split(None, 1)[0].upper()
        if keyword == "TITLE":
            quoted = _QUOTED.match(line)
            header.title = (quoted[1] if quoted else line[len(keyword) :]).strip()
        elif keyword in _SIZES or keyword in _VALUES:
            if keyword in header.found:
                raise CubeError(f"line {number}: {keyword} was given before, on line {header.found[keyword][0]}")
            tokens = line.partition("#")[0].split()[1:]
            header.found[keyword] = (number, _keyword_values(keyword, tokens, number))
        else:
            unknown += 1
            if unknown > _MAX_UNKNOWN_LINES:
                raise CubeError(f"line {number}: too many lines that are no .cube keyword")
            header.warnings.append(f"Line {number} was ignored: {_shown(line)} is no .cube keyword.")
    return header, len(text), text.count("\n") + 1


def _keyword_values(keyword: str, tokens: list[str], number: int) -> tuple[float, ...]:
    """The numbers after a keyword, checked for count, form and limits."""
    if keyword in _VALUES:
        if len(tokens) != _VALUES[keyword]:
            raise CubeError(f"line {number}: {keyword} needs {_VALUES[keyword]} numbers, found {len(tokens)}")
        return tuple(_number(token, number) for token in tokens)
    if len(tokens) != 1 or not re.fullmatch(r"\d{1,9}", tokens[0], re.ASCII):
        raise CubeError(f"line {number}: {keyword} needs one whole number, found {_shown(' '.join(tokens))}")
    size = int(tokens[0])
    if not 2 <= size <= _SIZES[keyword]:
        raise CubeError(f"line {number}: {keyword} must be from 2 to {_SIZES[keyword]}, found {size}")
    return (size,)


def _number(token: str, line: int) -> float:
    """A finite number that float32 can hold."""
    if not _NUMBER.fullmatch(token):
        hint = "; decimals need a point, not a comma" if re.fullmatch(r"[+-]?\d+,\d*,?", token) else ""
        raise CubeError(f"line {line}: {_shown(token)} is not a finite number{hint}")
    value = float(token)
    if abs(value) > _LARGEST:
        raise CubeError(f"line {line}: {_shown(token)} is too large for a colour value")
    return value


def _read_rows(body: str, first_line: int, expected: int) -> NDArray[np.float64]:
    """All rows (n, 3): counted before they are parsed, parsed in bulk, line by line only to name a fault."""
    rows, lines = None, body
    if lines.rstrip().count("\n") + 1 != expected:
        lines = _NO_ROW.sub("", lines)
    if lines.rstrip().count("\n") + 1 == expected:
        with suppress(ValueError):
            rows = np.loadtxt(io.StringIO(lines), ndmin=2)
    if rows is not None and rows.shape == (expected, 3) and bool(np.all(np.abs(rows) <= _LARGEST)):
        return rows
    raise _row_fault(body, first_line, expected)


def _row_fault(body: str, first_line: int, expected: int) -> CubeError:
    """The first fault among the rows, in words."""
    found, number = 0, first_line
    for number, _, line in _lines(body, first_line):
        tokens = line.partition("#")[0].split()
        if tokens[0].upper() in (*_SIZES, *_VALUES, "TITLE"):
            return CubeError(f"line {number}: {tokens[0]} comes after the first row; keywords belong before the rows")
        try:
            for token in tokens:
                _number(token, number)
        except CubeError as fault:
            return fault
        if len(tokens) != 3:
            return CubeError(f"line {number}: a row needs three numbers, found {len(tokens)}")
        found += 1
        if found > expected:
            return CubeError(f"line {number}: a row too many, the stated size needs {expected}")
    return CubeError(f"line {number}: the table ends after {found} of {expected} rows")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")


def _lines(text: str, first: int = 1) -> Iterator[tuple[int, int, str]]:
    """(line number, offset, stripped line) of the lines that are neither empty nor comments."""
    start, number = 0, first
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].strip()
        if line and not line.startswith("#"):
            yield number, start, line
        start, number = end + 1, number + 1

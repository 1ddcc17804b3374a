"""`python -m editor cube`: what a .cube table or HaldCLUT picture holds, and one as the other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from editor.cube import Cube, read_cube, write_cube
from editor.errors import UserError
from editor.hald import LEVELS, read_hald, write_hald
from editor.image_write import atomic_file

app = typer.Typer(add_completion=False, rich_markup_mode="rich", help="Colour tables: .cube files and HaldCLUT PNGs.")
_CURVE_LEVEL = 8  # 64 nodes for tables that are a curve only


@app.command()
def info(file: Annotated[Path, typer.Argument(help="A .cube file or a HaldCLUT .png.")]) -> None:
    """Say what a table holds."""
    cube = _read(file)
    lines = {"title": cube.title or "(none)", "kind": cube.kind}
    for part, values, domain in (("shaper", cube.shaper, cube.shaper_domain), ("table", cube.table, cube.domain)):
        if values is not None:
            lines[f"{part} domain"] = f"{_triple(domain[0])} to {_triple(domain[1])}"
            lines[f"{part} values"] = f"{_number(values.min())} to {_number(values.max())}"
    lines["changes"] = _effect(cube)
    for name, value in lines.items():
        typer.echo(f"{name + ':':15}{value}")
    for warning in cube.warnings:
        typer.echo(f"warning: {warning}")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A .cube file or a HaldCLUT .png.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, .cube or .png.")],
    level: Annotated[
        int | None,
        typer.Option(min=min(LEVELS), max=max(LEVELS), help="HaldCLUT level; default: the table's own size."),
    ] = None,
    depth: Annotated[int, typer.Option(help="Bits of the HaldCLUT, 8 or 16.")] = 16,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Convert .cube to HaldCLUT PNG or back; .cube to .cube tidies a file up."""
    if depth not in (8, 16):
        raise typer.BadParameter("a HaldCLUT has 8 or 16 bits", param_hint="--depth")
    cube = _read(source)
    suffix = target.suffix.lower()
    if suffix not in (".cube", ".png"):
        raise UserError(f"{target.name}: tables are written as .cube or, as a HaldCLUT, .png.")
    with atomic_file(target, overwrite) as part:
        if suffix == ".cube":
            write_cube(cube, part)
        else:
            write_hald(cube, part, level or _level_for(cube), depth)
    typer.echo(f"{source} → {target}")


def _read(path: Path) -> Cube:
    if not path.is_file():
        raise UserError(f"There is no file {path}: check the path.")
    return read_hald(path) if path.suffix.lower() == ".png" else read_cube(path)


def _level_for(cube: Cube) -> int:
    """The smallest level that has at least the table's nodes a side."""
    if cube.table is None:
        return _CURVE_LEVEL
    return min(max(math.ceil(math.sqrt(len(cube.table))), min(LEVELS)), max(LEVELS))


def _effect(cube: Cube) -> str:
    """How far the table moves colours of 0..1, in words."""
    axis = np.linspace(0, 1, 17)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    moved = np.abs(cube.evaluate(grid) - grid)
    if moved.max() < 1e-4:
        return "nothing (identity)"
    return f"colours by {moved.mean() * 255:.1f} of 255 on average, {moved.max() * 255:.1f} at most"


def _triple(values: np.ndarray) -> str:
    return " ".join(_number(v) for v in values)


def _number(value: float) -> str:
    return f"{value:.6g}"

"""The command line: `python -m editor INPUT... OUTPUT` grades files, `python -m editor cube ...` handles tables.

It joins the editor with the planners of `student/`, which are imported only when a prompt is given.
Errors are one sentence on standard error; the exit code is 1 for what went wrong, 2 for wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from editor.batch import Grade, Job, Outcome, find_sources, plan_jobs, run_jobs
from editor.cli_cube import app as cube_app
from editor.cli_options import EditOption, edit_options, overridden
from editor.cube import write_cube
from editor.errors import UserError
from editor.image_write import DEFAULT_QUALITY, atomic_file
from editor.pipeline import export_cube
from editor.planner import Planner
from editor.tools import Edit, describe

PROGRAM = "python -m editor"
_INTERRUPTED = 130  # what typer returns after Ctrl-C, as shells do
DEFAULT_PLANNER, FALLBACK_PLANNER = "student", "knn"

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


class UsageError(UserError):
    """The command itself is wrong: exit code 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; prints every error as one sentence."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command: typer.Typer = app
    if arguments[:1] and arguments[0].lower() == "cube":
        command, arguments = cube_app, [a.lower() if i == 0 else a for i, a in enumerate(arguments[1:])]
    try:
        program = PROGRAM if command is app else f"{PROGRAM} cube"
        code = command(args=arguments or ["--help"], prog_name=program, standalone_mode=False) or 0
        return _fail("Stopped.", code) if code == _INTERRUPTED else code
    except typer.TyperException as error:  # exit_code 2 where the command is wrong
        return _fail(error.format_message(), error.exit_code)
    except UsageError as error:
        return _fail(str(error), 2)
    except UserError as error:
        return _fail(str(error), 1)


def grade(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT... OUTPUT", help="Pictures, videos, folders or globs; a file or folder to write."
        ),
    ] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="The vibe: 'golden hour'.")] = None,
    recipe: Annotated[str | None, typer.Option(help="An edit saved as JSON, instead of a prompt.")] = None,
    strength: Annotated[
        float, typer.Option(min=0, max=200, help="Strength of the prompt's or recipe's edit in percent.")
    ] = 100,
    planner: Annotated[str, typer.Option(help="Who turns the prompt into an edit.")] = DEFAULT_PLANNER,
    save_recipe: Annotated[str | None, typer.Option(help="Also write the edit as JSON to this file.")] = None,
    save_cube: Annotated[str | None, typer.Option(help="Also write the edit as a .cube table to this file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG and WebP.")] = DEFAULT_QUALITY,
    depth: Annotated[
        int | None, typer.Option(help="Bits a channel, 8 or 16 (PNG, TIFF); default: the picture's.")
    ] = None,
    format_: Annotated[
        Literal["jpg", "png", "webp", "tif"] | None, typer.Option("--format", help="Picture format in a folder.")
    ] = None,
    strip_gps: Annotated[bool, typer.Option("--strip-gps", help="Remove the place where it was taken.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for pictures.")] = os.cpu_count() or 1,
    **parameters: Any,
) -> int:
    """Grade pictures and videos by a prompt, a recipe or single parameters (which win over the other two).

    Tables: [bold]cube info FILE[/bold] and [bold]cube convert IN OUT[/bold] (.cube and HaldCLUT .png).
    """
    out, err = _console(), _console(stderr=True)
    if prompt is not None and recipe is not None:
        raise UsageError("Give a --prompt or a --recipe, not both.")
    given = {o.path: parameters[o.name] for o in _OPTIONS if parameters[o.name] is not None}
    preset_file = _take_preset_file(given)
    edit = _edit(prompt, recipe, strength, planner, given, err)
    work = Grade(edit, preset_file, quality, depth, not strip_gps, overwrite)
    if edit.filter:
        work.presets().get(edit.filter.name)  # an unknown preset is an error before any file is touched
    files = _jobs(list(paths or []), prompt, recipe, format_, need_output=not (save_recipe or save_cube or dry_run))
    out.print(describe(edit))
    if dry_run:
        for job in files:
            out.print(f"{job.source} → {job.target}")
        return 0
    if save_recipe:
        with atomic_file(Path(save_recipe), overwrite) as part:
            part.write_text(edit.to_json(indent=2) + "\n", encoding="utf-8")
    if save_cube:
        _write_cube(Path(save_cube), work, prompt or "", err)
    return _run(files, work, jobs, out, err) if files else 0


def _take_preset_file(given: dict[tuple[str, ...], Any]) -> Path | None:
    """A .cube file named as the filter: its path, and its preset's name in its place."""
    name = given.get(("filter", "name"))
    if not name or not name.lower().endswith(".cube"):
        return None
    path = Path(name)
    given["filter", "name"] = Grade(Edit(), path).presets().names[-1]
    return path


def _edit(
    prompt: str | None,
    recipe: str | None,
    strength: float,
    planner: str,
    given: dict[tuple[str, ...], Any],
    err: Console,
) -> Edit:
    if prompt is None and recipe is None:
        if not given:
            raise UsageError("Say what to do: give a --prompt, a --recipe or single parameters such as --contrast 10.")
        return overridden(Edit(), given).scaled(*[strength / 100] * 3)
    if recipe is not None:
        edit = _load_recipe(Path(recipe))
    else:
        answer = _load_planner(planner, err).answer(prompt or "")
        edit = answer.edit
        if answer.message:
            err.print(answer.message)
    return overridden(edit.scaled(*[strength / 100] * 3), given)


def _load_recipe(path: Path) -> Edit:
    try:
        return Edit.load(path)
    except OSError as error:
        raise UserError(f"The recipe {path} cannot be read: {error.strerror}.") from None
    except UserError as error:
        raise UserError(f"The recipe {path.name} cannot be used: {str(error).rstrip('.')}.") from None


def _load_planner(name: str, err: Console) -> Planner:
    from student.planners import load_planner

    try:
        return load_planner(name)
    except (UserError, ImportError) as error:
        if name != DEFAULT_PLANNER:
            raise
        reason = str(error).rstrip(".")
        err.print(f"The student cannot answer ({reason}): the nearest recorded intents ({FALLBACK_PLANNER}) do.")
        return load_planner(FALLBACK_PLANNER)


def _jobs(paths: list[str], prompt: str | None, recipe: str | None, suffix: str | None, need_output: bool) -> list[Job]:
    if len(paths) < 2:
        if paths or need_output:
            raise UsageError("Give at least one INPUT and an OUTPUT.")
        return []
    *inputs, output = paths
    sources = find_sources(inputs)
    single = len(inputs) == 1 and sources == [Path(inputs[0])]
    label = prompt or (Path(recipe).stem if recipe else "")
    return plan_jobs(sources, output, label, suffix and f".{suffix}", single)


def _write_cube(path: Path, work: Grade, title: str, err: Console) -> None:
    cube, lost = export_cube(work.edit, work.presets(), title)
    with atomic_file(path, work.overwrite) as part:
        write_cube(cube, part)
    if lost:
        err.print(f"A .cube table cannot hold {' and '.join(lost)}: {path.name} has the rest of the edit.")


def _run(jobs: list[Job], work: Grade, processes: int, out: Console, err: Console) -> int:
    """Grade the files with a progress bar; returns the exit code."""
    folders = _make_folders(jobs)
    failed = 0
    with _progress(err) as bar:
        files = bar.add_task("Grading", total=len(jobs), visible=len(jobs) > 1)
        clip = bar.add_task("Video", total=1.0, visible=False)

        def on_video(fraction: float, _seconds_left: float) -> None:
            bar.update(clip, completed=fraction, visible=True)

        for outcome in run_jobs(jobs, work, processes, on_video):
            bar.update(files, advance=1)
            failed += bool(outcome.error)
            _report(outcome, out, err)
    for folder in folders:
        if not any(folder.iterdir()):
            folder.rmdir()
    if len(jobs) > 1:
        out.print(f"{len(jobs) - failed} of {len(jobs)} files graded" + (f", {failed} failed." if failed else "."))
    return 1 if failed else 0


def _make_folders(jobs: list[Job]) -> list[Path]:
    """Create the output folder of a batch; returns what is new, deepest first, so that it can go if it stays empty."""
    new: list[Path] = []
    for folder in {job.target.parent for job in jobs}:
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        new += missing
    return new


def _report(outcome: Outcome, out: Console, err: Console) -> None:
    if outcome.error:
        err.print(f"Error: {outcome.error}")
        return
    out.print(f"{outcome.job.source} → {outcome.job.target}")
    for note in outcome.notes:
        err.print(f"{outcome.job.source.name}: {note}")


def _progress(err: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _console(stderr: bool = False) -> Console:
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def _fail(message: str, code: int) -> int:
    _console(stderr=True).print(f"Error: {message}")
    return code


_OPTIONS: tuple[EditOption, ...] = tuple(edit_options())


def _with_edit_options() -> Any:
    """`grade` with the edit's options in place of **parameters, in the form that typer reads."""
    fixed = [p for p in signature(grade, eval_str=True).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    grade.__signature__ = signature(grade).replace(parameters=[*fixed, *(o.parameter() for o in _OPTIONS)])  # type: ignore[attr-defined]
    return grade


app.command()(_with_edit_options())

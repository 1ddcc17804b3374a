"""The Export panel: picture, clip, .cube and recipe to take home, and its handlers."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editor.cube import write_cube
from editor.errors import UserError
from editor.image import Picture, export_name, export_notes, save_image
from editor.pipeline import EXPORT_SIZE, export_cube, render
from editor.ui.context import Context
from editor.ui.editing import NOTHING_OPEN, clock
from editor.ui.exports import new_file
from editor.ui.handlers import handler
from editor.ui.history import History
from editor.ui.media import Look, Media
from editor.ui.previews import load_still
from editor.ui.record import made, recorded

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "TIFF": ".tif"}
DEEP_FORMATS = ("PNG", "TIFF")
DEPTHS = ("As the picture", "8", "16")
CUBE_SIZES = ("65", "33", "17")
SETTLED = "async (...inputs) => { await window.vibegrade.settled(); return inputs; }"  # what is seen is exported
_WAIT = 0.25  # seconds between looks at a running export


def picture(
    context: Context,
    file_format: str,
    quality: float,
    depth: str,
    strip_gps: bool,
    media: Media | None,
    looks: tuple[Look, ...],
    history: History,
) -> tuple[str, str]:
    """Write the graded picture (of a clip: the frame that is shown) at full size. Returns (path, note)."""
    media = _opened(media)
    if file_format not in FORMATS:
        raise UserError(f"Choose one of {', '.join(FORMATS)}, not {file_format}.")
    bits = int(depth) if depth.isdigit() and file_format in DEEP_FORMATS else None
    source = load_still(media)
    if bits == 16:
        source = _sixteen_bits(source)
    presets = context.previews.presets(context.presets, looks)
    graded = source.with_pixels(render(source.pixels, history.now.settings.effective, presets, EXPORT_SIZE))
    target = new_file(_name(media, history, FORMATS[file_format]))
    save_image(graded, target, quality=round(quality), bit_depth=bits, keep_gps=not strip_gps)
    return str(target), _note(target, export_notes(graded, target, bits))


def clip(
    context: Context, media: Media | None, looks: tuple[Look, ...], history: History
) -> Iterator[tuple[str, str | None, bool]]:
    """Write the graded clip, telling how far it is. Yields (status as HTML, path when done, still running)."""
    from editor.video import ExportStopped, export_video

    media = _opened(media)
    if media.kind != "video":
        raise UserError("This is a picture: export it as an image.")
    presets = context.previews.presets(context.presets, looks)
    target = new_file(_name(media, history, ".mp4"))
    reports: queue.SimpleQueue[tuple[float, float]] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as pool, context.exports.running(media.id) as stop:
        work = pool.submit(
            export_video,
            media.path,
            target,
            history.now.settings.effective,
            presets,
            progress=lambda fraction, left: reports.put((fraction, left)),
            cancel=stop,
        )
        done = 0.0
        yield progress_bar(done, None), None, True
        while not work.done():
            if latest := _latest(reports):
                done = max(done, latest[0])
                yield progress_bar(done, latest[1]), None, True
        try:
            work.result()
        except ExportStopped:
            yield _status("Export cancelled."), None, False
            return
    yield _note(target, media.notes), str(target), False


def cancel_clip(context: Context, media: Media | None) -> str:
    """Stop the clip export that runs for this page."""
    if media is None or not context.exports.cancel(media.id):
        raise UserError("No export is running.")
    return _status("Cancelling…")


def cube(
    context: Context, size: str, media: Media | None, looks: tuple[Look, ...], history: History
) -> tuple[str, str]:
    """Write the edit as a .cube table. Returns (path, note that names what cannot travel in it)."""
    if size not in CUBE_SIZES:
        raise UserError(f"Choose a size of {', '.join(CUBE_SIZES)}.")
    presets = context.previews.presets(context.presets, looks)
    target = new_file(_name(media, history, ".cube"))
    table, lost = export_cube(history.now.settings.effective, presets, target.stem, int(size))
    write_cube(table, target)
    warning = f"{_list(lost)} cannot travel in a .cube: they work on neighbouring pixels." if lost else ""
    return str(target), _note(target, (warning,) if warning else ())


def recipe(context: Context, media: Media | None, history: History) -> tuple[str, str]:
    """Write the edit as a recipe that this page and the command line read back. Returns (path, note)."""
    target = new_file(_name(media, history, ".json"))
    target.write_text(history.now.settings.effective.to_json(indent=2) + "\n", encoding="utf-8")
    chosen = history.now.settings.effective.filter
    is_own = chosen is not None and chosen.name not in context.presets
    return str(target), _note(target, ("Keep your .cube with it: the recipe only names it.",) if is_own else ())


def progress_bar(fraction: float, seconds_left: float | None) -> str:
    """A progress bar with the time left, as HTML."""
    percent = round(fraction * 100)
    left = f"about {clock(seconds_left)} left" if seconds_left else "finishing" if percent else "starting"
    return (
        f'<div class="status" role="status"><div class="bar" role="progressbar" aria-label="Export" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f"<span>{percent} % · {left}</span></div>"
    )


@dataclass(frozen=True)
class Panel:
    """What the rest of the page needs of the panel."""

    clip_group: gr.Column  # shown while a clip is open
    save_picture: gr.Button  # its label depends on what is open
    events: list[Any]  # one for each kind of export


def build(context: Context, visitor: gr.State, media: gr.State, looks: gr.State, history: gr.State) -> Panel:
    """The panel's components and events."""
    with gr.Column(elem_classes="card-group"):
        gr.HTML('<h3 id="picture-title">Picture</h3>', apply_default_css=False)
        with gr.Row(elem_classes="tight"):
            file_format = gr.Dropdown(list(FORMATS), value="JPEG", label="Format", elem_id="format", min_width=90)
            depth = gr.Dropdown(list(DEPTHS), value=DEPTHS[0], label="Bits a channel", visible=False, min_width=120)
        quality = gr.Slider(
            1, 100, 92, step=1, label="Quality", elem_id="quality", elem_classes="control", buttons=[], min_width=0
        )
        strip_gps = gr.Checkbox(True, label="Remove the place (GPS) from the metadata", elem_id="strip-gps")
        save_picture = gr.Button("Export picture", variant="primary", elem_id="export-picture")
    with gr.Column(elem_classes="card-group", visible=False) as clip_group:
        gr.HTML("<h3>Clip</h3><p>H.264 MP4 with the original sound.</p>", apply_default_css=False)
        with gr.Row(elem_classes="tight"):
            save_clip = gr.Button("Export clip", variant="primary", elem_id="export-clip")
            stop = gr.Button("Cancel", elem_id="cancel-clip", min_width=80, interactive=False)
    with gr.Column(elem_classes="card-group"):
        gr.HTML("<h3>Look</h3><p>For other programs, or to open here again.</p>", apply_default_css=False)
        with gr.Row(elem_classes="tight"):
            size = gr.Dropdown(list(CUBE_SIZES), value=CUBE_SIZES[0], label=".cube size", min_width=80)
            save_cube = gr.Button("Export .cube", elem_id="export-cube", min_width=100)
        save_recipe = gr.Button("Export recipe", elem_id="export-recipe", min_width=100)
    note = gr.HTML("", elem_id="export-note", apply_default_css=False)
    result = gr.File(label="Exported file", show_label=False, elem_id="result", interactive=False, visible=False)
    player = gr.Video(
        label="Exported clip",
        show_label=False,
        elem_id="player",
        interactive=False,
        visible=False,
        buttons=[],
        autoplay=False,
    )
    file_format.change(
        lambda chosen: (gr.update(visible=chosen not in DEEP_FORMATS), gr.update(visible=chosen in DEEP_FORMATS)),
        file_format,
        [quality, depth],
        api_visibility="private",
        queue=False,
        show_progress="hidden",
    )

    def finish(outcome: tuple[str, str]) -> tuple[Any, str, Any]:
        path, words = outcome
        return gr.update(value=path, visible=True), words, gr.update(visible=False, value=None)

    def finish_clip(outcome: tuple[str, str | None, bool]) -> tuple[Any, str, Any, Any]:
        words, path, running = outcome
        file, player = (gr.update(value=path, visible=True) if path else gr.skip() for _ in range(2))
        return file, words, player, gr.update(interactive=running)

    shown = [result, note, player]
    common: dict[str, Any] = {
        "show_progress_on": note,
        "concurrency_id": "export",
        "concurrency_limit": 2,
        "js": SETTLED,
    }
    held = [media, looks, history]
    events = [
        save_picture.click(
            handler(recorded(picture, made("image")), context, show=finish),
            [visitor, file_format, quality, depth, strip_gps, *held],
            shown,
            api_name="export_image",
            **common,
        ),
        save_clip.click(
            handler(recorded(clip, made("video")), context, show=finish_clip),
            [visitor, *held],
            [*shown, stop],
            api_name="export_video",
            show_progress="hidden",
            js=SETTLED,
            concurrency_id="clip",
            concurrency_limit=2,
        ),
        save_cube.click(
            handler(recorded(cube, made("cube")), context, show=finish),
            [visitor, size, *held],
            shown,
            api_name="export_cube",
            **common,
        ),
        save_recipe.click(
            handler(recorded(recipe, made("recipe")), context, show=finish),
            [visitor, media, history],
            shown,
            api_name="export_recipe",
            **common,
        ),
    ]
    for event in events:
        event.success(None, js="() => window.vibegrade.save()", api_visibility="private")
    stop.click(handler(cancel_clip, context), media, note, api_name="cancel_export", concurrency_limit=None)
    return Panel(clip_group, save_picture, events)


def _opened(media: Media | None) -> Media:
    if media is None:
        raise UserError(NOTHING_OPEN)
    return media


def _name(media: Media | None, history: History, suffix: str) -> str:
    return export_name(media.name if media else "look", history.now.prompt, suffix)


def _sixteen_bits(source: Picture) -> Picture:
    """So that grading at 16 bits has 16-bit steps, whatever the source."""
    if source.pixels.dtype == np.uint16:
        return source
    alpha = None if source.alpha is None else source.alpha.astype(np.uint16) * 257
    return replace(source, pixels=source.pixels.astype(np.uint16) * 257, alpha=alpha)


def _latest(reports: queue.SimpleQueue[tuple[float, float]]) -> tuple[float, float] | None:
    """The newest report, waiting a moment for one."""
    try:
        latest = reports.get(timeout=_WAIT)
    except queue.Empty:
        return None
    while not reports.empty():
        latest = reports.get()
    return latest


def _note(path: Path, notes: tuple[str, ...]) -> str:
    size = path.stat().st_size
    shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{max(size / 1e3, 0.1):.1f} kB"
    return _status(f"{path.name} · {shown}", notes)


def _status(line: str, notes: tuple[str, ...] = ()) -> str:
    extra = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f'<div class="status" role="status"><span>{escape(line)}</span>{extra}</div>'


def _list(names: tuple[str, ...]) -> str:
    words = [name.capitalize() if i == 0 else name for i, name in enumerate(names)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

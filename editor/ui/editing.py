"""Handlers of the Edit tab: opening, asking, moving controls, undoing. Plain functions without Gradio components.

Each takes the context first, then what the page holds. They return `Shown`, which `edit.py` spreads
over the page's components.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from editor.errors import UserError
from editor.image import load_image
from editor.presets import Presets
from editor.samples import Sample
from editor.tools import Edit, EditError
from editor.ui.context import Context
from editor.ui.controls import Settings, preset_label
from editor.ui.history import Credit, History, Step
from editor.ui.media import Look, Media
from editor.ui.person import flavoured, planner_for
from editor.ui.previews import Previews
from editor.ui.recorder import ask_id

NOTHING_OPEN = "Open a picture or a clip first."
LARGEST_RECIPE = 1_000_000  # bytes


@dataclass(frozen=True)
class Shown:
    """What the page is to show after a handler."""

    media: Media | None
    looks: tuple[Look, ...]
    history: History
    after: str = field(default="", repr=False)  # data URL; "" leaves the one that is shown
    before: str = field(default="", repr=False)  # data URL; "" likewise
    said: str = ""  # one sentence for a notice

    @property
    def settings(self) -> Settings:
        """What the controls are to show."""
        return self.history.now.settings


def open_file(
    context: Context, path: str | None, media: Media | None, looks: tuple[Look, ...], history: History
) -> Shown:
    """Open a picture, a clip, a .cube preset or a recipe, whatever the file's suffix says.

    A new picture keeps the edit, so that one look can be tried on many; the one that is open already stays the
    same project. Raises `UserError`.
    """
    if not path:
        raise UserError("No file arrived; choose it again.")
    suffix, name = Path(path).suffix.lower(), Path(path).name
    if suffix == ".cube":
        return _add_look(context, Look(path, name), media, looks, history)
    if suffix == ".json":
        return load_recipe(context, _read_recipe(path), media, looks, history)
    return _show_media(context, read_media(path, name), media, looks, history)


def open_sample(
    context: Context, name: str, looks: tuple[Look, ...], history: History, media: Media | None = None
) -> Shown:
    """Open one of the sample photos or the sample clip; `media` is what is open so far."""
    sample = next((s for s in context.samples if s.name == name), None)
    if sample is None:
        raise UserError(f"There is no sample {name!r}; there are {', '.join(s.name for s in context.samples)}.")
    path = sample.loader()
    opened = replace(read_media(str(path), path.name), credit=f"{sample.credit} ({sample.licence})")
    return _show_media(context, opened, media, looks, history)


def read_media(path: str, name: str) -> Media:
    """A picture's or clip's facts; the file is read once to see that it can be. Raises `UserError`."""
    from editor.video import VIDEO_SUFFIXES, probe

    if Path(name).suffix.lower() in VIDEO_SUFFIXES:
        clip = probe(path)
        facts = f"{clip.width} × {clip.height} · {clock(clip.duration)} · {clip.fps:.3g} fps"
        return Media(path, name, "video", 0.0, clip.duration, facts, notes=clip.notes)
    picture = load_image(path, name)
    width, height = picture.size
    facts = f"{width} × {height} · {picture.bit_depth} bit"
    return Media(path, name, facts=facts, notes=picture.notes)


def grade(
    context: Context,
    prompt: str,
    planner: str,
    media: Media | None,
    looks: tuple[Look, ...],
    history: History,
    use_taste: bool = False,
    since: float = 0,
    user: str = "",
) -> Shown:
    """Ask a planner and show its edit; a request that changes nothing leaves the controls as they are.

    Planner "" is the one of the running experiment, else the default one. With `use_taste` the edit is moved towards
    what this person's exports since `since` (Unix ms) showed; the answer itself stays the planner's own.
    """
    answer = context.planners[planner_for(context, planner, user)].answer(prompt or "")
    asked, now = ask_id(media, history.now, prompt or "", answer), history.now
    if answer.edit.is_neutral:
        # What is shown still rests on the earlier answer, if on any.
        credit = Credit(asked, answer.edit) if now.settings.edit.is_neutral else now.credit
        step = Step(now.settings, answer, prompt or "", asked, credit)
        said = answer.message or "This request changes nothing."
    else:
        edit, taste = flavoured(context, answer.edit, user, since) if use_taste else (answer.edit, "")
        step = Step(Settings(edit=edit), answer, prompt or "", asked, Credit(asked, answer.edit), taste)
        said = answer.message
    return _shown(context, media, looks, history.add(step), said)


def move(context: Context, media: Media | None, looks: tuple[Look, ...], history: History, *values: Any) -> Shown:
    """A control was moved: the values of all controls, in the order of `controls.NAMES`."""
    moved = history.move(Settings.of(values))
    return Shown(media, looks, history) if moved is history else _shown(context, media, looks, moved)


def choose_preset(
    context: Context, name: str, media: Media | None, looks: tuple[Look, ...], history: History, *values: Any
) -> Shown:
    """Choose a preset, at the intensity shown or whole where it was 0; "none" takes it away."""
    presets = context.previews.presets(context.presets, looks)
    if name != "none":
        presets.get(name)
    return _shown(context, media, looks, history.move(Settings.of(values).with_preset(name)))


def load_recipe(context: Context, recipe: str, media: Media | None, looks: tuple[Look, ...], history: History) -> Shown:
    """Show a recipe's edit. Raises `EditError` naming the wrong field, `UserError` for an unknown preset."""
    try:
        edit = Edit.from_json(recipe)
    except EditError as error:
        raise UserError(f"This is not a recipe of Vibegrade: {error}") from None
    if edit.filter:
        context.previews.presets(context.presets, looks).get(edit.filter.name)
    return _shown(context, media, looks, history.add(Step(Settings(edit=edit))), "Recipe loaded.")


def scrub(context: Context, seconds: float, media: Media | None, looks: tuple[Look, ...], history: History) -> Shown:
    """Show another frame of the clip, graded."""
    if media is None or media.kind != "video":
        raise UserError("Open a clip to move through its frames.")
    moved = replace(media, seconds=round(min(max(seconds, 0.0), media.duration), 3), id=media.id)
    return _shown(context, moved, looks, history, with_before=True)


def undo(context: Context, media: Media | None, looks: tuple[Look, ...], history: History) -> Shown:
    """One step back."""
    return _shown(context, media, looks, history.undo())


def redo(context: Context, media: Media | None, looks: tuple[Look, ...], history: History) -> Shown:
    """One step forward."""
    return _shown(context, media, looks, history.redo())


def reset(context: Context, media: Media | None, looks: tuple[Look, ...], history: History) -> Shown:
    """All controls at neutral; undo brings them back."""
    return _shown(context, media, looks, history.add(Step()))


def thumbnails(context: Context, media: Media | None, looks: tuple[Look, ...]) -> list[dict[str, str]]:
    """Small pictures of every preset on the user's own picture, for the preset list."""
    presets = context.previews.presets(context.presets, looks)
    pictures = context.previews.thumbnails(media, presets) if media else {}
    names = ("none", *presets.names)
    return [{"name": n, "label": preset_label(n), "image": pictures.get(n, "")} for n in names]


def sample_cards(context: Context) -> Iterator[list[dict[str, str]]]:
    """Small pictures and credits of the samples: the photos at once, then the clip, which may have to be made."""
    cards: list[dict[str, str]] = []
    for kind in ("image", "video"):
        for sample in context.samples:
            if sample.kind == kind:
                with suppress(UserError):  # a sample that cannot be read is left out
                    cards.append(_sample_card(sample, context.previews))
        yield list(cards)


@lru_cache(maxsize=64)
def _sample_card(sample: Sample, previews: Previews) -> dict[str, str]:
    path = sample.loader()
    image = previews.thumbnails(read_media(str(path), path.name), Presets())["none"]
    caption = f"{sample.credit} ({sample.licence})"
    return {"name": sample.name, "label": sample.name, "image": image, "caption": caption}


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _read_recipe(path: str) -> str:
    file = Path(path)
    if file.stat().st_size > LARGEST_RECIPE:
        raise UserError(f"{file.name} is too large to be a recipe.")
    return file.read_text(encoding="utf-8", errors="replace")


def _add_look(context: Context, look: Look, media: Media | None, looks: tuple[Look, ...], history: History) -> Shown:
    """A .cube becomes a preset of this session and is chosen at once."""
    if look not in looks:
        looks = (*looks, look)
    presets = context.previews.presets(context.presets, looks)
    name = presets.names[len(context.presets) + looks.index(look)]
    said = " ".join((f"{preset_label(name)} is now one of your presets.", *presets.warnings(name)))
    settings = history.now.settings.with_preset(name)
    return _shown(context, media, looks, history.move(settings), said)


def _show_media(
    context: Context, media: Media, before: Media | None, looks: tuple[Look, ...], history: History
) -> Shown:
    if before and before.path == media.path:
        media = replace(media, id=before.id)
    return _shown(context, media, looks, history, " ".join(media.notes), with_before=True)


def _shown(
    context: Context,
    media: Media | None,
    looks: tuple[Look, ...],
    history: History,
    said: str = "",
    with_before: bool = False,
) -> Shown:
    if media is None:
        return Shown(media, looks, history, said=said)
    presets = context.previews.presets(context.presets, looks)
    after = context.previews.graded(media, history.now.settings.effective, presets)
    before = context.previews.of(media).before if with_before else ""
    return Shown(media, looks, history, after, before, said)

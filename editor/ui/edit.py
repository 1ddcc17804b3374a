"""The Edit tab: its layout and which handler answers which event. The handlers are in `editing` and `export`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from editor.tools import COLORS, TOOLS, SelectiveAdjust, ToolName
from editor.ui import components, editing, export, record
from editor.ui.context import Context
from editor.ui.controls import (
    ADJUST,
    GROUPS,
    INTENSITY,
    NAMES,
    SELECTIVE,
    STRONGEST,
    TOOL_LABELS,
    Control,
    preset_label,
)
from editor.ui.editing import Shown
from editor.ui.handlers import handler
from editor.ui.history import History
from editor.ui.person import running_experiment
from editor.ui.personal import Personal
from editor.ui.record import Note, recorded
from editor.ui.words import decision

TITLE = "Edit"
VIBES = (
    "golden hour",
    "moody teal and orange",
    "faded 70s film",
    "crisp winter morning",
    "cyberpunk night",
    "soft dreamy glow",
    "black and white, high contrast",
    "cozy autumn",
)


class Page:
    """The tab's components; `spread` turns what a handler returns into their updates."""

    def __init__(self, context: Context) -> None:
        self.media = gr.State(None)
        self.looks = gr.State(())
        self.history = gr.State(History())
        with gr.Row(elem_id="desk", equal_height=False):
            with gr.Column(elem_id="viewer", scale=5, min_width=320):
                self._viewer(context)
            with gr.Column(elem_id="panel", scale=2, min_width=300):
                self._panel(context)

    def _viewer(self, context: Context) -> None:
        with gr.Row(elem_id="bar"):
            self.open = gr.UploadButton("Open", elem_id="open", min_width=0, scale=0, size="sm")
            self.facts = gr.HTML("", elem_id="facts", apply_default_css=False)
            self.undo = gr.Button("Undo", elem_id="undo", min_width=0, scale=0, size="sm", interactive=False)
            self.redo = gr.Button("Redo", elem_id="redo", min_width=0, scale=0, size="sm", interactive=False)
            self.reset = gr.Button("Reset", elem_id="reset", min_width=0, scale=0, size="sm")
        self.stage = components.stage(elem_id="stage", label="Graded preview")
        self.frame = gr.Slider(
            0, 1, 0, step=0.01, label="Time, s", elem_id="frame", elem_classes="control", visible=False
        )
        self.samples = components.picker("Samples to start from", [], elem_id="samples")
        with gr.Row(elem_id="ask"):
            self.prompt = gr.Textbox(
                placeholder="Describe a vibe: golden hour, faded 70s film, cold and lonely …",
                label="Vibe",
                show_label=False,
                container=False,
                elem_id="prompt",
                lines=1,
                max_lines=1,
                max_length=20_000,
                scale=6,
                min_width=160,
            )
            # In an experiment the server chooses, unless the person does.
            served = [("Automatic", "")] if running_experiment(context) else []
            choices = [*served, *((name, name) for name in context.planners)]
            self.planner = gr.Dropdown(
                choices,
                value=choices[0][1],
                label="Planner",
                show_label=False,
                container=False,
                elem_id="planner",
                visible=len(choices) > 1,
                scale=0,
                min_width=120,
            )
            self.grade = gr.Button("Grade", variant="primary", elem_id="grade", scale=0, min_width=88)
        components.chips(VIBES, elem_id="vibes")
        self.decision = gr.HTML("", elem_id="decision", apply_default_css=False, label="What was decided")
        self.personal = Personal(context)

    def _panel(self, context: Context) -> None:
        self.on: dict[ToolName, gr.Checkbox] = {}
        self.strength: dict[ToolName, gr.Slider] = {}
        self.overall = _strength("Overall strength", "overall")
        with gr.Tabs(elem_id="tools"):
            with gr.Tab("Adjust", id="adjust"):
                self._switch("adjust")
                self.adjust: dict[str, gr.Slider] = {}
                for group, names in GROUPS.items():
                    gr.HTML(f"<h3>{group}</h3>", apply_default_css=False)
                    self.adjust |= {c.name: _slider(c) for c in ADJUST if c.name in names}
            with gr.Tab("Colours", id="selective_adjust"):
                self._switch("selective_adjust")
                self.selective = self._selective()
            with gr.Tab("Presets", id="filter"):
                self._switch("filter")
                with gr.Row(elem_classes="tight"):
                    self.preset = gr.Dropdown(
                        _preset_choices(("none", *context.presets.names)),
                        value="none",
                        label="Preset",
                        elem_id="preset",
                        min_width=140,
                        scale=3,
                    )
                    self.add_preset = gr.UploadButton("Add .cube", elem_id="add-preset", min_width=0, size="sm")
                self.intensity = _slider(INTENSITY)
                self.presets = components.picker("Presets", [], elem_id="presets")
            with gr.Tab("Export", id="export"):
                self.export = export.build(context, self.personal.visitor, *self.held)
                self.load_recipe = gr.UploadButton("Open a recipe", elem_id="load-recipe", size="sm")

    def _switch(self, tool: ToolName) -> None:
        """A tool's on/off and strength."""
        label = TOOL_LABELS[tool]
        with gr.Row(elem_classes="switch"):
            self.on[tool] = gr.Checkbox(True, label=label, elem_id=f"{tool}-on", min_width=0, scale=0)
            self.strength[tool] = _strength("Strength", tool)

    @staticmethod
    def _selective() -> dict[str, gr.Slider]:
        sliders: dict[str, gr.Slider] = {}
        for color in COLORS:
            title = SelectiveAdjust.model_fields[color].title
            gr.HTML(f'<h3 class="swatch {color}">{title}</h3>', apply_default_css=False)
            sliders |= {c.name: _slider(c) for c in SELECTIVE if c.name.startswith(f"{color}_")}
        return sliders

    @property
    def controls(self) -> list[Any]:
        """All controls in the order of `controls.NAMES`."""
        return [
            *(self.adjust[c.name] for c in ADJUST),
            *(self.selective[c.name] for c in SELECTIVE),
            self.preset,
            self.intensity,
            *(self.on[t] for t in TOOLS),
            *(self.strength[t] for t in TOOLS),
            self.overall,
        ]

    @property
    def held(self) -> list[gr.State]:
        """The user's own data."""
        return [self.media, self.looks, self.history]

    @property
    def outputs(self) -> list[Any]:
        """What `spread` updates."""
        of_media = [self.frame, self.samples, self.export.clip_group, self.export.save_picture]
        words = [self.facts, self.decision, self.undo, self.redo]
        return [*self.held, self.stage, *words, *of_media, self.presets, *self.controls]

    def spread(self, context: Context, shown: Shown) -> list[Any]:
        """Updates of all components; says the notice, if there is one."""
        if shown.said:
            gr.Info(shown.said, title="", duration=7)
        names = ("none", *context.previews.presets(context.presets, shown.looks).names)
        controls: list[Any] = list(shown.settings.values)
        chosen = NAMES.index("preset")
        controls[chosen] = gr.update(choices=_preset_choices(names), value=controls[chosen])
        return [
            shown.media,
            shown.looks,
            shown.history,
            _stage_update(shown),
            _facts(shown),
            decision(shown.history.now),
            *_buttons(shown),
            *self._for_media(shown),
            shown.settings.values[chosen],
            *controls,
        ]

    @staticmethod
    def _for_media(shown: Shown) -> list[Any]:
        media = shown.media
        if media is None or not shown.before:
            return [gr.skip()] * 4
        clip = media.kind == "video"
        return [
            gr.update(visible=clip, maximum=max(round(media.duration, 2), 0.01), value=media.seconds, minimum=0),
            gr.update(visible=False),
            gr.update(visible=clip),
            gr.update(value="Export this frame" if clip else "Export picture"),
        ]


def spread_move(shown: Shown) -> list[Any]:
    """The updates while a control moves: the picture and the history."""
    return [shown.history, _stage_update(shown), *_buttons(shown)]


def build(context: Context) -> None:
    """The tab's content, inside a `gr.Tab` of a running `gr.Blocks`."""
    page = Page(context)
    spread = partial(page.spread, context)

    def on(events: Any, function: Callable[..., Any], note: Note, inputs: list[Any], **options: Any) -> Any:
        return gr.on(
            events,
            handler(recorded(function, note), context, NAMES, spread),
            [page.personal.visitor, *inputs],
            page.outputs,
            **{"concurrency_limit": 8, "show_progress": "minimal", "show_progress_on": page.facts, **options},
        )

    held = page.held
    thumbnails: dict[str, Any] = {
        "fn": handler(editing.thumbnails, context, show=lambda items: gr.update(items=items)),
        "inputs": [page.media, page.looks],
        "outputs": page.presets,
        "show_progress": "hidden",
        "concurrency_limit": 2,
    }
    opened = [
        on(button.upload, editing.open_file, record.opened, [button, *held], api_name=name)
        for button, name in ((page.open, "open"), (page.add_preset, "add_preset"), (page.load_recipe, "load_recipe"))
    ]
    sample = [page.samples, page.looks, page.history, page.media]
    opened.append(on(page.samples.select, editing.open_sample, record.opened, sample, api_name="open_sample"))
    first, *others = opened
    first.success(**thumbnails, api_name="preset_pictures")
    for event in others:
        event.success(**thumbnails, api_visibility="private")
    on(
        [page.prompt.submit, page.grade.click],
        editing.grade,
        record.asked,
        [page.prompt, page.planner, *held, page.personal.use_taste, page.personal.since],
        api_name="grade",
        show_progress_on=page.decision,
        concurrency_id="planner",
        concurrency_limit=2,
    )
    for event, picker, name in (
        (page.presets.select, page.presets, {"api_name": "choose_preset"}),
        (page.preset.input, page.preset, {"api_visibility": "private"}),
    ):
        on(event, editing.choose_preset, record.chosen, [picker, *held, *page.controls], **name)
    on(page.undo.click, editing.undo, record.stepped, held, api_name="undo")
    on(page.redo.click, editing.redo, record.stepped, held, api_name="redo")
    on(page.reset.click, editing.reset, record.stepped, held, api_name="reset")
    gr.on(  # without a trigger: when the page loads
        None,
        handler(editing.sample_cards, context, show=lambda items: gr.update(items=items)),
        None,
        page.samples,
        api_name="samples",
        show_progress="hidden",
        concurrency_limit=None,
    )
    page.personal.events(context)
    page.personal.learn_after(context, page.export.events)
    _live_events(context, page)


def _live_events(context: Context, page: Page) -> None:
    """Events while something is dragged: unqueued, the last one wins; a fault is said on the stage."""
    live: dict[str, Any] = {
        "trigger_mode": "always_last",
        "show_progress": "hidden",
        "queue": False,
        "concurrency_limit": None,
    }
    moved = [c.input for c in page.controls if c is not page.preset]
    moved += [c.release for c in page.controls if isinstance(c, gr.Slider)]
    gr.on(
        moved,
        handler(recorded(editing.move, record.moved), context, NAMES, spread_move, partial(_fault, at=1, outputs=4)),
        [page.personal.visitor, *page.held, *page.controls],
        [page.history, page.stage, page.undo, page.redo],
        api_name="adjust",
        **live,
    )
    page.frame.input(
        handler(
            editing.scrub,
            context,
            show=lambda shown: [shown.media, _stage_update(shown), _facts(shown)],
            fault=partial(_fault, at=1, outputs=3),
        ),
        [page.frame, *page.held],
        [page.media, page.stage, page.facts],
        api_name="scrub",
        **live,
    )


def _slider(control: Control) -> gr.Slider:
    kind = "signed" if control.minimum < 0 else "positive"
    return gr.Slider(
        control.minimum,
        control.maximum,
        control.neutral,
        step=1,
        label=control.label,
        elem_id=control.name,
        elem_classes=["control", kind],
        buttons=["reset"],
        min_width=0,
    )


def _strength(label: str, name: str) -> gr.Slider:
    return gr.Slider(
        0,
        STRONGEST,
        100,
        step=1,
        label=label,
        elem_id=f"{name}-strength",
        elem_classes=["control", "strength"],
        buttons=["reset"],
        min_width=0,
    )


def _preset_choices(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(preset_label(name), name) for name in names]


def _stage_update(shown: Shown) -> Any:
    if not shown.after:
        return gr.skip()
    before: dict[str, Any] = {"before": shown.before} if shown.before else {}
    return gr.update(value=shown.after, problem="", **before)


def _fault(sentence: str, at: int, outputs: int) -> list[Any]:
    """No change but the sentence on the stage, which is output number `at`."""
    updates: list[Any] = [gr.skip()] * outputs
    updates[at] = gr.update(problem=sentence)
    return updates


def _facts(shown: Shown) -> str:
    media = shown.media
    if media is None:
        return ""
    facts = " · ".join((media.facts, *([media.credit] if media.credit else [])))
    return (
        f'<p title="{escape(facts)}"><span class="file">{escape(media.name)}</span> '
        f'<span class="size">{escape(facts)}</span></p>'
    )


def _buttons(shown: Shown) -> list[Any]:
    return [gr.update(interactive=shown.history.can_undo), gr.update(interactive=shown.history.can_redo)]

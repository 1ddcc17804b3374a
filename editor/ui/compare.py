"""The Compare tab: its layout and events. The handlers are in `comparing` and `sheet`."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from editor.sampling import PAPER_PROMPTS
from editor.ui import comparing, components, editing, sheet
from editor.ui.comparing import MOST, Column, Compared
from editor.ui.context import Context
from editor.ui.handlers import handler
from editor.ui.lens import arrival, lens, lens_bar
from editor.ui.media import Media
from editor.ui.tables import html_table

TITLE = "Compare"
GROUP = "compare"
CARRY = "(file, recipe, before) => window.vibegrade.carry(file, recipe, before)"


class Page:
    """The tab's components."""

    def __init__(self, context: Context) -> None:
        names = list(context.planners)
        self.media = gr.State(None)
        self.answers = gr.State(())
        self.arrival = arrival()
        with gr.Row(elem_classes="judge-row"):
            self.open = gr.UploadButton("Open", size="sm", min_width=0, scale=0, elem_id="compare-open")
            self.facts = gr.HTML(_facts(None, context), elem_classes="judge-facts", apply_default_css=False)
        with gr.Row(elem_classes="judge-top"):
            self.samples = components.picker(
                "Pictures to compare on", [], elem_id="compare-samples", elem_classes="strip"
            )
            self.planners = gr.CheckboxGroup(
                names, value=names[:MOST], label="Planners, two to four", elem_id="compare-planners", min_width=0
            )
        self.frame = gr.Slider(
            0, 1, 0, step=0.01, label="Time, s", elem_id="compare-frame", elem_classes="control", visible=False
        )
        with gr.Tabs(elem_id="compare-modes", elem_classes="subtabs"):
            with gr.Tab("Side by side"):
                self._side_by_side()
            with gr.Tab("Contact sheet"):
                self._sheet()

    def _side_by_side(self) -> None:
        with gr.Row(elem_classes="ask-row"):
            self.prompt = gr.Textbox(
                placeholder="Describe a vibe: golden hour, faded 70s film, cold and lonely …",
                label="Vibe",
                show_label=False,
                container=False,
                lines=1,
                max_lines=1,
                max_length=20_000,
                scale=6,
                min_width=160,
                elem_id="compare-prompt",
            )
            self.run = gr.Button("Compare", variant="primary", scale=0, min_width=100, elem_id="compare-run")
        self.bar = lens_bar(GROUP, visible=False)
        self.columns: list[gr.Column] = []
        self.lenses: list[gr.HTML] = []
        self.words: list[gr.HTML] = []
        self.carry: list[gr.Button] = []
        self.names: list[gr.Textbox] = []
        with gr.Row(elem_id="compare-slots", equal_height=False):
            for number in range(MOST):
                with gr.Column(visible=False, min_width=0, elem_classes="slot") as column:
                    self.lenses.append(lens(GROUP))
                    self.words.append(gr.HTML("", apply_default_css=False))
                    self.carry.append(
                        gr.Button("Open in Edit", size="sm", interactive=False, elem_id=f"compare-carry-{number + 1}")
                    )
                self.names.append(gr.Textbox(visible=False, label="Planner"))
                self.columns.append(column)
        self.table = gr.HTML("", elem_id="compare-table", apply_default_css=False)
        self.file = gr.File(visible=False, label="Picture")
        self.recipe = gr.Textbox(visible=False, label="Recipe")
        self.before = gr.Textbox(visible=False, label="Original")

    def _sheet(self) -> None:
        with gr.Column(elem_classes="judge-form"):
            self.prompts = gr.Textbox(
                "\n".join(PAPER_PROMPTS),
                label=f"Prompts, one on a line (up to {sheet.MOST_PROMPTS})",
                lines=8,
                max_lines=20,
                elem_id="sheet-prompts",
            )
        with gr.Row(elem_classes="judge-row"):
            self.make = gr.Button("Make the sheet", variant="primary", scale=0, min_width=140, elem_id="sheet-make")
            self.png = gr.DownloadButton(
                "Download picture", visible=False, scale=0, min_width=150, elem_id="sheet-picture"
            )
            self.json = gr.DownloadButton("Download JSON", visible=False, scale=0, min_width=140, elem_id="sheet-json")
        self.progress = gr.HTML("", apply_default_css=False, elem_classes="judge-note")
        self.sheet = gr.HTML("", elem_id="sheet", apply_default_css=False)

    @property
    def compared(self) -> list[Any]:
        """What a comparison updates, in the order of `show`."""
        parts = zip(self.columns, self.lenses, self.words, self.carry, self.names, strict=True)
        slots = [part for slot in parts for part in slot]
        return [self.media, self.answers, self.facts, self.before, self.bar, self.table, *slots]


def show(context: Context, compared: Compared) -> list[Any]:
    """Updates for what is known so far."""
    slots: list[Any] = []
    for number in range(MOST):
        column = compared.columns[number] if number < len(compared.columns) else None
        slots += _slot(column, compared.before)
    return [
        compared.media,
        compared.answers,
        _facts(compared.media, context),
        compared.before,
        gr.update(visible=True),
        difference_table(compared),
        *slots,
    ]


def _slot(column: Column | None, before: str) -> list[Any]:
    if column is None:
        return [gr.update(visible=False), gr.update(frames=[], status=""), "", gr.update(interactive=False), ""]
    reply = column.reply
    status = reply.problem if reply else f"Asking {column.planner} …"
    frames = [{"label": column.planner, "picture": column.picture}] if column.picture else []
    return [
        gr.update(visible=True),
        gr.update(frames=frames, before=before, status="" if frames else status),
        answer_words(column),
        gr.update(interactive=bool(frames)),
        column.planner,
    ]


def answer_words(column: Column) -> str:
    """A planner's tools, reasons and costs as HTML."""
    answer = column.reply.answer if column.reply else None
    if answer is None:
        return f'<div class="said"><h3>{escape(column.planner)}</h3></div>'
    source = f' <cite class="source">({escape(answer.why_source)})</cite>' if answer.why_source else ""
    why = f'<p class="why">{escape(answer.why)}{source}</p>' if answer.why else ""
    message = f'<p class="message">{escape(answer.message)}</p>' if answer.message else ""
    return (
        f'<div class="said"><h3>{escape(column.planner)}</h3>'
        f"<p>{escape(comparing.tools_used(answer.edit))}</p>{message}{why}"
        f'<p class="model">{escape(comparing.costs(answer))}</p></div>'
    )


def difference_table(compared: Compared) -> str:
    """The parameters of all answers side by side; rows that differ are marked."""
    answered = [reply.planner for reply in compared.answers if reply.answer]
    rows = comparing.differences(compared.answers)
    if not rows:
        return ""
    marks = ["differs" if differs else "" for _, _, differs in rows]
    cells = [[name, *values, "≠" if differs else ""] for name, values, differs in rows]
    return html_table(["Parameter", *answered, "Differs"], cells, "Parameters", row_classes=marks)


def _facts(media: Media | None, context: Context) -> str:
    if media is None:
        name = context.samples[0].name if context.samples else ""
        return f"<p>{escape(name)}</p>" if name else "<p>Open a picture or a clip.</p>"
    facts = " · ".join(part for part in (media.facts, media.credit) if part)
    return f'<p><span class="file">{escape(media.name)}</span> <span class="size">{escape(facts)}</span></p>'


def show_media(context: Context, media: Media) -> list[Any]:
    """The chosen picture's facts and, for a clip, its frames."""
    clip = media.kind == "video"
    frame = gr.update(visible=clip, maximum=max(round(media.duration, 2), 0.01), value=media.seconds)
    return [media, _facts(media, context), frame]


def show_sheet(made: sheet.Sheet) -> list[Any]:
    """The sheet's progress, and its files when they are there."""
    if made.path is None:
        said = f'<p role="status">{made.done} of {made.total} prompts answered</p>'
        return [said, "", gr.update(visible=False), gr.update(visible=False)]
    picture = f'<img src="{made.shown}" alt="Contact sheet of {made.total} prompts; the JSON file says what is on it">'
    return ["", picture, *(gr.update(visible=True, value=path) for path in (made.path, made.data))]


def build(context: Context) -> None:
    """The tab's content, inside a `gr.Tab` of a running `gr.Blocks`."""
    page = Page(context)
    chosen = [page.media, page.facts, page.frame]

    def shown_media(media: Media) -> list[Any]:
        return show_media(context, media)

    common: dict[str, Any] = {"concurrency_limit": 4, "show_progress": "minimal", "show_progress_on": page.facts}
    page.open.upload(
        handler(comparing.choose_file, context, show=shown_media),
        page.open,
        chosen,
        api_name="compare_open",
        **common,
    )
    page.samples.select(
        handler(comparing.choose_sample, context, show=shown_media),
        page.samples,
        chosen,
        api_name="compare_sample",
        **common,
    )
    page.frame.release(
        handler(comparing.choose_frame, context, show=shown_media),
        [page.frame, page.media],
        chosen,
        api_name="compare_frame",
        **common,
    )
    page.arrival.arrived(
        handler(editing.sample_cards, context, show=lambda items: gr.update(items=items)),
        None,
        page.samples,
        api_visibility="private",
        show_progress="hidden",
    )
    gr.on(
        [page.run.click, page.prompt.submit],
        handler(comparing.compare, context, show=lambda compared: show(context, compared)),
        [page.prompt, page.planners, page.media],
        page.compared,
        api_name="compare",
        show_progress="hidden",
        concurrency_id="compare",
        concurrency_limit=4,
    )
    page.make.click(
        handler(sheet.contact_sheet, context, show=show_sheet),
        [page.prompts, page.planners, page.media],
        [page.progress, page.sheet, page.png, page.json],
        api_name="contact_sheet",
        show_progress="hidden",
        concurrency_id="compare",
        concurrency_limit=4,
    )
    for number, (button, name) in enumerate(zip(page.carry, page.names, strict=True)):
        names: dict[str, Any] = {"api_name": "open_in_edit"} if number == 0 else {"api_visibility": "private"}
        button.click(
            handler(comparing.carry_over, context),
            [name, page.media, page.answers],
            [page.file, page.recipe],
            **names,
        ).success(
            None,
            [page.file, page.recipe, page.before],
            None,
            js=CARRY,
            api_visibility="private",
        )

"""The Reality check tab: its layout and events. The handlers are in `checking`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from editor.ratings import GUIDELINES, MINIMUM_ANNOTATORS, QUESTIONS, Summary
from editor.ui import checking
from editor.ui.checking import Drawing, Outcome, Sheet
from editor.ui.context import Context
from editor.ui.handlers import handler
from editor.ui.lens import arrival, lens, lens_bar
from editor.ui.tables import html_table, interval, percent, plural, sentence, whisker
from editor.ui.voting import NO_STORE

TITLE = "Reality check"
GROUP = "check"
NO_SET = "There is no reality check yet: make one under New check."
NO_RATINGS = f"No answers yet. The table needs {MINIMUM_ANNOTATORS} annotators for each sample."
SHORT = {"relevant": "Relevant to the request", "mimics": "Mimics the teacher"}
VISITOR = "() => [window.vibegrade.visitor()]"
MODEL_NOTE = (
    "Judged by a model, not by people: it describes what changed, then chooses, in both orders; only a yes in both "
    "counts."
)


class Page:
    """The tab's components."""

    def __init__(self, context: Context) -> None:
        self.arrival = arrival()
        self.visitor, self.sample = (gr.Textbox(visible=False, label=name) for name in ("Visitor", "Sample"))
        with gr.Row(elem_classes="judge-pick judge-form"):
            self.set = gr.Dropdown([], label="Reality check", elem_id="check-set", min_width=220)
        with gr.Tabs(elem_id="check-modes", elem_classes="subtabs"):
            with gr.Tab("Annotate"):
                self._annotate()
            with gr.Tab("Guidelines"):
                gr.Markdown(GUIDELINES, elem_classes="judge-text", elem_id="guidelines")
                gr.HTML(
                    sentence(f"“{checking.EXAMPLE_INTENT}”", "h3"), elem_classes="judge-text", apply_default_css=False
                )
                self.guide = arrival()
                self.examples = lens("examples", elem_id="check-examples")
            with gr.Tab("Results") as self.results_tab:
                self._results()
            with gr.Tab("New check"):
                self._create(context)

    def _annotate(self) -> None:
        with gr.Row(elem_classes="judge-row"):
            self.intent = gr.HTML("", elem_id="check-intent", elem_classes="judge-head", apply_default_css=False)
            lens_bar(GROUP, elem_classes="judge-bar", min_width=0, scale=0)
        self.lens = lens(GROUP, together=True, elem_id="check-lens")
        with gr.Row(elem_classes="judge-form", elem_id="check-questions"):
            self.answers = {
                name: gr.Radio([("Yes", "yes"), ("No", "no")], label=question, elem_id=f"check-{name}", min_width=240)
                for name, question in QUESTIONS.items()
            }
            self.save = gr.Button(
                "Save and go on", variant="primary", interactive=False, elem_id="check-save", scale=0, min_width=160
            )
        gr.HTML(
            sentence("Answers are stored under a random number that this browser keeps; you can stop and resume."),
            elem_classes="judge-note",
            apply_default_css=False,
        )

    def _results(self) -> None:
        with gr.Row(elem_classes="judge-row"):
            self.refresh = gr.Button("Refresh", scale=0, min_width=90, elem_id="check-refresh")
            labels = ("Table as CSV", "Answers as CSV")
            self.files = [gr.DownloadButton(label, visible=False, scale=0, min_width=130) for label in labels]
        self.results = gr.HTML("", elem_id="check-results", apply_default_css=False)
        with gr.Accordion("Where the numbers come from", open=False):
            self.query = gr.Code("", language="sql", interactive=False, show_label=False)

    def _create(self, context: Context) -> None:
        photos = [(s.title or s.name, s.name) for s in context.samples if s.kind == "image"]
        with gr.Column(elem_classes="judge-form"):
            with gr.Row():
                self.title = gr.Textbox(label="Title", placeholder="Student, autumn", max_length=200)
                self.student = gr.Dropdown(
                    list(context.planners), value=context.default_planner, label="Student", min_width=140
                )
                self.count = gr.Number(50, label="Samples", precision=0, minimum=1, min_width=100)
                self.seed = gr.Number(0, label="Seed of the sample", precision=0, min_width=100)
            self.pictures = gr.CheckboxGroup(photos, value=[name for _, name in photos], label="Pictures")
            self.uploads = gr.File(
                label="Your own pictures (kept on this server for the annotators, without their metadata)",
                file_count="multiple",
                file_types=["image"],
                height=110,
            )
            with gr.Row(elem_classes="judge-row"):
                self.create = gr.Button("Make the check", variant="primary", scale=0, min_width=150)
            self.made = gr.HTML("", elem_id="check-made", apply_default_css=False)

    @property
    def sheet(self) -> list[Any]:
        """What shows a sample."""
        return [self.sample, self.intent, self.lens, *self.answers.values(), self.save]


def show_sets(found: list[tuple[str, str]], chosen: str = "") -> Any:
    """The reality checks to choose from; the chosen one, else the newest."""
    ids = [set_id for set_id, _ in found]
    value = chosen if chosen in ids else ids[0] if ids else None
    return gr.update(choices=[(title, set_id) for set_id, title in found], value=value)


def show_sheet(sheet: Sheet) -> list[Any]:
    """The sample with empty answers; or thanks."""
    blank = [gr.update(value=None)] * len(QUESTIONS)
    if not sheet.sample:
        done = f"Thank you: you have answered all {sheet.total} samples."
        words = sentence(done, "h2") if sheet.total else sentence(NO_SET)
        return ["", words, gr.update(frames=[], status=" "), *blank, gr.update(interactive=False)]
    said = sentence(f"{sheet.position} of {sheet.total}") + sentence(f"“{sheet.intent}”", "h2")
    pictures = (("Original", sheet.original), ("Student", sheet.student), ("Teacher", sheet.teacher))
    frames = [{"label": label, "picture": picture, "key": sheet.sample} for label, picture in pictures]
    shown = gr.update(frames=frames, before=sheet.original, status="")
    return [sheet.sample, said, shown, *blank, gr.update(interactive=True)]


def show_outcome(found: Outcome, set_id: str) -> list[Any]:
    """The tables, people's and models' apart."""
    people = sentence(NO_RATINGS)
    if found.people:
        people = summary_table(
            found.people, f"People ({plural('annotator', found.annotators)}, {plural('sample', found.samples)})"
        )
    models = ""
    for judge in dict.fromkeys(s.judge for s in found.models):
        rows = [s for s in found.models if s.judge == judge]
        models += summary_table(rows, f"Model's judgement: {judge}") + sentence(MODEL_NOTE)
    how = sentence(f"Let a vision model judge the same samples: python -m student.judge {set_id}")
    html = f'{people}<div class="judge-note">{models}{how}</div>'
    files = [gr.update(value=path, visible=True) for path in found.files] or [gr.update(visible=False)] * 2
    return [html, found.query, *files]


def summary_table(rows: Sequence[Summary], caption: str) -> str:
    """Majorities with their Wilson intervals, and agreement."""
    cells = [
        [
            SHORT[s.question],
            f"{s.yes} of {s.samples}",
            percent(s.share),
            interval(s.low, s.high) if s.samples else "–",
            whisker(s.share, s.low, s.high) if s.samples else "",
            "–" if s.alpha != s.alpha else f"{s.alpha:.2f}",
            s.waiting,
        ]
        for s in rows
    ]
    headers = ["Question", "Yes", "Share", "95 % interval", "0 to 100 %", "Krippendorff's alpha", "Samples waiting"]
    return html_table(headers, cells, caption)


def build(context: Context) -> None:
    """The tab's content, inside a `gr.Tab` of a running `gr.Blocks`."""
    if context.store is None:
        gr.HTML(sentence(NO_STORE), elem_classes="judge-text", apply_default_css=False)
        return
    page = Page(context)
    _annotation_events(context, page)
    _result_events(context, page)

    def show_made(made: Drawing) -> list[Any]:
        """The progress, then the new check in the list."""
        if not made.id:
            return [f'<p role="status">{made.done} of {made.total} answered by the student</p>', gr.skip()]
        return [
            '<p role="status">The reality check is there: annotate it, and ask others to.</p>',
            show_sets(checking.all_sets(context), made.id),
        ]

    page.create.click(
        handler(checking.create_set, context, show=show_made),
        [page.title, page.student, page.count, page.pictures, page.uploads, page.seed],
        [page.made, page.set],
        api_name="create_reality_check",
        show_progress="hidden",
        concurrency_id="make",
        concurrency_limit=2,
    )


def _annotation_events(context: Context, page: Page) -> None:
    def arrive(context: Context, visitor: str) -> list[Any]:
        """Reality checks to choose from when the tab is opened."""
        return [show_sets(checking.all_sets(context)), visitor]

    def annotate(context: Context, sample: str, relevant: str, mimics: str, visitor: str, set_id: str) -> Sheet:
        """Store the answers (yes, no) to a sample; returns the next one."""
        checking.annotate(context, sample, relevant, mimics, visitor)
        return checking.next_sheet(context, set_id, visitor)

    page.arrival.arrived(
        handler(arrive, context),
        page.visitor,
        [page.set, page.visitor],
        js=VISITOR,
        api_name="reality_checks",
        show_progress="hidden",
    )
    common: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 8}
    page.guide.arrived(
        handler(
            checking.example_pictures,
            context,
            show=lambda found: gr.update(before=found[0], frames=found[1], status=""),
        ),
        None,
        page.examples,
        api_name="guideline_examples",
        **common,
    )
    page.set.change(
        handler(checking.next_sheet, context, show=show_sheet),
        [page.set, page.visitor],
        page.sheet,
        api_name="next_sample",
        **common,
    )
    page.save.click(
        handler(annotate, context, show=show_sheet),
        [page.sample, *page.answers.values(), page.visitor, page.set],
        page.sheet,
        api_name="annotate",
        **common,
    )


def _result_events(context: Context, page: Page) -> None:
    def results(context: Context, set_id: str) -> list[Any]:
        """The results of a reality check."""
        return show_outcome(checking.outcome(context, set_id), set_id)

    outputs = [page.results, page.query, *page.files]
    common: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": page.results, "concurrency_limit": 2}
    show = handler(results, context)
    page.refresh.click(show, page.set, outputs, api_name="reality_check_results", **common)
    page.results_tab.select(show, page.set, outputs, api_visibility="private", **common)

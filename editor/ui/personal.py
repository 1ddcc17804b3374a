"""The row below the prompt: "Use my taste" and the privacy note. The handlers are in `person`."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from editor.ui import person
from editor.ui.context import Context
from editor.ui.handlers import handler
from editor.ui.person import Arrival, TasteShown
from editor.ui.record import recorded

ARRIVE = "() => [window.vibegrade.visitor(), ...window.vibegrade.taste()]"
KEEP = "(use, since) => window.vibegrade.keepTaste(use, since)"


class Personal:
    """The row's components; `visitor`, `use_taste` and `since` are what handlers are given."""

    def __init__(self, context: Context) -> None:
        stored = context.store is not None
        self.visitor = gr.State("")
        self._arriving = gr.Textbox(visible=False, label="Visitor")
        self.since = gr.Number(0, visible=False, precision=0, label="Taste since")
        with gr.Row(elem_id="personal"):
            self.use_taste = gr.Checkbox(
                False, label="Use my taste", elem_id="use-taste", visible=stored, min_width=0, scale=0
            )
            self._words = gr.HTML("", elem_id="taste-words", visible=stored, apply_default_css=False)
            self._forget = gr.Button(
                "Forget my taste", elem_id="forget-taste", visible=False, size="sm", min_width=0, scale=0
            )
        self._privacy = gr.HTML("", elem_id="privacy", apply_default_css=False)

    @property
    def _taste(self) -> list[Any]:
        return [self.since, self._words, self._forget]

    def events(self, context: Context) -> None:
        """What the row does by itself."""
        gr.on(  # without a trigger: when the page loads
            None,
            handler(person.arrive, context, show=_show_arrival),
            [self._arriving, self.use_taste, self.since],
            [self.visitor, self.use_taste, *self._taste, self._privacy],
            js=ARRIVE,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=None,
        )
        quiet: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 8}
        keep: dict[str, Any] = {"fn": None, "inputs": [self.use_taste, self.since], "js": KEEP}
        self.use_taste.input(**keep, api_visibility="private")
        self.use_taste.input(**self._told(context), api_name="taste", **quiet)
        self._forget.click(
            handler(recorded(person.forget_taste), context, show=_show_taste),
            [self.visitor],
            self._taste,
            api_name="forget_taste",
            **quiet,
        ).success(**keep, api_visibility="private")

    def learn_after(self, context: Context, exports: list[Any]) -> None:
        """Say the taste anew after these events."""
        for event in exports:
            event.success(**self._told(context), api_visibility="private", show_progress="hidden", concurrency_limit=8)

    def _told(self, context: Context) -> dict[str, Any]:
        told = handler(recorded(person.taste_words), context, show=_show_taste)
        return {"fn": told, "inputs": [self.visitor, self.since], "outputs": self._taste}


def _show_taste(taste: TasteShown) -> list[Any]:
    return [taste.since, f"<p>{escape(taste.words)}</p>", gr.update(visible=taste.learned)]


def _show_arrival(arrival: Arrival) -> list[Any]:
    note = f"<details><summary>Privacy</summary>{arrival.privacy}</details>"
    return [arrival.visitor, arrival.use_taste, *_show_taste(arrival.taste), note]

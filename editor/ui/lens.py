"""Pictures side by side that zoom and move together, and the bar that goes with them."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from editor.ui.theme import asset


def lens(group: str, *, together: bool = False, status: str = "", **options: Any) -> gr.HTML:
    """Props `frames` ({label, picture, key}), `before` (the original) and `status` (a sentence instead of pictures).

    All lenses of a `group` show the same part. With `together` all frames appear at the same moment, and the
    `shown` event says so.
    """
    # What never changes stands in the template: an update of a hidden component replaces all its props.
    template = (
        f'<div class="lens" data-state="message" data-group="{escape(group)}" data-together="{together}">'
        '<p class="lens-status" role="status"></p><div class="lens-frames"></div></div>'
    )
    return gr.HTML(
        value="",
        frames=[],
        before="",
        status=status,
        html_template=template,
        js_on_load=asset("lens.js"),
        apply_default_css=False,
        **options,
    )


def lens_bar(group: str, **options: Any) -> gr.HTML:
    """Zoom steps and "hold for original" of a group."""
    zooms = "".join(
        f'<button type="button" data-zoom="{scale}" aria-pressed="{str(scale == 1).lower()}">{label}</button>'
        for scale, label in ((1, "Fit"), (2, "2×"), (4, "4×"))
    )
    hold = '<button type="button" class="hold" title="Or hold the O key">Hold for original</button>'
    return gr.HTML(
        f'<div class="lens-bar" role="group" aria-label="View" data-group="{escape(group)}">{zooms}{hold}</div>',
        apply_default_css=False,
        **options,
    )


def arrival() -> gr.HTML:
    """Its `arrived` event comes when its tab is opened for the first time: only then is a tab's content made."""
    return gr.HTML("", js_on_load="trigger('arrived')", apply_default_css=False, elem_classes="arrival")

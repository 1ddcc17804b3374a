"""The page's own components, made of `gr.HTML` with a template and a script from assets/."""

from __future__ import annotations

from typing import Any

import gradio as gr

from editor.ui.theme import asset


def stage(**options: Any) -> gr.HTML:
    """Before and after with a divider. Value: the graded picture; props `before` and `problem`."""
    return gr.HTML(
        value="",
        before="",
        problem="",
        html_template=asset("stage.html"),
        js_on_load=asset("stage.js"),
        apply_default_css=False,
        **options,
    )


def picker(name: str, items: list[dict[str, str]], **options: Any) -> gr.HTML:
    """Small pictures to choose from. Value: the chosen one's name; its `select` event says that one was clicked."""
    return gr.HTML(
        value="",
        label=name,
        items=items,
        html_template=f'<div class="picker" role="group" aria-label="{name}"></div>',
        js_on_load=asset("picker.js"),
        apply_default_css=False,
        **options,
    )


def chips(prompts: tuple[str, ...], **options: Any) -> gr.HTML:
    """Buttons that ask for their text."""
    buttons = "".join(f'<button type="button" class="chip" data-prompt="{p}">{p}</button>' for p in prompts)
    return gr.HTML(f'<div class="chips">{buttons}</div>', apply_default_css=False, **options)

"""The page's look: one neutral grey theme, system fonts, and the files of assets/ that it serves inline.

Everything around a picture is achromatic, so that colours are judged fairly. Nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import colors

ASSETS = Path(__file__).resolve().parents[2] / "assets"
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONOSPACE = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
# Neutral steps from white to black: sRGB greys, R = G = B.
_GREYS = (250, 240, 224, 200, 160, 128, 96, 68, 52, 44, 30)


def asset(name: str) -> str:
    """A text file of assets/."""
    return (ASSETS / name).read_text(encoding="utf-8")


def theme() -> gr.themes.Base:
    """The grey theme; light and dark mode look the same."""
    grey = colors.Color(*("#" + f"{g:02x}" * 3 for g in _GREYS))
    base = gr.themes.Base(
        primary_hue=grey,
        secondary_hue=grey,
        neutral_hue=grey,
        font=FONTS,
        font_mono=MONOSPACE,
        text_size="sm",
        spacing_size="sm",
        radius_size="sm",
    ).set(
        color_accent="#f0f0f0",
        body_background_fill_dark="#2b2b2b",
        background_fill_primary_dark="#333333",
        background_fill_secondary_dark="#2b2b2b",
        body_text_color_dark="#ececec",
        body_text_color_subdued_dark="#b4b4b4",
        block_background_fill_dark="transparent",
        block_border_width_dark="0px",
        block_label_text_color_dark="#d6d6d6",
        block_title_text_color_dark="#d6d6d6",
        border_color_primary_dark="#474747",
        input_background_fill_dark="#222222",
        input_border_color_dark="#4d4d4d",
        input_border_color_focus_dark="#9a9a9a",
        input_placeholder_color_dark="#9a9a9a",
        slider_color_dark="#bdbdbd",
        checkbox_background_color_dark="#222222",
        checkbox_background_color_selected_dark="#d8d8d8",
        checkbox_border_color_dark="#707070",
        checkbox_border_color_selected_dark="#d8d8d8",
        button_primary_background_fill_dark="#e8e8e8",
        button_primary_background_fill_hover_dark="#ffffff",
        button_primary_text_color_dark="#1b1b1b",
        button_primary_border_color_dark="transparent",
        button_secondary_background_fill_dark="#404040",
        button_secondary_background_fill_hover_dark="#4c4c4c",
        button_secondary_text_color_dark="#ececec",
        button_secondary_border_color_dark="transparent",
    )
    for name, value in list(vars(base).items()):
        if name.endswith("_dark") and value is not None:
            setattr(base, name.removesuffix("_dark"), value)
    return base


def page_options() -> dict[str, Any]:
    """Arguments of `launch` that make up the look."""
    return {
        "theme": theme(),
        "css": asset("style.css"),
        "head": f"<script>{asset('app.js')}</script>",
        "favicon_path": ASSETS / "favicon.svg",
    }

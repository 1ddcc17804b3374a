"""The whole page: a header, the tabs in order, and how it is served."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

import gradio as gr

from editor.ui import blind_test, compare, edit, insights, reality_check
from editor.ui.context import Context
from editor.ui.theme import asset, page_options

# One line a tab: a module with TITLE and build(context).
TABS: tuple[ModuleType, ...] = (edit, compare, blind_test, reality_check, insights)

DAY = 24 * 60 * 60
HEADER = (
    '<div class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 5a11 11 0 0 0 0 22z" fill="#f2f2f2"/>'
    '<path d="M16 5a11 11 0 0 1 0 22z" fill="#8a8a8a"/></svg><h1>Vibegrade</h1></div>'
)


def build(context: Context) -> gr.Blocks:
    """The page, ready to `launch(**launch_options())`."""
    with gr.Blocks(title="Vibegrade", analytics_enabled=False, fill_width=True, delete_cache=(DAY // 24, DAY)) as page:
        gr.HTML(HEADER, elem_id="header", apply_default_css=False)
        with gr.Tabs(elem_id="pages"):
            for tab in TABS:
                with gr.Tab(tab.TITLE):
                    tab.build(context)
    return page


def launch_options() -> dict[str, Any]:
    """Arguments of `launch`: address and limits from the environment, no links elsewhere, nothing shared."""
    look = page_options()
    return {
        "server_name": os.environ.get("HOST", "127.0.0.1"),
        "server_port": int(os.environ.get("PORT", "7860")),
        "max_file_size": f"{int(os.environ.get('MAX_UPLOAD_MB', '200'))}mb",
        "allowed_paths": [],
        "share": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "show_error": False,
        "quiet": True,
        "_frontend": False,  # else Gradio gives up when its own address is slow to answer on a busy machine
        **look,
        "css": look["css"] + asset("judging.css"),
        "head": f"{look['head']}<script>{asset('judging.js')}</script>",
    }

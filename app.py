"""Start Vibegrade's page: joins planners, presets, samples and tabs. `python app.py --help` lists the options."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Sequence
from functools import cached_property

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from editor.planner import Answer, Planner
from editor.presets import Presets
from editor.samples import samples
from editor.tools import Edit
from editor.ui import page
from editor.ui.context import Context

DEFAULT_PLANNERS = ("student", "knn")


class LazyPlanner:
    """A planner that is loaded when it is first asked, or by `warm_up`, whichever comes first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()

    @cached_property
    def _planner(self) -> Planner:
        from student.planners import load_planner

        return load_planner(self.name)

    def _loaded(self) -> Planner:
        with self._lock:
            return self._planner

    def answer(self, prompt: str) -> Answer:
        """The planner's answer."""
        return self._loaded().answer(prompt)

    def plan(self, prompt: str) -> Edit:
        """The planner's edit."""
        return self._loaded().plan(prompt)

    def warm_up(self) -> None:
        """Load in the background, so that the first prompt does not wait."""
        threading.Thread(target=self._loaded, daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the page until interrupted."""
    parser = argparse.ArgumentParser(description="Vibegrade: a vibe in, a graded picture or clip out.")
    parser.add_argument(
        "--planners",
        nargs="+",
        default=DEFAULT_PLANNERS,
        metavar="NAME",
        help="planners to choose from, the first is the default (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    planners = {name: LazyPlanner(name) for name in options.planners}
    context = Context(planners, Presets.builtin(), samples())
    blocks = page.build(context)
    _, address, _ = blocks.launch(**page.launch_options(), prevent_thread_lock=True)
    print(f"Vibegrade is at {address} (Ctrl+C ends it)", flush=True)
    planners[options.planners[0]].warm_up()
    blocks.block_thread()


if __name__ == "__main__":
    main()

"""Start Vibegrade's page: joins planners, presets, samples and tabs. `python app.py --help` lists the options."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import cached_property

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from editor.errors import UserError
from editor.planner import Answer, Planner
from editor.presets import Presets
from editor.samples import samples
from editor.sampling import Recorded
from editor.store import Store
from editor.tools import Edit
from editor.ui import page
from editor.ui.context import Context

DEFAULT_PLANNERS = ("student", "recorded", "nearest", "knn")
TEACHER = "teacher"  # the live one; offered where an endpoint is set


class LazyPlanner:
    """A planner that is loaded when it is first asked, or by `warm_up`, whichever comes first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()

    @cached_property
    def _planner(self) -> Planner:
        if self.name == TEACHER:
            from student.teacher import TeacherPlanner

            return TeacherPlanner()
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


def recorded() -> list[Recorded]:
    """The test intents with the teacher's edits, for reality checks."""
    from student.dataset import load

    return [Recorded(row.intent, row.edit) for row in load("test")]


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
    offered = [*options.planners, *([TEACHER] if os.environ.get("OPENAI_MODEL") else [])]
    planners = {name: LazyPlanner(name) for name in offered}
    try:
        store = Store.from_environment()
    except UserError as error:
        raise SystemExit(str(error)) from None
    context = Context(planners, Presets.builtin(), samples(), store, recorded)
    blocks = page.build(context)
    _, address, _ = blocks.launch(**page.launch_options(), prevent_thread_lock=True)
    print(f"Vibegrade is at {address} (Ctrl+C ends it)", flush=True)
    planners[options.planners[0]].warm_up()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as Ctrl+C: what waits to be stored is stored
    blocks.block_thread()


if __name__ == "__main__":
    main()

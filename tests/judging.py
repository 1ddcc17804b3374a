"""Planners and a context for the tests of the judging tabs."""

import base64
import io
import threading

import numpy as np
from PIL import Image

from editor.planner import Answer
from editor.presets import Presets
from editor.samples import Sample
from editor.tools import Edit
from editor.ui.context import Context

WARM = Edit.from_dict({"adjust": {"temperature": 35, "contrast": 5}, "filter": {"name": "vivid", "intensity": 40}})
COLD = Edit.from_dict({"adjust": {"temperature": -30, "contrast": 5}, "selective_adjust": {"blue": {"saturation": 10}}})


class Fake:
    """A planner that gives one answer; it can wait for an event first, or raise."""

    def __init__(self, name: str, edit: Edit = WARM, error: Exception | None = None, **facts) -> None:
        self.name, self.error = name, error
        self.go = threading.Event()
        self.go.set()
        self._answer = Answer(edit, name, **facts)

    def answer(self, prompt: str) -> Answer:
        self.go.wait(20)
        if self.error:
            raise self.error
        return self._answer

    def plan(self, prompt: str) -> Edit:
        return self.answer(prompt).edit


def context_of(planners, path, **options) -> Context:
    """A context with one sample photo, "meadow", at `path`."""
    sample = Sample("meadow", "image", "A. Author", "CC0 1.0", lambda: path)
    return Context({p.name: p for p in planners}, Presets.builtin(), (sample,), **options)


def pixels_of(data_url: str) -> np.ndarray:
    """The pixels of a JPEG data URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_url.split(",", 1)[1]))))

"""The generative student as a planner: the base with the shipped adapter merged into it.

The three tools are one batch over cached prompts. A batch is always one request, read on one thread (small products
gain little from a second), so that the same prompt gives the same edit, alone or among others, on any number of
threads. It needs torch, transformers and the base that `make generative` installs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from editor.errors import UserError
from editor.planner import Answer
from editor.tools import TOOLS, Edit
from student import smollm2
from student.bases import multiplies_bfloat16
from student.drafting import Decoding, to_edit, write
from student.grammar import PIECES
from student.planners import EMPTY, NOT_COLOUR
from student.tokens import MAX_CHARACTERS, prepare
from student.writer import Writer, load_base, make_writer

WEIGHTS = Path(__file__).parent / "weights" / "generative"
WEIGHTS_FILE = "adapter.safetensors"
CONFIG_FILE = "config.json"
CUT = f"Only the first {MAX_CHARACTERS} characters of the request were read."


class GenerativePlanner:
    """Planner over `student.writer`."""

    name = "generative"

    def __init__(self, writer: Writer, decoding: Decoding) -> None:
        self.writer = writer.eval()
        self.decoding = decoding

    @classmethod
    def load(cls, folder: Path = WEIGHTS, base: Path | None = None) -> GenerativePlanner:
        """From the adapter's folder and the base's (default: the prepared one). Raises `UserError`."""
        base = base or smollm2.folder()
        config, weights = read(folder)
        if config["pieces"] != list(PIECES):
            raise UserError("The generative student was trained for other tools or presets; train it anew.")
        with one_thread():
            model = load_base(base, dtype=torch.bfloat16 if multiplies_bfloat16() else torch.float32)
            writer = make_writer(model, base, config["rank"], config["alpha"])
            writer.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
            writer.base = quicken(writer.base.merge_and_unload())
        planner = cls(writer, Decoding.from_dict(config["decoding"]))
        planner.answer("warm up")  # reads the tools' prompts
        return planner

    def answer(self, prompt: str) -> Answer:
        """The edit and, where nothing was changed or read, why."""
        started = time.perf_counter()
        if not any(c.isalnum() for c in prepare(prompt)):
            return Answer(Edit(), self.name, message=EMPTY)
        request = self.writer.prompts.request(prompt)
        with one_thread():
            edit = to_edit(write(self.writer, [(tool, request) for tool in TOOLS], self.decoding))
        message = NOT_COLOUR if edit.is_neutral else CUT if len(prompt) > MAX_CHARACTERS else ""
        return Answer(edit, self.name, message=message, latency_ms=(time.perf_counter() - started) * 1000)

    def plan(self, prompt: str) -> Edit:
        """The edit alone."""
        return self.answer(prompt).edit

    def plan_many(self, prompts: Sequence[str]) -> list[Edit]:
        """The edits of several prompts, in their order."""
        return [self.plan(prompt) for prompt in prompts]


class EightBitLinear(nn.Module):
    """A linear layer that reads 8-bit weights, one scale a row, when x has few rows: then reading is what takes time.

    Activations keep their precision (rounding those as well made every answer another one).
    """

    few = 8

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        weight = linear.weight.detach().float()
        scale = (weight.abs().amax(1, keepdim=True) / 127).clamp_min(1e-8)
        self.whole = (weight / scale).round().to(torch.int8)
        self.scale = scale[:, 0].to(linear.weight.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., inputs) to (..., outputs)."""
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) > self.few:
            return cast(torch.Tensor, self.linear(x))
        out = torch._weight_int8pack_mm(rows, self.whole, self.scale).reshape(*x.shape[:-1], -1)
        return out if self.linear.bias is None else out + self.linear.bias


def quicken(model: Any) -> Any:
    """The model with all linear layers but the vocabulary's as `EightBitLinear`."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear) and child is not model.get_output_embeddings():
                setattr(module, name, EightBitLinear(child))
    return model


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread for a while."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def files() -> list[Path]:
    """What the planner reads: the adapter and the base."""
    return [WEIGHTS, smollm2.folder()]


def export(run: Path, folder: Path) -> None:
    """Write a run's best weights as an adapter, float16, with what is needed to read it. Raises `UserError`."""
    try:
        options = json.loads((run / "config.json").read_text(encoding="utf-8"))
        weights = load_file(run / "best.safetensors")
    except (OSError, ValueError) as error:
        raise UserError(f"The run {run} has no finished training: {error}.") from None
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS_FILE)
    config = {
        "base": options["base"],
        "rank": options["rank"],
        "alpha": options["alpha"],
        "pieces": list(PIECES),
        "decoding": Decoding().to_dict(),
    }
    _write_config(folder, config)


def set_decoding(folder: Path, decoding: dict[str, Any]) -> None:
    """Replace the thresholds of an adapter."""
    config, _ = read(folder)
    _write_config(folder, config | {"decoding": decoding})


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Config and weights of an adapter. Raises `UserError`."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        return config, load_file(folder / WEIGHTS_FILE)
    except Exception as error:  # safetensors raises types of its own
        raise UserError(f"The generative student's adapter in {folder} cannot be read: {error}.") from None

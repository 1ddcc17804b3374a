"""Training of both kinds of student: options, the loop, checkpoints. What is learnt is the student's affair.

`python -m student.train --student fast --name NAME --base PATH …` trains the one-pass student
(`student.fast_task`), `--student generative` the paper's (`student.generative`). A run lives in
`student/runs/NAME/`: config.json (all options), metrics.jsonl (one line an evaluation), checkpoint.pt
(replaced as a whole, so that a kill costs at most a few minutes; `--resume` goes on from it) and
best.safetensors, the averaged weights that were best on validation. Runs on the CPU, one GPU or several.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from student import bases

RUNS = Path(__file__).parent / "runs"
STUDENTS = {"fast": "student.fast_task", "generative": "student.generative"}


class Task(Protocol):
    """What a student brings to the loop."""

    model: nn.Module

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters with their learning rates (`lr`) and `weight_decay`."""
        ...

    def batches(self, epoch: int) -> Sequence[Any]:
        """The epoch's batches; the same for the same epoch and seed, and as many in every epoch."""
        ...

    def loss(self, model: nn.Module, batch: Any, device: torch.device) -> Tensor:
        """Mean loss of a batch."""
        ...

    def evaluate(self, model: nn.Module) -> dict[str, Any]:
        """Validation scores; `overall` picks the best weights."""
        ...


def common_options(parser: argparse.ArgumentParser) -> None:
    """Options of every training."""
    add = parser.add_argument
    add("--student", choices=STUDENTS, default="fast", help="kind of student")
    add("--name", required=True, help="name of the run, its folder under student/runs")
    add("--runs", type=Path, default=RUNS, help="folder that holds the runs")
    add("--base", required=True, help="pretrained model: minilm, mpnet, a folder or a name")
    add("--epochs", type=int, default=6, help="passes over the training texts")
    add("--batch", type=int, default=128, help="texts a step and process")
    add("--lr", type=float, default=2e-4, help="peak learning rate of the last pretrained layer")
    add("--weight-decay", type=float, default=0.01, help="decoupled weight decay of matrices")
    add("--warmup", type=float, default=0.06, help="share of the steps with a rising learning rate")
    add("--ema", type=float, default=0.996, help="decay a step of the averaged weights")
    add("--seed", type=int, default=0, help="seed of everything random")
    add("--threads", type=int, default=2, help="CPU threads")
    natural = "bf16" if bases.multiplies_bfloat16() else "fp32"
    add("--precision", choices=("bf16", "fp32"), default=natural, help="of the matrix products; by the machine")
    add("--checkpoint-every", type=int, default=150, help="steps between checkpoints")
    add("--evaluate-from", type=float, default=0.0, help="share of the epochs after which validation starts")
    add("--limit", type=int, default=0, help="use only so many training rows (0: all)")
    add("--resume", action="store_true", help="go on from the run's checkpoint")


def fit(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """Train; returns the best validation scores. Files appear in the run's folder."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from tqdm import tqdm

    AcceleratorState._reset_state()  # an earlier training of this process may have had another precision
    accelerator = Accelerator(mixed_precision="bf16" if options.precision == "bf16" else "no")
    device, main = accelerator.device, accelerator.is_main_process
    folder = run_folder(options)
    optimizer = torch.optim.AdamW(task.parameter_groups(), betas=(0.9, 0.98), fused=True)
    steps = math.ceil(len(task.batches(0)) / accelerator.num_processes)
    total = steps * options.epochs
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, total, options.warmup))
    model, optimizer = accelerator.prepare(task.model, optimizer)
    average = {k: v.detach().clone() for k, v in task.model.state_dict().items()}
    state: dict[str, Any] = {"step": 0, "best": {"overall": -1.0}, "minutes": 0.0}
    if options.resume and (folder / "checkpoint.pt").exists():
        state = _restore(folder / "checkpoint.pt", task.model, optimizer, scheduler, average, device)
    started = time.monotonic() - 60 * state["minutes"]
    progress = tqdm(total=total, initial=state["step"], disable=not main, mininterval=10)
    model.train()
    running = math.nan
    for epoch in range(state["step"] // steps, options.epochs):
        mine = task.batches(epoch)[accelerator.process_index :: accelerator.num_processes]
        mine = [*mine, *mine[: steps - len(mine)]]  # every process makes as many steps
        for batch in mine[state["step"] - epoch * steps :]:
            loss = task.loss(model, batch, device)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad(set_to_none=True)
            state["step"] += 1
            _follow(average, task.model, options.ema, state["step"])
            running = loss.item() if math.isnan(running) else 0.98 * running + 0.02 * loss.item()
            progress.update()
            progress.set_postfix(loss=f"{running:.3f}", refresh=False)
            if main and state["step"] % options.checkpoint_every == 0:
                state["minutes"] = (time.monotonic() - started) / 60
                _checkpoint(folder / "checkpoint.pt", state, task.model, optimizer, scheduler, average)
        if main and (epoch + 1 >= options.evaluate_from * options.epochs or epoch + 1 == options.epochs):
            minutes = round((time.monotonic() - started) / 60, 2)
            _judge(task, average, state, folder, {"epoch": epoch + 1, "loss": round(running, 4), "minutes": minutes})
    progress.close()
    accelerator.wait_for_everyone()
    return dict(state["best"])


def run_folder(options: argparse.Namespace) -> Path:
    """The run's folder, made if need be, with the options written down."""
    folder: Path = options.runs / options.name
    folder.mkdir(parents=True, exist_ok=True)
    config = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items() if k != "resume"}
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str) + "\n", encoding="utf-8")
    return folder


def schedule(step: int, total: int, warmup: float) -> float:
    """Learning rate factor: a linear rise, then a half cosine down to 2%."""
    rise = min(1.0, (step + 1) / max(1.0, warmup * total))
    return rise * (0.51 + 0.49 * math.cos(math.pi * min(1.0, step / max(total, 1))))


@torch.no_grad()
def _follow(average: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    decay = min(decay, (1 + step) / (10 + step))  # quick at first, so that the start is forgotten
    pairs = [(average[k], v) for k, v in model.state_dict().items() if v.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in pairs], [v.detach() for _, v in pairs], 1 - decay)


def _judge(task: Task, average: dict[str, Tensor], state: dict[str, Any], folder: Path, facts: dict[str, Any]) -> None:
    """Validate the averaged weights, write the scores down, keep the weights when they are the best."""
    from safetensors.torch import save_file

    current = {k: v.detach().clone() for k, v in task.model.state_dict().items()}
    task.model.load_state_dict(average)
    scores = task.evaluate(task.model) | facts
    task.model.load_state_dict(current)
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(scores) + "\n")
    print(json.dumps(scores), file=sys.stderr, flush=True)
    if scores["overall"] > state["best"]["overall"]:
        state["best"] = scores
        save_file({k: v.contiguous() for k, v in average.items()}, folder / "best.part")
        os.replace(folder / "best.part", folder / "best.safetensors")


def _checkpoint(
    path: Path, state: dict[str, Any], model: nn.Module, optimizer: Any, scheduler: Any, average: dict[str, Tensor]
) -> None:
    part = path.with_suffix(".part")
    stored = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save({**stored, "average": average, "state": state, "random": torch.get_rng_state()}, part)
    os.replace(part, path)


def _restore(
    path: Path, model: nn.Module, optimizer: Any, scheduler: Any, average: dict[str, Tensor], device: torch.device
) -> dict[str, Any]:
    stored = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(stored["model"])
    optimizer.load_state_dict(stored["optimizer"])
    scheduler.load_state_dict(stored["scheduler"])
    average.update({k: v.to(device) for k, v in stored["average"].items()})
    torch.set_rng_state(stored["random"])
    return dict(stored["state"])


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Parse the options of the chosen student, train it, print its best validation scores as JSON."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--student", choices=STUDENTS, default="fast")
    student = importlib.import_module(STUDENTS[first.parse_known_args(arguments)[0].student])
    parser = argparse.ArgumentParser(
        prog="python -m student.train",
        description="Train a student on the teacher corpus.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    common_options(parser)
    student.add_options(parser)
    options = parser.parse_args(arguments)
    options.base = bases.folder(options.base)
    torch.manual_seed(options.seed)
    np.random.seed(options.seed)
    torch.set_num_threads(options.threads)
    best = fit(student.task(options), options)
    print(json.dumps({"run": options.name, **best}))
    return best


if __name__ == "__main__":
    main()

"""Training of the generative student: supervised fine-tuning as in Sultan et al. (EMNLP 2024).

One concise prompt a tool without rationale (`student.prompts`), the three tools together, the loss on the answers
alone: cross-entropy of each decision among the pieces that the grammar allows. Decoder-only and
sequence-to-sequence bases; LoRA, and 4-bit loading for large bases. The loop is `student.train`'s:
`python -m student.train --student generative --name NAME --base FOLDER …`.
Commands: `python -m student.generative prepare | export --run NAME | tune`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from editor.errors import UserError
from editor.tools import TOOLS, Edit, ToolName
from student import metrics, smollm2
from student.dataset import Row, load, training_rows
from student.drafting import Decoding, to_edit, write
from student.grammar import grammar
from student.writer import Sample, Writer, load_base, make_writer

Batch = tuple[ToolName, list[Sample]]
KEEP = (0.3, 0.4, 0.5)  # thresholds that are tried
UNUSED = (0.35, 0.5, 0.65)
POOL = 16  # batches' worth of samples that are sorted by length


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the generative student."""
    add = parser.add_argument
    add("--rank", type=int, default=12, help="rank of the LoRA matrices")
    add("--alpha", type=int, default=24, help="LoRA's scale times its rank")
    add("--lora-dropout", type=float, default=0.0, help="dropout before the LoRA matrices")
    add("--four-bit", action="store_true", help="load the base in 4 bits (needs bitsandbytes and a GPU)")
    add("--piece-lr", type=float, default=1e-3, help="peak learning rate of the pieces' vectors")
    add("--similar", type=float, default=0.3, help="share of rows read by their similar text in an epoch")
    add("--sample", type=int, default=300, help="validation rows that are answered")
    add("--start", type=Path, help="folder of an adapter to go on from")
    parser.set_defaults(batch=24, lr=1e-3, epochs=2, ema=0.99, weight_decay=0.0)


class GenerativeTask:
    """Data, loss and scores of the generative student."""

    def __init__(self, options: argparse.Namespace, writer: Writer, rows: Sequence[Row], held_out: Sequence[Row]):
        self.options = options
        self.model = writer
        self.rows = rows
        self.held_out = held_out[: options.sample]
        self._request = cache(writer.prompts.request)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """LoRA matrices and the pieces' vectors."""
        o = self.options
        pieces = [self.model.read, self.model.write]
        lora = [p for p in self.model.base.parameters() if p.requires_grad]
        return [
            {"params": lora, "lr": o.lr, "weight_decay": o.weight_decay},
            {"params": pieces, "lr": o.piece_lr, "weight_decay": 0.0},
        ]

    def batches(self, epoch: int) -> list[Batch]:
        """Batches of samples of one tool and like length, all rows for all tools, in random order."""
        o = self.options
        rng = np.random.default_rng((o.seed, epoch))
        found: list[Batch] = []
        for tool in TOOLS:
            swap = rng.random(len(self.rows)) < o.similar
            samples = [self._sample(row, tool, bool(s)) for s, row in zip(swap, self.rows, strict=True)]
            order = rng.permutation(len(samples))
            for start in range(0, len(order), POOL * o.batch):
                pool = sorted((samples[i] for i in order[start : start + POOL * o.batch]), key=len)
                found += [(tool, pool[i : i + o.batch]) for i in range(0, len(pool), o.batch)]
        return [found[i] for i in rng.permutation(len(found))]

    def _sample(self, row: Row, tool: ToolName, swap: bool) -> Sample:
        return Sample.of(self._request((swap and row.similar) or row.intent), row.edit, tool)

    def loss(self, model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        """Mean cross-entropy over the decisions of the batch's answers."""
        tool, samples = batch
        inputs = self.model.collate(tool, samples)
        return decision_loss(model(**{k: v.to(device) if torch.is_tensor(v) else v for k, v in inputs.items()}), batch)

    def evaluate(self, model: nn.Module) -> dict[str, Any]:
        """Scores on a sample of the validation rows."""
        model.eval()
        half = self.options.precision == "bf16"
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=half):
            edits = answer_all(self.model, [row.intent for row in self.held_out], Decoding())
        model.train()
        scores = metrics.edit_scores([row.edit for row in self.held_out], edits)
        tools: dict[str, Any] = {tool: [scores[tool][k] for k in ("selection", "quality", "final")] for tool in TOOLS}
        return {"overall": scores["overall"], **tools, "not_colour_f1": scores["not_colour"]["selection"]}


def decision_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of logits (decisions, pieces) among the pieces that the grammar allows."""
    tool, samples = batch
    allowed = torch.from_numpy(grammar(tool).allowed[[s for sample in samples for s in sample.states]])
    wanted = torch.tensor([p for sample in samples for p in sample.pieces], device=logits.device)
    return functional.cross_entropy(logits.masked_fill(~allowed.to(logits.device), -torch.inf), wanted)


def answer_all(writer: Writer, intents: Sequence[str], decoding: Decoding, batch: int = 32) -> list[Edit]:
    """Edits for many intents, in batches of like length."""
    requests = [writer.prompts.request(intent) for intent in intents]
    order = sorted(range(len(intents)), key=lambda i: len(requests[i]))
    edits: dict[int, Edit] = {}
    for start in range(0, len(order), batch):
        chunk = order[start : start + batch]
        answers = write(writer, [(tool, requests[i]) for i in chunk for tool in TOOLS], decoding)
        edits |= {i: to_edit(answers[3 * k : 3 * k + 3]) for k, i in enumerate(chunk)}
    return [edits[i] for i in range(len(intents))]


def tuned(writer: Writer, rows: Sequence[Row]) -> Decoding:
    """The decoding that agrees best with the rows' edits: first keys and numbers, then when a tool is unused."""
    teacher = [row.edit for row in rows]

    def scores(decoding: Decoding) -> dict[str, Any]:
        return metrics.edit_scores(teacher, answer_all(writer, [row.intent for row in rows], decoding))

    ways = [Decoding(keep=keep, mean=mean) for mean in (True, False) for keep in KEEP]
    best = max(ways, key=lambda way: scores(way)["overall"])
    trials = {at: scores(replace(best, unused=(at, at, at))) for at in UNUSED}
    first, second, third = (max(UNUSED, key=lambda at: trials[at][tool]["final"]) for tool in TOOLS)
    return replace(best, unused=(first, second, third))


def task(options: argparse.Namespace) -> GenerativeTask:
    """The task that the options describe, on the project's corpus. `--base smollm2` is the prepared base."""
    base = smollm2.folder() if options.base == "smollm2" else options.base
    half = options.precision == "bf16"
    model = load_base(base, options.four_bit, torch.bfloat16 if half else torch.float32)
    writer = make_writer(model, base, options.rank, options.alpha, options.lora_dropout)
    if options.start:
        from student import generative_planner

        _, weights = generative_planner.read(options.start)
        writer.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    rows = training_rows()
    return GenerativeTask(options, writer, rows[: options.limit] if options.limit else rows, load("validation"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `prepare`, `export` or `tune`; 1 and one sentence on standard error for a user's mistake."""
    from student import generative_planner
    from student.train import RUNS

    parser = argparse.ArgumentParser(prog="python -m student.generative", description="The generative student.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="convert the base model once, into the user's cache")
    export = commands.add_parser("export", help="make a run's best weights the adapter")
    export.add_argument("--run", required=True, help="name of the run")
    export.add_argument("--runs", type=Path, default=RUNS, help="folder that holds the runs")
    tune = commands.add_parser("tune", help="choose the adapter's thresholds on validation rows")
    tune.add_argument("--sample", type=int, default=300, help="number of rows")
    for command in (export, tune):
        command.add_argument("--to", type=Path, default=generative_planner.WEIGHTS, help="folder of the adapter")
    options = parser.parse_args(arguments)
    try:
        if options.command == "prepare":
            print("Converting SmolLM2-135M-Instruct (once, half a minute) …", file=sys.stderr, flush=True)
            print(json.dumps({"base": str(smollm2.prepare())}))
        elif options.command == "export":
            generative_planner.export(options.runs / options.run, options.to)
            print(json.dumps({"adapter": str(options.to)}))
        else:
            writer = generative_planner.GenerativePlanner.load(options.to).writer
            decoding = tuned(writer, load("validation")[: options.sample]).to_dict()
            generative_planner.set_decoding(options.to, decoding)
            print(json.dumps(decoding))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

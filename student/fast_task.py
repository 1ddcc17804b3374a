"""Training of the fast student: its examples, losses and validation, for the loop in `student.train`.

The losses are what is measured: cross-entropy for tool use and preset, the cosine of the parameter vectors,
and beside it the vectors' length on a log scale, so that edits are as strong as the teacher's. Targets are
the teacher's edits, or with `--soft` also other students' outputs for any text (distillation).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from editor.tools import TOOLS
from student import examples, heads, metrics
from student.dataset import Row, load, read_rows, training_rows
from student.examples import Examples, Targets
from student.look_loss import look_loss
from student.network import StudentNetwork, Texts, calibration_texts, load_encoder, predict, round_to_adapter
from student.tuning import choose


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the fast student."""
    add = parser.add_argument
    add("--head-lr", type=float, default=1e-3, help="peak learning rate of the heads")
    add("--layer-decay", type=float, default=0.85, help="factor on the learning rate for each layer further down")
    add("--freeze-embeddings", action="store_true", help="leave the token vectors as they are")
    add("--hidden", type=int, default=512, help="width of the layer before the heads")
    add("--dropout", type=float, default=0.1, help="dropout everywhere")
    add("--similar", type=float, default=0.6, help="weight of the rows' similar texts (0: none)")
    add("--why", type=float, default=0.4, help="weight of the rows' rationales as texts (0: none)")
    add("--typos", type=float, default=0.1, help="share of intents that come once more misspelt")
    add("--synthetic", type=float, default=0.5, help="weight of made-up rows (0: none)")
    add("--share", type=float, default=0.5, help="share of all texts but the intents in an epoch")
    add("--smoothing", type=float, default=0.1, help="label smoothing of the preset")
    add("--look", type=float, default=0.0, help="weight of the expected look error")
    add("--words", type=float, default=0.0, help="weight of the second lesson, the rationale's words")
    add("--soft", type=Path, nargs="*", default=[], help="files of texts with other students' outputs")
    add("--soft-share", type=float, default=0.5, help="share of the soft targets where a text has both kinds")
    add("--rows", type=Path, help="rows file to learn from instead of the corpus's training rows")
    add("--corpus-alone", action="store_true", help="leave out the rows that were added to the corpus")
    add("--held-out", type=Path, help="rows file to validate on instead of the corpus's validation rows")
    add("--start", nargs="*", default=[], help="runs whose best weights, or their mean, to start from")
    add("--round", action="store_true", help="round the encoder's matrices to an adapter's first and leave them so")
    add("--all-rows", action="store_true", help="learn from the validation rows too (for a last run)")


class FastTask:
    """Data, loss and scores of the fast student."""

    def __init__(self, options: argparse.Namespace, encoder: nn.Module, rows: Sequence[Row], held_out: Sequence[Row]):
        self.options = options
        self.model = StudentNetwork(encoder, examples.WORDS, options.hidden, options.dropout)
        self.held_out = held_out
        self.examples = self._examples(rows)
        self.texts = Texts(options.base, self.examples.texts)
        self.targets = [torch.from_numpy(getattr(self.examples.targets, n)) for n in Targets.__dataclass_fields__]
        self.weights = torch.from_numpy(self.examples.weights)
        self.words = torch.from_numpy(self.examples.words.astype(np.int64))

    def _examples(self, rows: Sequence[Row]) -> Examples:
        o = self.options
        own = examples.of_rows(rows, o.similar, o.why, o.typos, o.seed)
        if o.synthetic:
            own = own.joined(examples.of_synthetic(o.synthetic, o.seed))
        for path in o.soft:
            own = with_soft(own, *Targets.load(path), o.soft_share)
        return own

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Lower layers learn more slowly; vectors (biases, norms) have no weight decay."""
        o = self.options
        if o.freeze_embeddings:
            self.model.encoder.get_input_embeddings().weight.requires_grad_(False)  # type: ignore[operator]
        if o.round:
            for name, parameter in self.model.encoder.named_parameters():
                if name.startswith("encoder.layer.") and parameter.ndim == 2:
                    parameter.requires_grad_(False)
        layers = int(self.model.encoder.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
        groups = []
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                lr = o.lr * o.layer_decay ** depth(name, layers) if name.startswith("encoder.") else o.head_lr
                decay = o.weight_decay if parameter.ndim > 1 else 0.0
                groups.append({"params": [parameter], "lr": lr, "weight_decay": decay})
        return groups

    def batches(self, epoch: int) -> list[NDArray[np.int_]]:
        """Batches of texts of like length, in random order."""
        rng = np.random.default_rng((self.options.seed, epoch))
        batches = self.texts.by_length(self.examples.epoch(self.options.share, rng), self.options.batch)
        return [batches[i] for i in rng.permutation(len(batches))]

    def loss(self, model: nn.Module, batch: NDArray[np.int_], device: torch.device) -> Tensor:
        """Weighted mean of the examples' losses."""
        ids, mask = (t.to(device) for t in self.texts.batch(batch))
        weights = self.weights[batch].to(device)
        outputs, words = model(ids, mask)
        targets = [t[batch].to(device) for t in self.targets]
        losses = example_loss(outputs, targets, self.options.smoothing)
        if self.options.look:
            losses = losses + self.options.look * look_loss(outputs, targets)
        if self.options.words:
            losses = losses + self.options.words * word_loss(words, self.words[batch].to(device))
        return (losses * weights).sum() / weights.sum()

    @cached_property
    def _validation(self) -> tuple[Texts, metrics.Vectors]:
        intents = [row.intent for row in self.held_out]
        return Texts(self.options.base, intents), metrics.Vectors.of([row.edit for row in self.held_out])

    def evaluate(self, model: nn.Module) -> dict[str, Any]:
        """Validation scores with thresholds chosen on the same rows."""
        texts, teacher = self._validation
        outputs = predict(model, texts, half=self.options.precision == "bf16")
        decoding = choose(outputs, teacher)
        edits = [heads.decode(row, decoding) for row in outputs]
        scores = metrics.score(metrics.compare(teacher, metrics.Vectors.of(edits)), resamples=0)
        tools: dict[str, Any] = {tool: [scores[tool][k] for k in ("selection", "quality", "final")] for tool in TOOLS}
        return {"overall": scores["overall"], **tools, "not_colour_f1": scores["not_colour"]["selection"]}


def task(options: argparse.Namespace) -> FastTask:
    """The task that the options describe, on the project's corpus or on files of rows."""
    held_out = read_rows(options.held_out) if options.held_out else load("validation")
    own = load("train") if options.corpus_alone else training_rows()
    rows = read_rows(options.rows) if options.rows else own
    rows = [*rows, *held_out] if options.all_rows else rows
    rows = rows[: options.limit] if options.limit else rows
    made = FastTask(options, load_encoder(options.base, options.dropout), rows, held_out)
    if options.start:
        made.model.load_state_dict(mean_weights([options.runs / run / "best.safetensors" for run in options.start]))
    if options.round:
        round_to_adapter(made.model, Path(options.base), calibration_texts(options.base, rows))
    return made


def mean_weights(files: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of several runs' tensors: runs from one start lie in one valley (Wortsman et al. 2022, model soups).

    In double precision, so that what all share stays what it is.
    """
    runs = [load_file(file) for file in files]
    return {name: torch.stack([run[name].double() for run in runs]).mean(0).to(t.dtype) for name, t in runs[0].items()}


def with_soft(own: Examples, texts: list[str], soft: Targets, share: float) -> Examples:
    """Mix soft targets into examples of the same text; the other soft texts become examples of their own."""
    place = {text: i for i, text in enumerate(texts)}
    both = [(i, place[text]) for i, text in enumerate(own.texts) if text in place]
    targets = own.targets
    if both:
        mine, theirs = np.array(both).T
        mixed = targets[mine].mixed(soft[theirs], share)
        for name in Targets.__dataclass_fields__:
            getattr(targets, name)[mine] = getattr(mixed, name)
    known = set(own.texts)
    new = np.array([i for i, text in enumerate(texts) if text not in known], dtype=int)
    extra = Examples(
        [texts[i] for i in new],
        soft[new],
        np.full(len(new), 0.7, np.float32),
        np.zeros(len(new), bool),
        np.full((len(new), examples.WORDS_A_TEXT), -1, np.int16),
    )
    return own.joined(extra)


def depth(name: str, layers: int) -> int:
    """How far a parameter of the encoder lies below the last layer: 0 for that, layers for the embeddings."""
    found = re.search(r"layers?\.(\d+)\.", name)
    return layers - 1 - int(found.group(1)) if found else layers if "embed" in name else 0


def example_loss(outputs: Tensor, targets: Sequence[Tensor], smoothing: float) -> Tensor:
    """Loss of each example, (batch,), of raw outputs (batch, 66) against `Targets` field by field."""
    use, adjust, adjust_length, selective, selective_length, preset, intensity = targets
    loss = functional.binary_cross_entropy_with_logits(outputs[:, heads.USE], 0.02 + 0.96 * use, reduction="none").sum(
        1
    )
    loss = loss + _vector_loss(
        outputs[:, heads.ADJUST], outputs[:, heads.ADJUST_LENGTH], adjust, adjust_length, use[:, 0]
    )
    loss = loss + _vector_loss(
        outputs[:, heads.SELECTIVE], outputs[:, heads.SELECTIVE_LENGTH], selective, selective_length, use[:, 1]
    )
    smooth = (1 - smoothing) * preset + smoothing * use[:, 2:] / preset.shape[1]
    loss = loss - (smooth * functional.log_softmax(outputs[:, heads.PRESET], dim=-1)).sum(1)
    error = functional.smooth_l1_loss(torch.sigmoid(outputs[:, heads.INTENSITY]), intensity, reduction="none", beta=0.1)
    return loss + 2 * use[:, 2] * error


def word_loss(logits: Tensor, words: Tensor) -> Tensor:
    """Mean surprise over each text's rationale words (batch, k), -1 is none; 0 where a text has none."""
    known = words >= 0
    surprise = -functional.log_softmax(logits, dim=-1).gather(1, words.clamp_min(0))
    return (surprise * known).sum(1) / known.sum(1).clamp_min(1)


def _vector_loss(direction: Tensor, length: Tensor, wanted: Tensor, wanted_length: Tensor, use: Tensor) -> Tensor:
    """2 · (use - cosine · use) + 0.6 · use · error of the log length."""
    turn = use - (functional.normalize(direction, dim=-1) * wanted).sum(1)
    return 2 * turn + 0.6 * use * functional.smooth_l1_loss(length, wanted_length, reduction="none", beta=0.5)

"""The fast student as a torch network, for training; `student.graph` is its twin for serving.

A pretrained text encoder (BERT, MPNet or, made bidirectional, Llama class), mean pooling to unit length,
one hidden layer, parallel heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from student import adapter, minilm
from student.dataset import Row
from student.heads import OUTPUTS
from student.packing import SCALE, Tensors, quantise
from student.tokens import MAX_TOKENS, prepare


class StudentNetwork(nn.Module):
    """Token ids and mask (batch, tokens) → raw outputs (batch, 66), and logits of the rationale's words."""

    def __init__(self, encoder: nn.Module, words: int, hidden: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        width = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.causal = encoder.config.model_type == "llama"  # type: ignore[union-attr]
        self.hidden = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, OUTPUTS)
        self.words = nn.Linear(hidden, words)  # only a second lesson in training
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Raw outputs (batch, 66) and word logits (batch, words), float32."""
        pooled = self.pool(ids, mask)
        scaled = self.dropout(pooled * pooled.shape[-1] ** 0.5)  # unit variance again
        hidden = self.dropout(functional.gelu(self.hidden(scaled)))
        return self.out(hidden).float(), self.words(hidden).float()

    def pool(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Mean of the last layer over real tokens, at unit length: (batch, width)."""
        attention: Any = mask
        if self.causal:  # an additive mask without the triangle lets every token see all others
            attention = torch.zeros(mask.shape, dtype=torch.float32, device=mask.device)
            attention = attention.masked_fill(mask == 0, -1e9)[:, None, None].expand(-1, 1, mask.shape[1], -1)
        states = self.encoder(input_ids=ids, attention_mask=attention).last_hidden_state.float()
        weights = mask[..., None].float()
        return functional.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)


def load_encoder(base: str, dropout: float = 0.1) -> nn.Module:
    """A pretrained encoder in float32 from a folder or a model's name."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(base)
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    encoder: nn.Module = AutoModel.from_pretrained(base, config=config, dtype=torch.float32)
    return encoder


CALIBRATION = 1500  # requests that tell which errors of an adapter matter


class Texts:
    """Requests as token ids, ready to be padded into batches."""

    def __init__(self, base: str, texts: Sequence[str]) -> None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(base)
        self.padding = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
        cleaned = [prepare(text) or "." for text in texts]
        self.ids: list[list[int]] = tokenizer(cleaned, truncation=True, max_length=MAX_TOKENS)["input_ids"]

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, which: Sequence[int] | NDArray[np.int_]) -> tuple[Tensor, Tensor]:
        """Ids and mask (batch, tokens), padded to the longest."""
        rows = [self.ids[i] for i in which]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.padding)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        return ids, mask

    def by_length(self, order: NDArray[np.int_], size: int, pool: int = 50) -> list[NDArray[np.int_]]:
        """`order` cut into batches of near-equal token count; only `pool` batches at a time are sorted."""
        batches = []
        for start in range(0, len(order), size * pool):
            chunk = np.array(sorted(order[start : start + size * pool], key=lambda i: len(self.ids[i])))
            batches += [chunk[i : i + size] for i in range(0, len(chunk), size)]
        return batches


def calibration_texts(base: str, rows: Sequence[Row]) -> Texts:
    """Some of the rows' intents, evenly spread."""
    return Texts(base, [row.intent for row in rows[:: 1 + len(rows) // CALIBRATION]])


def predict(network: nn.Module, texts: Texts, batch: int = 128, half: bool = True) -> NDArray[np.float64]:
    """Raw outputs (n, 66) of all texts, in their order."""
    return _batched(lambda ids, mask: network(ids, mask)[0], network, texts, batch, half).astype(np.float64)


def vectors(network: StudentNetwork, texts: Texts, batch: int = 128, half: bool = True) -> NDArray[np.float32]:
    """Unit vectors (n, width) of all texts, in their order."""
    return _batched(network.pool, network, texts, batch, half)


@torch.inference_mode()
def _batched(
    ask: Callable[[Tensor, Tensor], Tensor], network: nn.Module, texts: Texts, batch: int, half: bool
) -> NDArray[np.float32]:
    """What `ask` says of ids and mask, for all texts in batches of like length."""
    device = next(network.parameters()).device
    network.eval()
    order = texts.by_length(np.arange(len(texts)), batch, pool=len(texts))
    answers = []
    for which in order:
        ids, mask = (t.to(device) for t in texts.batch(which))
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            answers.append(ask(ids, mask).float().cpu().numpy())
    network.train()
    joined = np.concatenate(answers)
    result = np.empty_like(joined)
    result[np.concatenate(order)] = joined
    return result


def moments(network: StudentNetwork, texts: Texts) -> dict[str, NDArray[np.float64]]:
    """Sums of the products of what the encoder's matrices (m, n) read in these texts, (n, n) each."""
    sums: dict[str, Tensor] = {}

    def add(name: str, inputs: Tensor) -> None:
        rows = inputs.reshape(-1, inputs.shape[-1])
        sums[name] = sums.get(name, torch.zeros(())) + rows.T @ rows

    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: add(name, inputs[0]))
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and ".layer." in name
    ]
    predict(network, texts, half=False)
    for hook in hooks:
        hook.remove()
    return {f"{name.removeprefix('encoder.')}.weight": total.double().numpy() for name, total in sums.items()}


@torch.no_grad()
def round_to_adapter(network: StudentNetwork, base: Path, texts: Texts) -> None:
    """Give an MPNet-class network's matrices the values that an adapter on `base`, its folder, can keep.

    What the layers make of `texts` stays as it was as nearly as possible (see `student.packing.ternary`).
    """
    found = adapter.rounded(_tensors(network), load_file(base / "model.safetensors"), moments(network, texts))
    for name, values in found.items():
        network.encoder.get_parameter(name).copy_(torch.from_numpy(values))


def _tensors(network: StudentNetwork) -> Tensors:
    """What is served of a network, under the encoder's own names."""
    tensors: Tensors = {}
    for key, tensor in network.state_dict().items():
        name = key.removeprefix("encoder.")
        if not name.startswith(("pooler.", "words.")) and not name.endswith("position_ids"):
            tensors[name] = tensor.detach().float().cpu().numpy()
    return tensors


def export(network: StudentNetwork, base: Path | None) -> Tensors:
    """A trained BERT-class network's tensors as `student.ready` reads them: matrices in 8 bits.

    An MPNet-class one, its matrices rounded, becomes an adapter on `base`, its folder (see `student.adapter`).
    """
    tensors = _tensors(network)
    positions = MAX_TOKENS + (adapter.FIRST_POSITION if base else 0)
    tensors[minilm.POSITIONS] = tensors[minilm.POSITIONS][:positions]
    if base:
        tensors = adapter.changes(tensors, load_file(base / "model.safetensors"))
    exported = dict(tensors)
    for name, values in tensors.items():
        if values.ndim == 2 and values.dtype == np.float32 and name != adapter.BIAS:
            exported[name], exported[name + SCALE] = quantise(values)
    return exported


def save_tensors(tensors: Tensors, path: Path) -> None:
    """Write a safetensors file."""
    save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, path)

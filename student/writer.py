"""The generative student's network: a pretrained language model that reads a request and writes pieces.

The base, decoder-only (Llama class) or sequence-to-sequence (T5 class), is frozen but for LoRA matrices. The
pieces of `student.grammar` are tokens beyond the base's vocabulary with vectors of their own, which start as the
mean vectors of their words. Decoder-only bases read a tool's prompt once for many requests: in training they
are packed behind one copy of it under a block mask, in serving its keys and values are cached.
Sources: Sultan et al. (EMNLP 2024); Hu et al. (2021) LoRA; Krell et al. (2021) packing without cross-contamination.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DynamicCache,
)
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from editor.errors import UserError
from editor.tools import TOOLS, Edit, ToolName
from student.grammar import PIECES, grammar
from student.prompts import student_prompt
from student.tokens import prepare

MAX_TOKENS = 64  # of a request; what follows does not change the look asked for
Request = tuple[ToolName, list[int]]  # a tool and the tokens that follow its prompt's shared part


class Prompts:
    """The prompts in tokens: a part that all requests to a tool share, and the request's own part."""

    def __init__(self, base: str | Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(base)
        bare, whole = self.tokens("a"), list(self._tokenizer("a").input_ids)
        start = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
        self._closing = whole[start + len(bare) :]  # T5's end of text
        parts = {tool: student_prompt("\0", tool).split("\0") for tool in TOOLS}
        self.shared = {tool: whole[:start] + self.tokens(head.rstrip()) for tool, (head, _) in parts.items()}
        self._ending = self.tokens(parts["adjust"][1])

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens."""
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def request(self, intent: str) -> list[int]:
        """The request's own part of the prompt, cut to `MAX_TOKENS` and the fixed ending."""
        return self.tokens(" " + prepare(intent))[:MAX_TOKENS] + self._ending

    def whole(self, tool: ToolName, request: Sequence[int]) -> list[int]:
        """The whole prompt, for encoders."""
        return [*self.shared[tool], *request, *self._closing]


@dataclass(frozen=True)
class Sample:
    """A request with the decisions that write its answer."""

    request: list[int]
    states: list[int]
    pieces: list[int]

    def __len__(self) -> int:
        return len(self.request) + len(self.pieces)

    @classmethod
    def of(cls, request: list[int], edit: Edit, tool: ToolName) -> Sample:
        """The sample that teaches a tool's part of an edit."""
        states, pieces = zip(*grammar(tool).decisions(edit), strict=True)
        return cls(request, list(states), list(pieces))


class Session(Protocol):
    """Answers being written for a batch of requests."""

    def logits(self) -> Tensor:
        """Scores (requests, pieces) of what comes next, float32."""
        ...

    def feed(self, pieces: Sequence[int]) -> None:
        """Go on with one piece a request."""
        ...


class Writer(nn.Module, ABC):
    """A base model with vectors for pieces. `base` is a transformers model, or a peft model around one."""

    def __init__(self, base: Any, prompts: Prompts) -> None:
        super().__init__()
        self.base = base
        self.prompts = prompts
        inputs, outputs = self._plain.get_input_embeddings().weight, self._plain.get_output_embeddings().weight
        self.vocabulary = inputs.shape[0]
        words = [prompts.tokens(spell(piece)) for piece in PIECES]
        self.read = nn.Parameter(torch.stack([inputs[w].float().mean(0) for w in words]))  # (pieces, width)
        self.write = nn.Parameter(torch.stack([outputs[w].float().mean(0) for w in words]))  # (pieces, width)

    @property
    def _plain(self) -> Any:
        return self.base.get_base_model() if hasattr(self.base, "get_base_model") else self.base

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.read.device

    def state_dict(self, *_: Any, **__: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """What is learnt, by name; the frozen base stays out of checkpoints."""
        return {name: p.detach() for name, p in self.named_parameters() if p.requires_grad}

    def load_state_dict(self, state: dict[str, Tensor], *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Take over what was learnt."""
        own = self.state_dict()
        if own.keys() != state.keys():
            raise ValueError(f"the weights do not fit the model: {sorted(own.keys() ^ state.keys())[:3]}")
        for name, tensor in own.items():
            tensor.copy_(state[name])
        self.train(self.training)  # forgets what was cached

    def embed(self, ids: Tensor) -> Tensor:
        """Input vectors of tokens and, from `vocabulary` on, pieces."""
        words = self._plain.get_input_embeddings()(ids.clamp_max(self.vocabulary - 1).where(ids < self.vocabulary, 0))
        pieces = functional.embedding((ids - self.vocabulary).clamp_min(0), self.read).to(words.dtype)
        return torch.where((ids < self.vocabulary)[..., None], words, pieces)

    def score(self, hidden: Tensor) -> Tensor:
        """Logits over pieces, float32, of last hidden states."""
        with torch.autocast(hidden.device.type, enabled=False):
            return functional.linear(hidden.float(), self.write.float())

    @abstractmethod
    def collate(self, tool: ToolName, samples: Sequence[Sample]) -> dict[str, Any]:
        """Inputs of `forward` for samples of one tool."""

    @abstractmethod
    def begin(self, requests: Sequence[Request]) -> Session:
        """Start answering requests, with the weights as they are."""


def block_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, shared: int = 0, **options: Any
) -> tuple[Tensor, None]:
    """Attention for transformers; with `shared` tokens given, of blocks that see those and themselves only.

    query (1, heads, tokens, d), key and value (1, groups, tokens, d); tokens = shared + blocks * length.
    """
    if not shared:
        return sdpa_attention_forward(module, query, key, value, mask, **options)
    blocks, scaling = options["blocks"], options["scaling"]
    groups, d = key.shape[1], key.shape[3]
    q, k, v = (t[:, :, :shared] for t in (query, key, value))
    first = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=True)
    q = query[0, :, shared:].reshape(groups, -1, d)  # (groups, heads/groups * blocks * length, d)
    k, v = (t[0, :, shared:].reshape(groups, 1, blocks, -1, d) for t in (key, value))
    length = k.shape[3]
    inner = q.reshape(groups, -1, blocks, length, d) @ k.transpose(-1, -2)  # (groups, heads/groups, blocks, l, l)
    later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    outer = (q @ key[0, :, :shared].transpose(-1, -2)).reshape(*inner.shape[:-1], shared)
    odds = (torch.cat([outer, inner.masked_fill(later, -torch.inf)], -1) * scaling).softmax(-1, torch.float32)
    seen, own = odds.to(value.dtype).split([shared, length], -1)
    rest = (seen.reshape(groups, -1, shared) @ value[0, :, :shared]).reshape(*inner.shape[:-1], d) + own @ v
    rest = rest.reshape(1, query.shape[1], -1, d)
    return torch.cat([first, rest], 2).transpose(1, 2).contiguous(), None


ATTENTION = "blocks"
AttentionInterface.register(ATTENTION, block_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


class CausalWriter(Writer):
    """A decoder-only base."""

    _shared: tuple[list[tuple[Tensor, Tensor]], Tensor] | None = None

    def collate(self, tool: ToolName, samples: Sequence[Sample]) -> dict[str, Any]:
        """One row: the tool's prompt, then every sample as a block of equal length, padded on the right."""
        shared = self.prompts.shared[tool]
        own, _ = padded([s.request + [self.vocabulary + piece for piece in s.pieces[:-1]] for s in samples])
        places = torch.arange(own.shape[1]).expand_as(own)
        starts = [len(shared) + i * own.shape[1] + len(s.request) - 1 for i, s in enumerate(samples)]
        return {
            "ids": torch.cat([torch.tensor(shared), own.flatten()])[None],
            "positions": torch.cat([torch.arange(len(shared)), len(shared) + places.flatten()])[None],
            "at": torch.cat([start + torch.arange(len(s.pieces)) for start, s in zip(starts, samples, strict=True)]),
            "shared": len(shared),
            "blocks": len(samples),
        }

    def forward(self, ids: Tensor, positions: Tensor, at: Tensor, shared: int, blocks: int) -> Tensor:
        """Logits (decisions, pieces)."""
        out = self._plain.base_model(
            inputs_embeds=self.embed(ids),
            attention_mask=torch.ones(1, 1, 1, 1, device=ids.device),  # not read: `block_attention` knows its own
            position_ids=positions,
            use_cache=False,
            shared=shared,
            blocks=blocks,
        )
        return self.score(out.last_hidden_state[0, at])

    def train(self, mode: bool = True) -> CausalWriter:
        """As in torch; the prompts are read anew, since the weights may have changed."""
        self._shared = None
        return super().train(mode)

    def shared_cache(self) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """Keys and values of the tools' prompts by layer, left-padded; and where they are real, (tools, tokens)."""
        if self._shared is None:
            prompts = [self.prompts.shared[tool] for tool in TOOLS]
            longest = max(map(len, prompts))
            ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts], device=self.device)
            real = torch.tensor([[False] * (longest - len(p)) + [True] * len(p) for p in prompts], device=self.device)
            positions = (real.cumsum(1) - 1).clamp_min(0)
            mask = real[:, None, None] & torch.ones(longest, longest, dtype=torch.bool, device=self.device).tril()
            mask = mask | torch.eye(longest, dtype=torch.bool, device=self.device)  # padding sees itself: no empty rows
            out = self._plain.base_model(
                inputs_embeds=self.embed(ids), attention_mask=mask, position_ids=positions, use_cache=True
            )
            self._shared = [(layer.keys, layer.values) for layer in out.cache.layers], real
        return self._shared

    def begin(self, requests: Sequence[Request]) -> CausalSession:
        """Start answering requests; the tools' prompts are read at most once."""
        return CausalSession(self, requests)


class CausalSession:
    """Answers of a decoder-only base; every request holds its own part, padded on the right, then its pieces."""

    def __init__(self, writer: CausalWriter, requests: Sequence[Request]) -> None:
        self._writer = writer
        layers, real = writer.shared_cache()
        tools = torch.tensor([TOOLS.index(tool) for tool, _ in requests], device=writer.device)
        self._cache = DynamicCache([(keys[tools], values[tools]) for keys, values in layers])
        own = [request for _, request in requests]
        length = torch.tensor([len(r) for r in own], device=writer.device)
        ids = torch.tensor([r + [0] * (int(length.max()) - len(r)) for r in own], device=writer.device)
        place = torch.arange(ids.shape[1], device=writer.device)
        positions = real[tools].sum(1, keepdim=True) + place
        seen = real[tools][:, None].expand(-1, len(place), -1)  # (requests, tokens, shared tokens)
        causal = (place[:, None] >= place).expand(len(own), -1, -1)
        hidden = self._run(ids, positions, torch.cat([seen, causal], 2))
        self._hidden = hidden[torch.arange(len(own), device=writer.device), length - 1]
        self._next = real[tools].sum(1) + length
        self._visible = torch.cat([real[tools], place < length[:, None]], 1)

    def _run(self, ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        out = self._writer._plain.base_model(
            inputs_embeds=self._writer.embed(ids),
            attention_mask=mask[:, None],
            position_ids=positions,
            cache=self._cache,
            use_cache=True,
        )
        return out.last_hidden_state

    def logits(self) -> Tensor:
        """Scores (requests, pieces) of what comes next, float32."""
        return self._writer.score(self._hidden)

    def feed(self, pieces: Sequence[int]) -> None:
        """Go on with one piece a request."""
        ids = torch.tensor(pieces, device=self._hidden.device)[:, None] + self._writer.vocabulary
        self._visible = functional.pad(self._visible, (0, 1), value=True)
        self._hidden = self._run(ids, self._next[:, None], self._visible[:, None])[:, 0]
        self._next = self._next + 1


class Seq2SeqWriter(Writer):
    """An encoder-decoder base: the encoder reads the whole prompt, the decoder writes the pieces."""

    def __init__(self, base: Any, prompts: Prompts) -> None:
        super().__init__(base, prompts)
        if getattr(self._plain.config, "scale_decoder_outputs", False):
            self.write.data *= self._plain.config.d_model**-0.5

    def collate(self, tool: ToolName, samples: Sequence[Sample]) -> dict[str, Any]:
        """Padded prompts, the decoder's inputs, and where decisions fall in the flattened outputs."""
        prompts, real = padded([self.prompts.whole(tool, s.request) for s in samples])
        start = self._plain.config.decoder_start_token_id
        written, decided = padded([[start, *(self.vocabulary + p for p in s.pieces[:-1])] for s in samples])
        return {"ids": prompts, "real": real, "written": written, "at": decided.flatten().nonzero()[:, 0]}

    def forward(self, ids: Tensor, real: Tensor, written: Tensor, at: Tensor) -> Tensor:
        """Logits (decisions, pieces)."""
        encoded = self._plain.get_encoder()(inputs_embeds=self.embed(ids), attention_mask=real.long())
        out = self._plain.get_decoder()(
            inputs_embeds=self.embed(written),
            encoder_hidden_states=encoded.last_hidden_state,
            encoder_attention_mask=real.long(),
            use_cache=False,
        )
        return self.score(out.last_hidden_state.flatten(0, 1)[at])

    def begin(self, requests: Sequence[Request]) -> Seq2SeqSession:
        """Start answering requests."""
        return Seq2SeqSession(self, requests)


class Seq2SeqSession:
    """Answers of an encoder-decoder base."""

    def __init__(self, writer: Seq2SeqWriter, requests: Sequence[Request]) -> None:
        self._writer = writer
        ids, real = padded([writer.prompts.whole(tool, request) for tool, request in requests])
        self._real = real.to(writer.device).long()
        encoder = writer._plain.get_encoder()
        self._encoded = encoder(inputs_embeds=writer.embed(ids.to(writer.device)), attention_mask=self._real)[0]
        self._cache: Any = None
        start = writer._plain.config.decoder_start_token_id
        self._run(torch.full((len(requests), 1), start, device=writer.device))

    def _run(self, ids: Tensor) -> None:
        out = self._writer._plain.get_decoder()(
            inputs_embeds=self._writer.embed(ids),
            encoder_hidden_states=self._encoded,
            encoder_attention_mask=self._real,
            cache=self._cache,
            use_cache=True,
        )
        self._cache, self._hidden = out.cache, out.last_hidden_state[:, -1]

    def logits(self) -> Tensor:
        """Scores (requests, pieces) of what comes next, float32."""
        return self._writer.score(self._hidden)

    def feed(self, pieces: Sequence[int]) -> None:
        """Go on with one piece a request."""
        self._run(torch.tensor(pieces, device=self._hidden.device)[:, None] + self._writer.vocabulary)


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows of ids padded on the right with 0, and where they are real; both (rows, longest)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
    return ids, torch.tensor([[i < len(row) for i in range(longest)] for row in rows])


def spell(piece: str) -> str:
    """A piece in words, for its first vectors: `faded_HighNoon` becomes " faded High Noon"."""
    words = "".join(f" {c}" if c.isupper() else c for c in piece.replace("_", " ")) if not piece.isupper() else piece
    return " " + " ".join(words.split()).lower()


def load_base(base: str | Path, four_bit: bool = False, dtype: torch.dtype = torch.bfloat16) -> Any:
    """A pretrained model of either class, frozen. Raises `UserError` when it cannot be read."""
    options: dict[str, Any] = {"dtype": dtype}
    if four_bit:
        options["quantization_config"] = _four_bit()
    try:
        if AutoConfig.from_pretrained(base).is_encoder_decoder:
            model = AutoModelForSeq2SeqLM.from_pretrained(base, **options)
        else:
            model = AutoModelForCausalLM.from_pretrained(base, attn_implementation=ATTENTION, **options)
    except (OSError, ValueError) as error:
        raise UserError(f"The base model {base} cannot be read: {str(error).splitlines()[0]}") from None
    return model.requires_grad_(False)


def _four_bit() -> Any:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("4-bit loading needs the package bitsandbytes: run `pip install bitsandbytes`.")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def make_writer(model: Any, base: str | Path, rank: int = 0, alpha: int = 0, dropout: float = 0.0) -> Writer:
    """A writer over a loaded base, with fresh LoRA matrices on all linear layers when `rank` is not 0."""
    kind = Seq2SeqWriter if model.config.is_encoder_decoder else CausalWriter
    if rank:
        from peft import LoraConfig, get_peft_model
        from peft.tuners.lora import LoraLayer

        lora = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear")
        model = get_peft_model(model, lora)
        for layer in model.modules():
            if isinstance(layer, LoraLayer):
                layer.cast_input_dtype_enabled = False  # autocast does it once, where it is on
    return kind(model, Prompts(base))

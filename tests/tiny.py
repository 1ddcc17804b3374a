"""Random-weight text models of tiny size, for tests of training and export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from student import graph

TEXTS = ["golden hour", "much warmer", "a night in tokyo, neon", "no blur", "faded film from 1970"]
_WORDS = (
    "golden",
    "hour",
    "much",
    "warmer",
    "a",
    "night",
    "in",
    "tokyo",
    "neon",
    "no",
    "blur",
    "faded",
    "film",
    "from",
)
_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 80,
}
_PIECES = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789")]


def tiny_bert(folder: Path) -> Path:
    """A BERT of two layers, width 32, with a WordPiece tokenizer, as transformers saves them."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokenizer, pieces = _wordpiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    BertModel(BertConfig(vocab_size=pieces, **_SIZES)).save_pretrained(folder)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def tiny_mpnet(folder: Path) -> Path:
    """An MPNet of the same size; it takes token 1 for padding, whatever its tokenizer says."""
    from transformers import MPNetConfig, MPNetModel, PreTrainedTokenizerFast

    tokenizer, pieces = _wordpiece(["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"])
    MPNetModel(MPNetConfig(vocab_size=pieces, pad_token_id=1, **_SIZES)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    return folder


def _wordpiece(special: Sequence[str]) -> tuple[Any, int]:
    """A tokenizer and the number of its pieces; the special ones come first."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = dict.fromkeys([*special, *_WORDS, ",", "#", *"0179", *_PIECES])
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer, len(pieces)


def unblocked(numbers, scale, n):
    """The (rows, n) matrix that `graph.in_blocks` kept."""
    return ((numbers.astype(np.float32) - graph.ZERO) * scale[..., None]).reshape(len(numbers), -1)[:, :n]


def round_as_the_graph_does(network) -> None:
    """Give a network's word vectors and matrices the 8-bit values that its graph keeps."""
    for name, parameter in network.encoder.named_parameters():
        if ".layer." in f".{name}" and parameter.ndim == 2:
            numbers, scale = graph.in_blocks(parameter.detach().numpy())
            parameter.data.copy_(torch.from_numpy(unblocked(numbers, scale, parameter.shape[1])))
    words = network.encoder.get_input_embeddings().weight.data
    step = words.abs().amax(dim=1, keepdim=True) / 127
    words.copy_((words / step).nan_to_num().round() * step)  # the padding's row is all zeros

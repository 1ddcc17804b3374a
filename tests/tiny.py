"""Random-weight text models of tiny size, for tests of training and export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

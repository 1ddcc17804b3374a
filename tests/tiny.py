"""Random-weight text models of tiny size, for tests of training and export."""

from __future__ import annotations

from pathlib import Path

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
_PIECES = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789")]


def tiny_bert(folder: Path) -> Path:
    """A BERT of two layers, width 32, with a WordPiece tokenizer, as transformers saves them."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, BertTokenizerFast

    pieces = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS, ",", "#", *"0179", *_PIECES])
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=80,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder

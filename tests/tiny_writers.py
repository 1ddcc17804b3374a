"""Random-weight language models of tiny size, of both classes, for tests of the generative student."""

from __future__ import annotations

from pathlib import Path


def tiny_llama(folder: Path) -> Path:
    """A decoder-only model of two layers with grouped-query attention and a byte-level tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    vocabulary = _byte_tokenizer(folder, "<end>")
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def tiny_t5(folder: Path) -> Path:
    """An encoder-decoder model of two layers each and a byte-level tokenizer that closes texts with </s>."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    vocabulary = _byte_tokenizer(folder, "</s>", closing=True)
    config = T5Config(
        vocab_size=vocabulary,
        d_model=32,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        initializer_factor=1.0,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def _byte_tokenizer(folder: Path, end: str, closing: bool = False) -> int:
    """Save a tokenizer whose tokens are bytes and a few words; the number of its tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate(["<pad>", end, *letters, "go", "ld", "ho", "ur"])}
    merges = [("g", "o"), ("l", "d"), ("h", "o"), ("u", "r")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if closing:
        tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {end}", special_tokens=[(end, 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token=end)
    fast.save_pretrained(folder)
    return len(vocabulary)

"""A request as the text encoders read it: cut, folded, its emoji spelt out, in WordPiece's token ids.

Shared by the yardsticks' encoder (`student.minilm`), the students and their training. Knows no network.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import emoji

MAX_CHARACTERS = 400  # a request is a sentence or two; what follows does not change the look asked for
MAX_TOKENS = 64


def prepare(prompt: str) -> str:
    """The text the student reads: cut first (so that length costs nothing), then NFKC, white space folded."""
    return " ".join(spell_emoji(unicodedata.normalize("NFKC", cut(prompt))).split())


def cut(text: str) -> str:
    """The text's first 400 characters; lone surrogates become question marks."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()


def spell_emoji(text: str) -> str:
    """Emoji in words, since WordPiece knows none of them: '🔥' becomes ' fire '."""
    return emoji.demojize(text, delimiters=(" :", ": "), language="en").replace("_", " ").replace(":", " ")


class Tokenizer:
    """An encoder's own tokenizer, from its file."""

    def __init__(self, file: Path) -> None:
        import tokenizers  # not every planner needs them

        self._pieces = tokenizers.Tokenizer.from_file(str(file))
        self._pieces.no_padding()
        self._pieces.enable_truncation(MAX_TOKENS)

    def ids(self, text: str) -> list[int]:
        """Token ids of a text, 64 at most, [CLS] and [SEP] among them."""
        return list(self._pieces.encode(spell_emoji(cut(text))).ids)

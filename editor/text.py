"""One spelling for one request: the key under which the same intent is counted, split and deduplicated."""

from __future__ import annotations

import unicodedata


def normalise(text: str) -> str:
    """Fold what does not change a request: case, Unicode form (NFKC), punctuation and white space.

    Emoji stay, and so does the minus of a negative number ("saturation -20" is not "saturation 20").
    Text of punctuation alone is returned stripped, not as "".
    """
    folded = unicodedata.normalize("NFKC", text).lower().replace("\u2212", "-")
    characters = (_fold(folded, i) for i in range(len(folded)))
    return " ".join("".join(characters).split()) or " ".join(folded.split())


def _fold(text: str, i: int) -> str:
    category = unicodedata.category(text[i])
    if category == "Cf" or "\ufe00" <= text[i] <= "\ufe0f":  # joiners, soft hyphens, variation selectors
        return ""
    if text[i] in "-+":
        negative = text[i] == "-" and text[i + 1 : i + 2].isdigit() and not text[i - 1 : i].isalnum()
        return "-" if negative else " "
    return " " if category[0] in "PZ" or category == "Cc" else text[i]

"""Tables of the judging tabs as plain HTML: readable for screen readers, and narrow enough for a phone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup, escape


def html_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[Any]],
    caption: str,
    row_classes: Sequence[str] = (),
) -> str:
    """A table whose first column names its rows; every cell but `Markup` is escaped."""
    head = Markup().join(Markup('<th scope="col">{}</th>').format(header) for header in headers)
    body = Markup()
    for number, (first, *rest) in enumerate(rows):
        marked = row_classes[number] if row_classes else ""
        cells = Markup().join(Markup("<td>{}</td>").format(cell) for cell in rest)
        body += Markup('<tr class="{}"><th scope="row">{}</th>{}</tr>').format(marked, first, cells)
    return str(
        Markup(
            '<div class="table" tabindex="0" role="region" aria-label="{0}"><table><caption>{0}</caption>'
            "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
        ).format(caption, head, body)
    )


def percent(value: float | None, digits: int = 0) -> str:
    """0.125 -> "12.5 %"; "–" where there is no figure."""
    return "–" if value is None or value != value else f"{value * 100:.{digits}f} %"  # noqa: PLR0124 - NaN


def interval(low: float, high: float, digits: int = 0) -> str:
    """An interval of shares: "12 to 34 %"."""
    return f"{low * 100:.{digits}f} to {high * 100:.{digits}f} %"


def plural(word: str, count: int) -> str:
    """The count with its noun: 1 vote, 2,000 votes."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def shorten(text: str, length: int) -> str:
    """The first `length` characters; an ellipsis says that there are more."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def stack(*shares: tuple[str, int]) -> Markup:
    """A bar of counts side by side: (CSS class, count). The counts stand in the table, so readers skip it."""
    parts = Markup().join(
        Markup('<i class="{}" style="flex-grow:{}"></i>').format(name, count) for name, count in shares if count
    )
    return Markup('<span class="stack" aria-hidden="true">{}</span>').format(parts)


def whisker(value: float, low: float, high: float, middle: float = 0.5) -> Markup:
    """A share with its interval on a line from 0 to 1, and a mark at `middle`."""
    style = f"--value:{value};--low:{low};--high:{high};--middle:{middle}"
    return Markup('<span class="whisker" aria-hidden="true" style="{}"><i></i><b></b></span>').format(style)


def sentence(text: str, tag: str = "p") -> str:
    """Escaped text in an element."""
    return f"<{tag}>{escape(text)}</{tag}>"


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, columns as attributes; untyped, unlike pandas' own."""
    return iter(frame.itertuples())

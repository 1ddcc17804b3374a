"""Tables of the judging tabs as plain HTML: readable by machines for the blind, and narrow enough for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any


def html_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[Any]],
    caption: str,
    row_classes: Sequence[str] = (),
) -> str:
    """A table; every cell is escaped, numbers are set right."""
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    body = ""
    for number, row in enumerate(rows):
        marked = f' class="{escape(row_classes[number])}"' if row_classes and row_classes[number] else ""
        first, *rest = row
        cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in rest)
        body += f'<tr{marked}><th scope="row">{escape(str(first))}</th>{cells}</tr>'
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def percent(value: float | None, digits: int = 0) -> str:
    """0.125 -> "12.5 %"; "–" where there is no figure."""
    return "–" if value is None or value != value else f"{value * 100:.{digits}f} %"  # noqa: PLR0124 - NaN


def interval(low: float, high: float, digits: int = 0) -> str:
    """An interval of shares: "12 to 34 %"."""
    return f"{low * 100:.{digits}f} to {high * 100:.{digits}f} %"

"""Work in a few threads that each caller's thread keeps: starting them anew costs time and scatters memory.

NumPy, OpenCV and OpenColorIO let go of the interpreter, so that threads do run side by side. Knows no pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_own = threading.local()


def for_each(function: Callable[..., object], *items: Iterable[Any], threads: int) -> None:
    """`function` of every item (of several iterables together, like `map`), so many at once. Its errors are raised."""
    if threads == 1:
        for _ in map(function, *items):
            pass
        return
    pools: dict[int, ThreadPoolExecutor] = _own.__dict__.setdefault("pools", {})
    if threads not in pools:
        pools[threads] = ThreadPoolExecutor(threads)  # its threads end with the caller's
    for _ in pools[threads].map(function, *items):
        pass

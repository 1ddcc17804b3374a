"""Asking several planners at once: a slow or failing one never holds up the others.

Each planner answers in a thread of its own; what it raises, and its silence, become a sentence. Threads
cannot be killed, so a planner that is given up on ends by itself and its answer is dropped.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from editor.errors import UserError
from editor.planner import Answer, Planner

PATIENCE = 60.0  # seconds for one prompt; a planner's first answer includes loading it


@dataclass(frozen=True)
class Reply:
    """One planner's answer, or the sentence that says why there is none."""

    planner: str  # the name it was asked by
    answer: Answer | None
    problem: str = ""


def ask_all(planners: Mapping[str, Planner], prompt: str, patience: float = PATIENCE) -> Iterator[Reply]:
    """The planners' replies in the order in which they arrive; exactly one for each planner."""
    replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
    for name, planner in planners.items():
        threading.Thread(target=lambda n=name, p=planner: replies.put(_ask(n, p, prompt)), daemon=True).start()
    waiting = dict.fromkeys(planners)
    deadline = time.monotonic() + patience
    while waiting:
        try:
            reply = replies.get(timeout=max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            break
        del waiting[reply.planner]
        yield reply
    for name in waiting:
        yield Reply(name, None, f"{name} did not answer within {patience:g} seconds.")


def _ask(name: str, planner: Planner, prompt: str) -> Reply:
    try:
        return Reply(name, planner.answer(prompt))
    except UserError as error:
        return Reply(name, None, str(error))
    except Exception:
        logging.getLogger(__name__).exception("The planner %s failed", name)
        return Reply(name, None, f"{name} failed; the server's log has the details.")

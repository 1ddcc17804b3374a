"""Where exported files are written, and which clip exports can be cancelled."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradio.utils import get_upload_folder


class Exports:
    """Clip exports in progress, by session; a second export of a session cancels its first."""

    def __init__(self) -> None:
        self._running: dict[str, threading.Event] = {}
        self._guard = threading.Lock()

    @contextmanager
    def running(self, session: str) -> Iterator[threading.Event]:
        """An event that is set when this export is to stop."""
        stop = threading.Event()
        with self._guard:
            if earlier := self._running.get(session):
                earlier.set()
            self._running[session] = stop
        try:
            yield stop
        finally:
            stop.set()
            with self._guard:
                if self._running.get(session) is stop:
                    del self._running[session]

    def cancel(self, session: str) -> bool:
        """Stop a session's export; False when none is running."""
        with self._guard:
            stop = self._running.get(session)
        if stop:
            stop.set()
        return stop is not None


def new_file(name: str) -> Path:
    """A path for a new file in Gradio's own folder, which it serves and clears; nobody can guess it."""
    folder = Path(get_upload_folder()) / secrets.token_hex(20)
    folder.mkdir(parents=True)
    return folder / name

"""A running ffmpeg that ends when told, whatever it is doing, and whose complaints go to the log."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from editor.errors import UserError

_LOG = logging.getLogger(__name__)
_NICENESS = 5  # exports leave the processor to people who move sliders
_REASONS = {
    "No space left on device": "the disk is full: free some space and try again",
    "Permission denied": "the folder cannot be written to: choose another one",
}


class ExportStopped(UserError):  # noqa: N818 - asked for, not a fault
    """The export was cancelled; nothing is left behind."""

    def __init__(self) -> None:
        super().__init__("The export was stopped; no file was written.")


@contextmanager
def running(command: list[str], stop: Event, feeds: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Start ffmpeg with its standard output, and input if `feeds`, as pipes; kill it when `stop` is set.

    The block should read it to the end. Raises ExportStopped after a stop and UserError when
    ffmpeg fails; on any other exception ffmpeg is killed too.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)
        done = Event()
        watcher = Thread(target=_kill_on_stop, args=(process, stop, done), daemon=True)
        watcher.start()
        try:
            yield process
            process.wait()
        finally:
            done.set()
            process.kill()
            process.wait()
            watcher.join()
            if process.stdout:
                process.stdout.close()
        if stop.is_set():
            raise ExportStopped
        if process.returncode:
            complaints.seek(0)
            raise _failure(complaints.read().decode("utf-8", "replace"))


def _kill_on_stop(process: subprocess.Popen[bytes], stop: Event, done: Event) -> None:
    while not done.wait(0.05):
        if stop.is_set():
            process.kill()


def _failure(complaints: str) -> UserError:
    _LOG.warning("ffmpeg failed: %s", complaints[-4000:])
    reason = next((r for sign, r in _REASONS.items() if sign in complaints), None)
    return UserError(f"The video could not be exported: {reason or 'its pictures or sound cannot be converted'}.")

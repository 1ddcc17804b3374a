"""Where Vibegrade keeps files: `VIBEGRADE_HOME`, or the platform's user folders."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path, user_data_path


def data_folder() -> Path:
    """What outlives a session and cannot be made again: events, salt, candidates. Created if missing."""
    home = os.environ.get("VIBEGRADE_HOME")
    folder = Path(home) if home else user_data_path("vibegrade")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_folder() -> Path:
    """What was made once and can be made again: the sample clip, vectors, converted models. Created where possible."""
    home = os.environ.get("VIBEGRADE_HOME")
    folder = Path(home, "cache") if home else user_cache_path("vibegrade", appauthor=False)
    with suppress(OSError):  # whoever writes there says what is wrong, or does without
        folder.mkdir(parents=True, exist_ok=True)
    return folder

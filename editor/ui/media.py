"""What one user has open: the picture or clip, and the presets that the session brought along.

These small values are all that `gr.State` holds; pixels are made from the files when needed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Media:
    """The open picture or clip."""

    path: str
    name: str
    kind: Literal["image", "video"] = "image"
    seconds: float = 0.0  # the frame of a clip that is shown
    duration: float = 0.0  # of a clip, seconds
    facts: str = ""  # size and length, for people
    credit: str = ""  # of a sample
    notes: tuple[str, ...] = ()  # what was converted on loading, in sentences
    id: str = field(default_factory=lambda: str(uuid.uuid4()), compare=False)  # of this opening


@dataclass(frozen=True)
class Look:
    """A preset of this session, from a .cube file."""

    path: str
    file_name: str

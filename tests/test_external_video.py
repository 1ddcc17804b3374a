"""Every video of the external material, used in place: it loads and exports, or is refused in one sentence."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from editor.color import delta_e_2000
from editor.errors import UserError
from editor.pipeline import render
from editor.presets import Presets
from editor.tools import Adjust, Edit
from editor.video import export_video, probe, read_frame
from tests.clips import times

EXTERNAL = Path(__file__).parents[2] / "shared" / "external"
POINTWISE = Edit(adjust=Adjust(contrast=15, temperature=20))
SPATIAL = Edit(adjust=Adjust(contrast=15, structure=20, bloom=10))


@dataclass(frozen=True)
class Expected:
    """Upright size, number of pictures, and words among the notes; None: refused."""

    size: tuple[int, int]
    frames: int
    notes: tuple[str, ...] = ()
    damaged: bool = False
    delta_e: float = 1.5


EXPECTED = {
    "moviepy__big_buck_bunny_432_433.webm": Expected((1280, 720), 24, ("vorbis",)),
    "moviepy__transparent.webm": Expected((200, 200), 150, ("transparency", "vorbis")),
    "mp4parse__hevc_white_frame.mp4": Expected((640, 480), 1),
    "mp4parse__invalid_userdata.mp4": None,
    "mp4parse__no_timescale.mp4": Expected((320, 240), 170, damaged=True),  # the H.264 itself is broken here and there
    "mp4parse__tiny_av1.mp4": Expected((64, 64), 1, delta_e=3.5),  # noise: H.264 without any grade costs 2.7
    "mp4parse__video_colr_nclx_and_icc.mp4": Expected((2, 2), 3, ("HLG",)),
    "mp4parse__video_colr_nclx_hdr10_full_range.mp4": Expected((2, 2), 3, ("PQ",)),
    "mp4parse__video_colr_nclx_rgb.mp4": Expected((2, 2), 3),
    "mp4parse__video_rotation_90.mp4": Expected((60, 100), 1),
    "mp4parse__zero_empty_stsc.mp4": None,
}


def listed() -> list[str]:
    if not (EXTERNAL / "index.tsv").is_file():
        return []
    with (EXTERNAL / "index.tsv").open(encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row[0].removeprefix("video/") for row in rows if row[0].startswith("video/")]


needs_material = pytest.mark.skipif(not listed(), reason="the external test material (../shared/external) is not here")


@pytest.fixture(scope="module")
def presets():
    return Presets.builtin()


@needs_material
def test_every_listed_video_has_its_expectation():
    assert set(listed()) == set(EXPECTED)


@needs_material
@pytest.mark.parametrize("edit", [POINTWISE, SPATIAL], ids=["pointwise", "spatial"])
@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected])
def test_video_loads_and_exports(tmp_path, presets, name, edit):
    source, expected = EXTERNAL / "video" / name, EXPECTED[name]
    found = probe(source)
    graded = export_video(source, tmp_path / "graded.mp4", edit, presets)
    assert (found.width, found.height) == expected.size
    assert len(found.notes) == len(expected.notes)
    assert all(any(word in note for note in found.notes) for word in expected.notes)
    assert len(times(graded)) == expected.frames
    assert probe(graded).has_audio == found.has_audio
    assert [p.name for p in tmp_path.iterdir()] == ["graded.mp4"]
    if not expected.damaged:  # a seek into broken H.264 finds other pictures than reading through it
        middle = found.duration / 2
        still = render(read_frame(source, middle), edit, presets).astype(np.float64)
        assert np.mean(delta_e_2000(read_frame(graded, middle) / 255, still / 255)) <= expected.delta_e


@needs_material
@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected is None])
def test_video_without_pictures_is_refused(tmp_path, presets, name):
    source = EXTERNAL / "video" / name
    with pytest.raises(UserError, match=r"no pictures|cut off"):
        probe(source)
    with pytest.raises(UserError, match=r"no pictures|cut off"):
        export_video(source, tmp_path / "o.mp4", POINTWISE, presets)
    assert list(tmp_path.iterdir()) == []

"""Sample media: there without a network, credited; the clip is what it says and moves smoothly."""

import socket
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from editor import samples
from editor.errors import UserError
from editor.folders import cache_folder
from editor.image import load_image


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIBEGRADE_HOME", str(tmp_path_factory.mktemp("clip")))
        return samples.clip_path()


def test_photos_load_without_a_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sample reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    photos = [s for s in samples.samples() if s.kind == "image"]
    sizes = {photo.name: load_image(photo.loader()).size for photo in photos}
    assert sizes == {
        "china": (640, 427),
        "flower": (640, 427),
        "astronaut": (512, 512),
        "coffee": (600, 400),
        "chelsea": (451, 300),
        "rocket": (640, 427),
    }


def test_everything_is_credited_and_licensed():
    for sample in samples.samples():
        assert len(sample.credit) > 10
        assert sample.title
        assert sample.licence in ("CC0 1.0", "CC BY 2.0", "Public domain")
    clip = samples.samples()[-1]
    assert clip.kind == "video"
    for author in ("danielbuechele", "vultilion", "Rachel Michetti", "SpaceX"):
        assert author in clip.credit


def test_clip_is_five_seconds_of_tagged_video_with_sound(clip):
    with av.open(str(clip)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == samples.CLIP_SIZE
        assert video.average_rate == samples.CLIP_FPS
        assert container.duration / 1e6 == pytest.approx(samples.CLIP_SECONDS, abs=0.05)
        frames = list(container.decode(video))
        assert len(frames) == samples.CLIP_SECONDS * samples.CLIP_FPS
        assert int(frames[0].colorspace) == 1  # BT.709
        container.seek(0)
        loudest = max(np.abs(frame.to_ndarray()).max() for frame in container.decode(audio))
    assert 0.02 < loudest < 0.3


def test_clip_shows_the_photos_in_their_own_colours(clip):
    with av.open(str(clip)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
    china = load_image(next(s for s in samples.samples() if s.name == "china").loader()).pixels
    assert np.abs(first.mean(axis=(0, 1)) - china.mean(axis=(0, 1))).max() < 15
    assert first[:100].mean(axis=(0, 1))[2] > first[:100].mean(axis=(0, 1))[0]  # a blue sky


@pytest.mark.parametrize("shot", samples._SHOTS, ids=lambda shot: shot.photo)
def test_windows_stay_inside_their_photos(shot):
    photo = next(s for s in samples.samples() if s.name == shot.photo)
    width, height = load_image(photo.loader()).size
    for x, y, span in (shot.start, shot.end):
        half_w, half_h = span / 2, span * width * samples.CLIP_SIZE[1] / samples.CLIP_SIZE[0] / height / 2
        assert half_w <= x <= 1 - half_w
        assert half_h <= y <= 1 - half_h


def test_moves_do_not_jitter():
    """Phase correlation between neighbours in the first shot: steps of a fraction of a pixel, all alike."""
    frames = [f for f, _ in zip(samples._frames(), range(24), strict=False)]
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(np.float64)[170:370, 380:580] for f in frames]
    window = cv2.createHanningWindow((200, 200), cv2.CV_64F)
    steps = np.array([cv2.phaseCorrelate(a, b, window)[0] for a, b in pairwise(grey)])
    assert 0.2 < np.linalg.norm(steps.mean(axis=0)) < 8
    assert np.abs(np.diff(steps, axis=0)).max() < 0.4


def test_clip_is_made_once(clip, monkeypatch):
    monkeypatch.setenv("VIBEGRADE_HOME", str(clip.parents[1]))
    made = clip.stat().st_mtime_ns
    assert samples.clip_path() == clip
    assert clip.stat().st_mtime_ns == made
    assert [p.name for p in clip.parent.iterdir()] == [clip.name]


def test_a_failed_build_leaves_nothing(user_home, monkeypatch):
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: "false")
    with pytest.raises(UserError, match="could not be made"):
        samples.clip_path()
    assert [p.name for p in (user_home / "cache").iterdir()] == ["students"]


def test_cache_folder_without_an_override(monkeypatch, tmp_path):
    monkeypatch.delenv("VIBEGRADE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().is_dir()
    assert cache_folder().name == "vibegrade"

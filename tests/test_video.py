"""Video in and out: what is kept, what the still shows, what is refused, what is left behind."""

import json
import os
import struct
import subprocess
from pathlib import Path
from threading import Event

import numpy as np
import psutil
import pytest

from editor.clip import Orientation, opened
from editor.color import delta_e_2000
from editor.errors import UserError
from editor.ffmpeg import decode_command, executable, strips
from editor.pipeline import render
from editor.presets import Presets
from editor.processes import running
from editor.tools import Adjust, Edit, Filter
from editor.video import ExportStopped, export_video, probe, read_frame
from tests.clips import colors, ffmpeg, listing, numbered, packets, picture, raw, times, with_sound

POINTWISE = Edit(adjust=Adjust(contrast=15, temperature=20, saturation=-20))
SPATIAL = Edit(adjust=Adjust(contrast=10, temperature=20, structure=30, sharpen=20, bloom=20))
NEUTRAL = Edit()
EDITS = pytest.mark.parametrize("edit", [POINTWISE, SPATIAL], ids=["pointwise", "spatial"])
FLAT_MOV = ("-c:v", "libx264", "-crf", "6", "-movflags", "-faststart")


@pytest.fixture(scope="module")
def presets():
    return Presets.builtin()


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return tmp_path_factory.mktemp("material")


@pytest.fixture(scope="module")
def clip(material):
    return colors(material / "colors.mp4")


def export(source, folder, edit, presets, name="graded.mp4", **options):
    return export_video(source, folder / name, edit, presets, **options)


def mean_delta_e(a, b):
    return float(np.mean(delta_e_2000(a.astype(np.float64) / 255, b.astype(np.float64) / 255)))


def grey(pixels):
    return float(pixels.mean())


# ---------------------------------------------------------------- probe


def test_probe_tells_size_time_tags_and_sound(tmp_path, clip):
    found = probe(with_sound(tmp_path / "a.mp4", clip, "-c:a", "aac"))
    assert (found.width, found.height, found.rotation) == (128, 72, 0)
    assert found.duration == pytest.approx(0.4, abs=0.02)
    assert found.fps == pytest.approx(10)
    assert found.frames_estimate == 4
    assert (found.tags.matrix, found.tags.primaries, found.tags.transfer, found.tags.range) == (
        *("bt709", "bt709", "bt709", "tv"),
    )
    assert found.has_audio
    assert not found.is_hdr
    assert found.notes == ()


def test_probe_counts_the_time_of_a_live_recording_without_duration(tmp_path, clip):
    ffmpeg("-i", clip, "-c", "copy", "-f", "matroska", "-live", "1", tmp_path / "live.mkv")
    assert probe(tmp_path / "live.mkv").duration == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("a", "b", "c", "d", "expected", "degrees"),
    [
        (1, 0, 0, 1, Orientation(), 0),
        (0, 1, -1, 0, Orientation(True, True, False), 90),
        (-1, 0, 0, -1, Orientation(False, True, True), 180),
        (0, -1, 1, 0, Orientation(True, False, True), 270),
        (-1, 0, 0, 1, Orientation(False, True, False), 0),
        (1, 0, 0, -1, Orientation(False, False, True), 180),
        (0, 0, 0, 0, Orientation(), 0),  # ffmpeg calls this a rotation of nan degrees
        (0.7071, 0.7071, -0.7071, 0.7071, Orientation(), 0),  # 45°: not turned
        (0.9999, 0.01, -0.01, 0.9999, Orientation(), 0),
    ],
)
def test_display_matrix(a, b, c, d, expected, degrees):
    matrix = struct.pack("=9i", *(round(65536 * v) for v in (a, b, 0, c, d, 0, 0, 0)), 1 << 30)
    assert Orientation.from_matrix(matrix) == expected
    assert expected.degrees == degrees


# Upright picture: red, green over blue, white; what must be stored for each display matrix.
CORNERS = np.kron(np.array([[[220, 40, 40], [40, 200, 40]], [[40, 40, 220], [230, 230, 230]]]), np.ones((32, 48, 1)))
TURNS = {
    "90": (["-display_rotation", "-90"], np.rot90),
    "180": (["-display_rotation", "180"], lambda upright: np.rot90(upright, 2)),
    "270": (["-display_rotation", "90"], lambda upright: np.rot90(upright, 3)),
    "mirror": (["-display_hflip"], lambda upright: upright[:, ::-1]),
    "flip": (["-display_vflip"], lambda upright: upright[::-1]),
}


@EDITS
@pytest.mark.parametrize("turn", TURNS)
def test_turned_video_comes_out_upright_once(tmp_path, presets, turn, edit):
    options, stored_as = TURNS[turn]
    upright = CORNERS.astype(np.uint8)
    raw(tmp_path / "stored.mp4", stored_as(upright), "-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv420p")
    ffmpeg(*options, "-i", tmp_path / "stored.mp4", "-c", "copy", tmp_path / "turned.mov")
    found = probe(tmp_path / "turned.mov")
    still = read_frame(tmp_path / "turned.mov", 0)
    graded = export(tmp_path / "turned.mov", tmp_path, edit, presets)
    assert (found.width, found.height) == (96, 64)
    assert still.shape == (64, 96, 3)
    assert mean_delta_e(still, upright) < 1.5
    assert probe(graded).rotation == 0
    assert mean_delta_e(read_frame(graded, 0), render(still, edit, presets)) < 1.5


# ---------------------------------------------------------------- stills


VARIABLE = [0.0, 0.04, 0.1, 0.5, 0.52, 0.9, 1.0, 1.3, 1.31, 1.7, 1.9, 2.4]


@pytest.mark.parametrize("name", ["v.mp4", "v.mov", "v.mkv"])
def test_still_is_the_frame_shown_at_that_time(tmp_path, name):
    numbered(tmp_path / name, VARIABLE)
    for n, start in enumerate(VARIABLE):
        end = [*VARIABLE, 3][n + 1]
        for time in (start, (start + end) / 2, end - 0.004):
            assert round((grey(read_frame(tmp_path / name, time)) - 20) / 9) == n, time


def test_still_before_the_start_and_after_the_end(tmp_path):
    numbered(tmp_path / "v.mp4", VARIABLE)
    assert grey(read_frame(tmp_path / "v.mp4", -5)) == pytest.approx(20, abs=2)
    assert grey(read_frame(tmp_path / "v.mp4", 500)) == pytest.approx(20 + 9 * 11, abs=2)


@EDITS
@pytest.mark.parametrize("limits", ["tv", "pc"])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
def test_still_and_export_agree_and_tags_stay(tmp_path, presets, matrix, limits, edit):
    source = colors(tmp_path / "in.mp4", matrix=matrix, limits=limits)
    graded = export(source, tmp_path, edit, presets)
    assert probe(graded).tags == probe(source).tags
    for time in (0.0, 0.25):
        expected = render(read_frame(source, time), edit, presets)
        assert mean_delta_e(read_frame(graded, time), expected) <= 1.5


def test_still_has_the_colours_that_were_encoded(tmp_path):
    """A wrong matrix moves saturated colours by ΔE 3 and more."""
    for matrix, limits in (("bt709", "tv"), ("smpte170m", "pc")):
        source = colors(tmp_path / f"{matrix}.mp4", matrix=matrix, limits=limits)
        for n in range(4):
            assert mean_delta_e(read_frame(source, n / 10), picture(n)) < 0.7


# ---------------------------------------------------------------- what is kept


@EDITS
@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_variable_frame_times_are_kept(tmp_path, presets, name, edit):
    numbered(tmp_path / name, VARIABLE)
    graded = export(tmp_path / name, tmp_path, edit, presets)
    assert times(graded) == pytest.approx(times(tmp_path / name), abs=2e-4)


@EDITS
@pytest.mark.parametrize("rate", ["30000/1001", "23.976", "60"])
def test_frame_rate_and_count_are_kept(tmp_path, presets, rate, edit):
    source = colors(tmp_path / "in.mp4", rate=rate, size=(64, 48))
    graded = export(source, tmp_path, edit, presets)
    assert times(graded) == pytest.approx(times(source), abs=2e-4)
    assert probe(graded).fps == pytest.approx(probe(source).fps, rel=1e-3)
    assert probe(graded).duration == pytest.approx(probe(source).duration, abs=2e-3)


@EDITS
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_sound_is_copied_bit_for_bit_and_in_time(tmp_path, presets, clip, delay, edit):
    source = with_sound(tmp_path / "in.mov", clip, "-c:a", "aac", delay=delay)
    graded = export(source, tmp_path, edit, presets)
    before, after = packets(source, "audio"), packets(graded, "audio")
    assert [content for _, content in after] == [content for _, content in before]
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=1e-3)


@EDITS
def test_pictures_that_start_after_the_sound_keep_their_delay(tmp_path, presets, clip, edit):
    ffmpeg(
        *("-f", "lavfi", "-i", "sine=440:d=1", "-itsoffset", "0.5", "-i", clip),
        *("-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", tmp_path / "late.mkv"),
    )
    graded = export(tmp_path / "late.mkv", tmp_path, edit, presets)
    assert times(graded)[0] - times(graded, "audio")[0] == pytest.approx(
        times(tmp_path / "late.mkv")[0] - times(tmp_path / "late.mkv", "audio")[0], abs=0.025
    )


@pytest.mark.parametrize(
    ("name", "codec", "kept"),
    [
        ("a.mov", "pcm_s16le", "aac"),
        ("a.mkv", "libopus", "aac"),
        ("a.mkv", "libvorbis", "aac"),
        ("a.mkv", "flac", "aac"),
        ("a.mkv", "libmp3lame", "mp3"),
        ("a.mov", "alac", "alac"),
        ("a.mkv", "ac3", "ac3"),
    ],
)
def test_sound_by_codec(tmp_path, presets, clip, name, codec, kept):
    source = with_sound(tmp_path / name, clip, "-c:a", codec)
    graded = export(source, tmp_path, POINTWISE, presets)
    assert probe(graded).sounds[0].codec.removesuffix("float") == kept
    assert any("converted to AAC" in note for note in probe(source).notes) == (kept == "aac")
    assert probe(graded).duration == pytest.approx(0.4, abs=0.03)


@EDITS
def test_several_sound_tracks_and_languages_are_kept(tmp_path, presets, clip, edit):
    ffmpeg(
        *("-i", clip, "-f", "lavfi", "-i", "sine=440:d=0.4", "-f", "lavfi", "-i", "sine=880:d=0.4", "-c:v", "copy"),
        *("-map", "0", "-map", "1", "-map", "2", "-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=fra"),
        tmp_path / "two.mp4",
    )
    graded = export(tmp_path / "two.mp4", tmp_path, edit, presets)
    told = listing(graded)
    assert "(deu): Audio" in told
    assert "(fra): Audio" in told


@EDITS
@pytest.mark.parametrize("keep_gps", [True, False])
def test_creation_time_and_place(tmp_path, presets, clip, keep_gps, edit):
    tags = ("-metadata", "creation_time=2024-05-06T07:08:09Z", "-metadata", "location=+52.5000+013.4000/")
    ffmpeg("-i", clip, "-c", "copy", *tags, "-metadata", "title=Harbour", tmp_path / "in.mp4")
    graded = export(tmp_path / "in.mp4", tmp_path, edit, presets, keep_gps=keep_gps)
    told = listing(graded)
    assert "2024-05-06T07:08:09" in told
    assert "Harbour" in told
    assert ("+52.5000" in told) is keep_gps


def test_export_is_h264_420_with_the_index_first(tmp_path, presets, clip):
    graded = export(clip, tmp_path, POINTWISE, presets)
    content = graded.read_bytes()
    told = listing(graded)
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert "Video: h264" in told
    assert "yuv420p(tv, bt709" in told


@EDITS
def test_anamorphic_pictures_stay_anamorphic(tmp_path, presets, edit):
    source = colors(tmp_path / "in.mp4", size=(72, 58), matrix="smpte170m", extra="setsar=64/45")
    graded = export(source, tmp_path, edit, presets)
    assert probe(source).pixel_aspect == probe(graded).pixel_aspect
    assert probe(graded).pixel_aspect == pytest.approx(64 / 45, rel=0.01)


def test_neutral_edit_changes_no_colour(tmp_path, presets, clip):
    graded = export(clip, tmp_path, NEUTRAL, presets)
    before, after = read_frame(clip, 0.2).astype(float), read_frame(graded, 0.2)
    assert mean_delta_e(after, before) < 1  # H.264's own noise
    assert np.abs((after - before).mean(axis=(0, 1))).max() < 0.3


# ---------------------------------------------------------------- sizes, formats, HDR


@EDITS
@pytest.mark.parametrize("width", [17, 30, 101])
def test_inverting_lut_at_widths_that_are_no_multiple_of_eight(tmp_path, presets, width, edit):
    """ffmpeg's lut3d applied the table twice to some columns of raw float pictures of such widths."""
    pixels = np.tile(np.linspace(30, 220, width).astype(np.uint8)[None, :, None], (23, 1, 3))
    source = raw(tmp_path / "in.mkv", pixels)
    spatial = {"adjust": Adjust(sharpen=1)} if edit is SPATIAL else {}
    inverse = Edit(filter=Filter(name="negative", intensity=100), **spatial)
    graded = read_frame(export(source, tmp_path, inverse, presets), 0.1)
    expected = render(pixels, inverse, presets)
    assert graded.shape[:2] == (24, width + width % 2)
    assert np.abs(graded[:23, :width].astype(int) - expected).max() <= 6
    np.testing.assert_allclose(graded[23], graded[22], atol=3)


@EDITS
@pytest.mark.parametrize("pix_fmt", ["gbrp", "yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (2, 5)])
def test_odd_and_tiny_sizes(tmp_path, presets, width, height, pix_fmt, edit):
    pixels = np.full((height, width, 3), (200, 120, 60), np.uint8)
    source = raw(tmp_path / "in.mkv", pixels, "-c:v", "ffv1", "-level", "1", "-pix_fmt", pix_fmt)
    graded = export(source, tmp_path, edit, presets)
    even = (width + width % 2, height + height % 2)
    assert (probe(source).width, probe(source).height) == (width, height)
    assert (probe(graded).width, probe(graded).height) == even
    assert any("odd" in note for note in probe(source).notes) == (even != (width, height))
    still = render(read_frame(source, 0), edit, presets)
    assert mean_delta_e(read_frame(graded, 0)[:height, :width], still) < 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten-bit.mp4", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=none")),
        ("av1.webm", ("-c:v", "libsvtav1", "-crf", "10", "-pix_fmt", "yuv420p10le")),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-crf", "10", "-b:v", "0")),
        ("prores.mov", ("-c:v", "prores_ks", "-profile:v", "3")),
        ("mjpeg.mov", ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p")),
        ("rgb.mov", ("-c:v", "qtrle", "-pix_fmt", "rgb24")),
        ("packed.mov", ("-c:v", "rawvideo", "-pix_fmt", "uyvy422")),
        ("grey.mp4", ("-c:v", "libx264", "-pix_fmt", "gray")),
    ],
)
@EDITS
def test_other_codecs_and_pixel_formats(tmp_path, presets, clip, name, options, edit):
    ffmpeg("-i", clip, *options, tmp_path / name)
    graded = export(tmp_path / name, tmp_path, edit, presets)
    assert len(times(graded)) == 4
    expected = render(read_frame(tmp_path / name, 0.2), edit, presets)
    assert mean_delta_e(read_frame(graded, 0.2), expected) <= 1.5


@EDITS
def test_ycgco_is_graded_like_its_rgb(tmp_path, presets, edit):
    options = ("-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv444p")
    convert = "format=gbrp,zscale=m=ycgco:r=limited,format=yuv444p,setparams=colorspace=ycgco:range=tv"
    source = raw(tmp_path / "in.mp4", picture(), "-vf", convert, *options)
    graded = export(source, tmp_path, edit, presets)
    assert mean_delta_e(read_frame(source, 0), picture()) < 1
    assert mean_delta_e(read_frame(graded, 0), render(picture(), edit, presets)) <= 1.5


@pytest.mark.parametrize("matrix", ["smpte240m", "bt2020c", "ictcp", "smpte2085"])
def test_colours_that_cannot_be_converted_are_refused(tmp_path, clip, matrix):
    tag = {"smpte240m": 7, "bt2020c": 10, "ictcp": 14, "smpte2085": 11}[matrix]
    ffmpeg("-i", clip, "-c", "copy", "-bsf:v", f"h264_metadata=matrix_coefficients={tag}", tmp_path / "in.mp4")
    with pytest.raises(UserError, match="stores its colours"):
        probe(tmp_path / "in.mp4")


def test_transparency_is_dropped_and_said(tmp_path, presets, clip):
    ffmpeg("-i", clip, "-vf", "format=rgba", "-c:v", "qtrle", "-pix_fmt", "argb", tmp_path / "alpha.mov")
    assert any("transparency" in note for note in probe(tmp_path / "alpha.mov").notes)
    assert (
        mean_delta_e(read_frame(export(tmp_path / "alpha.mov", tmp_path, NEUTRAL, presets), 0), read_frame(clip, 0)) < 1
    )


@pytest.fixture(scope="module", params=["smpte2084", "arib-std-b67"])
def hdr(request, material, clip):
    """The colours as HDR: diffuse white at 203 cd/m², BT.2020, 10 bits."""
    path = material / f"{request.param}.mp4"
    convert = f"zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=2020:t={request.param}:m=2020_ncl:npl=203"
    tags = f"setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={request.param}:range=tv"
    ffmpeg(
        *("-i", clip, "-vf", f"{convert},format=yuv420p10le,{tags}"),
        *("-c:v", "libx265", "-crf", "6", "-x265-params", "log-level=none", path),
    )
    return path


@EDITS
def test_hdr_becomes_bt709_and_is_said(tmp_path, presets, hdr, clip, edit):
    graded = export(hdr, tmp_path, edit, presets)
    found = probe(graded)
    assert probe(hdr).is_hdr
    assert any("HDR" in note for note in probe(hdr).notes)
    assert (found.tags.matrix, found.tags.primaries, found.tags.transfer, found.tags.range) == ("bt709",) * 3 + ("tv",)
    assert mean_delta_e(read_frame(graded, 0.2), render(read_frame(hdr, 0.2), edit, presets)) <= 1.5
    assert b"mdcv" not in graded.read_bytes()


def test_hdr_still_keeps_the_mid_tones_of_the_scene(hdr, clip):
    """Tone mapping leaves what lies well below reference white nearly as it was."""
    before, after = read_frame(clip, 0.2), read_frame(hdr, 0.2)
    dark = (before < 140).all(axis=-1)
    assert dark.mean() > 0.05
    assert mean_delta_e(after[dark], before[dark]) < 4


# ---------------------------------------------------------------- refused


def truncated(path, source, share=0.6):
    path.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])
    return path


def test_bad_files_get_one_sentence_and_leave_nothing(tmp_path, presets, clip, material):
    flat, fast, mkv = (material / name for name in ("flat.mp4", "fast.mp4", "cut.mkv"))
    ffmpeg("-i", clip, "-c", "copy", flat)
    ffmpeg("-i", clip, "-c", "copy", "-movflags", "+faststart", fast)
    ffmpeg("-i", clip, "-c", "copy", mkv)
    (tmp_path / "zero.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    truncated(tmp_path / "flat.mp4", flat)
    truncated(tmp_path / "fast.mp4", fast)
    truncated(tmp_path / "cut.mkv", mkv)
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "aac", tmp_path / "sound.mp4")
    ffmpeg("-i", clip, "-frames:v", "1", "-update", "1", "-f", "image2", tmp_path / "photo.png")
    (tmp_path / "photo.png").rename(tmp_path / "photo.mp4")
    content = bytearray(flat.read_bytes())
    moov = content.index(b"moov")
    content[moov + 40 : moov + 300] = os.urandom(260)
    (tmp_path / "corrupt.mp4").write_bytes(content)
    ffmpeg("-i", clip, "-c", "copy", "-frames:v", "0", tmp_path / "none.mkv")
    (tmp_path / "folder.mp4").mkdir()
    expected = {
        "zero.mp4": "is empty",
        "text.mp4": "not a video that can be read",
        "flat.mp4": "cut off",
        "fast.mp4": "cut off",
        "cut.mkv": "cut off",
        "sound.mp4": "no pictures",
        "photo.mp4": "not a video that can be read",
        "corrupt.mp4": "not a video|no pictures",
        "none.mkv": "no pictures|not a video",
        "folder.mp4": "no file",
        "missing.mp4": "no file",
    }
    out = tmp_path / "out"
    out.mkdir()
    for name, words in expected.items():
        for attempt in (probe, lambda p: read_frame(p, 0), lambda p: export(p, out, POINTWISE, presets)):
            with pytest.raises(UserError, match=words) as caught:
                attempt(tmp_path / name)
            assert name.split(".")[0] in str(caught.value)
            assert "\n" not in str(caught.value)
            assert str(tmp_path) not in str(caught.value)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_any_cut_of_a_file_is_noticed(tmp_path, clip, share):
    for name in ("a.mp4", "a.mkv", "a.webm"):
        whole = tmp_path / name
        ffmpeg("-i", clip, *(("-c", "copy") if name != "a.webm" else ("-c:v", "libvpx")), whole)
        with pytest.raises(UserError):
            probe(truncated(tmp_path / f"cut-{name}", whole, share))
        assert probe(whole).width == 128


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{name}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
    "<BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_playlist_named_as_a_video_reads_no_other_file(tmp_path, clip, kind, ending):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip.read_bytes())
    playlist = tmp_path / f"innocent.{ending}"
    playlist.write_text(PLAYLISTS[kind].format(secret=secret, name=secret.name))
    with pytest.raises(UserError, match="not a video that can be read"):
        probe(playlist)


def test_wrong_ending_of_a_real_video_does_not_matter(tmp_path, presets, clip):
    (tmp_path / "really.mkv").write_bytes(clip.read_bytes())
    assert export(tmp_path / "really.mkv", tmp_path, POINTWISE, presets).is_file()


def test_enormous_pictures_are_refused_before_decoding(clip, monkeypatch):
    monkeypatch.setattr("editor.clip.MAX_PIXELS", 128 * 72 - 1)
    monkeypatch.setattr("editor.clip.decoded", None)
    with pytest.raises(UserError, match="too large"), opened(clip):
        pass


# ---------------------------------------------------------------- files, progress, cancel


NAMES = ["it's, a [test]: 100% \\ ok;.mp4", "-dash.mp4", "ünïcode 夕焼け.mp4", "per%03dcent.mp4", ".hidden.mp4"]


@EDITS
@pytest.mark.parametrize("name", NAMES)
def test_any_file_name(tmp_path, presets, clip, name, edit, monkeypatch):
    folder = tmp_path / "o'dd: dir, [1]"
    folder.mkdir()
    (folder / name).write_bytes(clip.read_bytes())
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.chdir(folder)
    assert export_video(name, f"graded {name}", edit, presets) == folder / f"graded {name}"
    assert sorted(p.name for p in folder.iterdir()) == sorted([name, f"graded {name}"])
    assert read_frame(f"graded {name}", 0).shape == (72, 128, 3)


def test_existing_file_is_kept_unless_told(tmp_path, presets, clip):
    target = tmp_path / "graded.mp4"
    target.write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        export(clip, tmp_path, POINTWISE, presets)
    assert target.read_text() == "precious"
    assert export(clip, tmp_path, POINTWISE, presets, overwrite=True) == target
    assert probe(target).width == 128


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, presets, clip):
    target = tmp_path / "graded.mp4"

    def somebody_else(fraction, left):
        target.write_text("precious")

    source = colors(tmp_path / "in.mp4", size=(640, 360), count=30)
    with pytest.raises(UserError, match="exists already"):
        export(source, tmp_path, POINTWISE, presets, progress=somebody_else)
    assert target.read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graded.mp4", "in.mp4"]


def test_source_can_be_replaced_by_its_own_grade(tmp_path, presets, clip):
    (tmp_path / "own.mp4").write_bytes(clip.read_bytes())
    export(tmp_path / "own.mp4", tmp_path, POINTWISE, presets, name="own.mp4", overwrite=True)
    assert mean_delta_e(read_frame(tmp_path / "own.mp4", 0), render(read_frame(clip, 0), POINTWISE, presets)) <= 1.5


@pytest.mark.parametrize(("name", "words"), [("a.avi", "ending .mp4"), ("no/such/a.mp4", "no folder")])
def test_impossible_targets(tmp_path, presets, clip, name, words):
    with pytest.raises(UserError, match=words):
        export(clip, tmp_path, POINTWISE, presets, name=name)
    assert list(tmp_path.iterdir()) == []


@EDITS
def test_progress_rises_to_one_with_time_left(tmp_path, presets, edit):
    source = colors(tmp_path / "in.mp4", size=(640, 360), count=30)
    seen = []
    export(source, tmp_path, edit, presets, progress=lambda fraction, left: seen.append((fraction, left)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert len(seen) > 1
    assert seen[-1] == (1.0, 0.0)
    assert all(0 <= fraction <= 1 and left >= 0 for fraction, left in seen)


@EDITS
def test_cancel_ends_ffmpeg_and_leaves_no_file(tmp_path, presets, edit):
    source = colors(tmp_path / "in.mp4", "-c:v", "libx264", "-preset", "ultrafast", size=(640, 360), count=200)
    cancel, fractions = Event(), []

    def progress(fraction, left):
        fractions.append(fraction)
        cancel.set()

    with pytest.raises(ExportStopped):
        export(source, tmp_path, edit, presets, progress=progress, cancel=cancel)
    assert fractions[0] < 0.9
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
    assert not [p for p in psutil.Process().children(recursive=True) if "ffmpeg" in p.name()]


def test_a_decoder_that_dies_within_a_picture_is_one_clear_sentence(tmp_path, presets, clip, monkeypatch):
    whole = subprocess.run(decode_command(probe(clip)), capture_output=True, check=True).stdout
    (tmp_path / "cut.nut").write_bytes(whole[: len(whole) * 2 // 5])
    command = ["sh", "-c", f"cat '{tmp_path / 'cut.nut'}'; exit 1"]
    monkeypatch.setattr("editor.frame_pipe.decode_command", lambda clip: command)
    with pytest.raises(UserError, match="could not be exported"):
        export(clip, tmp_path, SPATIAL, presets)
    assert [p.name for p in tmp_path.iterdir()] == ["cut.nut"]


@pytest.mark.parametrize(("height", "count"), [(72, 24), (74, 2), (75, 25), (73, 1)])
def test_pictures_of_any_height_travel_in_strips(tmp_path, presets, height, count):
    source = raw(tmp_path / "in.mkv", picture(3, 96, height), count=5)
    assert strips(probe(source)) == count
    graded = export(source, tmp_path, SPATIAL, presets)
    assert times(graded) == times(source)
    expected = render(read_frame(source, 0.2), SPATIAL, presets)
    assert mean_delta_e(read_frame(graded, 0.2)[:72], expected[:72]) < 2


@EDITS
def test_cancel_before_the_start(tmp_path, presets, clip, edit):
    cancel = Event()
    cancel.set()
    with pytest.raises(ExportStopped):
        export(clip, tmp_path, edit, presets, cancel=cancel)
    assert list(tmp_path.iterdir()) == []


@EDITS
def test_a_failing_caller_leaves_nothing(tmp_path, presets, edit):
    source = colors(tmp_path / "in.mp4", size=(640, 360), count=30)

    def broken(fraction, left):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export(source, tmp_path, edit, presets, progress=broken)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
    assert not [p for p in psutil.Process().children(recursive=True) if "ffmpeg" in p.name()]


def test_an_unknown_preset_is_named_before_anything_is_written(tmp_path, presets, clip):
    with pytest.raises(UserError, match="vividd"):
        export(clip, tmp_path, Edit(filter=Filter(name="vividd", intensity=50)), presets)
    assert list(tmp_path.iterdir()) == []


def test_ffmpegs_own_words_are_logged_not_shown(tmp_path, caplog):
    command = [executable(), "-v", "error", "-nostdin", "-i", str(tmp_path / "missing.mp4"), "-f", "null", "-"]
    with pytest.raises(UserError, match="could not be exported") as caught, running(command, Event()):
        pass
    assert "missing.mp4" not in str(caught.value)
    assert "missing.mp4" in caplog.text


def test_recipes_of_the_file_format_travel_too(tmp_path, presets, clip):
    """An edit read from JSON, as the command line does."""
    edit = Edit.from_json(json.dumps({"filter": {"name": "vivid", "intensity": 60}}))
    graded = export(Path(clip), tmp_path, edit, presets)
    assert mean_delta_e(read_frame(graded, 0.2), render(read_frame(clip, 0.2), edit, presets)) <= 1.5

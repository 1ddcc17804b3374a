"""The commands as data, and the escaping and the colour chain proven on ffmpeg itself."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from editor import ffmpeg
from editor.clip import Clip, ColorTags, Orientation, Sound
from editor.cube import Cube, write_cube
from editor.lut import Lut
from tests.clips import ffmpeg as run_ffmpeg

CLIP = Clip(
    path=Path("/films/day one.mov"),
    width=1920,
    height=1080,
    duration=10.0,
    fps=30.0,
    frames_estimate=300,
    orientation=Orientation(),
    tags=ColorTags("bt709", "bt709", "bt709", "tv"),
    is_rgb=False,
    has_alpha=False,
    pixel_aspect=Fraction(1),
    video_index=0,
    time_base=Fraction(1, 15360),
    start=0.0,
    sounds=(Sound(1, "aac"), Sound(2, "pcm_s16le")),
    unknown_sounds=0,
    has_subtitles=False,
)


def option(command, name):
    return command[command.index(name) + 1]


def test_pointwise_is_one_ffmpeg_with_one_float_chain():
    command = ffmpeg.pointwise_command(CLIP, Path("/tmp/grade.cube"), Path("/out/x.part"))
    assert option(command, "-vf") == (
        "zscale=w=1920:h=1080:f=bicubic:min=709:rin=limited:m=gbr:r=full,format=gbrpf32le,"
        "lut3d=file=/tmp/grade.cube:interp=tetrahedral,"
        "zscale=min=gbr:rin=full:m=709:r=limited:f=bicubic,format=yuv420p,setsar=r=1/1:max=65535,"
        "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,sidedata=mode=delete"
    )
    assert command.count("-i") == 1


def test_no_command_can_open_another_file_or_wait_for_a_key():
    sources = [
        ffmpeg.pointwise_command(CLIP, None, Path("/out/x.part")),
        ffmpeg.decode_command(CLIP),
        ffmpeg.encode_command(CLIP, Path("/out/x.part")),
    ]
    for command in sources:
        assert "-nostdin" in command
        place = command.index("file:/films/day one.mov")
        assert command[place - 6 : place] == (
            ["-protocol_whitelist", "file", "-format_whitelist", "mov,matroska", "-noautorotate", "-i"]
        )
    assert option(ffmpeg.still_command(CLIP), "-protocol_whitelist") == "pipe"


def test_sound_is_copied_where_players_know_it_and_becomes_aac_elsewhere():
    command = ffmpeg.pointwise_command(CLIP, None, Path("/out/x.part"))
    assert [command[i + 1] for i, word in enumerate(command) if word == "-map"] == ["0:0", "0:1", "0:2"]
    assert option(command, "-c:a:0") == "copy"
    assert option(command, "-c:a:1") == "aac"
    assert "-b:a:0" not in command


def test_frame_pipe_takes_sound_and_metadata_from_the_source():
    command = ffmpeg.encode_command(replace(CLIP, start=1.5), Path("/out/x.part"))
    assert [command[i + 1] for i, word in enumerate(command) if word == "-map"] == ["0:0", "1:1", "1:2"]
    assert option(command, "-map_metadata") == "1"
    assert option(command, "-itsoffset") == "-1.500000"
    assert command.index("-itsoffset") < command.index("file:/films/day one.mov")


def test_timestamps_pass_through_and_the_index_comes_first():
    for command in (ffmpeg.pointwise_command(CLIP, None, Path("/o")), ffmpeg.encode_command(CLIP, Path("/o"))):
        assert option(command, "-fps_mode") == "passthrough"
        assert option(command, "-movflags") == "+faststart"
        assert option(command, "-c:v") == "libx264"


@pytest.mark.parametrize("keep", [True, False])
def test_gps_is_dropped_when_asked(keep):
    command = ffmpeg.pointwise_command(CLIP, None, Path("/o"), keep_gps=keep)
    assert ("location=" in command) is not keep


def test_turned_pictures_are_made_upright_by_our_own_filters():
    turned = replace(CLIP, orientation=Orientation(True, True, False))
    assert ffmpeg.rgb_filters(turned)[:2] == ["transpose=dir=cclock_flip", "hflip"]
    assert "-noautorotate" in ffmpeg.decode_command(turned)


@pytest.mark.parametrize(
    ("tags", "size", "expected"),
    [
        (ColorTags(), (640, 480), ColorTags("smpte170m", "unknown", "unknown", "tv")),
        (ColorTags(), (720, 576), ColorTags("smpte170m", "unknown", "unknown", "tv")),
        (ColorTags(), (1280, 720), ColorTags("bt709", "unknown", "unknown", "tv")),
        (ColorTags(range="pc"), (720, 1280), ColorTags("bt709", "unknown", "unknown", "pc")),
        (ColorTags("bt470bg", "bt470bg", "bt470bg", "tv"), (1920, 1080), None),
        (ColorTags("bt2020nc", "bt2020", "bt2020-10", "tv"), (1920, 1080), None),
        (ColorTags("bt2020nc", "bt2020", "smpte2084", "pc"), (64, 64), ColorTags("bt709", "bt709", "bt709", "tv")),
        (ColorTags("unknown", "bt2020", "arib-std-b67"), (64, 64), ColorTags("bt709", "bt709", "bt709", "tv")),
    ],
)
def test_tags_of_the_export(tags, size, expected):
    clip = replace(CLIP, tags=tags, width=size[0], height=size[1])
    assert ffmpeg.output_tags(clip) == (expected or tags)


def test_rgb_becomes_tagged_ycbcr():
    clip = replace(CLIP, is_rgb=True, tags=ColorTags("gbr", "bt709", "iec61966-2-1", "pc"))
    assert ffmpeg.output_tags(clip) == ColorTags("bt709", "bt709", "iec61966-2-1", "tv")
    assert "min=gbr:rin=full" in ffmpeg.rgb_filters(clip)[0]


def test_hdr_is_tone_mapped_between_linear_light_and_the_lut():
    chain = ",".join(ffmpeg.rgb_filters(replace(CLIP, tags=ColorTags("bt2020nc", "bt2020", "smpte2084", "tv"))))
    assert "min=2020_ncl:rin=limited:m=gbr:r=full:tin=smpte2084:pin=bt2020:t=linear:p=bt709:npl=203" in chain
    assert chain.index("t=linear") < chain.index("tonemap=") < chain.index("zscale=tin=linear:t=bt709")


NAMES = [
    "plain.cube",
    "two words.cube",
    "it's.cube",
    'double"quote.cube',
    "colon:equals=.cube",
    "comma,semicolon;.cube",
    "back\\slash\\'n.cube",
    "[brackets].cube",
    "per%03dcent $HOME `x` ünïcode.cube",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_reaches_the_filter(tmp_path, name):
    folder = tmp_path / "o'dd, [dir]: \\;"
    folder.mkdir()
    inverting = Lut(1 - Lut.identity(2).table)
    write_cube(Cube(table=inverting.table), folder / name)
    pixels = np.array([[[0, 128, 255], [10, 20, 30]]], np.uint8)
    graph = f"format=gbrp,lut3d=file={ffmpeg.escape(str(folder / name))}:interp=tetrahedral,format=rgb24"
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "2x1", "-i", "pipe:0")
    found = run_ffmpeg(*source, "-vf", graph, "-f", "rawvideo", "pipe:1", data=pixels.tobytes())
    assert np.abs(np.frombuffer(found, np.uint8).reshape(1, 2, 3) - (255.0 - pixels)).max() <= 1


BT = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}


@pytest.mark.parametrize("limits", ["tv", "pc"])
@pytest.mark.parametrize("matrix", BT)
def test_conversion_to_rgb_is_the_matrix_of_the_standard(matrix, limits):
    """Against the definition: R' = Y' + 2(1−Kr)Cr, B' = Y' + 2(1−Kb)Cb, Y' = Kr R' + Kg G' + Kb B'."""
    clip = replace(CLIP, width=8, height=2, tags=ColorTags(matrix, "bt709", "bt709", limits))
    y, u, v = np.array([[60, 110, 128, 180], [150, 128, 100, 110], [120, 140, 128, 145]], np.uint8)
    stored = np.tile(np.repeat(y, 2), 2).tobytes() + u.tobytes() + v.tobytes()
    # point sampling, so that neighbouring test colours do not mix
    chain = ",".join(ffmpeg.rgb_filters(clip)).replace("f=bicubic", "f=point")
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "8x2", "-i", "pipe:0")
    found = run_ffmpeg(*source, "-vf", chain, "-f", "rawvideo", "-pix_fmt", "gbrpf32le", "pipe:1", data=stored)
    g, b, r = np.frombuffer(found, "<f4").reshape(3, 2, 8)[:, 0, ::2].astype(float)
    kr, kb = BT[matrix]
    luma, chroma = ((y - 16.0) / 219, 224) if limits == "tv" else (y / 255.0, 255)
    expected_r = luma + 2 * (1 - kr) * (v - 128.0) / chroma
    expected_b = luma + 2 * (1 - kb) * (u - 128.0) / chroma
    np.testing.assert_allclose(r, expected_r, atol=1e-4)
    np.testing.assert_allclose(b, expected_b, atol=1e-4)
    np.testing.assert_allclose(kr * r + (1 - kr - kb) * g + kb * b, luma, atol=1e-4)

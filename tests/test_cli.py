"""The command line: what it writes, what it says, and the codes it ends with."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from editor.batch import find_sources, plan_jobs
from editor.cli import main
from editor.cli_options import edit_options, overridden
from editor.cube import Cube, read_cube, write_cube
from editor.errors import UserError
from editor.image import Picture, load_image, save_image
from editor.pipeline import bake_edit, render
from editor.planner import Answer
from editor.presets import Presets
from editor.tools import ADJUST_PARAMETERS, COLORS, SELECTIVE_PARAMETERS, Edit

GOLDEN = Edit.from_dict(
    {
        "adjust": {"contrast": 5, "temperature": 35, "bloom": 10},
        "selective_adjust": {"orange": {"saturation": 25}},
        "filter": {"name": "vivid", "intensity": 40},
    }
)


class FakePlanner:
    name = "fake"

    def answer(self, prompt):
        if prompt == "add a dog":
            return Answer(Edit(), self.name, message="That is no colour request, so nothing was changed.")
        return Answer(GOLDEN, self.name)

    def plan(self, prompt):
        return self.answer(prompt).edit


@pytest.fixture(autouse=True)
def planner(monkeypatch):
    monkeypatch.setattr("student.planners.load_planner", lambda name: FakePlanner())


@pytest.fixture
def here(tmp_path, monkeypatch, photo):
    """A working folder with one photo in it."""
    monkeypatch.chdir(tmp_path)
    save_image(photo, "photo.png")
    return tmp_path


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def expected(photo, edit):
    return render(photo.pixels, edit, Presets.builtin())


# ---- one picture -------------------------------------------------------------------------------


def test_prompt_grades_a_picture_as_the_pipeline_does(here, photo, capsys):
    assert main(["photo.png", "out.png", "--prompt", "golden hour"]) == 0
    assert np.array_equal(load_image("out.png").pixels, expected(photo, GOLDEN))
    out = capsys.readouterr().out
    assert "temperature +35" in out
    assert "photo.png → out.png" in out


def test_recipe_and_single_parameters_give_the_same_picture(here, photo):
    Path("edit.json").write_text(GOLDEN.to_json(), encoding="utf-8")
    assert main(["photo.png", "a.png", "--recipe", "edit.json"]) == 0
    arguments = "--contrast 5 --temperature 35 --bloom 10 --orange-saturation 25 --filter vivid --intensity 40"
    assert main(["photo.png", "b.png", *arguments.split()]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert np.array_equal(load_image("a.png").pixels, expected(photo, GOLDEN))


def test_single_parameters_win_over_the_prompt(here):
    assert main(["--prompt", "golden hour", "--temperature", "-20", "--tint", "3", "--save-recipe", "r.json"]) == 0
    wanted = GOLDEN.to_dict()
    wanted["adjust"] |= {"temperature": -20, "tint": 3}
    assert json.loads(Path("r.json").read_text(encoding="utf-8")) == wanted


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--prompt", "x", "--strength", "50"], GOLDEN.scaled(0.5, 0.5, 0.5)),
        (["--prompt", "x", "--strength", "0"], Edit()),
        (["--contrast", "40", "--strength", "50"], Edit.from_dict({"adjust": {"contrast": 20}})),
        (
            ["--prompt", "x", "--strength", "50", "--contrast", "40"],
            overridden(GOLDEN.scaled(0.5, 0.5, 0.5), {("adjust", "contrast"): 40.0}),
        ),
        (["--filter", "north"], Edit.from_dict({"filter": {"name": "north", "intensity": 100}})),
        (["--prompt", "x", "--filter", "north"], overridden(GOLDEN, {("filter", "name"): "north"})),
        (["--prompt", "x", "--filter", "none"], GOLDEN.model_copy_validated(filter=None)),
        (["--prompt", "x", "--intensity", "70"], overridden(GOLDEN, {("filter", "intensity"): 70.0})),
        (["--linearOffset", "25"], Edit.from_dict({"adjust": {"linearOffset": 25}})),
        (["--linear-offset", "25"], Edit.from_dict({"adjust": {"linearOffset": 25}})),
    ],
)
def test_strength_and_filter_options(here, arguments, wanted):
    assert main([*arguments, "--save-recipe", "r.json"]) == 0
    assert Edit.load("r.json") == wanted


def test_every_parameter_of_the_tools_is_an_option_and_in_the_help(capsys):
    options = {option.path: option for option in edit_options()}
    assert set(options) == (
        {("adjust", p) for p in ADJUST_PARAMETERS}
        | {("selective_adjust", *p) for p in SELECTIVE_PARAMETERS}
        | {("filter", "name"), ("filter", "intensity")}
    )
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for option in options.values():
        assert option.flags[0] in shown
    for color in COLORS:
        assert f"--{color}-luminance" in shown


def test_a_request_that_is_no_colour_request_says_so(here, photo, capsys):
    assert main(["photo.png", "out.png", "--prompt", "add a dog"]) == 0
    assert "no colour request" in capsys.readouterr().err
    assert np.array_equal(load_image("out.png").pixels, photo.pixels)


def test_without_its_weights_the_student_is_replaced_and_that_is_said(here, monkeypatch, capsys):
    def load(name):
        if name == "student":
            raise UserError("The student's weights are missing")
        return FakePlanner()

    monkeypatch.setattr("student.planners.load_planner", load)
    assert main(["photo.png", "out.png", "-p", "golden hour"]) == 0
    assert "weights are missing" in capsys.readouterr().err


def test_format_depth_quality_and_place(here, photo):
    exif = Image.Exif()
    exif[Base.Model] = "Box"
    exif[IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.0)}
    Image.fromarray(photo.pixels).save("camera.jpg", exif=exif.tobytes())
    assert main(["camera.jpg", "deep.tif", "--contrast", "5", "--depth", "16"]) == 0
    assert load_image("deep.tif").bit_depth == 16
    assert main(["camera.jpg", "small.webp", "--contrast", "5", "--quality", "10", "--strip-gps"]) == 0
    assert main(["camera.jpg", "large.webp", "--contrast", "5", "--quality", "95"]) == 0
    assert Path("small.webp").stat().st_size < Path("large.webp").stat().st_size
    with Image.open("small.webp") as small, Image.open("large.webp") as large:
        assert not small.getexif().get_ifd(IFD.GPSInfo)
        assert large.getexif().get_ifd(IFD.GPSInfo)[1] == "N"
        assert small.getexif()[Base.Model] == "Box"


def test_notes_reach_the_user(here, photo, capsys):
    save_image(Picture(photo.pixels, np.full(photo.pixels.shape[:2], 128, np.uint8)), "clear.png")
    assert main(["clear.png", "out.jpg", "--contrast", "5"]) == 0
    assert "laid over white" in capsys.readouterr().err


def test_a_cube_file_is_a_filter(here, photo):
    axis = np.linspace(0, 1, 5)
    table = 1 - np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    write_cube(Cube(title="inverse", table=table), Path("my look.cube"))
    assert main(["photo.png", "out.png", "--filter", "my look.cube"]) == 0
    presets = Presets.builtin().with_file("my look.cube")
    edit = Edit.from_dict({"filter": {"name": presets.names[-1], "intensity": 100}})
    assert np.array_equal(load_image("out.png").pixels, render(photo.pixels, edit, presets))
    assert main(["--filter", "my look.cube", "--save-recipe", "r.json"]) == 0
    assert Edit.load("r.json") == edit


# ---- recipe, table, dry run --------------------------------------------------------------------


def test_saved_cube_is_the_edits_table_and_says_what_it_lacks(here, capsys):
    assert main(["--prompt", "golden hour", "--save-cube", "look.cube"]) == 0
    assert "cannot hold bloom" in capsys.readouterr().err
    baked = bake_edit(GOLDEN, Presets.builtin(), 65).table
    assert np.abs(read_cube("look.cube").table - baked).max() < 1e-5


def test_dry_run_writes_nothing(here, capsys):
    before = files(here)
    arguments = [
        "photo.png",
        "new/",
        "-p",
        "golden hour",
        "--dry-run",
        "--save-recipe",
        "r.json",
        "--save-cube",
        "l.cube",
    ]
    assert main(arguments) == 0
    assert files(here) == before
    assert not Path("new").exists()
    shown = capsys.readouterr().out
    assert str(Path("new/photo_golden-hour.png")) in shown
    assert "temperature +35" in shown


def test_nothing_is_overwritten_unless_told(here, capsys):
    assert main(["photo.png", "out.png", "--contrast", "5"]) == 0
    before = Path("out.png").read_bytes()
    assert main(["photo.png", "out.png", "--contrast", "50"]) == 1
    assert capsys.readouterr().err.startswith("Error: out.png already exists")
    assert Path("out.png").read_bytes() == before
    assert main(["photo.png", "out.png", "--contrast", "50", "--overwrite"]) == 0
    assert Path("out.png").read_bytes() != before
    Path("r.json").write_text("mine", encoding="utf-8")
    assert main(["--contrast", "5", "--save-recipe", "r.json"]) == 1
    assert Path("r.json").read_text(encoding="utf-8") == "mine"


# ---- many files --------------------------------------------------------------------------------


def test_a_bad_file_does_not_stop_the_rest(here, photo, capsys):
    Path("in").mkdir()
    for name in ("a.png", "c.jpg"):
        save_image(photo, Path("in") / name)
    Path("in/b.jpg").write_text("not a picture", encoding="utf-8")
    Path("in/notes.txt").write_text("ignored", encoding="utf-8")
    assert main(["in", "out", "--prompt", "golden hour"]) == 1
    captured = capsys.readouterr()
    assert (
        captured.err
        == "Error: b.jpg is a text file, not a picture: choose a JPEG, PNG, WebP, TIFF, HEIC or AVIF picture.\n"
    )
    assert captured.out.endswith("2 of 3 files graded, 1 failed.\n")
    assert files(Path("out")) == ["a_golden-hour.png", "c_golden-hour.jpg"]
    assert np.array_equal(load_image("out/a_golden-hour.png").pixels, expected(photo, GOLDEN))


def test_several_processes_give_the_same_pictures(here, photo):
    Path("in").mkdir()
    for i in range(4):
        save_image(photo.with_pixels(np.roll(photo.pixels, i, axis=1)), f"in/p{i}.png")
    Path("in/p9.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["in", "many", "--contrast", "20", "--jobs", "2"]) == 1
    assert main(["in", "one", "--contrast", "20", "--jobs", "1"]) == 1
    assert files(Path("many")) == files(Path("one")) == [f"p{i}_graded.png" for i in range(4)]
    for name in files(Path("one")):
        assert (Path("many") / name).read_bytes() == (Path("one") / name).read_bytes()


def test_globs_folders_and_lists(here, photo):
    for name in ("a/x.png", "b/x.png", "b/y.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        save_image(photo, name)
    assert [p.as_posix() for p in find_sources(["a/*.png", "b", "a/x.png"])] == ["a/x.png", "b/x.png", "b/y.jpg"]
    assert len(find_sources(["**/x.*"])) == 2
    assert main(["a/x.png", "b/x.png", "out", "--contrast", "5", "--format", "webp"]) == 0
    assert files(Path("out")) == ["x_graded-2.webp", "x_graded.webp"]


def test_where_files_go(here):
    sources = [Path(n) for n in ("p.heic", "q.gif", "r.tif", "v.mov")]
    targets = [job.target.name for job in plan_jobs(sources, "out", "Vibe!", None, single=False)]
    assert targets == ["p_vibe.jpg", "q_vibe.png", "r_vibe.tif", "v_vibe.mp4"]
    assert plan_jobs(sources[:1], "x.jpg", "", None, single=True)[0].target == Path("x.jpg")
    with pytest.raises(UserError, match="give a folder"):
        plan_jobs(sources, "x.jpg", "", None, single=False)


@pytest.fixture
def clip(here):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1"]
    command += ["-f", "lavfi", "-i", "sine=d=1", "-c:v", "libx264", "-c:a", "aac", "clip.mov"]
    subprocess.run(command, check=True)
    return Path("clip.mov")


def test_videos_are_exported_beside_pictures(clip, here):
    from editor.video import probe

    assert main(["clip.mov", "photo.png", "out", "--prompt", "golden hour"]) == 0
    assert files(Path("out")) == ["clip_golden-hour.mp4", "photo_golden-hour.png"]
    graded = probe("out/clip_golden-hour.mp4")
    assert (graded.width, graded.height) == (64, 48)
    assert graded.has_audio


def test_a_video_needs_a_video_name(clip, here, capsys):
    assert main(["clip.mov", "out.jpg", "--contrast", "5"]) == 1
    assert ".mp4" in capsys.readouterr().err
    assert main(["photo.png", "out.mp4", "--contrast", "5"]) == 1
    assert files(here) == ["clip.mov", "photo.png"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_an_export_and_leaves_nothing(clip, here, monkeypatch, capsys, number):
    from editor import batch

    export_video = batch.export_video

    def interrupted(*arguments, cancel, **options):
        os.kill(os.getpid(), number)
        assert cancel.wait(5)
        return export_video(*arguments, cancel=cancel, **options)

    monkeypatch.setattr(batch, "export_video", interrupted)
    before = signal.getsignal(number)
    assert main(["clip.mov", "out.mp4", "--contrast", "5"]) == 130
    assert capsys.readouterr().err == "Error: Stopped.\n"
    assert files(here) == ["clip.mov", "photo.png"]
    assert signal.getsignal(number) is before


# ---- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["info", "INFO", "Info"])
def test_cube_info(here, capsys, verb):
    write_cube(Cube(title="Warm", table=bake_edit(GOLDEN, Presets.builtin(), 9).table), Path("w.cube"))
    assert main(["cube", verb, "w.cube"]) == 0
    shown = capsys.readouterr().out
    assert "Warm" in shown
    assert "9 nodes a side" in shown
    assert "0 0 0 to 1 1 1" in shown


def test_cube_to_hald_and_back(here, capsys):
    table = bake_edit(GOLDEN, Presets.builtin(), 16).table
    write_cube(Cube(title="Warm", table=table), Path("w.cube"))
    assert main(["cube", "convert", "w.cube", "w.png"]) == 0
    assert main(["cube", "CONVERT", "w.png", "back.cube"]) == 0
    assert np.abs(read_cube("back.cube").table - np.clip(table, 0, 1)).max() < 2 / 65535
    assert main(["cube", "convert", "w.cube", "w.png"]) == 1
    assert "already exists" in capsys.readouterr().err
    assert main(["cube", "convert", "w.cube", "w.png", "--overwrite", "--level", "5", "--depth", "8"]) == 0
    with Image.open("w.png") as image:
        assert image.size == (125, 125)


def test_cube_says_when_a_table_does_nothing(here, capsys):
    Path("id.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n", encoding="utf-8")
    assert main(["cube", "info", "id.cube"]) == 0
    assert "identity" in capsys.readouterr().out


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["photo.png", "out.png"], 2, "Say what to do"),
        (["photo.png", "--contrast", "5"], 2, "INPUT and an OUTPUT"),
        (["photo.png", "out.png", "-p", "x", "--recipe", "r.json"], 2, "not both"),
        (["photo.png", "out.png", "--contrast", "500"], 2, "--contrast"),
        (["photo.png", "out.png", "--contrast", "much"], 2, "--contrast"),
        (["photo.png", "out.png", "--contrast", "nan"], 2, "contrast"),
        (["photo.png", "out.png", "--kontrast", "5"], 2, "--kontrast"),
        (["photo.png", "out.png", "--filter", "vived"], 1, "did you mean vivid"),
        (["photo.png", "out.png", "--filter", "gone.cube"], 1, "gone.cube"),
        (["photo.png", "out.png", "--intensity", "5"], 1, "--filter"),
        (["photo.png", "out.png", "--recipe", "gone.json"], 1, "cannot be read"),
        (["photo.png", "out.png", "--recipe", "photo.png"], 1, "cannot be used"),
        (["gone.png", "out.png", "--contrast", "5"], 1, "no file gone.png"),
        (["*.gone", "out", "--contrast", "5"], 1, "No file matches"),
        (["photo.png", "out.gif", "--contrast", "5"], 1, "written as"),
        (["photo.png", "out.jpg", "--contrast", "5", "--depth", "16"], 1, "PNG or TIFF"),
        (["photo.png", "no/such/out.png", "--contrast", "5", "--save-cube", "no/l.cube"], 1, "no folder"),
        (["cube", "info", "gone.cube"], 1, "no file gone.cube"),
        (["cube", "info", "photo.png"], 1, "HaldCLUT"),
        (["cube", "melt", "photo.png"], 2, "melt"),
        (["cube", "info"], 2, "file"),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing_behind(here, capsys, arguments, code, words):
    before = sorted(here.rglob("*"))
    assert main(arguments) == code
    message = capsys.readouterr().err
    assert message.startswith("Error: ")
    assert words in message
    assert message.count("\n") == 1
    assert "Traceback" not in message
    assert sorted(here.rglob("*")) == before


def test_a_bad_single_input_leaves_no_new_folder(here, capsys):
    Path("empty.jpg").touch()
    assert main(["empty.jpg", "new/deep/", "--contrast", "5"]) == 1
    assert "zero bytes" in capsys.readouterr().err
    assert not Path("new").exists()


def test_ctrl_c_ends_quietly(here, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("editor.cli._load_planner", stop)
    assert main(["photo.png", "out.png", "-p", "x"]) == 130
    assert capsys.readouterr().err == "Error: Stopped.\n"


def test_python_m_editor(here):
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "editor", str(here / "photo.png"), str(here / "out.png"), "--saturation", "-100"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    grey = load_image(here / "out.png").pixels
    assert (grey == grey[..., :1]).all()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: out.png already exists")

"""The mapping of preset names to tables: lazy, immutable, session files with tidy unique names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from editor import presets as module
from editor.cube import Cube, CubeError, write_cube
from editor.errors import UserError
from editor.lut import grid
from editor.presets import Presets


@pytest.fixture
def folder(tmp_path):
    for name, gain in (("faded_Mist", 0.8), ("north", 0.9), ("Ultra", 1.2)):
        write_cube(Cube(title=name, table=grid(5) * gain), tmp_path / f"{name}.cube")
    (tmp_path / "broken.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    (tmp_path / ".north.cube.1.part").write_text("unfinished")
    (tmp_path / "recipes.py").write_text("")
    return tmp_path


@pytest.fixture
def presets(folder, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", folder)
    return Presets.builtin()


def test_builtin_lists_the_folder_without_parsing_it(presets):
    assert presets.names == ("Ultra", "broken", "faded_Mist", "north")  # broken.cube would raise if parsed
    assert len(presets) == 4
    assert "north" in presets
    assert "North" not in presets
    assert list(presets) == list(presets.names)


def test_builtin_is_scanned_once(presets):
    assert Presets.builtin() is presets


def test_the_same_name_gives_the_same_table_object(presets):
    assert presets.get("north") is presets.get("north") is presets["north"]
    np.testing.assert_allclose(presets.get("north").table, grid(5) * 0.9, atol=1e-6)


def test_a_table_is_parsed_once_however_many_threads_ask(presets, monkeypatch):
    calls = []
    read = module.read_cube
    monkeypatch.setattr(module, "read_cube", lambda path: calls.append(path) or read(path))
    with ThreadPoolExecutor(8) as pool:
        tables = set(pool.map(lambda _: presets.get("Ultra"), range(32)))
    assert len(tables) == len(calls) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("North", "There is no preset 'North'; did you mean north?"),
        ("fadedmist", "There is no preset 'fadedmist'; did you mean faded_Mist?"),
        ("zzz", "There is no preset 'zzz'; there are 4 presets."),
    ],
)
def test_an_unknown_name_is_answered_with_close_ones(presets, name, message):
    with pytest.raises(UserError) as caught:
        presets.get(name)
    assert str(caught.value) == message


def test_a_broken_preset_file_says_what_is_wrong_when_asked_for(presets):
    with pytest.raises(CubeError, match=r"broken\.cube: line 2: the table ends after 1 of 8 rows"):
        presets.get("broken")
    with pytest.raises(KeyError):
        presets["missing"]


def test_with_file_adds_one_and_leaves_the_others_alone(presets, tmp_path):
    path = tmp_path / "My Look (v2).cube"
    write_cube(Cube(table=grid(3) * 0.5), path)
    more = presets.with_file(path)
    assert more.names == (*presets.names, "My_Look_v2")
    assert presets.names == ("Ultra", "broken", "faded_Mist", "north")
    np.testing.assert_array_equal(more.get("My_Look_v2").table, grid(3) * np.float32(0.5))
    assert more.get("north") is presets.get("north")
    assert more.with_file(path).names[-1] == "My_Look_v2_2"
    assert more.with_file(path).with_file(path).names[-1] == "My_Look_v2_3"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("north.cube", "north_2"),
        ("NORTH.cube", "NORTH_2"),
        ("none.cube", "none_2"),
        ("../../etc/pass wd.cube", "pass_wd"),
        ("<script>.cube", "script"),
        ("夕焼け.cube", "夕焼け"),
        ("...cube", "preset"),
        ("x" * 300 + ".cube", "x" * 60),
        ("Look 1.5.cube", "Look_1.5"),
    ],
)
def test_names_of_session_presets_are_tidy_and_unique(presets, tmp_path, name, expected):
    path = tmp_path / "upload.cube"
    write_cube(Cube(table=grid(2)), path)
    assert presets.with_file(path, name).names[-1] == expected


def test_curves_and_shapers_are_baked(tmp_path):
    curve = np.linspace(0, 1, 33)[:, None] ** np.ones(3) / 2
    write_cube(Cube(shaper=curve), tmp_path / "curve.cube")
    write_cube(Cube(shaper=curve, table=grid(2)), tmp_path / "both.cube")
    presets = Presets().with_file(tmp_path / "curve.cube").with_file(tmp_path / "both.cube")
    for name in presets:
        np.testing.assert_allclose(presets.get(name).table, grid(65) / 2, atol=1e-6)


def test_a_bad_session_file_is_refused_at_once_by_its_shown_name(tmp_path):
    path = tmp_path / "tmpabc123.cube"
    path.write_bytes(b"\x00\x01")
    with pytest.raises(CubeError, match=r"^look\.cube: line 1: the file is not plain text"):
        Presets().with_file(path, "look.cube")


def test_warnings_of_a_session_file_are_kept(tmp_path):
    path = tmp_path / "odd.cube"
    write_cube(Cube(table=grid(2)), path)
    path.write_text("LUT_IN_VIDEO_RANGE\n" + path.read_text())
    presets = Presets().with_file(path)
    assert presets.warnings("odd") == ("Line 1 was ignored: 'LUT_IN_VIDEO_RANGE' is no .cube keyword.",)
    assert Presets.builtin().warnings("north") == ()

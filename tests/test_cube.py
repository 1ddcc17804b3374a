"""The .cube reader and writer against OpenColorIO, a foreign collection and one broken thing a case."""

from __future__ import annotations

import csv
import re
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest

from editor.cube import MAX_3D_SIZE, Cube, CubeError, format_cube, parse_cube, read_cube, write_cube
from editor.lut import Lut, apply_lut

EXTERNAL = Path(__file__).parents[1] / ".." / "shared" / "external"
ROWS_3D = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
VALID = f'TITLE "Sample"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n{ROWS_3D}'


def external_cubes() -> list[dict[str, str]]:
    index = EXTERNAL / "index.tsv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["file"].startswith("cube/")]


CUBES = external_cubes()
ACCEPTED = [row for row in CUBES if not row["expected outcome"].startswith("rejects")]
needs_external = pytest.mark.skipif(not CUBES, reason="../shared/external is absent")


def ocio_cube(cube: Cube) -> ocio.CPUProcessor:
    """The same table as OpenColorIO's own operators: range, 1D, range, 3D tetrahedral."""
    group = ocio.GroupTransform()

    def to_unit(domain: np.ndarray) -> None:
        low, high = domain
        scale = 1 / (high - low)
        matrix = np.diag([*scale, 1.0])
        group.appendTransform(ocio.MatrixTransform(matrix.ravel().tolist(), [*(-low * scale), 0.0]))

    if cube.shaper is not None:
        to_unit(cube.shaper_domain)
        curve = ocio.Lut1DTransform(len(cube.shaper), False)
        curve.setData(cube.shaper.astype(np.float32).ravel())
        group.appendTransform(curve)
    if cube.table is not None:
        to_unit(cube.domain)
        table = ocio.Lut3DTransform(len(cube.table))
        table.setInterpolation(ocio.INTERP_TETRAHEDRAL)
        table.setData(cube.table.astype(np.float32).ravel())
        group.appendTransform(table)
    return ocio.Config.CreateRaw().getProcessor(group).getDefaultCPUProcessor()


def ocio_values(processor: ocio.CPUProcessor, rgb: np.ndarray) -> np.ndarray:
    pixels = np.ascontiguousarray(rgb, dtype=np.float32)
    processor.applyRGB(pixels)
    return pixels


@needs_external
@pytest.mark.parametrize("row", CUBES, ids=lambda row: row["file"].removeprefix("cube/"))
def test_every_foreign_file_loads_or_is_refused_as_its_index_says(row):
    path = EXTERNAL / row["file"]
    if row not in ACCEPTED:
        with pytest.raises(CubeError, match=re.escape(path.name)):
            read_cube(path)
        return
    cube = read_cube(path)
    # Two of the colour points that OpenColorIO was seen to give, where it reads the file
    seen = re.search(r"OCIO2.6 OK \.5->(\S+) \(\.25,\.5,\.75\)->([^;]+);", row["observed with reference tools"])
    if seen:
        expected = [[float(v) for v in group.split(",")] for group in seen.groups()]
        np.testing.assert_allclose(cube.evaluate([[0.5] * 3, [0.25, 0.5, 0.75]]), expected, atol=1.01e-4)


def foreign(name: str) -> Cube:
    return read_cube(EXTERNAL / "cube" / f"{name}.cube")


@needs_external
def test_values_stated_in_the_index():
    cube = foreign("OpenColorIO__iridas_3d")
    assert (cube.domain.tolist(), cube.table[1, 1, 1].tolist()) == ([[0, 1, 0], [2, 2, 1]], [2, 2, 2])
    cube = foreign("OpenColorIO__resolve_1d3d")
    assert (cube.shaper[0].tolist(), cube.shaper[5].tolist()) == ([3.3, 3.4, 3.5], [0, 0, 0])
    assert (cube.shaper_domain[:, 0].tolist(), cube.domain[:, 2].tolist()) == ([-1, 3], [0, 4])
    assert cube.table[0, 0, 0].tolist() == [1.1, 1.1, 1.1]
    cube = foreign("colour_iridas_Colour_Correct")
    assert cube.table[1, 0, 0].tolist() == [0.398947, -0.017706, -0.017706]
    assert cube.table[3, 0, 0, 0] == 1.196841
    cube = foreign("colour_iridas_Demo")
    assert (cube.kind, cube.shaper_domain[1].tolist()) == ("1D, 3 entries", [1, 2, 3])
    assert foreign("colour_iridas_RGB_1_0.5_0.25").evaluate([1, 1, 1]).tolist() == [1, 0.5, 0.25]
    assert foreign("colour_iridas_Three_Dimensional_Table").evaluate([0, 1, 0]).tolist() == [0, 0.75, 0]
    cube = foreign("colour_iridas_eotf_sRGB_3D")
    assert cube.domain.tolist() == [[-0.1, -0.15, -0.2], [1.5, 2, 3]]
    assert cube.table.min() < 0
    identity = foreign("colour_resolve_Demo").evaluate([[0.3, 1.2, 2.9], [4, -1, 3]])
    np.testing.assert_allclose(identity, [[0.3, 1.2, 2.9], [3, 0, 3]], atol=1e-12)
    cube = foreign("colour_resolve_Three_Dimensional_Table_With_Shaper")
    assert (cube.title, cube.kind) == ("LUT3D with My Shaper", "1D shaper, 10 entries, and 3D, 3 nodes a side")
    assert cube.domain[:, 0].tolist() == cube.shaper_domain[:, 0].tolist() == [-0.1, 3]
    cube = foreign("colour_resolve_eotf_sRGB_3D")
    assert cube.domain[:, 1].tolist() == [-1, 3]
    assert "LUT_1D_INPUT_RANGE" in cube.warnings[0]
    assert foreign("cubeloader_clip_3d").table[0, 0, 0].tolist() == [1.1, 100, -1.5]
    assert foreign("cubeloader_crlf_1d").shaper.tolist() == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    assert foreign("ocio_iridas_inline_6").domain.tolist() == [[0.25, 0.5, 0.75], [1.5, 2.5, 3.5]]
    assert foreign("ocio_resolve_inline_5").kind == "1D shaper, 2 entries, and 3D, 2 nodes a side"


@needs_external
@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row["file"].removeprefix("cube/"))
def test_foreign_tables_evaluate_and_bake_like_opencolorio(row):
    cube = read_cube(EXTERNAL / row["file"])
    rgb = np.random.default_rng(1).uniform(-0.5, 3.5, (4000, 3))
    expected = ocio_values(ocio_cube(cube), rgb)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(cube.evaluate(rgb), expected, atol=2e-5 * scale)
    baked = cube.to_lut(33).table
    axis = np.linspace(0, 1, 33)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    np.testing.assert_allclose(baked, ocio_values(ocio_cube(cube), nodes), atol=2e-5 * scale)


def test_valid_sample():
    cube = parse_cube(VALID)
    assert (cube.title, cube.warnings, cube.is_plain, cube.kind) == ("Sample", (), True, "3D, 2 nodes a side")
    rgb = np.random.default_rng(0).random((100, 3))
    np.testing.assert_allclose(cube.evaluate(rgb), rgb, atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        VALID.replace("\n", "\r\n"),
        VALID.replace("\n", "\r"),
        "\ufeff" + VALID,
        VALID.rstrip("\n"),
        VALID.replace("1 0 0\n", "1 0 0\n\n# between rows\n \t \n"),
        VALID.replace("1 0 0\n", "1.0 +0e0 .0  # after a row\n"),
        VALID.replace("1 0 0\n", "1.E0\t0\t-0.\n"),
        VALID.replace("LUT_3D_SIZE 2", "  lut_3d_size\t2  # a comment"),
        'DOMAIN_MAX 1 1 1\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nTITLE "Sample"\n' + ROWS_3D,
        f'LUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1\nDOMAIN_MAX 1 1 1\nTITLE "Sample"  # same range twice\n{ROWS_3D}',
        f"TITLE Sample\nLUT_3D_SIZE 2\n{ROWS_3D}",
        f"# the # sign in a title is no comment\nTITLE\tSample\nLUT_3D_SIZE 2\n{ROWS_3D}\n\n# the end",
    ],
)
def test_spellings_with_one_clear_meaning_load_the_same(text):
    cube, reference = parse_cube(text.encode()), parse_cube(VALID)
    assert (cube.title, cube.warnings) == ("Sample", ())
    np.testing.assert_array_equal(cube.table, reference.table)
    np.testing.assert_array_equal(cube.domain, reference.domain)


def test_titles():
    assert parse_cube(f'TITLE "Look #3 of 5"\nLUT_3D_SIZE 2\n{ROWS_3D}').title == "Look #3 of 5"
    assert parse_cube(f"TITLE\nLUT_3D_SIZE 2\n{ROWS_3D}").title == ""
    assert parse_cube(f'TITLE "Été"\nLUT_3D_SIZE 2\n{ROWS_3D}'.encode("latin-1")).title == "Été"


def test_rows_are_red_fastest():
    text = "LUT_3D_SIZE 2\n" + "".join(f"{i} {i / 10} {i / 100}\n" for i in range(8))
    table = parse_cube(text).table
    assert (table[1, 0, 0, 0], table[0, 1, 0, 0], table[0, 0, 1, 0]) == (1, 2, 4)


def test_unknown_keywords_are_ignored_with_a_warning():
    cube = parse_cube(VALID.replace("LUT_3D_SIZE", "LUT_IN_VIDEO_RANGE\nLUT_3D_SIZE"))
    assert cube.warnings == ("Line 2 was ignored: 'LUT_IN_VIDEO_RANGE' is no .cube keyword.",)


def test_range_of_a_table_that_is_not_there():
    swapped = parse_cube(f"LUT_3D_SIZE 2\nLUT_1D_INPUT_RANGE -1 3\n{ROWS_3D}")
    assert swapped.domain[:, 0].tolist() == [-1, 3]
    assert swapped.warnings == (
        "Line 2: LUT_1D_INPUT_RANGE was read as LUT_3D_INPUT_RANGE, the range of the only table.",
    )
    surplus = parse_cube(f"LUT_3D_SIZE 2\nLUT_1D_INPUT_RANGE -1 3\nLUT_3D_INPUT_RANGE 0 2\n{ROWS_3D}")
    assert surplus.domain[:, 0].tolist() == [0, 2]
    assert surplus.warnings == ("Line 2 was ignored: LUT_1D_INPUT_RANGE without such a table.",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (" \r\n\t", "the file is empty"),
        ("hello world\n", "no LUT_1D_SIZE or LUT_3D_SIZE line"),
        (VALID.replace("LUT_3D_SIZE 2\n", ""), "no LUT_1D_SIZE or LUT_3D_SIZE line"),
        (VALID.replace("SIZE 2", "SIZE"), "line 2: LUT_3D_SIZE needs one whole number, found ''"),
        (VALID.replace("SIZE 2", "SIZE 2 2"), "line 2: LUT_3D_SIZE needs one whole number, found '2 2'"),
        (VALID.replace("SIZE 2", "SIZE 2.0"), "line 2: LUT_3D_SIZE needs one whole number, found '2.0'"),
        (VALID.replace("SIZE 2", "SIZE -2"), "line 2: LUT_3D_SIZE needs one whole number"),
        (VALID.replace("SIZE 2", "SIZE 1"), "line 2: LUT_3D_SIZE must be from 2 to 256, found 1"),
        (VALID.replace("SIZE 2", "SIZE 257"), "line 2: LUT_3D_SIZE must be from 2 to 256, found 257"),
        (VALID.replace("SIZE 2", "SIZE 99999999999999999999"), "line 2: LUT_3D_SIZE needs one whole number"),
        (VALID.replace("LUT_3D_SIZE 2", "LUT_1D_SIZE 65537"), "line 2: LUT_1D_SIZE must be from 2 to 65536"),
        (VALID.replace("E 2", "E 2\nLUT_3D_SIZE 2"), "line 3: LUT_3D_SIZE was given before, on line 2"),
        (VALID.replace("MIN 0 0 0", "MIN 0 0"), "line 3: DOMAIN_MIN needs 3 numbers, found 2"),
        (VALID.replace("MAX 1 1 1", "MAX 1 1 1 1"), "line 4: DOMAIN_MAX needs 3 numbers, found 4"),
        (VALID.replace("MAX 1 1 1", "MAX 1 one 1"), "line 4: 'one' is not a finite number"),
        (VALID.replace("MAX 1 1 1", "MAX 1 0 1"), "line 4: the input range is reversed or empty"),
        (VALID.replace("MIN 0 0 0", "MIN 2 0 0"), "line 4: the input range is reversed or empty"),
        (VALID.replace("MAX 1 1 1", "MAX 1e-320 1 1"), "line 4: the input range is reversed or empty"),
        (VALID.replace("MAX 1 1 1", "MAX 1e39 1 1"), "line 4: '1e39' is too large"),
        (VALID.replace("MAX 1 1 1", "MAX 1 1 1\nLUT_3D_INPUT_RANGE 0 2"), "line 4: DOMAIN_MIN and DOMAIN_MAX"),
        (VALID.replace("LUT_3D_SIZE", "LUT_1D_SIZE 2\nLUT_3D_SIZE"), "line 4: DOMAIN_MIN is ambiguous"),
        (VALID.replace("1 0 0\n", "1 0 nan\n"), "line 6: 'nan' is not a finite number"),
        (VALID.replace("1 0 0\n", "1 0 -inf\n"), "line 6: '-inf' is not a finite number"),
        (VALID.replace("0 0 0\n1 0 0\n", "nan 0 0\n1 0 0\n"), "line 5: 'nan' is not a finite number"),
        (VALID.replace("1 0 0\n", "1 0 1e400\n"), "line 6: '1e400' is too large"),
        (VALID.replace("1 0 0\n", "1 0 1e39\n"), "line 6: '1e39' is too large"),
        (VALID.replace("1 0 0\n", "1 0 x\n"), "line 6: 'x' is not a finite number"),
        (VALID.replace("1 0 0\n", "1 0 0x1p3\n"), "line 6: '0x1p3' is not a finite number"),
        (VALID.replace("1 0 0\n", "1 0 1_0\n"), "line 6: '1_0' is not a finite number"),
        (VALID.replace("1 0 0\n", "1 0 ١\n"), "line 6: '١' is not a finite number"),
        (VALID.replace("1 0 0\n", "1,0 0,0 0,0\n"), "line 6: '1,0' is not a finite number; decimals need a point"),
        (VALID.replace("1 0 0\n", "1 0\n"), "line 6: a row needs three numbers, found 2"),
        (VALID.replace("1 0 0\n", "1 0 0 1\n"), "line 6: a row needs three numbers, found 4"),
        (VALID.replace("1 0 0\n", "\n# c\n\n1 0\n"), "line 9: a row needs three numbers, found 2"),
        (VALID.replace(ROWS_3D, "1 2 3 4 5 6\n" * 4), "line 5: a row needs three numbers, found 6"),
        (VALID.replace("1 0 0\n", "DOMAIN_MAX 2 2 2\n"), "line 6: DOMAIN_MAX comes after the first row"),
        (VALID + "1 1 1\n", "line 13: a row too many, the stated size needs 8"),
        (VALID.removesuffix("1 1 1\n"), "line 11: the table ends after 7 of 8 rows"),
        ("LUT_3D_SIZE 2\n", "the table ends after 0 of 8 rows"),
        ("LUT_1D_SIZE 65536\n0 0 0\n", "line 2: the table ends after 1 of 65536 rows"),
        ("what is this\n" * 200, "line 101: too many lines that are no .cube keyword"),
    ],
)  # fmt: skip
def test_one_broken_thing_is_refused_with_its_line(text, message):
    with pytest.raises(CubeError, match=re.escape(message)):
        parse_cube(text)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (VALID.encode("utf-16"), "UTF-16"),
        (VALID.encode("utf-16-be"), "not plain text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 2: the file is not plain text"),
        (np.random.default_rng(0).bytes(5000), "not plain text"),
        (VALID.encode() + b"\n\n\x00", "line 15: the file is not plain text"),
    ],
)
def test_binary_content_is_refused(data, message):
    with pytest.raises(CubeError, match=message):
        parse_cube(data)


def test_noise_never_raises_anything_but_cube_error():
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(VALID.encode())
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(9, 256)
        with suppress(CubeError):
            assert np.isfinite(parse_cube(bytes(data)).evaluate([0.5, 0.5, 0.5])).all()


def test_stated_size_allocates_nothing_before_the_rows_are_counted():
    tracemalloc.start()
    with pytest.raises(CubeError, match=rf"1 of {MAX_3D_SIZE**3} rows"):
        parse_cube(f"LUT_3D_SIZE {MAX_3D_SIZE}\n0 0 0\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_read_cube_names_the_file(tmp_path):
    with pytest.raises(CubeError, match=r"^gone\.cube: cannot be read"):
        read_cube(tmp_path / "gone.cube")
    with pytest.raises(CubeError, match=r"^my look\.cube: line 6: a row needs"):
        read_cube(VALID.replace("1 0 0\n", "1 0\n").encode(), name="my look.cube")
    huge = tmp_path / "huge.cube"
    with huge.open("wb") as file:
        file.truncate(201 * 2**20)  # sparse
    with pytest.raises(CubeError, match=r"^huge\.cube: the file is larger than 200 MB"):
        read_cube(huge)


@pytest.mark.parametrize(
    "cube",
    [
        Cube(title="plain", table=np.random.default_rng(0).normal(0.5, 1, (5, 5, 5, 3))),
        Cube(table=np.random.default_rng(1).random((2, 2, 2, 3)), domain=np.array([[-0.1, 0, 0.25], [1.5, 2, 3]])),
        Cube(title="up", shaper=np.random.default_rng(2).random((7, 3)), shaper_domain=np.array([[0] * 3, [1, 2, 3]])),
        Cube(
            shaper=np.random.default_rng(3).random((4, 3)),
            shaper_domain=np.array([[-0.1] * 3, [3.0] * 3]),
            table=np.random.default_rng(4).random((3, 3, 3, 3)),
            domain=np.array([[0.0] * 3, [1.1] * 3]),
        ),
    ],
)  # fmt: skip
def test_writing_and_reading_returns_the_table(cube, tmp_path):
    path = tmp_path / "table.cube"
    write_cube(cube, path)
    back = read_cube(path)
    assert (back.title, back.kind, back.warnings) == (cube.title, cube.kind, ())
    for name in ("shaper", "table"):
        before, after = getattr(cube, name), getattr(back, name)
        assert (before is None) == (after is None)
        if before is not None:
            np.testing.assert_allclose(after, before, atol=5.1e-7)
    np.testing.assert_array_equal(back.domain if cube.table is not None else back.shaper_domain,
                                  cube.domain if cube.table is not None else cube.shaper_domain)  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["table.cube"]


def test_text_is_normalised():
    table = np.zeros((2, 2, 2, 3))
    table[1, 0, 0] = (-1e-9, 0.1234567, 2)
    text = format_cube(Cube(title='Café "noir"\nno 5 🔥', table=table))
    assert text.isascii()
    assert "\r" not in text
    lines = text.splitlines()
    assert lines[:4] == [
        "TITLE \"Cafe 'noir' no 5\"",
        "LUT_3D_SIZE 2",
        "0.000000 0.000000 0.000000",
        "0.000000 0.123457 2.000000",
    ]
    assert len(lines) == 10


def test_shaper_with_different_channel_ranges_cannot_be_written():
    domain = np.array([[0, 0, 0], [1, 1, 2.0]])
    cube = Cube(shaper=np.zeros((2, 3)), shaper_domain=domain, table=np.zeros((2, 2, 2, 3)))
    with pytest.raises(CubeError, match="another range in each channel"):
        format_cube(cube)


def test_plain_table_becomes_a_lut_with_its_own_nodes():
    table = np.random.default_rng(0).random((5, 5, 5, 3))
    np.testing.assert_array_equal(Cube(table=table).to_lut().table, table.astype(np.float32))
    assert Cube(table=table).to_lut(9).size == 9
    np.testing.assert_allclose(Cube(table=table).to_lut(9).table[::2, ::2, ::2], table, atol=1e-6)


def test_tables_larger_than_opencolorio_takes_are_resampled():
    axis = np.linspace(0, 1, 130)
    table = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1) * 0.5 + 0.1
    lut = Cube(table=table).to_lut()
    assert lut.size == 65
    np.testing.assert_allclose(lut.table, Lut.identity(65).table * 0.5 + 0.1, atol=1e-6)


def test_one_dimensional_curve_bakes_to_a_lut():
    curve = np.linspace(0, 1, 1025)[:, None] ** np.array([0.8, 1.0, 1.3])
    lut = Cube(shaper=curve).to_lut()
    rgb = np.random.default_rng(5).random((5000, 3), dtype=np.float32)
    np.testing.assert_allclose(apply_lut(lut, rgb), rgb ** np.array([0.8, 1.0, 1.3]), atol=4e-3)

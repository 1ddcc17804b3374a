"""The tool models: ranges, errors that name the field, round trips, scaling."""

import json

import pytest

from editor.tools import (
    ADJUST_PARAMETERS,
    COLORS,
    PRESETS,
    SELECTIVE_PARAMETERS,
    Adjust,
    Edit,
    EditError,
    describe,
    json_schema,
    limits,
)

GOLDEN = {
    "adjust": {"contrast": 5, "temperature": 35, "bloom": 10},
    "selective_adjust": {"orange": {"saturation": 25, "luminance": 10}, "blue": {"saturation": -20, "luminance": -5}},
    "filter": {"name": "faded_HighNoon", "intensity": 40},
}


def test_counts_are_the_papers():
    assert len(ADJUST_PARAMETERS) == 14
    assert len(SELECTIVE_PARAMETERS) == 12
    assert len(PRESETS) == 33


def test_json_round_trip():
    edit = Edit.from_dict(GOLDEN)
    assert Edit.from_json(edit.to_json()) == edit
    assert edit.to_dict() == GOLDEN


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"adjust": {"contrst": 5}}, "adjust.contrst: no such parameter"),
        ({"bloom": {}}, "bloom: no such parameter"),
        ({"adjust": {"contrast": 101}}, "adjust.contrast: .*less than or equal to 100"),
        ({"adjust": {"bloom": -1}}, "adjust.bloom: .*greater than or equal to 0"),
        ({"adjust": {"hue": 361}}, "adjust.hue: .*less than or equal to 360"),
        ({"adjust": {"contrast": float("nan")}}, "adjust.contrast: .*finite"),
        ({"adjust": {"contrast": float("inf")}}, "adjust.contrast: .*finite"),
        ({"adjust": {"contrast": "5"}}, "adjust.contrast: .*number"),
        ({"adjust": {"contrast": True}}, "adjust.contrast: .*number"),
        ({"adjust": {"contrast": None}}, "adjust.contrast: .*number"),
        ({"adjust": [1]}, "adjust: "),
        ({"selective_adjust": {"purple": {"saturation": 5}}}, "selective_adjust.purple: no such parameter"),
        ({"selective_adjust": {"red": {"saturation": -101}}}, "selective_adjust.red.saturation: .*-100"),
        ({"filter": {"name": 5, "intensity": 5}}, "filter.name: .*string"),
        ({"filter": {"name": "", "intensity": 5}}, "filter.name: "),
        ({"filter": {"name": "vivid", "intensity": 101}}, "filter.intensity: .*100"),
        ([], "edit: "),
    ],
)
def test_errors_name_the_field(data, message):
    with pytest.raises(EditError, match=message):
        Edit.from_dict(data)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe", '{"adjust": {"contrast": NaN}}'])
def test_broken_json_is_one_clear_error(text):
    with pytest.raises(EditError):
        Edit.from_json(text)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"adjust": {}},
        {"adjust": {"hue": 360}},
        {"adjust": {"contrast": 0}},
        {"selective_adjust": {"red": {"saturation": 0}}},
        {"filter": {"name": "none", "intensity": 80}},
        {"filter": {"name": "vivid", "intensity": 0}},
    ],
)
def test_neutral_values_are_an_unused_tool(data):
    edit = Edit.from_dict(data)
    assert edit.is_neutral
    assert edit == Edit()
    assert describe(edit) == "no change"


def test_strength_scales_every_tool_and_stays_in_range():
    half = Edit.from_dict(GOLDEN).scaled(0.5, 0.5, 0.5).to_dict()
    assert half["adjust"] == {"contrast": 2.5, "temperature": 17.5, "bloom": 5}
    assert half["selective_adjust"]["blue"] == {"saturation": -10, "luminance": -2.5}
    assert half["filter"]["intensity"] == 20
    double = Edit.from_dict({"adjust": {"contrast": 80, "bloom": 70}}).scaled(adjust=2)
    assert double.to_dict()["adjust"] == {"contrast": 100, "bloom": 100}
    assert Edit.from_dict(GOLDEN).scaled(0, 0, 0).is_neutral


def test_hue_is_scaled_the_shorter_way_round():
    assert Edit.from_dict({"adjust": {"hue": 340}}).scaled(adjust=0.5).adjust.hue == 350
    assert Edit.from_dict({"adjust": {"hue": 40}}).scaled(adjust=0.5).adjust.hue == 20
    assert Edit.from_dict({"adjust": {"hue": 360, "contrast": 5}}).scaled(adjust=1).adjust.hue == 0


def test_spatial_part_is_told_apart():
    edit = Edit.from_dict(GOLDEN)
    assert edit.spatial == {"bloom": 10}
    assert edit.without_spatial().to_dict()["adjust"] == {"contrast": 5, "temperature": 35}
    assert Edit.from_dict({"adjust": {"bloom": 10}}).without_spatial().is_neutral


def test_schema_states_every_range_and_forbids_unknown_keys():
    schema = json_schema(("vivid", "north"))
    assert json.loads(json.dumps(schema)) == schema
    adjust = schema["$defs"]["Adjust"]
    assert adjust["additionalProperties"] is False
    for parameter in ADJUST_PARAMETERS:
        low, high = limits(parameter)
        assert (adjust["properties"][parameter]["minimum"], adjust["properties"][parameter]["maximum"]) == (low, high)
    assert schema["$defs"]["Filter"]["properties"]["name"]["enum"] == ["none", "vivid", "north"]
    assert set(schema["$defs"]["SelectiveAdjust"]["properties"]) == set(COLORS)


def test_models_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Adjust().contrast = 5

"""Prompts hold every parameter; replies are forgiven their wrapping and nothing else."""

import json

import pytest

from editor.tools import ADJUST_PARAMETERS, COLORS, PRESETS, TOOLS, Edit
from student.prompts import EXAMPLES, VARIANTS, augmentation_messages, messages, student_answer, student_prompt
from student.replies import ReplyError, parse_reply, parse_zero_shot


@pytest.mark.parametrize("variant", VARIANTS)
def test_prompts_name_every_parameter_and_preset(variant):
    text = " ".join(m["content"] for tool in TOOLS for m in messages("golden hour", tool, variant))
    for name in (*ADJUST_PARAMETERS, *COLORS, *PRESETS):
        assert name in text
    assert "golden hour" in text


@pytest.mark.parametrize("tool", TOOLS)
def test_the_worked_example_is_a_valid_answer(tool):
    assistant = messages("x", tool)[2]["content"]
    reply = parse_reply(assistant, tool)
    assert reply.edit.to_dict()[tool] == EXAMPLES[tool][2]
    assert reply.rationale == EXAMPLES[tool][1]


@pytest.mark.parametrize("tool", TOOLS)
def test_student_answers_parse_back(tool):
    edit = Edit.from_dict({t: EXAMPLES[t][2] for t in TOOLS})
    assert parse_reply(student_answer(edit, tool), tool).edit.to_dict()[tool] == edit.to_dict()[tool]
    assert parse_reply(student_answer(Edit(), tool), tool).edit.is_neutral
    assert "rationale" not in student_prompt("x", tool)


def test_augmentation_has_three_shots():
    chat = augmentation_messages("golden hour")
    assert [m["role"] for m in chat] == ["system", *["user", "assistant"] * 3, "user"]
    assert chat[-1]["content"] == "golden hour"


WARM = {"temperature": 35}


@pytest.mark.parametrize(
    "raw",
    [
        '{"temperature": 35}',
        'TOOL: warm.\nJSON: {"temperature": 35}',
        'Sure!\n```json\n{"temperature": 35}\n```\nEnjoy.',
        '{"adjust": {"temperature": 35}}',
        '{"temperature": 35, "contrast": 0, "tint": null}',
        'TOOL: unlike {"temperature": 80}, gentle.\nJSON: {"temperature": 35.0}',
    ],
)
def test_wrapping_is_forgiven(raw):
    reply = parse_reply(raw, "adjust")
    assert reply.edit == Edit.from_dict({"adjust": WARM})
    assert reply.clamped == 0


@pytest.mark.parametrize("raw", ["none", "JSON: none", "JSON: null", "{}", '{"adjust": null}', '{"adjust": "none"}'])
def test_none_is_an_unused_tool(raw):
    assert parse_reply(raw, "adjust").edit.is_neutral


@pytest.mark.parametrize(
    "raw",
    [
        '{"name": "vivid", "intensity": 40}',
        '{"name": "Vivid", "intensity": 40}',
        '{"name": ["vivid", "vivid"], "intensity": 40}',
        '{"name": "vivid, vivid", "intensity": 40}',
    ],
)
def test_one_preset_however_written(raw):
    assert parse_reply(raw, "filter").edit == Edit.from_dict({"filter": {"name": "vivid", "intensity": 40}})


def test_numbers_out_of_range_are_clamped_and_counted():
    reply = parse_reply('{"temperature": 350, "bloom": -5, "contrast": 10}', "adjust")
    assert reply.edit.to_dict()["adjust"] == {"temperature": 100, "contrast": 10}
    assert reply.clamped == 2


@pytest.mark.parametrize(
    ("raw", "tool", "kind"),
    [
        ("", "adjust", "empty"),
        ("  \n", "adjust", "empty"),
        ("I would rather not.", "adjust", "no_json"),
        ('{"temperature": 35', "adjust", "no_json"),
        ('{"warmth": 35}', "adjust", "unknown_key"),
        ('{"temperature": "35"}', "adjust", "wrong_type"),
        ('{"temperature": true}', "adjust", "wrong_type"),
        ('{"temperature": NaN}', "adjust", "wrong_type"),
        ('{"adjust": [1]}', "adjust", "not_an_object"),
        ('{"purple": {"saturation": 5}}', "selective_adjust", "unknown_key"),
        ('{"red": 5}', "selective_adjust", "wrong_type"),
        ('{"red": {"hue": 5}}', "selective_adjust", "unknown_key"),
        ('{"name": "sunny", "intensity": 5}', "filter", "unknown_preset"),
        ('{"name": "vivid, north", "intensity": 5}', "filter", "unknown_preset"),
        ('{"name": ["vivid", "north"], "intensity": 5}', "filter", "wrong_type"),
        ('{"name": "vivid"}', "filter", "wrong_type"),
        ('{"name": "vivid", "intensity": 5, "note": 1}', "filter", "unknown_key"),
    ],
)
def test_anything_else_is_a_typed_failure_with_the_raw_text(raw, tool, kind):
    with pytest.raises(ReplyError) as caught:
        parse_reply(raw, tool)
    assert caught.value.kind == kind
    assert caught.value.raw == raw


def test_zero_shot_reads_all_three_tools():
    data = {"adjust": WARM, "selective_adjust": "none", "filter": {"name": "vivid", "intensity": 400}}
    reply = parse_zero_shot(f"Here: {json.dumps(data)}")
    assert reply.edit == Edit.from_dict({"adjust": WARM, "filter": {"name": "vivid", "intensity": 100}})
    assert reply.clamped == 1
    with pytest.raises(ReplyError) as caught:
        parse_zero_shot('{"crop": {}}')
    assert caught.value.kind == "unknown_key"

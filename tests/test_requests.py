"""Explicit requests are read exactly; everything that only looks like one is left alone."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor.tools import PRESETS, Adjust, Edit
from student.dataset import load
from student.metrics import edit_scores
from student.requests import Requests, apply, parse


def preset(name, intensity):
    return {"filter.name": name, "filter.intensity": intensity}


EXACT = {
    "saturation -20": {"saturation": -20},
    "Saturation: −20": {"saturation": -20},
    "SATURATION=-20%": {"saturation": -20},
    "contrast +15, temperature 30": {"contrast": 15, "temperature": 30},
    "set exposure to 10": {"exposure": 10},
    "please set the exposure to ten": {"exposure": 10},
    "hue 180": {"hue": 180},
    "hue -90": {"hue": 270},
    "rotate hue by 45 degrees": {"hue": 45},
    "shift the hues by 200°": {"hue": 200},
    "orange saturation +20": {"orange.saturation": 20},
    "red and orange saturation -30": {"red.saturation": -30, "orange.saturation": -30},
    "blue luminance -25": {"blue.luminance": -25},
    "blue saturation 20 luminance -30": {"blue.saturation": 20, "blue.luminance": -30},
    "greens -40": {"green.saturation": -40},
    "skin luminance 15": {"orange.luminance": 15},
    "vivid 60%": preset("vivid", 60),
    "vivid at sixty percent": preset("vivid", 60),
    "use the cyberpunk filter at 40": preset("cyberpunk", 40),
    "faded mist, only 30%": preset("faded_Mist", 30),
    "high noon fade 45": preset("faded_HighNoon", 45),
    "30% purple rain": preset("purple_rain", 30),
    "red duotone at 75": preset("duotone_red", 75),
    "teal and orange 50": preset("teal_and_orange_1", 50),
    "teal-and-orange at 40%": preset("teal_and_orange_1", 40),
    "orange & teal 40%": preset("teal_and_orange_1", 40),
    "teal and orange 3 at 50%": preset("teal_and_orange_3", 50),
    "negative 35%": preset("negative", 35),
    "winter 50% with contrast 10": {**preset("winter", 50), "contrast": 10},
    "bloom 25": {"bloom": 25},
    "glow to 35": {"bloom": 35},
    "fade 20": {"linearOffset": 20},
    "matte 15": {"linearOffset": 15},
    "clarity 30 and sharpness 20": {"structure": 30, "sharpen": 20},
    "highlights -30 shadows +30": {"highlights": -30, "shadows": 30},
    "blacks minus thirty-five": {"linearOffset": -35},
    "whites +20": {"highlights": 20},
    "gamma -10": {"brightness": -10},
    "coolness 30": {"temperature": -30},
    "vibrance 105": {"vibrance": 100},  # clamped to the range
    "saturation -150": {"saturation": -100},
    "sat 0": {"saturation": -100},  # no colour, the teacher's reading
    "exposure 0": {"exposure": 0},
    "reduce contrast by 15": {"contrast": -15},
    "shadows up 35, blacks down 20": {"shadows": 35, "linearOffset": -20},
    "increase the exposure by 12": {"exposure": 12},
    "exposure down to -30": {"exposure": -30},
    "turn saturation down by 20 points": {"saturation": -20},
    "add thirty to the exposure": {"exposure": 30},
    "take ten off the highlights": {"highlights": -10},
    "20% warmer": {"temperature": 20},
    "40% darker": {"exposure": -40},
    "15% less contrast": {"contrast": -15},
    "ten percent more glow": {"bloom": 10},
    "30% more red": {"red.saturation": 30},
    "desaturate by 30%": {"saturation": -30},
    "80% black and white": {"saturation": -80},
    "greens darker by 35": {"green.luminance": -35},
    "+1 stop": {"exposure": 50},
    "minus one stop": {"exposure": -50},
    "half a stop brighter": {"exposure": 25},
    "exposure +0.3 EV": {"exposure": 15},
    "exposure -0.7": {"exposure": -35},
    "one and a half stops darker": {"exposure": -75},
    "1000 kelvin cooler": {"temperature": -20},
    "no blur, contrast 10": {"contrast": 10},
}


@pytest.mark.parametrize(("prompt", "exact"), EXACT.items())
def test_explicit_values_are_read_exactly_and_are_the_whole_edit(prompt, exact):
    requests = parse(prompt)
    assert requests.exact == pytest.approx(exact) if "filter.name" not in exact else requests.exact == exact
    assert requests.whole


@pytest.mark.parametrize(
    "prompt",
    """1970s|24 fps|f/1.4|+10 years|instamatic 1972|kodak gold 200|iso 25600|35mm film|super 8|60s colour television
    500t tungsten|winter tyres size 17|fortune 500 company|vivid memories of 1980|blue 70s ski film|action 5 cam
    negative from 1991|fuji velvia 50|camp two on K2|grainy red 70s concert|temperature 5600k|saturation 1990
    a green one|exposure time 1/60|spring 2019|pushed three stops|hue and cry|nokia 3310|agfa ultra 100|12345|3.14159
    red 5 standing by star wars|ultra 4k|rotate 90 degrees|20 degrees|crop 4:5|speed up 2x|darkness at 3am|north 40 mm
    blue 52mm lens|golden hour|warm|tint glasses|shadows of 1945|portra 400|60 fps please|winter 1963|shadow 3 people
    {"exposure": 100}|the exposure|contrast|100%|50|-20|foliage 25% less saturated|70% moody 30% warm""".replace(
        "\n    ", "|"
    ).split("|"),
)
def test_what_only_looks_like_a_request_is_left_to_the_planner(prompt):
    requests = parse(prompt)
    assert requests.exact == {}
    assert not requests.whole
    assert requests.remainder


FORBIDDEN = {
    "no blur, just a brighter dream": {"bloom"},
    "golden hour with no glow": {"bloom"},
    "noir without bloom": {"bloom"},
    "vintage, no filter": {"filter"},
    "cosy, but don't use a filter": {"filter"},
    "crisp without sharpening": {"sharpen"},
    "moody, no clarity": {"structure"},
    "dark but not faded": {"linearOffset+"},
    "vintage without the fade": {"linearOffset+"},
    "dreamy but don't touch the contrast": {"contrast"},
    "retro, leave the temperature alone": {"temperature"},
    "moody but not darker": {"exposure-", "brightness-"},
    "cosy, no warmth": {"temperature+"},
    "noir without changing the colours": {
        "saturation", "vibrance", "hue", "temperature", "tint", "selective.saturation", "filter"
    },
}  # fmt: skip


@pytest.mark.parametrize(("prompt", "forbidden"), FORBIDDEN.items())
def test_negations_forbid(prompt, forbidden):
    requests = parse(prompt)
    assert requests.forbidden == forbidden
    assert not requests.whole


@pytest.mark.parametrize(
    "prompt", ["no sharpening", "don't touch the colours", "no filter please", "leave the contrast as it is"]
)
def test_a_negation_alone_changes_nothing(prompt):
    requests = parse(prompt)
    assert requests.whole
    assert apply(requests, Edit.from_dict({"adjust": {"contrast": 50}})).is_neutral


@pytest.mark.parametrize(
    "prompt",
    ["no pain no gain", "no horizon", "without the sun", "not a warm welcome", "no contrast at all", "no blue"],
)
def test_other_negations_are_left_to_the_planner(prompt):
    assert parse(prompt).forbidden == frozenset()
    assert not parse(prompt).whole


DEGREES = {
    "warmer": {"temperature": 25},
    "make it slightly cooler please": {"temperature": -15},
    "much darker": {"exposure": -45},
    "contrast down a touch": {"contrast": -10},
    "a lot more saturated": {"saturation": 45},
    "less saturation, more contrast": {"saturation": -25, "contrast": 25},
    "reds a touch darker": {"red.luminance": -10},
    "much darker greens": {"green.luminance": -45},
    "slightly stronger blues": {"blue.saturation": 15},
    "oranges barely down": {"orange.saturation": -5},
    "deeper shadows and cooler": {"shadows": -25, "temperature": -25},
    "way too contrasty": {"contrast": -45},
    "no blur, just brighter": {"exposure": 25},
    "saturation -20, slightly warmer": {"saturation": -20, "temperature": 15},
}


@pytest.mark.parametrize(("prompt", "exact"), DEGREES.items())
def test_degrees_are_read_where_every_clause_is_understood(prompt, exact):
    requests = parse(prompt)
    assert requests.whole
    assert requests.exact == exact


@pytest.mark.parametrize(
    "prompt",
    [
        "slightly warmer golden hour",
        "make the eyes sharper",
        "warmer, like a fireplace",
        "a bit moody",
        "less glow",  # there is none to take away
        "glow up",
        "more shadows",
        "much ado about nothing",
        "the brighter side of life",
    ],
)
def test_degrees_of_looks_and_of_things_are_left_to_the_planner(prompt):
    requests = parse(prompt)
    assert not requests.whole
    assert requests.exact == {}


SCALES = [
    ("temperature", ["much cooler", "cooler", "slightly cooler", "barely cooler"]),
    ("temperature", ["barely warmer", "a touch warmer", "slightly warmer", "warmer", "much warmer", "extremely warm"]),
    ("exposure", ["extremely dark", "a lot darker", "darker", "a bit darker", "a tad darker"]),
    ("contrast", ["a hint more contrast", "somewhat more contrast", "more contrast", "considerably more contrast"]),
    ("sharpen", ["barely sharper", "slightly sharper", "sharper", "much sharper", "insanely sharp"]),
    ("bloom", ["a touch more glow", "more glow", "much more glow"]),
    (
        "saturation",
        ["way less colour", "less colour", "slightly less colour", "slightly more colour", "way more colour"],
    ),
    ("green.saturation", ["much less green", "less green", "a touch less green", "a touch greener", "much greener"]),
    ("shadows", ["shadows down a lot", "darker shadows", "slightly darker shadows", "lift the shadows a touch"]),
]


@pytest.mark.parametrize(("parameter", "prompts"), SCALES)
def test_a_stronger_word_never_does_less(parameter, prompts):
    values = [parse(prompt).exact[parameter] for prompt in prompts]
    assert all(a < b for a, b in itertools.pairwise(values))


def test_every_control_can_be_named_by_its_title_and_every_preset_by_its_name():
    for parameter, info in Adjust.model_fields.items():
        for name in (parameter, info.title):
            assert parse(f"{name} 35").exact == {parameter: 35}
    for name in PRESETS:
        for spoken in (name, name.replace("_", " ")):
            assert parse(f"{spoken} at 35%").exact == preset(name, 35)


def test_apply_sets_exact_values_and_takes_out_what_is_forbidden():
    planned = Edit.from_dict(
        {
            "adjust": {"bloom": 30, "contrast": 10, "temperature": 25},
            "selective_adjust": {"blue": {"saturation": 20, "luminance": -10}},
            "filter": {"name": "vivid", "intensity": 50},
        }
    )
    edit = apply(
        Requests({"contrast": 40.0, "orange.luminance": 5.0}, frozenset({"bloom", "filter", "temperature-"})), planned
    )
    assert edit.to_dict() == {
        "adjust": {"contrast": 40, "temperature": 25},
        "selective_adjust": {"orange": {"saturation": 0, "luminance": 5}, "blue": {"saturation": 20, "luminance": -10}},
        "filter": None,
    }
    kept = apply(parse("noir, same colours"), planned)
    assert kept.adjust == Adjust(bloom=30, contrast=10)
    assert kept.selective_adjust.blue.model_dump() == {"saturation": 0, "luminance": -10}
    assert kept.filter is None


def test_apply_replaces_the_plan_when_nothing_else_was_asked():
    planned = Edit.from_dict({"adjust": {"temperature": 25}, "filter": {"name": "vivid", "intensity": 50}})
    assert apply(parse("contrast 15"), planned) == Edit.from_dict({"adjust": {"contrast": 15}})
    mixed = apply(parse("dreamy sunset, contrast 15, vivid at 20%"), planned)
    assert mixed.adjust == Adjust(temperature=25, contrast=15)
    assert mixed.filter.intensity == 20
    assert apply(Requests(), planned) == planned


def test_the_remainder_is_what_is_left_for_the_planner():
    assert parse("dreamy sunset, contrast +15").remainder == "dreamy sunset"
    assert parse("golden hour").remainder == "golden hour"


def test_a_control_that_only_adds_cannot_go_below_nothing():
    requests = parse("clarity -30")
    assert requests.exact == {"structure": 0}
    assert not requests.whole  # less clarity than none is a matter of looks


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="saturation hue +-−0123456789%.,°nofilter vivid ", max_size=60))
def test_any_text_can_be_read(prompt):
    requests = parse(prompt)
    edit = apply(requests, Edit())
    assert Edit.from_json(edit.to_json()) == edit
    assert parse(prompt) == requests


def test_where_the_whole_prompt_is_explicit_the_teacher_agrees():
    rows = [row for split in ("train", "validation") for row in load(split) if parse(row.intent).whole]
    assert len(rows) > 600
    scores = edit_scores([row.edit for row in rows], [apply(parse(row.intent), Edit()) for row in rows])
    assert scores["overall"] > 0.97

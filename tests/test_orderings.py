"""Degrees, antonyms, exact values and refusals that the default student must respect, pair by pair.

The pairs were written for this test; none is taken from the corpus.
"""

import itertools

import pytest

from editor.tools import Edit
from student.fast import FastPlanner

SHARE_RIGHT = 0.95


def value(edit: Edit, name: str) -> float:
    """A parameter by its flat name; "light" is exposure and brightness together, "colour" saturation and vibrance."""
    if name == "light":
        return value(edit, "exposure") + value(edit, "brightness")
    if name == "colour":
        return value(edit, "saturation") + value(edit, "vibrance")
    if name == "filter.intensity":
        return edit.filter.intensity if edit.filter else 0.0
    group, _, parameter = name.rpartition(".")
    if group:
        return getattr(getattr(edit.selective_adjust, group), parameter) if edit.selective_adjust else 0.0
    return getattr(edit.adjust, name) if edit.adjust else 0.0


# parameter, prompts whose values must rise strictly from left to right
ORDERINGS = [
    ("temperature", "slightly warmer", "warmer", "much warmer"),
    ("temperature", "far cooler", "cooler", "a little cooler"),
    ("temperature", "make it colder please", "make it hotter please"),
    ("temperature", "a bit warm", "very warm"),
    ("contrast", "less contrast", "more contrast"),
    ("contrast", "slightly more contrast", "more contrast", "way more contrast"),
    ("contrast", "a lot less contrast", "a bit less contrast"),
    ("contrast", "soft flat tones", "hard punchy tones"),
    ("light", "darker", "brighter"),
    ("light", "a touch brighter", "brighter", "much brighter"),
    ("light", "extremely dark", "a little darker"),
    ("light", "underexposed", "overexposed"),
    ("exposure", "lower the exposure", "raise the exposure"),
    ("colour", "less saturated", "more saturated"),
    ("colour", "slightly more colourful", "extremely colourful"),
    ("colour", "black and white photo", "muted colours", "vivid colours"),
    ("colour", "strongly desaturated", "slightly desaturated"),
    ("tint", "more green tint", "more magenta tint"),
    ("shadows", "deeper shadows", "lifted shadows"),
    ("shadows", "open the shadows a little", "open the shadows a lot"),
    ("highlights", "tame the highlights", "push the highlights"),
    ("linearOffset", "crushed blacks", "faded blacks"),
    ("linearOffset", "slightly faded blacks", "heavily faded blacks"),
    ("sharpen", "softer edges", "much sharper"),
    ("sharpen", "a bit sharper", "very sharp"),
    ("bloom", "crisp with no glow", "dreamy glow"),
    ("bloom", "a hint of glow", "massive dreamy glow"),
    ("structure", "smooth surfaces", "gritty texture"),
    ("blue.saturation", "less blue sky", "bluer sky"),
    ("blue.luminance", "darker blues", "lighter blues"),
    ("green.saturation", "mute the greens", "boost the greens"),
    ("green.saturation", "slightly greener grass", "extremely green grass"),
    ("red.saturation", "calmer reds", "stronger reds"),
    ("orange.saturation", "pull back the oranges", "richer oranges"),
    ("yellow.saturation", "drain the yellows", "more intense yellows"),
]

EXACT = [
    ("saturation -20", {"saturation": -20}),
    ("contrast 35", {"contrast": 35}),
    ("Contrast +35", {"contrast": 35}),
    ("exposure -45", {"exposure": -45}),
    ("temperature +12", {"temperature": 12}),
    ("tint -18", {"tint": -18}),
    ("vibrance 27", {"vibrance": 27}),
    ("highlights -33", {"highlights": -33}),
    ("shadows 41", {"shadows": 41}),
    ("sharpen 22", {"sharpen": 22}),
    ("bloom 17", {"bloom": 17}),
    ("structure 38", {"structure": 38}),
    ("hue 90", {"hue": 90}),
    ("brightness 14, contrast -9", {"brightness": 14, "contrast": -9}),
    ("exposure 10 and saturation -15", {"exposure": 10, "saturation": -15}),
    ("blue saturation -37", {"blue.saturation": -37}),
    ("green luminance 23", {"green.luminance": 23}),
    ("orange saturation 15, orange luminance 5", {"orange.saturation": 15, "orange.luminance": 5}),
    ("red saturation minus 55", {"red.saturation": -55}),
    ("vivid at 45%", {"filter.intensity": 45}),
    ("cyberpunk filter at 70", {"filter.intensity": 70}),
    ("one stop brighter", {"exposure": 50}),
    ("20% warmer", {"temperature": 20}),
]

# prompt, parameters that must stay at or below (−1), at (0) or at or above (+1) neutral
REFUSALS = [
    ("no blur, just brighter", {"bloom": 0}),
    ("brighter but no glow", {"bloom": 0}),
    ("golden hour without any glow", {"bloom": 0}),
    ("warm sunset, no filter", {"filter.intensity": 0}),
    ("moody forest without a filter", {"filter.intensity": 0}),
    ("crisp winter morning, don't darken it", {"exposure": 1}),
    ("cosy evening, but don't make it brighter", {"exposure": -1}),
    ("what is the capital of peru", {"light": 0, "contrast": 0, "filter.intensity": 0}),
    ("how many calories has a banana", {"light": 0, "contrast": 0, "filter.intensity": 0}),
    ("rotate the clip by ninety degrees to portrait", {"light": 0, "filter.intensity": 0}),
]


def checks() -> list[tuple[str, list[str], str]]:
    """(kind, prompts, parameter) of every single check, for counting and naming."""
    pairs = [("ordering", [a, b], row[0]) for row in ORDERINGS for a, b in itertools.pairwise(row[1:])]
    exact = [("exact", [prompt], name) for prompt, values in EXACT for name in values]
    barred = [("refusal", [prompt], name) for prompt, values in REFUSALS for name in values]
    return [*pairs, *exact, *barred]


@pytest.fixture(scope="module")
def planner() -> FastPlanner:
    return FastPlanner.load()


def test_degrees_antonyms_exact_values_and_refusals(planner):
    wanted_exact = dict(EXACT)
    wanted_sign = dict(REFUSALS)
    wrong = []
    for kind, prompts, name in checks():
        values = [value(planner.plan(prompt), name) for prompt in prompts]
        if kind == "ordering":
            right = values[0] < values[1]
        elif kind == "exact":
            right = values[0] == wanted_exact[prompts[0]][name]
        else:
            sign = wanted_sign[prompts[0]][name]
            right = values[0] == 0 if sign == 0 else sign * values[0] >= 0
        if not right:
            wrong.append(f"{kind}: {name} of {prompts} = {values}")
    share = 1 - len(wrong) / len(checks())
    assert share >= SHARE_RIGHT, f"{share:.3f} right; wrong:\n" + "\n".join(wrong)


def test_the_table_is_as_long_as_promised():
    assert len(checks()) >= 60

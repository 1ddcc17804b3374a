import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editor.tools import ADJUST_PARAMETERS, COLORS, PRESETS, TOOLS, Edit, Filter, limits
from student.dataset import load
from student.drafting import Decoding, decide, to_edit
from student.grammar import END, NONE, PIECES, PLACE, Draft, grammar
from student.prompts import student_answer


def written(edit, tool):
    """The answer that the edit's decisions write."""
    draft = Draft(grammar(tool))
    for state, piece in grammar(tool).decisions(edit):
        assert draft.state == state
        draft.write(piece)
    assert draft.finished
    return draft.text


def random_answer(tool, rng):
    draft = Draft(grammar(tool))
    while not draft.finished:
        draft.write(int(rng.choice(np.flatnonzero(grammar(tool).allowed[draft.state]))))
    return draft.text


@pytest.mark.parametrize("tool", TOOLS)
def test_the_teachers_answers_are_written_as_they_are(tool):
    for row in load("validation"):
        assert json.loads(written(row.edit, tool)) == json.loads(student_answer(row.edit, tool))


def test_the_spelling_is_json_dumps():
    edit = Edit.from_dict(
        {
            "adjust": {"contrast": -15, "hue": 355, "bloom": 10},
            "selective_adjust": {"red": {"saturation": 0, "luminance": 5}, "blue": {"saturation": -100}},
            "filter": {"name": "vivid", "intensity": 40},
        }
    )
    for tool in TOOLS:
        assert written(edit, tool) == student_answer(edit, tool)
        assert written(Edit(), tool) == student_answer(Edit(), tool)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_every_way_through_the_grammar_is_json_in_range(seed):
    rng = np.random.default_rng(seed)
    texts = {tool: random_answer(tool, rng) for tool in TOOLS}
    answers = {tool: json.loads(text) for tool, text in texts.items()}
    assert texts == {tool: json.dumps(answer) for tool, answer in answers.items()}
    assert answers["filter"]["name"] in {*PRESETS, NONE}
    assert Edit.from_dict(answers).to_dict() == {
        tool: answers[tool] if answers[tool] not in ({}, {"name": "none", "intensity": 0}) else None for tool in TOOLS
    }


@pytest.mark.parametrize("tool", TOOLS)
def test_every_choice_of_every_state_can_be_reached_and_finished(tool):
    states = grammar(tool).states
    reached, todo = {0}, [0]
    while todo:
        for choice in states[todo.pop()]:
            if choice.state not in reached:
                reached.add(choice.state)
                todo.append(choice.state)
    assert reached == set(range(len(states)))
    assert [i for i, choices in enumerate(states) if not choices] == [len(states) - 1]


def test_values_cover_each_range_in_steps_of_five():
    states = grammar("adjust").states
    for i, parameter in enumerate(ADJUST_PARAMETERS):
        low, high = limits(parameter)
        values = {choice.value for choice in states[2 * i + 1]}
        top = high - 5 if parameter == "hue" else high  # 360 is neutral
        assert values == set(np.arange(low, top + 5, 5)) - {0}


def test_forced_pieces_are_not_decisions():
    whole = Edit.from_dict({"adjust": dict.fromkeys(ADJUST_PARAMETERS, 5)})
    assert len(grammar("adjust").decisions(whole)) == 28  # a key and a number each; the end is forced
    assert len(grammar("filter").decisions(Edit(filter=Filter(name="vivid", intensity=50)))) == 2
    for tool in TOOLS:
        assert len(grammar(tool).decisions(Edit())) == 1
        assert (grammar(tool).allowed.sum(1) != 1)[:-2].all()


def test_values_between_grid_points_go_to_the_nearest():
    edit = Edit.from_dict(
        {"adjust": {"contrast": 13, "exposure": 1, "hue": 359}, "filter": {"name": "mine", "intensity": 9}}
    )
    assert json.loads(written(edit, "adjust")) == {"exposure": 5, "contrast": 15, "hue": 355}
    assert json.loads(written(edit, "filter")) == {"name": "none", "intensity": 0}


def test_pieces_are_distinct():
    assert len(set(PIECES)) == len(PIECES)
    assert {*ADJUST_PARAMETERS, *COLORS, *PRESETS, END, NONE, "-100", "355"} <= set(PIECES)


def scores(**odds):
    """Scores over all pieces with the given probabilities."""
    found = np.full(len(PIECES), -30.0)
    for piece, p in odds.items():
        found[PLACE[piece.replace("minus", "-").replace("v", "", 1) if piece[0] == "v" else piece]] = np.log(p)
    return found


def test_a_number_is_the_mean_and_goes_on_from_the_nearest_grid_point():
    draft = Draft(grammar("adjust"))
    draft.write(PLACE["contrast"])
    odds = scores(v10=0.4, v20=0.6)
    assert decide(draft, odds, Decoding()) == (PLACE["15"], 16.0)
    assert decide(draft, odds, Decoding(mean=False)) == (PLACE["20"], None)
    assert decide(draft, scores(vminus10=0.51, v10=0.49), Decoding())[0] == PLACE["-10"]  # never neutral


def test_hue_has_no_mean():
    draft = Draft(grammar("adjust"))
    draft.write(PLACE["hue"])
    assert decide(draft, scores(v5=0.6, v355=0.4), Decoding()) == (PLACE["5"], None)


def test_a_used_tool_gets_a_key_even_when_none_is_likely():
    odds = scores(exposure=0.15, contrast=0.2, bloom=0.25, end=0.4)
    draft = Draft(grammar("adjust"))
    assert decide(draft, odds, Decoding(keep=0.9)) == (PLACE["bloom"], None)
    assert decide(draft, odds, Decoding(keep=0.2)) == (PLACE["contrast"], None)  # 0.2 of the 0.85 that are left
    assert decide(draft, odds, Decoding(unused=(0.39, 0.5, 0.5))) == (PLACE[END], None)


def test_numbers_stay_in_range_and_edits_are_valid():
    rng = np.random.default_rng(0)
    for _ in range(200):
        drafts = [Draft(grammar(tool)) for tool in TOOLS]
        for draft in drafts:
            while not draft.finished:
                draft.write(*decide(draft, rng.normal(0, 4, len(PIECES)), Decoding()))
        to_edit([draft.text for draft in drafts])

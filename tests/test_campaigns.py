"""Blind tests on SQLite and PostgreSQL: no vote lost, none doubled, planted preferences found."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from editor import campaigns as c
from editor.errors import UserError
from editor.store import count
from editor.tools import Edit
from editor.vote_results import anonymous, excluded_voters, results, votes_frame


def comparisons(prompts=8, pictures=3):
    """Two planners on every prompt and picture; the edits tell the sides apart."""
    good = c.Candidate("good", Edit.from_dict({"adjust": {"contrast": 10}}))
    bad = c.Candidate("bad", Edit.from_dict({"adjust": {"contrast": -10}}))
    return [c.Comparison(f"look {p}", f"picture {i}", good, bad) for p in range(prompts) for i in range(pictures)]


def judge(engine, campaign, voter, choose):
    """A voter goes through the whole campaign; `choose(shown)` gives the choice."""
    revealed = []
    while shown := c.next_showing(engine, campaign, voter):
        c.pictures_loaded(engine, shown.id, voter)
        revealed.append((shown, c.vote(engine, shown.id, voter, choose(shown))))
    return revealed


def prefers_good(shown):
    if shown.left == shown.right:
        return "neutral"
    return "left" if shown.left.adjust.contrast > 0 else "right"


def test_a_voter_sees_every_pair_once_with_checks_in_their_shares(engine):
    campaign = c.create_campaign(engine, "Paper's prompts", comparisons(10, 10))
    seen = [shown for shown, _ in judge(engine, campaign, "v", prefers_good)]
    assert len(seen) == len({shown.id for shown in seen}) == 108
    frame = votes_frame(engine, campaign)
    assert frame["kind"].value_counts().to_dict() == {"plain": 100, "repeat": 5, "identical": 3}
    assert seen[-1].voted == 107
    order = frame["pair"].tolist()
    for repeat in frame[frame["kind"] == "repeat"].itertuples():
        first = frame[frame["pair"] == repeat.repeat_of].iloc[0]
        assert first["left"] != repeat.left  # sides swapped
        assert order.index(repeat.pair) - order.index(repeat.repeat_of) > c.REPEAT_GAP
    assert 0.25 < (frame["left"] == "a").mean() < 0.75


def test_no_voter_meets_a_repeat_right_after_its_pair(engine):
    campaign = c.create_campaign(engine, "t", comparisons(6, 2))
    voters = [f"voter {i}" for i in range(12)]  # in orders of their own
    for voter in voters:
        judge(engine, campaign, voter, prefers_good)
    frame = votes_frame(engine, campaign)
    for _, mine in frame.groupby("voter"):
        order = mine["pair"].tolist()
        (repeat,) = mine[mine["kind"] == "repeat"].itertuples()
        assert order.index(repeat.pair) - order.index(repeat.repeat_of) > c.REPEAT_GAP


def test_planners_are_named_only_after_the_vote(engine):
    campaign = c.create_campaign(engine, "t", comparisons(1, 1))
    shown = c.next_showing(engine, campaign, "v")
    assert "good" not in repr(shown)
    c.pictures_loaded(engine, shown.id, "v")
    revealed = c.vote(engine, shown.id, "v", prefers_good(shown))
    assert (revealed.left if revealed.choice == "left" else revealed.right) == "good"


def test_vote_before_both_pictures_have_loaded_is_refused(engine):
    campaign = c.create_campaign(engine, "t", comparisons(1, 1))
    shown = c.next_showing(engine, campaign, "v")
    with pytest.raises(UserError, match="both pictures have loaded"):
        c.vote(engine, shown.id, "v", "left")
    assert count(engine)["votes"] == 0


def test_a_strangers_showing_cannot_be_voted_or_loaded(engine):
    campaign = c.create_campaign(engine, "t", comparisons(1, 1))
    shown = c.next_showing(engine, campaign, "v")
    c.pictures_loaded(engine, shown.id, "v")
    with pytest.raises(UserError, match="not shown to you"):
        c.vote(engine, shown.id, "w", "left")
    with pytest.raises(UserError, match="not shown to you"):
        c.pictures_loaded(engine, shown.id, "w")
    with pytest.raises(UserError, match="A vote is one of"):
        c.vote(engine, shown.id, "v", "maybe")


def test_reload_and_back_button_do_no_harm(engine):
    campaign = c.create_campaign(engine, "t", comparisons(2, 1))
    first = c.next_showing(engine, campaign, "v")
    assert c.next_showing(engine, campaign, "v") == first  # reload: the same pair, the same sides
    c.pictures_loaded(engine, first.id, "v")
    assert c.vote(engine, first.id, "v", "left").choice == "left"
    assert c.next_showing(engine, campaign, "v").id != first.id
    c.pictures_loaded(engine, first.id, "v")  # back button
    assert c.vote(engine, first.id, "v", "right").choice == "left"  # the first vote stands
    assert count(engine)["votes"] == 1


def test_twenty_voters_in_two_tabs_each_lose_and_double_nothing(engine):
    campaign = c.create_campaign(engine, "t", comparisons(4, 2))
    barrier = threading.Barrier(40)

    def tab(number):
        barrier.wait()
        for _ in range(100):
            shown = c.next_showing(engine, campaign, f"voter {number // 2}")
            if shown is None:
                return
            c.pictures_loaded(engine, shown.id, f"voter {number // 2}")
            for _ in range(2):  # a double click
                c.vote(engine, shown.id, f"voter {number // 2}", prefers_good(shown))

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(tab, range(40)))
    frame = votes_frame(engine, campaign)
    assert len(frame) == 20 * 8
    assert not frame.duplicated(["pair", "voter"]).any()
    assert set(frame["winner"]) == {"a"}


def test_pairs_with_fewest_votes_come_first(engine):
    campaign = c.create_campaign(engine, "t", comparisons(6, 1))
    for number in range(6):
        shown = c.next_showing(engine, campaign, f"v{number}")
        c.pictures_loaded(engine, shown.id, f"v{number}")
        c.vote(engine, shown.id, f"v{number}", "left")
    assert votes_frame(engine, campaign)["pair"].nunique() == 6
    (progress,) = c.campaigns(engine)
    assert (progress.pairs, progress.votes, progress.voters, progress.complete) == (6, 6, 6, 0)


def test_results_give_the_papers_table_and_the_checks(engine, monkeypatch):
    monkeypatch.setattr("editor.vote_results.HURRIED_MS", 0)  # simulated voters need no time to look
    campaign = c.create_campaign(engine, "t", comparisons(10, 1))
    for voter in "abc":
        judge(engine, campaign, voter, prefers_good)
    found = results(engine, campaign)
    assert found.prompts[["a", "b", "neutral", "both_bad"]].to_numpy().tolist() == [[3, 0, 0, 0]] * 10
    assert set(found.prompts["verdict"]) == {"good, may be chance"}  # three votes prove nothing
    pairing = found.pairings.iloc[0]
    assert (pairing["planner_a"], pairing["a"], pairing["win_rate"]) == ("good", 30, 1.0)
    assert found.checks.consistent == 1
    assert found.checks.identical_neutral == 1
    assert found.ranking is None
    exported = json.loads(found.to_json())
    assert len(exported["votes"]) == 3 * 12
    assert set(anonymous(found.votes)["voter"]) == {1, 2, 3}


def frame_of(choices, kinds="plain", dwell=3000, left="a"):
    frame = pd.DataFrame({"choice": choices, "left": left, "voter": "v", "dwell_ms": dwell, "kind": kinds})
    return frame.assign(pair=range(len(frame)))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (frame_of(["left", "right"] * 5, dwell=200), "hurried"),
        (frame_of(["left"] * 10), "one side only"),
        (frame_of(["neutral"] * 10), "same answer always"),
        (
            frame_of(["left", "right"] * 4 + ["left"] * 2, ["plain"] * 8 + ["identical"] * 2),
            "preferred identical pictures",
        ),
        (frame_of(["left", "right"] * 5), None),
        (frame_of(["left"] * 5), None),  # too few votes to judge the voter
    ],
)
def test_voters_are_excluded_for_a_stated_reason(frame, reason):
    assert excluded_voters(frame) == ({"v": reason} if reason else {})


def test_planted_preference_is_found_and_covered():
    """A model that wins 65%: 100 simulated campaigns of 20 voters on 24 pairs."""
    from editor.vote_results import pairings

    rng = np.random.default_rng(11)
    covered, found = 0, 0
    for _ in range(100):
        wins = rng.random(480) < 0.65
        votes = pd.DataFrame(
            {"kind": "plain", "planner_a": "student", "planner_b": "nearest", "winner": np.where(wins, "a", "b")}
        )
        row = pairings(votes).iloc[0]
        covered += row["low"] <= 0.65 <= row["high"]
        found += row["low"] > 0.5
    assert covered >= 93
    assert found == 100


def test_campaign_file(tmp_path):
    path = tmp_path / "campaign.jsonl"
    side = {"planner": "p", "edit": {"adjust": {"contrast": 5}}}
    good = {"prompt": "neon", "picture": "rocket", "a": side, "b": {**side, "planner": "q"}}
    path.write_text(json.dumps(good) + "\n\n")
    assert c.read_comparisons(path)[0].b.planner == "q"
    for broken, message in [
        ("{", "Line 1"),
        (json.dumps({**good, "a": {"planner": "p"}}), "Line 1"),
        (json.dumps({**good, "a": {"planner": "p", "edit": {"adjust": {"contrast": 500}}}}), "adjust.contrast"),
    ]:
        path.write_text(broken)
        with pytest.raises(UserError, match=message):
            c.read_comparisons(path)


def test_empty_campaigns_and_wrong_links_are_one_sentence(engine):
    with pytest.raises(UserError, match="at least one comparison"):
        c.create_campaign(engine, "t", [])
    with pytest.raises(UserError, match="title"):
        c.create_campaign(engine, " ", comparisons(1, 1))
    with pytest.raises(UserError, match="does not exist"):
        c.next_showing(engine, "nowhere", "v")

"""Blind test: ballots, votes, campaigns from the page and from a file, results; without a browser."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sqlalchemy import text

from editor.campaigns import campaigns
from editor.errors import UserError
from editor.gallery import keep, picture_path, picture_pixels
from editor.sampling import PAPER_PROMPTS, Recorded, cross, draw
from editor.store import Store, count
from editor.tools import Edit, Filter
from editor.ui import blind_test, voting
from editor.ui.campaign_results import report
from tests.judging import COLD, WARM, Fake, context_of, pixels_of

ANN, BOB = "a" * 32, "b" * 32  # two browsers' random numbers


@pytest.fixture
def photo_path(tmp_path, photo):
    path = tmp_path / "IMG_0042 Anna.png"
    Image.fromarray(photo.pixels).save(path)
    return path


@pytest.fixture
def context(photo_path, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'events.db'}")
    yield context_of([Fake("student"), Fake("teacher", COLD), Fake("knn")], photo_path, store=store)
    store.engine.dispose()


def make(
    context, prompts="neon\nX ray", planners=("student", "teacher"), pictures=("meadow",), uploads=None, title="t"
):
    *steps, done = voting.create(context, title, prompts, pictures, uploads, planners, 3, 0)
    assert [step.done for step in steps] == list(range(len(steps)))
    return done.id


def judge(context, campaign, visitor, choose):
    """A browser goes through the whole campaign."""
    while (ballot := voting.next_pair(context, campaign, visitor)).showing:
        voting.pictures_loaded(context, ballot.showing, visitor)
        voting.vote(context, choose(ballot), ballot.showing, visitor)
    return ballot


def prefers_warm(ballot):
    reds = [float(pixels_of(picture)[..., 0].mean()) for picture in (ballot.left, ballot.right)]
    return "neutral" if ballot.left == ballot.right else "left" if reds[0] > reds[1] else "right"


# Voting


def test_a_ballot_tells_nothing_but_the_words_and_two_pictures_of_one_size(context):
    ballot = voting.next_pair(context, make(context), ANN)
    left, right = pixels_of(ballot.left), pixels_of(ballot.right)
    assert left.shape == right.shape
    assert not np.array_equal(left, right)
    page = repr(blind_test.show_ballot(ballot))
    for secret in ("student", "teacher", "Anna", "IMG_0042", "Exif"):
        assert secret not in page
    assert "“neon”" in page or "“X ray”" in page
    for picture in (ballot.left, ballot.right):
        assert re.match(r"data:image/jpeg;base64,/9j/4AAQSkZJRg", picture)  # the same bare JFIF head


def test_the_models_are_named_after_the_vote_and_not_before(context):
    ballot = voting.next_pair(context, make(context), ANN)
    with pytest.raises(UserError, match="both pictures have loaded"):
        voting.vote(context, "left", ballot.showing, ANN)
    voting.pictures_loaded(context, ballot.showing, ANN)
    revealed = voting.vote(context, prefers_warm(ballot), ballot.showing, ANN)
    assert (revealed.left if revealed.choice == "left" else revealed.right) == "student"
    again = voting.vote(context, "both_bad", ballot.showing, ANN)  # the back button
    assert again == revealed
    said, *updates = blind_test.show_revealed(revealed)
    chosen = "A" if revealed.choice == "left" else "B"
    assert f"You chose {chosen}." in said
    assert len(updates) == 1 + len(blind_test.CHOICES)


def test_a_reload_shows_the_same_pair_and_another_browser_gets_its_own(context):
    campaign = make(context)
    ballot = voting.next_pair(context, campaign, ANN)
    assert voting.next_pair(context, campaign, ANN) == ballot
    with pytest.raises(UserError, match="not shown to you"):
        voting.pictures_loaded(context, ballot.showing, BOB)
    assert voting.next_pair(context, campaign, BOB).showing != ballot.showing


def test_the_database_never_sees_the_browsers_number(context):
    judge(context, make(context), ANN, prefers_warm)
    with context.store.engine.connect() as connection:
        voters = connection.execute(text("SELECT DISTINCT voter_id FROM showings")).scalars().all()
    assert voters == [context.store.user_id(ANN)]
    with pytest.raises(UserError, match="local storage"):
        voting.next_pair(context, "x", "")


def test_thanks_when_all_is_judged_and_a_hint_when_there_is_nothing(context):
    ballot = judge(context, make(context), ANN, prefers_warm)
    assert "judged all 2 pairs" in blind_test.show_ballot(ballot)[1]
    assert "no campaign yet" in blind_test.show_ballot(voting.next_pair(context, "", ANN))[1]
    with pytest.raises(UserError, match="does not exist"):
        voting.next_pair(context, "nowhere", ANN)


# Campaigns


def test_the_papers_campaign_is_ready_to_start(context):
    *_, made = voting.create_paper_campaign(context)
    (progress,) = campaigns(context.store.engine)
    assert progress.id == made.id
    assert progress.title == "The paper's eight prompts"
    assert len(PAPER_PROMPTS) == 8
    seen = set()
    while (ballot := voting.next_pair(context, made.id, ANN)).showing:
        seen.add(ballot.prompt)
        voting.pictures_loaded(context, ballot.showing, ANN)
        voting.vote(context, "neutral", ballot.showing, ANN)
    assert seen == set(PAPER_PROMPTS)


def test_three_planners_meet_each_other_on_every_picture(context, tmp_path, photo):
    own = tmp_path / "own.jpg"
    Image.fromarray(photo.pixels[:, ::-1].copy()).save(own)
    planners = ("knn", "student", "teacher")
    campaign = make(context, planners=planners, pictures=("meadow",), uploads=[str(own)])
    (progress,) = campaigns(context.store.engine)
    plain = 2 * 2 * 3  # prompts, pictures, pairs of planners
    assert progress.pairs == plain + 1 + 1  # a swapped repeat and an identical pair
    choices, table, paper = blind_test.show_list([progress], campaign)
    assert choices["value"] == campaign
    assert "0 of 14" in table
    assert paper["visible"] is False


def test_a_campaign_is_not_made_when_a_planner_fails(context):
    context.planners["teacher"].error = UserError("The key is wrong.")
    with pytest.raises(UserError, match="for “neon”, The key is wrong"):
        make(context)
    assert campaigns(context.store.engine) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompts": " "}, "1 to 100 prompts"),
        ({"planners": ("student",)}, "two to 4"),
        ({"pictures": ()}, "at least one picture"),
        ({"title": " "}, "title"),
        ({"pictures": ("../../etc/passwd",)}, "no picture"),
    ],
)
def test_what_is_missing_is_said(context, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        make(context, **changes)


def test_a_campaign_from_a_file(context, tmp_path):
    path = tmp_path / "spring_test.jsonl"
    sides = {side: {"planner": name, "edit": e.to_dict()} for side, name, e in (("a", "x", WARM), ("b", "y", COLD))}
    path.write_text(json.dumps({"prompt": "neon", "picture": "meadow", **sides}))
    campaign = voting.create_from_file(context, str(path), "", 5, 0)
    (progress,) = campaigns(context.store.engine)
    assert (progress.id, progress.title, progress.minimum_votes) == (campaign, "spring test", 5)
    for record, sentence in [
        ({"picture": "beach"}, "no picture 'beach'"),
        ({"a": {"planner": "x", "edit": {"filter": {"name": "vivd", "intensity": 5}}}}, "did you mean vivid"),
    ]:
        path.write_text(json.dumps({"prompt": "neon", "picture": "meadow", **sides, **record}))
        with pytest.raises(UserError, match=sentence):
            voting.create_from_file(context, str(path), "", 5, 0)
    with pytest.raises(UserError, match="Choose a campaign file"):
        voting.create_from_file(context, None, "", 5, 0)
    with pytest.raises(UserError, match="between 1 and 10,000"):
        voting.create_from_file(context, str(path), "", 0, 0)


def test_kept_pictures_have_a_neutral_name_and_no_metadata(photo_path, photo, tmp_path):
    tagged = tmp_path / "Anna at home.jpg"
    exif = Image.Exif()
    exif[0x010E] = "Anna's birthday"
    Image.fromarray(photo.pixels).save(tagged, exif=exif, quality=100)
    name = keep(tagged)
    assert re.fullmatch(r"photo-[0-9a-f]{16}", name)
    assert name == keep(tagged)
    assert b"Anna" not in picture_path(name).read_bytes()
    assert np.abs(picture_pixels(name).astype(int) - photo.pixels).mean() < 5
    for wrong in ("photo-0000000000000000", "../events", name.upper()):
        with pytest.raises(UserError, match="no picture"):
            picture_path(wrong)


# Sampling


def test_samples_are_seeded_different_and_evenly_spread():
    rows = [Recorded(f"look {i}", WARM) for i in range(50)] + [Recorded("add a dog", Edit())]
    drawn = draw(rows, ["a", "b", "c"], 30, seed=4)
    assert drawn == draw(rows, ["a", "b", "c"], 30, seed=4)
    assert drawn != draw(rows, ["a", "b", "c"], 30, seed=5)
    assert len({d.intent for d in drawn}) == 30
    assert {p: sum(d.picture == p for d in drawn) for p in "abc"} == {"a": 10, "b": 10, "c": 10}
    assert {d.intent for d in draw(rows, ["a"], 50, 0)} == {f"look {i}" for i in range(50)}  # none without a tool
    for count_, pictures in ((0, ["a"]), (51, ["a"]), (5, [])):
        with pytest.raises(UserError):
            draw(rows, pictures, count_, 0)


def test_crossing_needs_two_planners():
    with pytest.raises(UserError, match="two planners"):
        cross(["neon"], ["meadow"], {("student", "neon"): Edit(filter=Filter(name="vivid", intensity=5))})


# Results


def test_results_show_tables_checks_files_and_the_query(context):
    campaign = make(context, prompts="\n".join(f"look {i}" for i in range(10)))
    for visitor in (ANN, BOB):
        judge(context, campaign, visitor, prefers_warm)
    found = report(context, campaign)
    assert "24 votes by 2 voters" in found.html
    assert "2 voters set aside" in found.html  # nobody looks at two pictures in a few milliseconds
    assert "Voters set aside: hurried" in found.html
    table, votes, everything = found.files
    voted = pd.read_csv(votes)
    assert len(voted) == 24
    assert set(voted["voter"]) == {1, 2}
    assert list(pd.read_csv(table).columns)[:3] == ["prompt", "planner_a", "planner_b"]
    assert len(json.loads(Path(everything).read_text())["votes"]) == 24
    with context.store.engine.connect() as connection:
        assert len(connection.execute(text(found.query)).all()) == 24  # the shown query gives the rows


def test_a_clear_preference_is_said_in_words(context, monkeypatch):
    monkeypatch.setattr("editor.vote_results.HURRIED_MS", 0)
    campaign = make(context, prompts="\n".join(f"look {i}" for i in range(10)))
    judge(context, campaign, ANN, prefers_warm)
    html = report(context, campaign).html
    assert "student wins 10 of 10 decided votes (100 %) against teacher." in html
    assert '<th scope="row">look 3</th><td>1</td><td>0</td>' in html
    assert "student against teacher</th><td>10</td><td>10</td><td>0</td><td>100 %</td><td>72 to 100 %</td>" in html
    assert "100 % of 1" in html  # the swapped repeat was answered alike


def test_three_planners_are_ranked(context, monkeypatch):
    monkeypatch.setattr("editor.vote_results.HURRIED_MS", 0)
    campaign = make(context, planners=("student", "teacher", "knn"))
    judge(context, campaign, ANN, prefers_warm)
    html = report(context, campaign).html
    assert "Ranking (Bradley–Terry)" in html
    assert "student / teacher" in html


def test_no_votes_yet_and_no_campaign(context):
    found = report(context, make(context))
    assert "No votes yet" in found.html
    assert found.files == ()
    with pytest.raises(UserError, match="Choose a campaign"):
        report(context, "")


def test_without_a_store_the_tab_says_why(photo_path):
    context = context_of([Fake("student"), Fake("teacher")], photo_path)
    for refuse in (lambda: voting.next_pair(context, "x", ANN), lambda: make(context), lambda: report(context, "x")):
        with pytest.raises(UserError, match="VIBEGRADE_STORE"):
            refuse()


def test_votes_are_counted_once(context):
    campaign = make(context)
    judge(context, campaign, ANN, lambda ballot: "neutral")
    assert count(context.store.engine)["votes"] == 2

"""Online experiments: sticky assignment, one exposure, a report by user that finds what was planted."""

import json
from collections import Counter

import numpy as np
import pytest

from editor.errors import UserError
from editor.experiment import Experiment, arm_table, compare, projects, users_needed
from editor.planner import Answer
from editor.store import count, kept_tools
from editor.tools import Edit

WARM = Edit.from_dict({"adjust": {"temperature": 35}})
BOTH = Edit.from_dict({"adjust": {"temperature": 35}, "filter": {"name": "vivid", "intensity": 40}})
ARMS = {"recorded": 0.5, "student": 0.3, "knn": 0.2}
EXPERIMENT = Experiment(name="first", control="recorded", arms=ARMS)


def test_assignment_is_sticky_and_follows_the_shares():
    users = [f"user {i}" for i in range(20_000)]
    arms = [EXPERIMENT.assign(user) for user in users]
    assert arms == [EXPERIMENT.assign(user) for user in users]
    shares = {arm: n / len(users) for arm, n in Counter(arms).items()}
    assert shares == pytest.approx(ARMS, abs=0.015)
    other = Experiment(name="second", control="recorded", arms=ARMS)
    same = np.mean([a == other.assign(user) for a, user in zip(arms, users, strict=True)])
    assert same == pytest.approx(sum(s**2 for s in ARMS.values()), abs=0.02)  # independent of the first


def test_stopping_an_arm_moves_only_its_users():
    stopped = EXPERIMENT.model_copy(update={"stopped": ("knn",)})
    for i in range(200):
        assert stopped.assign(f"user {i}") == EXPERIMENT.assign(f"user {i}")


def test_exposure_is_logged_once_and_not_for_stopped_arms(store):
    stopped = EXPERIMENT.model_copy(update={"stopped": ("knn",)})
    served = {f"user {i}": [stopped.serve(store, f"user {i}") for _ in range(2)] for i in range(60)}
    assert all(first == second for first, second in served.values())
    assert "knn" not in {arm for arm, _ in served.values()}
    exposed = [user for user in served if EXPERIMENT.assign(user) != "knn"]
    assert count(store.engine)["exposures"] == len(exposed) < 60


def run(store, user, exported, edit=WARM, at=None):
    project = store.project_started(user, "image", at=at)
    ask = store.asked(project, user, "sunset", Answer(edit=edit, planner="p"), at=at)
    for _ in range(2 * exported):  # exporting twice is one completed project
        store.exported(project, user, "image", edit, kept_tools(edit, edit), ask_id=ask, at=at)


def test_report_counts_projects_after_the_exposure_by_arm(store):
    run(store, "early", exported=True, at=1000)
    store.exposed("first", "early", "recorded", at=2000)
    run(store, "early", exported=True, edit=BOTH, at=3000)
    run(store, "early", exported=False, at=4000)
    store.exposed("first", "late", "student", at=2000)
    run(store, "late", exported=True, at=3000)
    run(store, "stranger", exported=True, at=3000)
    table = arm_table(projects(store.engine, "first")).set_index("arm")
    assert table.loc["recorded", ["users", "started", "exported"]].tolist() == [1, 2, 1]
    assert table.loc["recorded", ["with_adjust", "with_selective_adjust", "with_filter"]].tolist() == [0.5, 0, 0.5]
    assert table.loc["student", "completion_rate"] == 1


def test_a_planted_difference_is_reported(store):
    rng = np.random.default_rng(2)
    experiment = Experiment(name="x", control="a", arms={"a": 1, "b": 1})
    for i in range(400):
        arm = experiment.serve(store, f"u{i}")
        run(store, f"u{i}", exported=bool(rng.random() < (0.3 if arm == "a" else 0.8)))
    result = compare(projects(store.engine, "x"), experiment)["b"]
    assert result.ci_low < 0.5 < result.ci_high
    assert result.verdict == "The variant is better."
    assert result.srm_p > 0.001


def test_too_little_data_is_no_comparison(store):
    assert compare(projects(store.engine, "first"), EXPERIMENT) == {}
    assert arm_table(projects(store.engine, "first")).empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"control": "nobody"}, "nobody"),
        ({"arms": {"recorded": 1}}, "arms"),
        ({"arms": {"recorded": -1, "student": 1}}, "arms.recorded"),
        ({"stopped": ["recorded"]}, "control cannot be stopped"),
        ({"colour": 1}, "colour"),
    ],
)
def test_file_with_a_fault_is_one_sentence(tmp_path, change, message):
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps({"name": "x", "control": "recorded", "arms": ARMS, **change}))
    with pytest.raises(UserError, match=message):
        Experiment.load(path)


def test_experiment_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("VIBEGRADE_EXPERIMENT", raising=False)
    assert Experiment.from_environment() is None
    path = tmp_path / "experiment.json"
    path.write_text(EXPERIMENT.model_dump_json())
    monkeypatch.setenv("VIBEGRADE_EXPERIMENT", str(path))
    assert Experiment.from_environment() == EXPERIMENT
    monkeypatch.setenv("VIBEGRADE_EXPERIMENT", str(tmp_path / "missing.json"))
    with pytest.raises(UserError, match=r"missing\.json cannot be read"):
        Experiment.from_environment()


def test_power_in_words():
    assert users_needed(0.5, 0.05).startswith("1,565 users an arm")

"""Statistics against worked examples from the literature and against planted truths."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from editor.errors import UserError
from editor.stats import (
    app,
    bradley_terry,
    compare_counts,
    compare_users,
    confidence_radius,
    krippendorff_alpha,
    sample_ratio_test,
    sample_size,
    sign_test,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_matches_the_published_table(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe 1998, "Interval estimation for the difference", table II, method 10
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_difference_interval_matches_the_published_table(first, second, low, high):
    result = compare_counts(control=second, variant=first)
    assert (result.ci_low, result.ci_high) == pytest.approx((low, high), abs=5e-5)


def test_two_proportion_z_by_hand():
    result = compare_counts((312, 1000), (350, 1010))
    pooled = 662 / 2010
    z = (350 / 1010 - 0.312) / math.sqrt(pooled * (1 - pooled) * (1 / 1000 + 1 / 1010))
    assert result.p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))
    assert result.ratio == pytest.approx(350 / 1010 / 0.312)


def test_one_project_a_user_is_the_plain_comparison():
    def users(exported, started):
        return [(1, 1)] * exported + [(0, 1)] * (started - exported)

    plain = compare_counts((3120, 10_000), (3400, 10_000))
    by_user = compare_users(users(3120, 10_000), users(3400, 10_000))
    assert by_user.difference == pytest.approx(plain.difference)
    assert by_user.p_value == pytest.approx(plain.p_value, rel=0.02)
    assert by_user.always_valid_low == pytest.approx(plain.always_valid_low, abs=1e-4)


def test_users_with_many_projects_widen_the_interval():
    rng = np.random.default_rng(1)
    rates = rng.beta(1, 1, 400)  # each user has a habit: projects of one user are alike
    arm = [(rng.binomial(20, rate), 20) for rate in rates]
    by_user = compare_users(arm[:200], arm[200:])
    by_project = compare_counts(tuple(np.sum(arm[:200], axis=0).tolist()), tuple(np.sum(arm[200:], axis=0).tolist()))
    assert by_user.ci_high - by_user.ci_low > 2 * (by_project.ci_high - by_project.ci_low)


def looks_that_alarm(difference, looks=50, users=10_000, rounds=2_000, seed=7):
    """Shares of simulated experiments in which any look excludes 0: z-test, confidence sequence."""
    rng = np.random.default_rng(seed)
    steps = np.linspace(users / looks, users, looks).astype(int) // 2
    control = np.cumsum(rng.random((rounds, users // 2)) < 0.4, axis=1)[:, steps - 1]
    variant = np.cumsum(rng.random((rounds, users // 2)) < 0.4 + difference, axis=1)[:, steps - 1]
    p0, p1 = (control + 1) / (steps + 2), (variant + 1) / (steps + 2)
    error = np.sqrt(p0 * (1 - p0) / steps + p1 * (1 - p1) / steps)
    unit = np.array([confidence_radius(1.0, 2 * int(n)) for n in steps])
    gap = np.abs(variant - control) / steps
    return (gap > 1.96 * error).any(axis=1).mean(), (gap > unit * error).any(axis=1).mean()


def test_fifty_looks_raise_no_false_alarms():
    naive, always_valid = looks_that_alarm(difference=0.0)
    assert naive > 0.2  # the trap that the confidence sequence is for
    assert always_valid <= 0.05


def test_a_real_difference_is_found():
    _, found = looks_that_alarm(difference=0.05, rounds=500)
    assert found > 0.9


def test_confidence_sequence_covers_rates_of_zero_and_one():
    result = compare_counts((0, 50), (0, 50))
    assert result.always_valid_low < 0 < result.always_valid_high
    assert result.p_value == 1
    assert math.isnan(result.ratio)


def test_broken_split_is_named_before_any_winner():
    result = compare_counts((5000, 10_000), (6500, 11_000))
    assert result.srm_p < 0.001
    assert "sample-ratio mismatch" in result.verdict
    assert sample_ratio_test((200, 800), (0.2, 0.8)) == pytest.approx(1)


def test_verdicts():
    assert compare_counts((4000, 10_000), (4600, 10_000)).verdict == "The variant is better."
    assert compare_counts((4600, 10_000), (4000, 10_000)).verdict == "The variant is worse."
    assert "go on collecting" in compare_counts((40, 100), (41, 100)).verdict


def test_sample_size_by_hand():
    # 2 * ((1.95996 + 0.84162) / h)^2 / 2 with Cohen's h = 2 asin(sqrt(.55)) - 2 asin(sqrt(.5)) = 0.10017
    h = 2 * math.asin(math.sqrt(0.55)) - 2 * math.asin(math.sqrt(0.5))
    assert sample_size(0.5, 0.05) == math.ceil(2 * ((1.959964 + 0.841621) / h) ** 2)
    with pytest.raises(UserError):
        sample_size(0.9, 0.2)


def test_sign_test_by_hand():
    assert sign_test(9, 1) == pytest.approx(2 * (1 + 10) / 2**10)
    assert sign_test(0, 0) == 1


def votes(strengths, voters, each, seed):
    """Simulated votes of a Bradley-Terry world with the given log-odds."""
    rng = np.random.default_rng(seed)
    names = list(strengths)
    rows = []
    for voter in range(voters):
        for _ in range(each):
            a, b = rng.choice(names, 2, replace=False)
            wins = rng.random() < 1 / (1 + math.exp(strengths[b] - strengths[a]))
            rows.append({"a": a, "b": b, "winner": "a" if wins else "b", "voter": voter})
    return pd.DataFrame(rows)


def test_bradley_terry_recovers_planted_strengths():
    planted = {"teacher": 0.7, "student": 0.2, "nearest": -0.9}
    covered = []
    for seed in range(15):
        table = bradley_terry(votes(planted, voters=40, each=10, seed=seed), rounds=150)
        assert table["model"].tolist() == ["teacher", "student", "nearest"]
        assert table["strength"].mean() == pytest.approx(0, abs=1e-6)
        covered += [row.low <= planted[row.model] <= row.high for row in table.itertuples()]
    assert np.mean(covered) >= 0.85  # 95% nominal; 45 correlated intervals


def test_krippendorff_alpha_of_the_published_example():
    # Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: nominal alpha = .743
    nan = np.nan
    ratings = pd.DataFrame(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    assert krippendorff_alpha(ratings) == pytest.approx(0.743, abs=5e-4)
    assert math.isnan(krippendorff_alpha(pd.DataFrame([[1, nan], [nan, 0]])))


def test_command_line_gives_the_same_figures():
    run = CliRunner().invoke(app, ["ab", "--control", "312/1000", "--variant", "350/1010", "--json"])
    printed = json.loads(run.output)
    result = compare_counts((312, 1000), (350, 1010))
    for key in (
        "ratio",
        "difference",
        "ci_low",
        "ci_high",
        "p_value",
        "always_valid_low",
        "always_valid_high",
        "srm_p",
    ):
        assert printed[key] == pytest.approx(getattr(result, key))


@pytest.mark.parametrize("text", ["3/0", "5/4", "x", "1/2/3", "-1/5"])
def test_counts_that_cannot_be_are_one_sentence(text):
    run = CliRunner().invoke(app, ["ab", f"--control={text}", "--variant", "1/2"])
    assert isinstance(run.exception, UserError)

"""Intervals and tests for votes, annotations and online experiments. Pure functions of counts and arrays.

Knows nothing of databases or pages. Command, the same figures as the page:
`python -m editor.stats ab --control EXPORTED/STARTED --variant EXPORTED/STARTED --json`.
Sources: Wilson 1927; Newcombe 1998 (method 10); Bradley and Terry 1952; Krippendorff 2018;
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024 (asymptotic confidence sequences).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from scipy.stats import binomtest, chisquare, norm
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportion_effectsize,
    proportions_ztest,
)

from editor.errors import UserError, run_command

ALPHA = 0.05
SRM_ALARM = 0.001  # below it the split of users is broken and no result may be read (Fabijan et al. 2019)
HORIZON = 10_000  # projects at which the confidence sequence is narrowest; it is valid at every number


def wilson_interval(successes: int, trials: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Wilson score interval of a proportion; (0, 1) when there are no trials."""
    if trials == 0:
        return 0.0, 1.0
    low, high = proportion_confint(successes, trials, alpha, method="wilson")
    return float(low), float(high)


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact p-value of wins against losses, ties left out; 1 when there are none."""
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def confidence_radius(standard_error: float, n: int, alpha: float = ALPHA, horizon: int = HORIZON) -> float:
    """Half width of an asymptotic confidence sequence for a mean of n terms, valid at all n at once.

    Waudby-Smith et al. 2024, theorem 2.2, with rho chosen to be tight near `horizon` (their appendix B.2).
    """
    log_alpha = -2 * math.log(alpha)
    rho2 = (log_alpha + math.log(log_alpha + 1)) / horizon
    variance = standard_error**2 * n
    return math.sqrt(variance * 2 * (n * rho2 + 1) / (n**2 * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha))


@dataclass(frozen=True)
class Comparison:
    """A variant against a control: completion rates and how sure one can be of their difference."""

    control_rate: float
    variant_rate: float
    ratio: float  # variant / control, as the paper states it
    difference: float  # variant - control
    ci_low: float  # 95% interval of the difference for one look at the end
    ci_high: float
    p_value: float  # two-sided, for one look at the end
    always_valid_low: float  # 95% confidence sequence: may be looked at any time
    always_valid_high: float
    srm_p: float  # sample-ratio check of the split

    @property
    def verdict(self) -> str:
        """The result in words, from the always-valid interval."""
        if self.srm_p < SRM_ALARM:
            return "The users were not split as planned (sample-ratio mismatch): repair the assignment first."
        if self.always_valid_low > 0:
            return "The variant is better."
        if self.always_valid_high < 0:
            return "The variant is worse."
        return "No difference shown yet: go on collecting, or stop without a winner."


def compare_counts(
    control: tuple[int, int],
    variant: tuple[int, int],
    weights: tuple[float, float] = (0.5, 0.5),
    horizon: int = HORIZON,
) -> Comparison:
    """Compare (exported, started) of two arms whose projects are independent.

    `weights` are the planned shares of control and variant. Raises `UserError` for impossible counts.
    """
    for exported, started in (control, variant):
        if not 0 <= exported <= started or started < 1:
            raise UserError(f"{exported}/{started} is no rate: write EXPORTED/STARTED with 0 <= exported <= started.")
    (x0, n0), (x1, n1) = control, variant
    p0, p1 = x0 / n0, x1 / n1
    low, high = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
    pooled = x0 + x1
    p_value = 1.0 if pooled in (0, n0 + n1) else float(proportions_ztest([x1, x0], [n1, n0])[1])
    # One success and one failure more in each arm: the variance of a rate of 0 or 1 is not 0.
    smooth = [(x + 1) / (n + 2) for x, n in (control, variant)]
    error = math.sqrt(sum(p * (1 - p) / n for p, n in zip(smooth, (n0, n1), strict=True)))
    return _comparison(p0, p1, (float(low), float(high)), p_value, error, (n0, n1), weights, horizon)


def compare_users(
    control: Sequence[tuple[int, int]],
    variant: Sequence[tuple[int, int]],
    weights: tuple[float, float] = (0.5, 0.5),
    horizon: int = HORIZON,
) -> Comparison:
    """Compare arms by user: one (exported, started) for each user, started >= 1.

    Users, not projects, are randomised, so the rate's variance is that of a ratio of sums over users
    (delta method); with one project a user this is the comparison of two means.
    """
    arms = [np.asarray(users, float).reshape(-1, 2) for users in (control, variant)]
    if any(len(arm) < 2 for arm in arms):
        raise UserError("Each arm needs at least two users with a project.")
    rates, variances = zip(*(_ratio_of_sums(arm) for arm in arms), strict=True)
    error = math.sqrt(sum(variances))
    difference = rates[1] - rates[0]
    half = norm.ppf(1 - ALPHA / 2) * error
    p_value = float(2 * norm.sf(abs(difference) / error)) if error else float(difference == 0)
    sizes = (len(arms[0]), len(arms[1]))
    interval = (difference - half, difference + half)
    return _comparison(rates[0], rates[1], interval, p_value, error, sizes, weights, horizon)


def _ratio_of_sums(users: np.ndarray) -> tuple[float, float]:
    """Rate and its variance from (users, 2) exported and started."""
    exported, started = users.T
    rate = exported.sum() / started.sum()
    residual = (exported - rate * started) / started.mean()
    # As in compare_counts: one user more of each kind keeps the variance from vanishing.
    variance = (np.sum(residual**2) + 2 * rate * (1 - rate) + 1 / len(users)) / (len(users) - 1)
    return float(rate), float(variance / len(users))


def _comparison(
    p0: float,
    p1: float,
    interval: tuple[float, float],
    p_value: float,
    error: float,
    sizes: tuple[int, int],
    weights: tuple[float, float],
    horizon: int,
) -> Comparison:
    radius = confidence_radius(error, sum(sizes), horizon=horizon)
    return Comparison(
        control_rate=p0,
        variant_rate=p1,
        ratio=p1 / p0 if p0 else math.nan,
        difference=p1 - p0,
        ci_low=interval[0],
        ci_high=interval[1],
        p_value=p_value,
        always_valid_low=max(-1.0, p1 - p0 - radius),
        always_valid_high=min(1.0, p1 - p0 + radius),
        srm_p=sample_ratio_test(sizes, weights),
    )


def sample_ratio_test(sizes: Sequence[int], weights: Sequence[float]) -> float:
    """p-value of the observed arm sizes under the planned shares (chi-square)."""
    expected = np.asarray(weights, float) / sum(weights) * sum(sizes)
    return float(chisquare(sizes, expected).pvalue)


def sample_size(rate: float, lift: float, alpha: float = ALPHA, power: float = 0.8) -> int:
    """Users an arm needed to find `rate` -> `rate + lift` with a two-sided test at the end."""
    if not (0 < rate < 1 and 0 < rate + lift < 1 and lift):
        raise UserError("Rate and rate + lift must lie between 0 and 1, and the lift must not be 0.")
    effect = proportion_effectsize(rate + lift, rate)
    return math.ceil(NormalIndPower().solve_power(abs(effect), alpha=alpha, power=power))


def bradley_terry(comparisons: pd.DataFrame, rounds: int = 500, seed: int = 0, alpha: float = ALPHA) -> pd.DataFrame:
    """Strengths from votes: columns `a`, `b`, `winner` (a | b | tie) and `voter`.

    Returns a row a model, best first: `strength` in log-odds (the models' mean is 0; the difference of
    two is the log-odds of a win) with `low` and `high` from a bootstrap that resamples voters.
    """
    from evalica import Winner
    from evalica import bradley_terry as fit

    models = pd.Index(sorted({*comparisons["a"], *comparisons["b"]}))
    winners = comparisons["winner"].map({"a": Winner.X, "b": Winner.Y, "tie": Winner.Draw}).tolist()
    codes, voters = pd.factorize(comparisons["voter"])
    rng = np.random.default_rng(seed)

    def strengths(weights: np.ndarray) -> np.ndarray:
        result = fit(
            comparisons["a"].tolist(),
            comparisons["b"].tolist(),
            winners,
            index=models,
            weights=weights,
            tolerance=1e-9,
            limit=10_000,
        )
        log_odds = np.log(result.scores.reindex(models).to_numpy())
        return log_odds - log_odds.mean()

    draws = rng.multinomial(len(voters), np.full(len(voters), 1 / len(voters)), size=rounds)
    sampled = np.array([strengths(draw[codes].astype(float)) for draw in draws])
    low, high = np.quantile(sampled, [alpha / 2, 1 - alpha / 2], axis=0)
    table = pd.DataFrame(
        {"model": models, "strength": strengths(np.ones(len(codes))), "low": low, "high": high},
    )
    return table.sort_values("strength", ascending=False, ignore_index=True)


def krippendorff_alpha(ratings: pd.DataFrame) -> float:
    """Nominal agreement of `ratings`, annotators in rows and samples in columns, NaN where not rated.

    NaN when no sample has two ratings.
    """
    from evalica import InsufficientRatingsError, alpha

    try:
        return float(alpha(ratings, distance="nominal").alpha)
    except InsufficientRatingsError:
        return math.nan


app = typer.Typer(add_completion=False, help="The project's statistics on the command line.")


@app.callback()
def _group() -> None:
    """Keep `ab` a command of its own."""


def _counts(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if not match:
        raise UserError(f"{text!r} is no rate: write EXPORTED/STARTED, like 312/1000.")
    return int(match[1]), int(match[2])


@app.command()
def ab(
    control: Annotated[str, typer.Option(help="EXPORTED/STARTED of the control arm.")],
    variant: Annotated[str, typer.Option(help="EXPORTED/STARTED of the variant.")],
    control_share: Annotated[float, typer.Option(min=0.01, max=0.99, help="Planned share of the control arm.")] = 0.5,
    horizon: Annotated[int, typer.Option(min=1, help="Projects at which the always-valid interval is best.")] = HORIZON,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the completion rates of two arms."""
    shares = (control_share, 1 - control_share)
    result = compare_counts(_counts(control), _counts(variant), shares, horizon)
    if as_json:
        # A ratio to a control that never exports does not exist: null, since JSON has no NaN.
        values = {k: None if math.isnan(v) else v for k, v in asdict(result).items()}
        typer.echo(json.dumps({**values, "verdict": result.verdict}))
        return
    typer.echo(f"control {result.control_rate:.2%}, variant {result.variant_rate:.2%}, ratio {result.ratio:.3f}")
    typer.echo(f"difference {result.difference:+.2%}, 95% [{result.ci_low:+.2%}, {result.ci_high:+.2%}]")
    typer.echo(f"p {result.p_value:.4g}; sample-ratio p {result.srm_p:.4g}")
    typer.echo(f"always valid [{result.always_valid_low:+.2%}, {result.always_valid_high:+.2%}]. {result.verdict}")


if __name__ == "__main__":
    run_command(app)

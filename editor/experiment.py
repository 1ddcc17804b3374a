"""Online experiments: which planner a user meets, and what came of it.

The arm follows from the experiment's name and the user's pseudonym alone, so it is sticky and can be
worked out again; the exposure is logged once. Metric: project completion rate, projects exported /
projects started, analysed by user. An experiment is a JSON file named by `VIBEGRADE_EXPERIMENT`:
{"name": "student-1", "control": "recorded", "arms": {"recorded": 0.5, "student": 0.5}, "stopped": []}
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import Engine, text

from editor.errors import UserError
from editor.stats import Comparison, compare_users, sample_size
from editor.store import Store
from editor.tools import TOOLS

# Every project of an exposed user from the exposure on, the one in which they were exposed among them (it was
# opened before its first prompt), and what was in it when it was exported.
PROJECTS = """
SELECT x.arm, x.user_id, p.id AS project, MAX(CASE WHEN e.id IS NULL THEN 0 ELSE 1 END) AS exported,
       MAX(CASE WHEN e.edit LIKE '%"adjust":{%' THEN 1 ELSE 0 END) AS adjust,
       MAX(CASE WHEN e.edit LIKE '%"selective_adjust":{%' THEN 1 ELSE 0 END) AS selective_adjust,
       MAX(CASE WHEN e.edit LIKE '%"filter":{%' THEN 1 ELSE 0 END) AS filter
FROM exposures x
JOIN projects p ON p.user_id = x.user_id
    AND (p.at >= x.at OR EXISTS (SELECT 1 FROM asks a WHERE a.project_id = p.id AND a.at >= x.at))
LEFT JOIN exports e ON e.project_id = p.id
WHERE x.experiment = :experiment
GROUP BY x.arm, x.user_id, p.id
"""


class Experiment(BaseModel):
    """Arms are names of planners with their shares of users."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    control: str
    arms: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(min_length=2)
    stopped: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _arms_exist(self) -> Experiment:
        for arm in (self.control, *self.stopped):
            if arm not in self.arms:
                raise ValueError(f"{arm!r} is not among the arms")
        if self.control in self.stopped:
            raise ValueError("the control cannot be stopped: users of stopped arms are given to it")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Experiment:
        """Read a file. Raises `UserError` naming the fault."""
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except OSError:
            raise UserError(f"The experiment file {Path(path).name} cannot be read.") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "file"
            raise UserError(f"Experiment {Path(path).name}: {place}: {first['msg']}.") from None

    @classmethod
    def from_environment(cls) -> Experiment | None:
        """The experiment that `VIBEGRADE_EXPERIMENT` names, None when none runs."""
        path = os.environ.get("VIBEGRADE_EXPERIMENT")
        return cls.load(path) if path else None

    def assign(self, user_id: str) -> str:
        """The arm that a user is randomised to; it never changes, not even when the arm is stopped."""
        digest = hashlib.sha256(f"{self.name}\0{user_id}".encode()).digest()
        point = int.from_bytes(digest[:8], "big") / 2**64 * sum(self.arms.values())
        for arm, share in self.arms.items():
            point -= share
            if point < 0:
                return arm
        return next(reversed(self.arms))  # rounding at the upper end

    def planner_for(self, user_id: str) -> str:
        """The planner that a user meets: the arm's, or the control's where the arm is stopped. Logs nothing."""
        arm = self.assign(user_id)
        return self.control if arm in self.stopped else arm

    def serve(self, store: Store, user_id: str, *, at: int | None = None) -> str:
        """The planner for a user, the exposure logged; users of a stopped arm meet the control, unlogged."""
        if self.assign(user_id) not in self.stopped:
            store.exposed(self.name, user_id, self.assign(user_id), at=at)
        return self.planner_for(user_id)


def projects(engine: Engine, experiment: str) -> pd.DataFrame:
    """One row a project of an exposed user: arm, user_id, project, exported, and a 0/1 column a tool."""
    with engine.connect().execution_options(read_only=True) as connection:
        return pd.read_sql(text(PROJECTS), connection, params={"experiment": experiment})


def arm_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Per arm: users, projects started and exported, completion rate, share of projects exported with each tool."""
    table = frame.groupby("arm").agg(
        users=("user_id", "nunique"), started=("project", "size"), exported=("exported", "sum")
    )
    table["completion_rate"] = table["exported"] / table["started"]
    for tool in TOOLS:
        table[f"with_{tool}"] = frame.groupby("arm")[tool].mean()
    return table.reset_index()


def compare(frame: pd.DataFrame, experiment: Experiment) -> dict[str, Comparison]:
    """Each variant against the control, by user. Arms with fewer than two users are left out."""
    by_user = frame.groupby(["arm", "user_id"]).agg(exported=("exported", "sum"), started=("project", "size"))
    users = {str(arm): list(group.itertuples(index=False, name=None)) for arm, group in by_user.groupby(level="arm")}
    control = users.get(experiment.control, [])
    found = {}
    for arm, share in experiment.arms.items():
        if arm != experiment.control and len(users.get(arm, [])) >= 2 and len(control) >= 2:
            weights = (experiment.arms[experiment.control], share)
            found[arm] = compare_users(control, users[arm], weights)
    return found


def users_needed(rate: float, lift: float) -> str:
    """The power calculator's answer in words: both as fractions, for 80% power at 5%."""
    needed = sample_size(rate, lift)
    return f"{needed:,} users an arm find a change from {rate:.1%} to {rate + lift:.1%} four times out of five."

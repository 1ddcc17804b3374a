"""Experiments: finished cells only, resumed where killed, tables with the right figures; SIMULATED people."""

import json

import numpy as np
import polars as pl
import pytest
from scipy import stats

from editor.tools import TOOLS, Edit
from student import experiment_tables, experiments, simulated_experiments
from student.experiment_tables import figure, mean_interval, page
from student.experiments import Plan, jobs, main, read_cells, run_jobs
from student.simulated_experiments import drawn, filtering, personalisation, personalisation_settings, recovery
from tests.tiny import tiny_bert


def cell(settings, figures, minutes=1.0):
    facts = {"commit": "abc1234", "command": "python -m student.experiments all", "machine": "two cores"}
    return {**facts, "day": "2026-11-26", "minutes": minutes, "settings": settings, "figures": figures}


def finals(overall):
    return {"overall": overall, **dict.fromkeys(TOOLS, overall)}


def test_interval_is_students_t():
    values = [0.61, 0.64, 0.62, 0.66]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((np.mean(values), low, high))
    assert figure([0.6251, None, 0.6251]) == "0.625 [0.625, 0.625]"
    assert figure([0.5]) == "0.500"
    assert figure([None]) == "–"


def test_augmentation_table_pairs_gains_by_seed_and_names_how_it_was_run():
    gains = {0: 0.02, 1: 0.03, 2: 0.04}
    cells = [
        cell(
            {"share": 0.5, "seed": seed},
            {"rows": 100, "added": 40, "without": finals(0.5 + 0.1 * seed), "with": finals(0.5 + 0.1 * seed + gain)},
        )
        for seed, gain in gains.items()
    ]
    text = page({"augmentation": cells})
    _, low, high = mean_interval(list(gains.values()))
    assert f"+0.030 [{low:+.3f}, {high:+.3f}]" in text
    assert ".68 → .70 (781 added)" in text
    assert "seeds 0, 1, 2" in text
    assert "Commit abc1234; command `python -m student.experiments all`" in text
    assert "3.0 minutes" in text


@pytest.mark.parametrize(("gain", "said"), [(0.02, "Shown to help: both."), (0.0, "None of them is shown to help")])
def test_a_rationale_helps_only_when_its_whole_interval_is_above_zero(gain, said):
    noise = {0: 0.001, 1: -0.001, 2: 0.0005}
    cells = [
        cell(
            {"lesson": lesson, "share": 0.125, "seed": seed},
            finals(0.6 + seed / 100 + (gain + jitter) * (lesson == "both")),
        )
        for seed, jitter in noise.items()
        for lesson in ("neither", "both")
    ]
    text = page({"rationale": cells})
    assert said in text
    assert "12.5% of the rows" in text


def test_an_experiment_without_cells_says_so():
    text = page({name: [] for name in experiments.EXPERIMENTS})
    assert text.count("Not run yet.") == 4
    assert "no teacher endpoint was set" in text
    assert set(experiment_tables.SECTIONS) == set(experiments.EXPERIMENTS)


def run(cells, plan=Plan(), workers=1):  # noqa: B008
    """Run what is left of "filtering"; returns how many cells that was."""
    done = []
    run_jobs(jobs("filtering", plan, cells, "command"), workers, done.append)
    return len(done)


def test_finished_cells_are_not_measured_again_and_a_killed_run_goes_on(tmp_path, monkeypatch):
    measured = []

    def measure(settings, folder, plan):
        if len(measured) == 1 and not (tmp_path / "revived").exists():
            raise KeyboardInterrupt
        measured.append(settings["seed"])
        return {"n": 1}

    listed = {f"seed{seed}": {"seed": seed} for seed in range(3)}
    monkeypatch.setitem(experiments.EXPERIMENTS, "filtering", (lambda plan: listed, measure))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert [c["settings"]["seed"] for c in read_cells(tmp_path)["filtering"]] == [0]
    (tmp_path / "revived").touch()
    assert run(tmp_path) == 2
    assert run(tmp_path) == 0
    assert measured == [0, 1, 2]
    listed["seed0"]["epochs"] = 9  # another question: the old answer does not count
    assert run(tmp_path) == 1
    assert not [p for p in (tmp_path / "filtering").iterdir() if p.is_dir()]


def test_processes_can_share_an_experiment(tmp_path, monkeypatch):
    listed = {f"share{share}-seed{seed}": {"seed": seed} for seed in range(2) for share in (1, 2)}
    monkeypatch.setitem(experiments.EXPERIMENTS, "filtering", (lambda plan: listed, lambda *_: {"n": 1}))
    assert run(tmp_path, Plan(only="seed1")) == 2
    assert {c["settings"]["seed"] for c in read_cells(tmp_path)["filtering"]} == {1}
    assert run(tmp_path) == 2


def test_two_workers_measure_what_one_does(tmp_path):
    plan = Plan(quick=True, seeds=2)
    assert run(tmp_path / "one", plan) == run(tmp_path / "two", plan, workers=2) == 2
    one, two = (read_cells(tmp_path / name)["filtering"] for name in ("one", "two"))
    assert [c["figures"] for c in one] == [c["figures"] for c in two]


def test_a_fault_of_a_worker_is_said(tmp_path):
    plan = Plan(quick=True, seeds=2, base=str(tmp_path / "nowhere"))
    with pytest.raises(OSError, match="nowhere"):
        run_jobs(jobs("augmentation", plan, tmp_path, "command"), 2, print)
    assert not read_cells(tmp_path)["augmentation"]


@pytest.mark.parametrize("name", ["augmentation", "rationale"])
def test_trained_experiments_end_in_a_table(name, tmp_path, capsys):
    base = tiny_bert(tmp_path / "base")
    arguments = [name, "--quick", "--base", str(base), "--workers", "1", "--cells", str(tmp_path / "cells")]
    assert main(arguments) == 0
    text, last = capsys.readouterr().out.rstrip().rsplit("\n", 1)
    assert json.loads(last)["measured"] == {name: 2 if name == "augmentation" else 4}
    section = text[text.index("## ") :].strip()
    assert section in (tmp_path / "cells" / "quick" / "EXPERIMENTS.md").read_text("utf-8")
    for found in read_cells(tmp_path / "cells" / "quick")[name]:
        scores = (
            [found["figures"][side] for side in ("without", "with")] if name == "augmentation" else [found["figures"]]
        )
        assert all(0 <= s["overall"] <= 1 for s in scores)
        if name == "augmentation":
            assert found["figures"]["rows"] == round(192 * found["settings"]["share"])
            assert 0 < found["figures"]["added"] <= found["figures"]["rows"]


def test_smaller_shares_lie_in_larger_ones(tmp_path, monkeypatch):
    seen = {}

    class Silent:
        def edits(self, intents):
            return [Edit() for _ in intents]

    def trained(folder, settings, plan, rows, more):
        seen[settings["share"], folder.name] = {row.intent for row in rows}
        return Silent()

    monkeypatch.setattr(experiments, "_trained", trained)
    for settings in experiments.augmentation_cells(Plan(seeds=1)).values():
        experiments.augmentation(settings, tmp_path, Plan())
    for small, large in ((0.125, 0.25), (0.25, 0.5), (0.5, 1.0)):
        assert seen[small, "without"] < seen[large, "without"]
    assert all(seen[share, "without"] < seen[share, "with"] for share in experiments.SHARES)


def test_prompts_need_an_endpoint(tmp_path, capsys):
    assert main(["prompts", "--quick", "--workers", "1", "--cells", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "no teacher endpoint was set" in out
    assert "OPENAI_MODEL" in json.loads(out.splitlines()[-1])["skipped"]["prompts"]


def test_prompt_variants_are_measured_on_the_endpoint(tmp_path, capsys, replay):
    assert main(["prompts", "--quick", "--workers", "1", "--cells", str(tmp_path)]) == 0
    (found,) = read_cells(tmp_path / "quick")["prompts"]
    assert {v: f["tokens_in"] for v, f in found["figures"].items()} == {
        "one-shot": 300, "zero-shot": 100, "student": 300,
    }  # fmt: skip
    assert all(f["valid"] == 1 for f in found["figures"].values())
    assert "| replay | 3 | one-shot | 300 | 60 | 100.0% |" in capsys.readouterr().out
    assert "sk-very-secret" not in json.dumps(found)


def test_outputs_are_drawn_as_often_as_they_were_kept():
    answers = pl.DataFrame(
        {
            "intent_key": ["sunset"] * 3,
            "filter": [f'{{"name":"{n}","intensity":50}}' for n in ("vivid", "north", "ultra")],
        }
        | {"kept_filter": [30, 10, 0]}
    )
    rng = np.random.default_rng(0)
    names = [drawn(answers, {"filter": "kept_filter"}, rng)["sunset"].filter.name for _ in range(800)]
    assert "ultra" not in names
    assert stats.binomtest(names.count("vivid"), 800, 0.75).pvalue > 0.001


def test_recovery_counts_tools_among_the_intents_with_a_row():
    warm = Edit.from_dict({"adjust": {"temperature": 30}})
    best = {"a": warm, "b": warm}
    assert recovery({"a": Edit()}, best) == {"rows": 0.5, "recovered": pytest.approx(2 / 3), "overall": 0.0}
    assert recovery(best, best)["recovered"] == 1
    assert recovery({}, best)["rows"] == 0


def test_filtering_beats_not_filtering_on_simulated_traffic():
    settings = {"seed": 3, "intents": 30, "calls": [60], "minimum_calls": 3}
    figures = filtering(settings)["60"]
    none, exported, plain, bound = (figures[way]["recovered"] for way in figures)
    assert none + 0.1 < exported
    assert exported + 0.2 < min(plain, bound)


def test_a_taste_helps_simulated_users_and_no_taste_costs_little():
    settings = {**personalisation_settings(0, quick=True), "users": 4, "exports": [30]}
    figures = personalisation(settings)
    assert figures["clear"]["after"][0] < 0.6 * figures["clear"]["before"]
    assert figures["none"]["before"] == 0
    assert figures["none"]["worst"][0] < 1.5
    assert personalisation(settings) == figures
    assert tuple(figures) == simulated_experiments.TASTES

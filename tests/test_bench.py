import json

import pytest

from editor.planner import Answer
from editor.tools import Edit
from student import bench


def test_every_figure_of_a_planner_in_its_own_process(capsys):
    assert bench.main(["--planner", "constant"]) == 0
    out = capsys.readouterr().out
    (result,) = json.loads(out.splitlines()[-1])
    assert set(result) == {"planner", "threads", *bench.FIGURES}
    assert result["planner"] == "constant"
    assert result["load_s"] > 0.05  # an interpreter's imports are in it
    assert result["rss_mb"] > 20
    assert result["p50_ms"] <= result["p95_ms"]
    assert "resident, MB" in out


def test_a_planner_that_cannot_be_loaded_is_named_with_the_reason(capsys):
    assert bench.main(["--planner", "gpt", "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert captured.err.startswith("gpt: There is no planner 'gpt'")


def test_batches_are_used_where_a_planner_has_them():
    class Single:
        def plan(self, prompt):
            return Edit.from_dict({"adjust": {"contrast": len(prompt)}})

        def answer(self, prompt):
            return Answer(self.plan(prompt), "single")

    class Batched(Single):
        def plan_many(self, prompts):
            return [Edit()] * len(prompts)

    assert [e.adjust.contrast for e in bench.plan_many(Single(), ["a", "bb"])] == [1, 2]
    assert all(e.is_neutral for e in bench.plan_many(Batched(), ["a", "bb"]))


def test_size_counts_files_and_whole_folders(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "w.bin").write_bytes(bytes(3_000_000))
    (tmp_path / "c.bin").write_bytes(bytes(500_000))
    assert bench.size_mb([tmp_path / "a", tmp_path / "c.bin"]) == pytest.approx(3.5)
    assert bench.size_mb([]) == 0

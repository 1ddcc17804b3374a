"""The live teacher against an endpoint that is slow, broken, rate limited or gone."""

import json
import logging
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from editor.errors import UserError
from editor.tools import Edit
from student.label import app, read_intents, read_price
from student.teacher import Endpoint, TeacherPlanner

GOLDEN = Edit.from_dict(
    {
        "adjust": {"temperature": 35, "contrast": 5},
        "selective_adjust": {"orange": {"saturation": 25}},
        "filter": {"name": "faded_HighNoon", "intensity": 40},
    }
)


def teacher(server, timeout_s=5.0, retries=2, variant="one-shot"):
    return TeacherPlanner(Endpoint("replay", server.url, "sk-very-secret", timeout_s, retries), variant)


def test_three_calls_go_out_together(replay):
    answer = teacher(replay).answer("golden hour")
    assert answer.edit == GOLDEN
    assert (answer.tokens_in, answer.tokens_out) == (300, 60)
    assert "warm light." in answer.why
    assert replay.most_running == 3
    assert answer.planner == "teacher (replay)"


def test_zero_shot_is_one_call(replay):
    answer = teacher(replay, variant="zero-shot").answer("golden hour")
    assert answer.edit.tools == ("adjust", "filter")
    assert sum(replay.asked.values()) == 1


@pytest.mark.parametrize("intent", ["limited golden", "flaky golden"])
def test_what_passes_on_a_second_try_is_retried(replay, intent):
    assert teacher(replay).answer(intent).edit == GOLDEN
    assert set(replay.asked.values()) == {2}


@pytest.mark.parametrize(
    ("intent", "sentence"),
    [
        ("slow golden", "did not answer in time"),
        ("exhausted golden", "rate limit"),
        ("failing golden", "server failed"),
        ("locked golden", "did not accept the key"),
        ("weird golden", "could not be read"),
        ("hangup golden", "cannot be reached"),
        ("broken golden", "could not be read"),
    ],
)
def test_each_failure_is_one_sentence_and_no_edit(replay, intent, sentence, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = teacher(replay, timeout_s=0.5, retries=0).answer(intent)
    assert answer.edit.is_neutral
    assert sentence in answer.message
    assert "secret" not in answer.message
    assert "sk-very-secret" not in caplog.text


def test_nobody_listening():
    answer = TeacherPlanner(Endpoint("x", "http://127.0.0.1:9/v1", retries=0)).answer("golden hour")
    assert "cannot be reached" in answer.message


def test_one_broken_tool_keeps_the_others(replay):
    answer = teacher(replay).answer("halfbroken golden")
    assert answer.edit.tools == ("adjust", "selective_adjust")
    assert answer.message.endswith("Missing: filter.")


def test_no_endpoint_set_is_a_clear_message(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="OPENAI_MODEL"):
        TeacherPlanner()


def test_the_key_is_not_shown():
    assert "sk-" not in repr(Endpoint("m", None, "sk-very-secret"))


def run_label(*arguments):
    return CliRunner().invoke(app, ["label", *map(str, arguments)])


def test_label_writes_rows_and_keeps_raw_failures_apart(replay, tmp_path):
    intents = tmp_path / "intents.txt"
    intents.write_text("golden hour\nwild west\n\nGolden Hour!\nbroken thing\n")
    rows, prices = tmp_path / "rows.jsonl", tmp_path / "prices.json"
    prices.write_text('{"replay": {"input": 1, "output": 2}}')
    result = run_label(intents, "-o", rows, "--prices", prices)
    assert result.exit_code == 1  # one intent failed
    written = {row["intent"]: row for row in map(json.loads, rows.read_text().splitlines())}
    assert set(written) == {"golden hour", "wild west"}
    assert Edit.from_dict(written["golden hour"]["edit"]) == GOLDEN
    failure = json.loads((tmp_path / "rows.jsonl.failures.jsonl").read_text())
    assert {f["kind"] for f in failure["failures"]} == {"no_json"}
    assert failure["failures"][0]["raw"] == "I would rather not."
    assert "1 numbers clamped" in result.output
    assert f"${(900 * 1 + 180 * 2) / 1e6:.4f}" in result.output

    before = replay.asked.total()
    run_label(intents, "-o", rows)
    assert replay.asked.total() == before  # nothing is asked twice
    run_label(intents, "-o", rows, "--again")
    assert replay.asked.total() == before + 3  # the unreadable intent, once more


def test_label_goes_on_after_a_kill_without_asking_twice_or_losing_a_row(replay, tmp_path):
    intents, rows = tmp_path / "intents.txt", tmp_path / "rows.jsonl"
    intents.write_text("\n".join(f"look {i}" for i in range(40)))
    command = [sys.executable, "-m", "student.teacher", "label", intents, "-o", rows, "--concurrency", "2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while (not rows.exists() or len(rows.read_text().splitlines()) < 8) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    kept = {json.loads(line)["intent"] for line in rows.read_text().splitlines() if line.endswith("}")}
    assert 8 <= len(kept) < 40
    with rows.open("a") as file:
        file.write('{"intent": "look 39", "edi')  # as if cut off while writing
    asked = dict(replay.asked)
    assert run_label(intents, "-o", rows).exit_code == 0
    written = [json.loads(line)["intent"] for line in rows.read_text().splitlines()]
    assert sorted(written) == sorted(f"look {i}" for i in range(40))
    assert all(replay.asked[intent, tool] == asked[intent, tool] for intent, tool in asked if intent in kept)


def test_variants_table_counts_tokens_validity_and_cost(replay, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"replay": {"input": 10, "output": 0}}')
    result = CliRunner().invoke(app, ["variants", "-n", "2", "--prices", str(prices)])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout.splitlines()[-1])
    rows = {row["variant"]: row for row in report["variants"]}
    assert rows["one-shot"]["tokens_in"] == 300
    assert rows["zero-shot"]["tokens_in"] == 100
    assert rows["one-shot"]["cost_per_1000"] == pytest.approx(3.0)
    assert all(row["valid"] == 1 for row in rows.values())


def test_files_that_cannot_be_used_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="one intent a line"):
        read_intents(tmp_path / "missing.txt")
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(UserError, match="no intents"):
        read_intents(tmp_path / "empty.txt")
    (tmp_path / "prices.json").write_text("{}")
    with pytest.raises(UserError, match="no price for gpt"):
        read_price(tmp_path / "prices.json", "gpt")

import hashlib
import json

import pytest

from editor.tools import PRESETS, Edit
from student import dataset
from student.dataset import (
    DatasetError,
    Row,
    faults,
    load,
    main,
    normalise,
    read_rows,
    training_rows,
    write_rows,
)

ROW = {
    "intent": "Golden Hour!",
    "why": "low warm sun",
    "edit": {"adjust": {"temperature": 35}, "selective_adjust": None, "filter": None},
    "similar": "sunset glow",
    "domain": "light",
}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Golden  Hour!", "golden hour"),
        ("black-and-white", "black and white"),
        ("ｗａｒｍ", "warm"),  # full width forms: NFKC
        ("“noir”…", "noir"),
        ("❤️", "❤"),  # with and without the emoji variation selector
        ("saturation −20", "saturation -20"),  # U+2212
        ("saturation +20", "saturation 20"),
        ("f/1.4", "f 1 4"),
    ],
)
def test_requests_that_differ_only_in_writing_are_one(a, b):
    assert normalise(a) == normalise(b)


@pytest.mark.parametrize(
    ("a", "b"), [("🔥", "🥶"), ("saturation -20", "saturation 20"), ("café", "cafe"), ("!!!", "?"), ("🩶", "🩷")]
)
def test_requests_that_differ_in_meaning_stay_apart(a, b):
    assert normalise(a) != normalise(b)


@pytest.mark.parametrize("text", ["", "!!!", "\ud83d lone surrogate", "a\u200db", "x" * 10_000, "20-30 vs -5"])
def test_normalise_is_idempotent_on_odd_text(text):
    assert normalise(normalise(text)) == normalise(text)


def test_splits_partition_the_training_file_and_stay_where_the_hash_puts_them():
    lines = (dataset.DATA / "train.jsonl").read_text(encoding="utf-8").splitlines()
    train, validation = load("train"), load("validation")
    assert len(train) + len(validation) == len(lines)
    assert 0.07 < len(validation) / len(lines) < 0.09
    digest = hashlib.sha256(b"validation:" + normalise(validation[0].intent).encode()).digest()
    assert int.from_bytes(digest[:8], "big") % 100 < 8


def test_nothing_leaks():
    train, validation, test = load("train"), load("validation"), load("test")
    assert faults([*train, *validation], test) == []
    held_out = {normalise(row.intent) for row in [*validation, *test]}
    assert not [row for row in train if normalise(row.intent) in held_out]
    assert not [row for row in train if row.similar and normalise(row.similar) in held_out]


def test_added_rows_are_for_training_alone_and_touch_nothing_held_out():
    train, added = load("train"), load("added")
    assert training_rows() == [*train, *added]
    assert faults([*train, *load("validation"), *added], load("test")) == []
    held_out = {normalise(row.intent) for row in [*load("validation"), *load("test")]}
    assert not held_out & {normalise(text) for row in added for text in (row.intent, row.similar or "")}


def test_faults_finds_planted_ones():
    def row(intent, similar=None, preset="vivid"):
        return Row(intent, "", Edit.from_dict({"filter": {"name": preset, "intensity": 50}}), similar, "x")

    train = [row("noir"), row("Noir!"), row("autumn", similar="Fog."), row("dusk", preset="nope")]
    found = faults(train, [row("fog"), row("dusk")], PRESETS)
    assert len(found) == 4
    assert "'noir' appears 2 times" in found[0]
    assert "'nope'" in found[1]
    assert "'Fog.' of 'autumn'" in found[2]
    assert "'dusk' is in test" in found[3]


def test_rows_round_trip(tmp_path):
    rows = load("test")[:50]
    write_rows(rows, tmp_path / "rows.jsonl")
    assert read_rows(tmp_path / "rows.jsonl") == rows


def test_reading_accepts_bom_crlf_blank_lines_unicode_line_separators_and_missing_optional_fields(tmp_path):
    short = {"intent": "a\u2028b", "edit": {}, "calls": 3}
    text = "\ufeff" + "\r\n".join([json.dumps(ROW), "", json.dumps(short, ensure_ascii=False)])
    (tmp_path / "rows.jsonl").write_bytes(text.encode())
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [row.intent for row in rows] == ["Golden Hour!", "a\u2028b"]
    assert rows[1].similar is None
    assert rows[1].edit.is_neutral
    assert rows[1].calls == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edit": {"adjust": {"contrast": 500}}}, r"line 2: adjust\.contrast: .*100"),
        ({"edit": {"adjust": {"glow": 5}}}, r"line 2: adjust\.glow: no such parameter"),
        ({"edit": {"adjust": {"contrast": float("nan")}}}, r"line 2: adjust\.contrast"),
        ({"edit": {"adjust": {"contrast": "5"}}}, r"line 2: adjust\.contrast"),
        ({"intent": 7}, r"line 2: intent must be text"),
        ({"intent": None}, r"line 2: intent must be text"),
        ({"similar": ["x"]}, r"line 2: similar must be text"),
        ({"calls": -1}, r"line 2: calls"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(tmp_path, change, message):
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | change))
    with pytest.raises(DatasetError, match=message):
        read_rows(tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"intent": "x"', "line 1: not valid JSON"),
        ("[]", "line 1: expected an object"),
        ('{"intent": "x"}', "line 1: the field edit is missing"),
        ('{"edit": {}}', "line 1: the field intent is missing"),
        ("[" * 100_000, "line 1: not valid JSON"),
        ("\n\n", "holds no rows"),
    ],
)
def test_broken_files_give_one_sentence(tmp_path, text, message):
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_rows(tmp_path / "rows.jsonl")


def test_missing_and_binary_files_give_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        read_rows(tmp_path / "none.jsonl")
    (tmp_path / "photo.jsonl").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_rows(tmp_path / "photo.jsonl")


def test_stats_counts_match_a_plain_count_of_the_file(capsys):
    assert main(["stats"]) == 0
    stats = json.loads(capsys.readouterr().out.splitlines()[-1])
    records = [json.loads(line) for line in (dataset.DATA / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    assert stats["test"]["rows"] == len(records)
    assert stats["test"]["used"]["filter"] == sum(bool(r["edit"]["filter"]) for r in records)
    assert stats["test"]["adjust"]["bloom"] == sum(bool((r["edit"]["adjust"] or {}).get("bloom")) for r in records)


def test_check_passes_on_the_corpus_and_a_wrong_command_is_refused(capsys):
    assert main(["check"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["faults"] == 0
    assert main(["nonsense"]) == 2

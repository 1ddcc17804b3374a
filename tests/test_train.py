"""The training loop on tiny random models: it learns, survives a kill, and picks the best weights."""

import itertools
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from editor.tools import Edit
from student import bases, examples, fast_task, pool, synthetic, train
from student.dataset import SPLITS, Row, load, normalise, write_rows
from student.examples import WORDS, Targets
from student.fast_task import FastTask, add_options, depth, example_loss, with_soft, word_loss
from student.heads import OUTPUTS
from student.network import StudentNetwork, Texts, load_encoder
from student.packing import signs_of
from tests.test_model import EDITS, raw
from tests.tiny import TEXTS, tiny_bert, tiny_mpnet

ROWS = [
    Row(text, "warm low sun, long shadows", Edit.from_dict(EDITS[i % len(EDITS)]), f"{text} please", "test")
    for i, text in enumerate(TEXTS * 4)
]


torch.set_num_threads(1)  # tiny matrices: a second thread only waits


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny") / "base")


def options(base, runs, *more):
    """Parsed options of a short run on the tiny base."""
    import argparse

    parser = argparse.ArgumentParser()
    train.common_options(parser)
    add_options(parser)
    fixed = ["--name", "run", "--base", str(base), "--runs", str(runs), "--batch", "8", "--precision", "fp32"]
    return parser.parse_args([*fixed, "--epochs", "4", "--synthetic", "0", "--lr", "3e-3", "--threads", "1", *more])


def task(options):
    torch.manual_seed(options.seed)
    return FastTask(options, load_encoder(options.base, dropout=0.0), ROWS, ROWS)


def test_training_learns_and_keeps_what_it_was_told(base, tmp_path):
    o = options(base, tmp_path, "--epochs", "30", "--dropout", "0", "--ema", "0.9")
    best = train.fit(task(o), o)
    folder = tmp_path / "run"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.6 * lines[0]["loss"]
    assert best["overall"] == max(line["overall"] for line in lines)
    assert best["overall"] > lines[0]["overall"]
    assert json.loads((folder / "config.json").read_text())["epochs"] == 30
    assert (folder / "best.safetensors").exists()
    assert not list(folder.glob("*.part"))


def test_a_killed_run_resumes_to_the_same_weights(base, tmp_path):
    more = ("--dropout", "0", "--checkpoint-every", "3", "--evaluate-from", "1")
    whole = options(base, tmp_path / "whole", *more)
    train.fit(task(whole), whole)

    class KilledError(Exception):
        pass

    cut = options(base, tmp_path / "cut", *more)
    victim = task(cut)
    own_loss, calls = victim.loss, iter(range(1000))

    def loss(*args):
        if next(calls) == 8:  # after the checkpoint of step 6
            raise KilledError
        return own_loss(*args)

    victim.loss = loss  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        train.fit(victim, cut)
    cut.resume = True
    train.fit(task(cut), cut)
    a, b = (load_file(tmp_path / run / "run" / "best.safetensors") for run in ("whole", "cut"))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name])


def test_a_last_training_starts_from_the_mean_of_runs_and_leaves_the_rounded_matrices(tmp_path):
    base = tiny_mpnet(tmp_path / "mpnet")
    for seed, run in enumerate(("one", "two")):
        torch.manual_seed(seed)
        network = StudentNetwork(load_encoder(str(base)), WORDS)
        for name, parameter in network.encoder.named_parameters():
            if name.startswith("encoder.layer."):
                parameter.data += 0.02 * torch.randn_like(parameter)
        (tmp_path / run).mkdir()
        save_file(network.state_dict(), tmp_path / run / "best.safetensors")
    write_rows(ROWS, tmp_path / "rows.jsonl")
    data = ("--rows", str(tmp_path / "rows.jsonl"), "--held-out", str(tmp_path / "rows.jsonl"))
    o = options(base, tmp_path, *data, "--start", "one", "two", "--round", "--freeze-embeddings")
    made = fast_task.task(o)
    one, two = (load_file(tmp_path / run / "best.safetensors") for run in ("one", "two"))
    torch.testing.assert_close(made.model.out.weight.data, (one["out.weight"] + two["out.weight"]) / 2)
    train.fit(made, o)
    best, whole = load_file(tmp_path / "run" / "best.safetensors"), load_file(base / "model.safetensors")
    for name, values in best.items():
        own = name.removeprefix("encoder.")
        if own.startswith("encoder.layer.") and values.ndim == 2:
            change = (values - whole[own]).numpy()
            signs, scale = signs_of(change)
            assert signs * scale[:, None] == pytest.approx(change, abs=1e-6)
    words = "encoder.embeddings.word_embeddings.weight"
    assert torch.equal(best[words], whole[words.removeprefix("encoder.")])
    bias = "encoder.encoder.layer.0.output.dense.bias"
    assert not torch.equal(best[bias], (one[bias] + two[bias]) / 2)


def test_the_mean_of_runs_leaves_what_they_share(tmp_path):
    shared = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for i, file in enumerate(files):
        save_file({"shared": shared, "own": torch.tensor([float(i)])}, file)
    mean = fast_task.mean_weights(files)
    assert torch.equal(mean["shared"], shared)
    assert mean["own"].item() == 1


def test_learning_rate_rises_then_falls_to_two_percent():
    factors = [train.schedule(step, 100, 0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.1, abs=0.01)
    assert max(factors) == pytest.approx(max(factors[9:12]))
    assert factors[100] == pytest.approx(0.02)
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))


def test_options_of_unknown_students_are_refused(capsys):
    with pytest.raises(SystemExit):
        train.main(["--student", "none", "--name", "x", "--base", "y"])
    assert "invalid choice" in capsys.readouterr().err


def test_loss_is_least_at_the_teacher_and_rises_with_every_part():
    edits = [Edit.from_dict(data) for data in EDITS]
    fields = [torch.from_numpy(getattr(Targets.of_edits(edits), n)) for n in Targets.__dataclass_fields__]
    perfect = torch.tensor(np.stack([raw(edit, 4.0) for edit in edits]), dtype=torch.float32)
    base_loss = example_loss(perfect, fields, smoothing=0.0)
    for part in (slice(0, 3), slice(3, 18), 18, slice(19, 31), 31, slice(32, 65), 65):
        worse = perfect.clone()
        worse[:, part] = -worse[:, part] - 0.5
        assert (example_loss(worse, fields, smoothing=0.0) - base_loss).max() > 0.05
        assert (example_loss(worse, fields, smoothing=0.0) - base_loss).min() > -1e-5


def test_word_loss_is_the_mean_surprise():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    words = torch.tensor([[0, 1, -1], [-1, -1, -1]])
    assert word_loss(logits, words).tolist() == pytest.approx([1.5 * np.log(2), 0.0])


def test_soft_targets_join_known_texts_and_add_new_ones():
    own = examples.of_rows(ROWS[:3], similar=0.5, why=0, typos=0)
    soft = Targets.of_edits([Edit(), Edit.from_dict(EDITS[4])])
    joined = with_soft(own, [ROWS[0].intent, "never seen"], soft, 0.5)
    assert joined.texts[-1] == "never seen"
    assert len(joined.texts) == len(joined.targets) == len(joined.weights) == len(joined.core) == 7
    assert joined.targets.use[0] == pytest.approx([0.5, 0, 0])
    assert not joined.core[-1]


def test_soft_targets_survive_the_file(tmp_path):
    targets = Targets.of_edits([Edit.from_dict(data) for data in EDITS])
    targets.save(tmp_path / "soft.npz", [str(i) for i in range(len(EDITS))])
    texts, back = Targets.load(tmp_path / "soft.npz")
    assert texts == [str(i) for i in range(len(EDITS))]
    assert back.adjust == pytest.approx(targets.adjust, abs=1e-3)


def test_epochs_hold_every_intent_and_a_share_of_the_rest():
    found = examples.of_rows(ROWS, similar=0.5, why=0.5, typos=0)
    order = found.epoch(0.5, np.random.default_rng(0))
    assert set(np.flatnonzero(found.core)) <= set(order.tolist())
    assert len(order) == len(ROWS) + round(0.5 * 2 * len(ROWS))


def test_misspelt_texts_stay_close():
    rng = np.random.default_rng(0)
    for _ in range(100):
        slip = examples.misspelt("golden hour", rng)
        assert slip.lower() != "golden hour" or slip == "GOLDEN HOUR"
        assert abs(len(slip) - 11) <= 1


def test_synthetic_rows_repeat_no_recorded_text():
    recorded = {normalise(t) for s in SPLITS for row in load(s) for t in (row.intent, row.similar or "")}
    made = synthetic.rows(recorded)
    keys = [normalise(row.intent) for row in made]
    assert len(set(keys)) == len(keys) > 2000
    assert not recorded & set(keys)


def test_stronger_words_ask_for_more():
    values = {
        row.intent: row.edit.adjust.temperature for row in synthetic.degree_rows() if row.intent.endswith("warmer")
    }
    assert values["slightly warmer"] < values["warmer"] < values["much warmer"] < values["extremely warmer"]


def test_batches_are_of_like_length_and_masked(base):
    texts = Texts(str(base), TEXTS)
    ids, mask = texts.batch([0, 2])
    assert ids.shape == mask.shape
    assert mask.sum(1).tolist() == [len(texts.ids[0]), len(texts.ids[2])]
    batches = texts.by_length(np.arange(len(TEXTS)), 2)
    assert sorted(i for b in batches for i in b) == list(range(len(TEXTS)))


def test_lower_layers_learn_more_slowly():
    names = ["encoder.encoder.layer.5.output.dense.weight", "encoder.encoder.layer.0.x", "encoder.embeddings.word"]
    assert [depth(name, 6) for name in names] == [0, 5, 6]


def test_llama_encoder_sees_both_ways():
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    network = StudentNetwork(LlamaModel(config), words=3, hidden=8).eval()
    ids = torch.tensor([[1, 2, 3, 0], [1, 2, 9, 0]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0]])
    states = []
    network.encoder.register_forward_hook(lambda *_: states.append(_[2].last_hidden_state))
    network(ids, mask)
    assert not torch.allclose(states[0][0, 0], states[0][1, 0])  # the first token feels the last
    padded, _ = network(ids, mask)
    short, _ = network(ids[:, :3], mask[:, :3])
    torch.testing.assert_close(padded, short)
    assert padded.shape == (2, OUTPUTS)


def test_a_base_in_pieces_is_joined_and_unpacked(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("model-v1/config.json", "{}")
        archive.writestr("model-v1/sub/vocab.txt", "a\nb")
    data = (tmp_path / "whole.zip").read_bytes()
    parts = [tmp_path / "x.zip.001", tmp_path / "x.zip.002"]
    parts[0].write_bytes(data[:100])
    parts[1].write_bytes(data[100:])
    target = bases.unpack(parts, tmp_path / "cache" / "base")
    assert (target / "sub" / "vocab.txt").read_text() == "a\nb"
    assert bases.unpack([], target) == target  # there already
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["base"]


def test_recombined_requests_touch_no_recorded_text():
    rows, held_out = load("train"), [*load("validation"), *load("test")]
    made = pool.recombine(rows[:2000], held_out, 3000)
    barred = {normalise(t) for row in held_out for t in (row.intent, row.similar or "")}
    assert len(made) > 3500  # with the colour names
    assert not barred & {normalise(t) for t in made}
    assert len({normalise(t) for t in made}) == len(made)

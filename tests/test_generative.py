"""The generative student on tiny random models of both classes; no network, no real base."""

import argparse
import json
import shutil

import numpy as np
import pytest
import torch
from tiny import TEXTS
from tiny_writers import tiny_llama, tiny_t5

from editor.errors import UserError
from editor.tools import TOOLS, Edit
from student import generative, generative_planner, metrics, smollm2, train
from student.dataset import Row
from student.drafting import Decoding, write
from student.generative import GenerativeTask, add_options, answer_all, decision_loss
from student.generative_planner import GenerativePlanner
from student.grammar import PIECES, PLACE
from student.writer import MAX_TOKENS, Prompts, Sample, load_base, make_writer, spell

EDITS = [
    {"adjust": {"contrast": 5, "temperature": 35}, "filter": {"name": "faded_HighNoon", "intensity": 40}},
    {"adjust": {"temperature": 30}},
    {
        "selective_adjust": {"blue": {"saturation": 20, "luminance": -5}},
        "filter": {"name": "cyberpunk", "intensity": 55},
    },
    {},
    {"adjust": {"linearOffset": 20, "saturation": -15}, "filter": {"name": "faded_Retro", "intensity": 50}},
]
QUICK = ("--lr", "2e-2", "--piece-lr", "2e-2", "--ema", "0.5", "--evaluate-from", "1")
ROWS = [
    Row(text, "because", Edit.from_dict(edit), f"{text} please", "test")
    for text, edit in zip(TEXTS, EDITS, strict=True)
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny models are quicker without threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=["llama", "t5"])
def base(request, tmp_path_factory):
    make = {"llama": tiny_llama, "t5": tiny_t5}[request.param]
    return make(tmp_path_factory.mktemp(request.param) / "base")


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return tiny_llama(tmp_path_factory.mktemp("llama") / "base")


def new_writer(base, rank=0, seed=0):
    torch.manual_seed(seed)
    return make_writer(load_base(base, dtype=torch.float32), base, rank, 2 * rank)


def samples(writer, tool):
    return [Sample.of(writer.prompts.request(row.intent), row.edit, tool) for row in ROWS]


def options(base, runs, *more):
    parser = argparse.ArgumentParser()
    train.common_options(parser)
    add_options(parser)
    fixed = ["--student", "generative", "--name", "run", "--base", str(base), "--runs", str(runs)]
    fixed += ["--precision", "fp32", "--batch", "5", "--rank", "4", "--alpha", "8", "--similar", "0", "--threads", "1"]
    return parser.parse_args([*fixed, *more])


def new_task(options):
    torch.manual_seed(options.seed)
    writer = make_writer(load_base(options.base, dtype=torch.float32), options.base, options.rank, options.alpha)
    return GenerativeTask(options, writer, ROWS, ROWS)


def test_prompts_in_tokens_are_the_prompts_in_words(base):
    from transformers import AutoTokenizer

    from student.prompts import student_prompt

    tokenizer, prompts = AutoTokenizer.from_pretrained(base), Prompts(base)
    for tool in TOOLS:
        whole = tokenizer.decode(prompts.whole(tool, prompts.request("golden hour")), skip_special_tokens=True)
        assert whole.split() == student_prompt("golden hour", tool).split()


def test_long_requests_are_cut(base):
    prompts = Prompts(base)
    assert len(prompts.request("golden hour " * 1000)) <= MAX_TOKENS + len(prompts.request("")) + 1


def test_loss_of_a_pack_is_the_mean_over_its_rows_alone(base):
    writer = new_writer(base, rank=4)
    for parameter in writer.base.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)  # LoRA starts at zero, which would hide mistakes
    for tool in TOOLS:
        rows = samples(writer, tool)
        packed = writer(**writer.collate(tool, rows))
        alone = torch.cat([writer(**writer.collate(tool, [row])) for row in rows])
        torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-4)
        losses = [decision_loss(writer(**writer.collate(tool, [r])), (tool, [r])) * len(r.pieces) for r in rows]
        expected = sum(losses) / sum(len(r.pieces) for r in rows)
        torch.testing.assert_close(decision_loss(packed, (tool, rows)), expected)


def test_packs_agree_with_the_model_read_plainly(llama):
    from transformers import AutoModelForCausalLM

    writer = new_writer(llama)
    plain = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32, attn_implementation="eager")
    for tool in TOOLS:
        found = writer(**writer.collate(tool, samples(writer, tool))).split(
            [len(s.pieces) for s in samples(writer, tool)]
        )
        for sample, logits in zip(samples(writer, tool), found, strict=True):
            prompt = torch.tensor([writer.prompts.shared[tool] + sample.request])
            vectors = [plain.get_input_embeddings()(prompt), writer.read[sample.pieces[:-1]][None]]
            hidden = plain.model(inputs_embeds=torch.cat(vectors, 1)).last_hidden_state[0, prompt.shape[1] - 1 :]
            torch.testing.assert_close(logits, hidden @ writer.write.T, atol=1e-5, rtol=1e-4)


def test_serving_scores_what_training_scored(base):
    writer = new_writer(base).eval()
    asked = [(tool, writer.prompts.request(row.intent)) for row in ROWS for tool in TOOLS]
    taught = [Sample.of(writer.prompts.request(row.intent), row.edit, tool) for row in ROWS for tool in TOOLS]
    with torch.no_grad():
        session = writer.begin(asked)
        for step in range(max(len(s.pieces) for s in taught)):
            logits = session.logits()
            for i, ((tool, _), sample) in enumerate(zip(asked, taught, strict=True)):
                if step < len(sample.pieces):
                    torch.testing.assert_close(
                        logits[i], writer(**writer.collate(tool, [sample]))[step], atol=1e-4, rtol=1e-4
                    )
            session.feed([s.pieces[step] if step < len(s.pieces) else 0 for s in taught])


def test_random_weights_write_valid_edits_and_the_same_alone_as_together(base):
    writer = new_writer(base).eval()
    texts = [*TEXTS, "", "🔥 " * 300, "é" * 50]
    together = answer_all(writer, texts, Decoding(), batch=3)
    assert together == [answer_all(writer, [text], Decoding())[0] for text in texts]
    assert len({edit.to_json() for edit in together}) > 1


def test_a_prompt_is_read_once_and_again_when_weights_change(llama):
    writer = new_writer(llama, rank=2).eval()
    calls = []
    writer._plain.base_model.register_forward_pre_hook(lambda *a: calls.append(1))
    request = writer.prompts.request("golden hour")
    for _ in range(2):
        write(writer, [("filter", request)], Decoding(unused=(1, 1, 1)))
    first = len(calls)
    assert first == 1 + 2 * 2  # the prompts, then twice the request and the preset
    writer.load_state_dict({name: tensor + 0.1 for name, tensor in writer.state_dict().items()})
    write(writer, [("filter", request)], Decoding(unused=(1, 1, 1)))
    assert len(calls) == first + 3


def test_both_classes_learn_in_the_training_loop(base, tmp_path):
    task = new_task(options(base, tmp_path, "--epochs", "20", *QUICK))
    frozen = {n: p.clone() for n, p in task.model.named_parameters() if not p.requires_grad}

    def mean_loss():
        with torch.no_grad():
            return np.mean([task.loss(task.model, batch, torch.device("cpu")).item() for batch in task.batches(0)])

    before = mean_loss()
    best = train.fit(task, task.options)
    assert mean_loss() < 0.5 * before
    assert best["overall"] > 0.3
    assert all(torch.equal(p, frozen[n]) for n, p in task.model.named_parameters() if not p.requires_grad)


def test_a_killed_run_resumes_to_the_same_weights(llama, tmp_path):
    more = ("--epochs", "4", "--checkpoint-every", "2", "--evaluate-from", "1", "--similar", "0.5")
    whole = new_task(options(llama, tmp_path / "whole", *more))
    train.fit(whole, whole.options)
    cut = new_task(options(llama, tmp_path / "cut", *more))
    calls, own_loss = iter(range(100)), cut.loss

    def loss(*args):
        if next(calls) == 5:
            raise KeyboardInterrupt
        return own_loss(*args)

    cut.loss = loss
    with pytest.raises(KeyboardInterrupt):
        train.fit(cut, cut.options)
    again = new_task(options(llama, tmp_path / "cut", *more, "--resume"))
    train.fit(again, again.options)
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], tensor)


def test_batches_hold_every_row_for_every_tool_once(llama, tmp_path):
    task = new_task(options(llama, tmp_path, "--batch", "2"))
    batches = task.batches(0)
    for tool in TOOLS:
        found = sorted(sample.request for name, part in batches if name == tool for sample in part)
        assert found == sorted(task.model.prompts.request(row.intent) for row in ROWS)
    assert [tool for tool, _ in batches] == [tool for tool, _ in task.batches(0)]
    swapped = new_task(options(llama, tmp_path, "--similar", "1")).batches(0)
    assert {len(s.request) for _, part in swapped for s in part} == {
        len(task.model.prompts.request(row.similar)) for row in ROWS
    }


def test_pieces_start_as_their_words(llama):
    writer = new_writer(llama)
    vectors = writer._plain.get_input_embeddings().weight
    words = writer.prompts.tokens(" faded high noon")
    torch.testing.assert_close(writer.read[PLACE["faded_HighNoon"]], vectors[words].mean(0))
    assert spell("teal_and_orange_6") == " teal and orange 6"
    assert spell("linearOffset") == " linear offset"
    assert spell("-35") == " -35"


@pytest.fixture(scope="module")
def shipped(llama, tmp_path_factory):
    """The adapter's folder of a short run, and the run's task."""
    folder = tmp_path_factory.mktemp("runs")
    task = new_task(options(llama, folder, "--epochs", "20", *QUICK))
    train.fit(task, task.options)
    generative_planner.export(folder / "run", folder / "adapter")
    return folder / "adapter", task


def test_the_planner_answers_as_the_trained_model(shipped, llama):
    folder, task = shipped
    planner = GenerativePlanner.load(folder, llama)
    from safetensors.torch import load_file

    task.model.load_state_dict(load_file(folder.parent / "run" / "best.safetensors"))
    trained = answer_all(task.model.eval(), TEXTS, Decoding())
    assert planner.plan_many(TEXTS) == [planner.plan(text) for text in TEXTS]
    same = [a == b for a, b in zip(planner.plan_many(TEXTS), trained, strict=True)]
    assert sum(same) >= len(TEXTS) - 1  # the planner's weights are rounded


def test_a_training_can_go_on_from_an_adapter(shipped, llama, tmp_path, monkeypatch):
    monkeypatch.setattr(generative, "load", lambda split: ROWS)
    task = generative.task(options(llama, tmp_path, "--start", str(shipped[0])))
    _, weights = generative_planner.read(shipped[0])
    state = task.model.state_dict()
    assert state.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(state[name].float(), tensor.float(), rtol=0, atol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [False, True])
def test_eight_bit_layers_stay_close_and_are_exact_for_many_rows(dtype, bias):
    linear = torch.nn.Linear(64, 48, bias=bias, dtype=dtype)
    quick = generative_planner.EightBitLinear(linear)
    many, few = torch.randn(3, 5, 64, dtype=dtype), torch.randn(3, 1, 64, dtype=dtype)
    torch.testing.assert_close(quick(many), linear(many))
    error = (quick(few).float() - linear(few).float()).norm() / linear(few).float().norm()
    assert 0 < error < 0.015


def test_the_planner_never_raises_and_says_why_it_did_nothing(shipped, llama):
    planner = GenerativePlanner.load(shipped[0], llama)
    for text in ["", "  ", "?!…", "\0", "\ud83d", "x" * 10_000, "🏳️‍🌈" * 400, "ночной город", "'; DROP TABLE users; --"]:
        answer = planner.answer(text)
        assert Edit.from_dict(answer.edit.to_dict()) == answer.edit
        if answer.edit.is_neutral:
            assert answer.message
    assert planner.answer("golden hour").latency_ms > 0


def test_tuning_picks_the_thresholds_that_agree_best(shipped):
    writer = shipped[1].model.eval()

    def overall(decoding):
        return metrics.edit_scores([r.edit for r in ROWS], answer_all(writer, TEXTS, decoding))["overall"]

    best = generative.tuned(writer, ROWS)
    assert overall(best) >= max(overall(Decoding(keep=keep)) for keep in generative.KEEP)


def test_thresholds_are_kept_with_the_adapter(shipped, llama, tmp_path):
    folder = shutil.copytree(shipped[0], tmp_path / "adapter")
    chosen = Decoding((0.35, 0.5, 0.65), 0.4, False)
    generative_planner.set_decoding(folder, chosen.to_dict())
    assert GenerativePlanner.load(folder, llama).decoding == chosen


def test_an_adapter_for_other_presets_is_refused(shipped, llama, tmp_path):
    folder = shutil.copytree(shipped[0], tmp_path / "adapter")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"pieces": list(PIECES[:-1])}))
    with pytest.raises(UserError, match="train it anew"):
        GenerativePlanner.load(folder, llama)


def test_missing_parts_are_named(llama, tmp_path, capsys):
    with pytest.raises(UserError, match="make generative"):
        GenerativePlanner.load(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        GenerativePlanner.load(tmp_path, llama)
    with pytest.raises(UserError, match="cannot be read"):
        load_base(tmp_path / "nothing")
    with pytest.raises(UserError, match="no finished training"):
        generative_planner.export(tmp_path, tmp_path / "adapter")
    assert generative.main(["export", "--run", "none", "--runs", str(tmp_path)]) == 1
    assert "no finished training" in capsys.readouterr().err


def test_four_bits_without_bitsandbytes_is_explained(llama, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install bitsandbytes"):
        load_base(llama, four_bit=True)


def test_prepare_without_the_package_says_what_to_run(monkeypatch, capsys):
    monkeypatch.setattr(smollm2, "PACKAGE", "no_such_package")
    assert generative.main(["prepare"]) == 1
    assert "make generative" in capsys.readouterr().err


def test_a_failed_conversion_leaves_nothing_behind(monkeypatch, user_home):
    def fail(source, target):
        (target / "model.safetensors").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(smollm2, "_package", lambda: user_home)
    monkeypatch.setattr(smollm2, "_convert", fail)
    with pytest.raises(OSError, match="disk full"):
        smollm2.prepare()
    assert [p.name for p in (user_home / "cache").iterdir()] == ["students"]
    with pytest.raises(UserError):
        smollm2.folder()

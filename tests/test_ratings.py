"""Reality check: resume, one answer each, majority, agreement, and a model's judgement kept apart."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from editor.errors import UserError
from editor.ratings import PERSON, all_samples, create_set, next_sample, rate, ratings_frame, sets, summarise
from editor.tools import Edit
from student.judge import endpoint_from_environment, judge, messages, parse
from student.teacher import Endpoint

WARM, COLD = (Edit.from_dict({"adjust": {"temperature": t}}) for t in (35, -35))


def make(engine, n=3):
    return create_set(engine, "t", "student", "teacher", [(f"look {i}", "china", WARM, COLD) for i in range(n)])


def test_annotators_resume_where_they_stopped(engine):
    set_id = make(engine)
    assert sets(engine) == [(set_id, "t")]
    for expected in (1, 2, 3):
        sample = next_sample(engine, set_id, "ann")
        assert (sample.position, sample.total) == (expected, 3)
        for _ in range(2):  # a double click
            rate(engine, sample.id, "ann", True, False)
    assert next_sample(engine, set_id, "ann") is None
    assert next_sample(engine, set_id, "bob").position == 1
    assert len(ratings_frame(engine, set_id)) == 3


def test_majority_agreement_and_models_apart(engine):
    set_id = make(engine)
    answers = {"a": (True, True), "b": (True, False), "c": (False, False)}
    first, second, _ = all_samples(engine, set_id)
    for annotator, (relevant, mimics) in answers.items():
        rate(engine, first.id, annotator, relevant, mimics)
    rate(engine, second.id, "a", True, True)  # one annotator is no majority
    for order in ("student_first", "teacher_first"):
        rate(engine, first.id, "model", False, True, judge="vision-1", order=order)
    found = {(s.judge, s.question): s for s in summarise(ratings_frame(engine, set_id), total=3)}
    people = found[PERSON, "relevant"]
    assert (people.samples, people.yes, people.waiting) == (1, 1, 2)
    assert found[PERSON, "mimics"].yes == 0
    assert found["vision-1", "relevant"].yes == 0
    assert found["vision-1", "mimics"].yes == 1


def test_planted_shares_come_out_with_their_interval():
    rng = np.random.default_rng(4)
    rows = [
        {"sample": s, "annotator": a, "judge": PERSON, "order": "student_first", "relevant": r, "mimics": r}
        for s, truth in enumerate(rng.random(200) < 0.9)
        for a in "abc"
        for r in [bool(truth ^ (rng.random() < 0.05))]
    ]
    relevant = summarise(pd.DataFrame(rows), total=200)[0]
    assert relevant.low < 0.9 < relevant.high
    assert relevant.alpha > 0.4


def test_wrong_sets_and_samples_are_one_sentence(engine):
    with pytest.raises(UserError, match="does not exist"):
        all_samples(engine, "nowhere")
    with pytest.raises(UserError, match="does not exist"):
        rate(engine, "nothing", "a", True, True)
    with pytest.raises(UserError, match="at least one sample"):
        create_set(engine, "t", "s", "t", [])


class Vision(BaseHTTPRequestHandler):
    """Finds A relevant, B not, and both the same look; garbage for the third sample."""

    def log_message(self, *args):
        """Keep the test output clean."""

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert text.count("data:image/jpeg;base64") == 3
        answer = {"a_relevant": True, "b_relevant": False, "same_look": True}
        said = "no idea" if "look 2" in text else f"A is warm. B is cold.\n{json.dumps(answer)}"
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        data = json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": "v", "choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())


def test_a_vision_model_judges_in_both_orders_under_its_own_name(engine):
    set_id = make(engine)
    picture = np.full((60, 90, 3), 128, np.uint8)
    with ThreadingHTTPServer(("127.0.0.1", 0), Vision) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = Endpoint("vision-1", f"http://127.0.0.1:{server.server_address[1]}/v1", retries=0)
        drawn = asyncio.run(judge(engine, endpoint, all_samples(engine, set_id), lambda _: (picture,) * 3))
        server.shutdown()
    assert drawn == (4, 2)
    frame = ratings_frame(engine, set_id)
    assert set(frame["judge"]) == {"vision-1"}
    by_order = frame.groupby("order")["relevant"].agg(set).to_dict()
    assert by_order == {"student_first": {True}, "teacher_first": {False}}
    assert next_sample(engine, set_id, "model").position == 1  # people's progress is not touched


def test_judge_replies(monkeypatch):
    assert parse('B {odd}.\n{"a_relevant": true, "b_relevant": false, "same_look": false}', "teacher_first") == (
        False,
        False,
    )
    for raw in ("", "yes", '{"a_relevant": "yes", "b_relevant": true, "same_look": true}', '{"a_relevant": true}'):
        with pytest.raises((ValueError, KeyError)):
            parse(raw, "student_first")
    assert "golden hour" in messages("golden hour", [])[0]["content"][0]["text"]
    for name in ("JUDGE_MODEL", "JUDGE_BASE_URL", "JUDGE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="JUDGE_MODEL"):
        endpoint_from_environment()

"""Augmentation: mistakes by the paper's rule, similar intents with the teacher's original answer."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from editor.tools import Edit
from student.augment import find_mistakes, from_corpus, from_teacher
from student.dataset import Row
from student.teacher import Endpoint


def edit(preset=None, **adjust):
    chosen = {"name": preset, "intensity": 50} if preset else None
    return Edit.from_dict({"adjust": adjust or None, "filter": chosen})


ROWS = [
    Row("warm", "", edit(temperature=30), "hot", "light"),
    Row("cold", "", edit(temperature=-30), "icy", "light"),
    Row("vivid", "", edit("vivid"), "Warm!", "presets"),  # its similar text is a training intent
    Row("north", "", edit("north"), None, "presets"),
    Row("add a dog", "", Edit(), "add a cat", "direct"),
]
ANSWERS = [edit(temperature=20), edit(temperature=-10, tint=30), edit("ultra"), Edit(), Edit()]


def test_mistakes_are_wrong_presets_low_cosines_and_missed_tools():
    mistakes = find_mistakes(ROWS, ANSWERS)
    assert mistakes.by_tool["adjust"].tolist() == [False, True, False, False, False]
    assert mistakes.by_tool["filter"].tolist() == [False, False, True, True, False]
    assert not mistakes.by_tool["selective_adjust"].any()
    assert mistakes.rows.tolist() == [1, 2, 3]


def test_a_perfect_student_makes_no_mistakes():
    assert find_mistakes(ROWS, [row.edit for row in ROWS]).rows.tolist() == []


def test_similar_intents_keep_the_teachers_answer_and_never_repeat_a_known_intent():
    mistakes = find_mistakes(ROWS, ANSWERS)
    (new,) = from_corpus(ROWS, mistakes)
    assert (new.intent, new.edit, new.similar) == ("icy", ROWS[1].edit, None)
    assert from_corpus(ROWS, mistakes, known=["Icy."]) == []


class Similar(BaseHTTPRequestHandler):
    """Answers with another wording; fails for one intent, explains at length for another."""

    def log_message(self, *args):
        """Keep the test output clean."""

    def do_POST(self):
        chat = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
        intent = chat[-1]["content"]
        said = {"cold": '"frozen  lake"', "vivid": "Well, " * 60}.get(intent, "")
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        data = json.dumps(body).encode()
        self.send_response(500 if intent == "north" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def test_live_teacher_gives_similar_intents():
    with ThreadingHTTPServer(("127.0.0.1", 0), Similar) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = Endpoint("m", f"http://127.0.0.1:{server.server_address[1]}/v1", retries=0)
        new = from_teacher(ROWS, find_mistakes(ROWS, ANSWERS), endpoint)
        server.shutdown()
    assert [(row.intent, row.edit) for row in new] == [("frozen lake", ROWS[1].edit)]

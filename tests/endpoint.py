"""A small OpenAI-compatible server on the loopback that replays recorded answers, good and bad."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ANSWERS = {
    "adjust": 'TOOL: warm light.\nJSON: {"temperature": 35, "contrast": 5}',
    "selective_adjust": 'TOOL: oranges.\n```json\n{"orange": {"saturation": 25}}\n```',
    "filter": 'TOOL: dry sun.\nJSON: {"name": "faded_HighNoon", "intensity": 40}',
}
ZERO_SHOT = json.dumps(
    {"adjust": {"temperature": 35}, "selective_adjust": None, "filter": {"name": "vivid", "intensity": 20}}
)


class Replay(ThreadingHTTPServer):
    """Behaves as the intent says: "slow ...", "broken ...", "limited ...", "failing ...", "flaky ..."."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = Counter()  # (intent, tool) -> calls
        self.lock = threading.Lock()
        self.running = self.most_running = 0
        self.headers_seen = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        """Keep the test output clean."""

    def do_POST(self):
        chat = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
        whole = " ".join(message["content"] for message in chat)
        intent = chat[-1]["content"].split("Look: ")[-1].removesuffix("\nJSON:")
        tool = "filter" if "faded_Mist" in whole else "selective_adjust" if "cyan" in whole else "adjust"
        if "three tools" in whole:
            tool = "all"
        with self.server.lock:
            self.server.asked[intent, tool] += 1
            self.server.headers_seen.append(dict(self.headers))
            self.server.running += 1
            self.server.most_running = max(self.server.most_running, self.server.running)
            call = self.server.asked[intent, tool]
        try:
            self.behave(intent, tool, call)
        finally:
            with self.server.lock:
                self.server.running -= 1

    def behave(self, intent, tool, call):
        text = ZERO_SHOT if tool == "all" else ANSWERS[tool]
        time.sleep(0.05)
        match intent.split()[0]:
            case "slow":
                time.sleep(1.5)
            case "broken":
                text = "I would rather not."
            case "halfbroken" if tool == "filter":
                text = 'JSON: {"name": "no_such_preset", "intensity": 40}'
            case "wild":
                text = text.replace("35", "350")
            case "limited" if call == 1:
                return self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.2"})
            case "exhausted":
                return self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.01"})
            case "flaky" if call == 1:
                return self.send(500, {"error": {"message": "oops"}})
            case "failing":
                return self.send(500, {"error": {"message": "oops"}})
            case "locked":
                return self.send(401, {"error": {"message": f"bad key {self.headers['Authorization']}"}})
            case "weird":
                return self.send(200, {"hello": "world"})
            case "hangup":
                return self.connection.close()
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        body = {"id": "x", "object": "chat.completion", "created": 0, "model": "replay", "choices": [choice]}
        return self.send(200, {**body, "usage": usage})

    def send(self, status, body, headers=()):
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the client gave up, as the slow case wants


@pytest.fixture
def replay(monkeypatch):
    """A running server, set as the teacher's endpoint in the environment."""
    with Replay() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
        monkeypatch.setenv("OPENAI_MODEL", "replay")
        yield server
        server.shutdown()

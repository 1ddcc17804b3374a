"""The live teacher: any OpenAI-compatible chat endpoint asked for the three tools at once.

Set `OPENAI_BASE_URL` (a llama.cpp, vLLM or Ollama server, or a service), `OPENAI_API_KEY` (where one is
needed) and `OPENAI_MODEL`. Secrets are never printed: errors are reported by kind and status alone.
Commands (in `student.label`): `python -m student.teacher label INTENTS.txt -o rows.jsonl`, `... variants`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from editor.errors import UserError
from editor.planner import Answer
from editor.tools import TOOLS, Edit, ToolName
from student.prompts import Message, Variant, messages
from student.replies import FailureKind, Reply, ReplyError, parse_reply, parse_zero_shot

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TransportKind = Literal["timeout", "rate_limited", "unauthorised", "unreachable", "server_error", "refused"]
NO_ENDPOINT = (
    "No teacher endpoint is set: set OPENAI_MODEL, and OPENAI_BASE_URL for a local server "
    "(or OPENAI_API_KEY for the OpenAI service)."
)
PROMPT_LIMIT = 2000  # characters of an intent that are sent


@dataclass(frozen=True)
class Endpoint:
    """Where the teacher is and how patiently it is asked."""

    model: str
    base_url: str | None = None
    api_key: str = field(default="none", repr=False)  # local servers take any
    timeout_s: float = 60.0
    retries: int = 5  # with exponential back-off; Retry-After is honoured by the client library
    temperature: float = 0.0

    @classmethod
    def from_environment(cls) -> Endpoint:
        """Read the environment. Raises `UserError` when no endpoint is set."""
        base_url, key = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
        model = os.environ.get("OPENAI_MODEL")
        if not model or not (base_url or key):
            raise UserError(NO_ENDPOINT)
        return cls(model, base_url, key or "none", float(os.environ.get("OPENAI_TIMEOUT", "60")))

    def client(self) -> AsyncOpenAI:
        """A client for the running event loop."""
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            base_url=self.base_url, api_key=self.api_key, timeout=self.timeout_s, max_retries=self.retries
        )


@dataclass(frozen=True)
class Failure:
    """One call that gave no usable answer."""

    kind: FailureKind | TransportKind
    tool: ToolName | None  # None: the call was for all three
    raw: str = ""  # what the model said, whole; empty for transport failures

    @property
    def is_transport(self) -> bool:
        """True when asking again may help."""
        return not self.raw and self.kind != "empty"


@dataclass(frozen=True)
class Labelled:
    """The teacher's answer to one intent with what it took."""

    edit: Edit
    rationale: str
    failures: tuple[Failure, ...]
    clamped: int
    calls: int
    tokens_in: int
    tokens_out: int
    latency_ms: float


@dataclass(frozen=True)
class _Said:
    text: str
    tokens_in: int
    tokens_out: int


async def _say(client: AsyncOpenAI, endpoint: Endpoint, chat: list[Message]) -> _Said:
    completion = await client.chat.completions.create(
        model=endpoint.model,
        messages=chat,  # type: ignore[arg-type]
        temperature=endpoint.temperature,
    )
    text = completion.choices[0].message.content if completion.choices else ""
    usage = completion.usage
    return _Said(text or "", usage.prompt_tokens if usage else 0, usage.completion_tokens if usage else 0)


def _transport_kind(error: Exception) -> TransportKind:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return "timeout"
    if isinstance(error, openai.APIConnectionError):
        return "unreachable"
    if isinstance(error, openai.RateLimitError):
        return "rate_limited"
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return "unauthorised"
    if isinstance(error, openai.InternalServerError | openai.APIResponseValidationError):
        return "server_error"
    return "refused" if isinstance(error, openai.APIStatusError) else "server_error"


async def _one(
    client: AsyncOpenAI,
    endpoint: Endpoint,
    chat: list[Message],
    parse: Callable[[str], Reply],
    tool: ToolName | None,
) -> tuple[Reply | None, Failure | None, _Said]:
    import openai

    said = _Said("", 0, 0)
    try:
        said = await _say(client, endpoint, chat)
        return parse(said.text), None, said
    except ReplyError as error:
        return None, Failure(error.kind, tool, error.raw), said
    except openai.OpenAIError as error:
        return None, Failure(_transport_kind(error), tool), said
    except (AttributeError, TypeError, ValueError):
        # A body that is JSON but no chat completion: the client library passes it on unchecked.
        return None, Failure("server_error", tool), said


async def label(client: AsyncOpenAI, endpoint: Endpoint, intent: str, variant: Variant = "one-shot") -> Labelled:
    """Ask for one intent; the three calls go out together. Never raises for what an endpoint may do."""
    intent = intent[:PROMPT_LIMIT]
    started = time.perf_counter()
    calls: list[Awaitable[tuple[Reply | None, Failure | None, _Said]]]
    if variant == "zero-shot":
        calls = [_one(client, endpoint, messages(intent, "adjust", variant), parse_zero_shot, None)]
    else:
        calls = [
            _one(client, endpoint, messages(intent, tool, variant), partial(parse_reply, tool=tool), tool)
            for tool in TOOLS
        ]
    results = await asyncio.gather(*calls)
    replies = [reply for reply, _, _ in results if reply]
    edit = Edit()
    for reply in replies:
        edit = edit.model_copy_validated(**{tool: getattr(reply.edit, tool) for tool in reply.edit.tools})
    return Labelled(
        edit=edit,
        rationale=" ".join(reply.rationale for reply in replies if reply.rationale),
        failures=tuple(failure for _, failure, _ in results if failure),
        clamped=sum(reply.clamped for reply in replies),
        calls=len(results),
        tokens_in=sum(said.tokens_in for _, _, said in results),
        tokens_out=sum(said.tokens_out for _, _, said in results),
        latency_ms=(time.perf_counter() - started) * 1000,
    )


MESSAGES: dict[str, str] = {
    "timeout": "The teacher did not answer in time.",
    "unreachable": "The teacher's server cannot be reached.",
    "rate_limited": "The teacher is over its rate limit; try again in a minute.",
    "unauthorised": "The teacher's server did not accept the key.",
    "server_error": "The teacher's server failed.",
    "refused": "The teacher's server refused the request.",
}
UNREADABLE = "The teacher's answer could not be read."


class TeacherPlanner:
    """The live teacher behind the planner's door."""

    def __init__(self, endpoint: Endpoint | None = None, variant: Variant = "one-shot"):
        self.endpoint = endpoint or Endpoint.from_environment()
        self.variant: Variant = variant
        self.name = f"teacher ({self.endpoint.model})"

    def answer(self, prompt: str) -> Answer:
        """Ask the endpoint. What fails is said in the message; the tools that answered are kept."""
        if not prompt.strip():
            return Answer(Edit(), self.name, message="Type the look you want. Nothing was changed.")
        labelled = asyncio.run(self._label(prompt))
        kinds = [failure.kind for failure in labelled.failures]
        message = MESSAGES.get(kinds[0], UNREADABLE) if kinds else ""
        if kinds and len(kinds) < labelled.calls:
            tools = ", ".join(str(failure.tool).replace("_", " ") for failure in labelled.failures)
            message = f"{message} Missing: {tools}."
        return Answer(
            edit=labelled.edit,
            planner=self.name,
            version=self.endpoint.model,
            why=labelled.rationale,
            why_source="the teacher's own words" if labelled.rationale else "",
            message=message,
            latency_ms=labelled.latency_ms,
            tokens_in=labelled.tokens_in,
            tokens_out=labelled.tokens_out,
        )

    def plan(self, prompt: str) -> Edit:
        """The edit alone."""
        return self.answer(prompt).edit

    async def _label(self, prompt: str) -> Labelled:
        async with self.endpoint.client() as client:
            return await label(client, self.endpoint, prompt, self.variant)


if __name__ == "__main__":
    from student.label import main

    main()

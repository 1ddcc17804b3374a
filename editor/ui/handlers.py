"""From a plain function to a Gradio handler: the context is bound, bad input becomes a toast."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from functools import wraps
from typing import Any

import gradio as gr

from editor.errors import UserError
from editor.ui.context import Context


def handler(
    function: Callable[..., Any],
    context: Context,
    names: Sequence[str] = (),
    show: Callable[[Any], Any] | None = None,
    fault: Callable[[str], Any] | None = None,
) -> Callable[..., Any]:
    """`function(context, ...)` as a handler; `show` turns its result into updates of the page.

    `names` name its `*values` in the API. A `UserError` becomes a toast with its sentence, or what
    `fault` makes of it: unqueued events have no toasts. Anything else is logged and shown without detail.
    """
    present = show or (lambda result: result)

    @wraps(function)
    def run(*inputs: Any) -> Any:
        try:
            return present(function(context, *inputs))
        except UserError as error:
            if fault:
                return fault(str(error))
            raise _toast(error) from None

    @wraps(function)
    def stream(*inputs: Any) -> Generator[Any, None, None]:
        try:
            yield from map(present, function(context, *inputs))
        except UserError as error:
            raise _toast(error) from None

    chosen: Any = stream if inspect.isgeneratorfunction(function) else run
    chosen.__signature__ = _signature(function, names)
    return chosen


def _toast(error: UserError) -> gr.Error:
    return gr.Error(str(error), title="That did not work", duration=8, print_exception=False)


def _signature(function: Callable[..., Any], names: Sequence[str]) -> inspect.Signature:
    """The function's parameters without the context, `*values` spelled out: what the API shows."""
    signature = inspect.signature(function)
    parameters: list[inspect.Parameter] = []
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            parameters += [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        else:
            parameters.append(parameter)
    return signature.replace(parameters=parameters)

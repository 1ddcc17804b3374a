"""Ask the teacher at scale: label a file of intents, and compare prompt variants.

`python -m student.teacher label INTENTS.txt -o rows.jsonl` can be killed and started again: an answered
intent is never asked twice and no finished row is lost. `python -m student.teacher variants` prints the
paper's comparison of prompts on this project's intents.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from editor.errors import UserError, run_command
from editor.text import normalise
from student.prompts import VARIANTS, Variant
from student.teacher import Endpoint, Labelled, label

OptionalPrices = Annotated[
    Path | None,
    typer.Option(help='JSON: {"MODEL": {"input": USD per million tokens, "output": ...}}', dir_okay=False),
]


@dataclass
class Totals:
    """What a run has cost so far."""

    rows: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    clamped: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, labelled: Labelled) -> None:
        """Count one answer."""
        self.rows += not labelled.failures
        self.tokens_in += labelled.tokens_in
        self.tokens_out += labelled.tokens_out
        self.clamped += labelled.clamped
        self.failures.update(failure.kind for failure in labelled.failures)

    def cost(self, price: dict[str, float] | None) -> float | None:
        """US dollars at a price per million tokens."""
        if price is None:
            return None
        return (self.tokens_in * price["input"] + self.tokens_out * price["output"]) / 1e6


def read_price(path: Path | None, model: str) -> dict[str, float] | None:
    """The price of a model from a price file. Raises `UserError`."""
    if path is None:
        return None
    try:
        price = json.loads(path.read_text("utf-8"))[model]
        return {"input": float(price["input"]), "output": float(price["output"])}
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(
            f'{path} gives no price for {model}: write {{"{model}": {{"input": 2.5, "output": 10}}}}.'
        ) from None


def read_intents(path: Path) -> list[str]:
    """Distinct intents of a text file, one a line, first spelling kept. Raises `UserError`."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"Cannot read {path}: give a UTF-8 text file with one intent a line.") from None
    intents = {normalise(line): line.strip() for line in reversed(lines) if line.strip()}
    if not intents:
        raise UserError(f"{path} holds no intents.")
    return list(reversed(intents.values()))


def _read_back(path: Path) -> list[dict[str, Any]]:
    """Rows written so far; a last line cut off by a kill is removed from the file."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("rb+") as file:
            file.truncate(len(whole))
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise UserError(f"{path} is not a file of rows; choose another output.") from None


def _write(file: TextIO, row: dict[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    file.flush()
    os.fsync(file.fileno())


async def collect(
    endpoint: Endpoint, intents: Sequence[str], output: Path, variant: Variant, concurrency: int, again: bool
) -> Totals:
    """Label the intents that `output` does not hold yet; unreadable answers go to `output`.failures.jsonl.

    With `again`, intents whose answer could not be read are asked once more; those that the network
    lost are always asked again.
    """
    failed_path = output.with_name(output.name + ".failures.jsonl")
    done = {normalise(row["intent"]) for row in _read_back(output)}
    failed = _read_back(failed_path)
    if not again:
        done |= {normalise(row["intent"]) for row in failed if not row["transport"]}
    todo = [intent for intent in intents if normalise(intent) not in done]
    totals = Totals()
    limit = asyncio.Semaphore(concurrency)
    with output.open("a", encoding="utf-8") as rows, failed_path.open("a", encoding="utf-8") as failures:
        async with endpoint.client() as client:

            async def one(intent: str) -> tuple[str, Labelled]:
                async with limit:
                    return intent, await label(client, endpoint, intent, variant)

            tasks = [asyncio.create_task(one(intent)) for intent in todo]
            progress = tqdm(
                asyncio.as_completed(tasks), total=len(intents), initial=len(intents) - len(todo), unit="row"
            )
            for finished in progress:
                intent, labelled = await finished
                totals.add(labelled)
                if labelled.failures:
                    _write(failures, _failure_row(intent, labelled))
                else:
                    _write(rows, _row(intent, labelled, endpoint.model))
                progress.set_postfix(tokens=totals.tokens_in + totals.tokens_out, failed=sum(totals.failures.values()))
    if failed_path.stat().st_size == 0:
        failed_path.unlink()
    return totals


def _row(intent: str, labelled: Labelled, model: str) -> dict[str, Any]:
    return {
        "intent": intent,
        "why": labelled.rationale,
        "edit": labelled.edit.to_dict(),
        "similar": None,
        "domain": f"teacher: {model}",
    }


def _failure_row(intent: str, labelled: Labelled) -> dict[str, Any]:
    return {
        "intent": intent,
        "transport": all(failure.is_transport for failure in labelled.failures),
        "failures": [{"kind": f.kind, "tool": f.tool, "raw": f.raw} for f in labelled.failures],
    }


app = typer.Typer(add_completion=False, help="Ask the teacher at scale.")


@app.command("label")
def label_command(
    intents: Annotated[Path, typer.Argument(help="Text file, one intent a line.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON-lines file; existing rows are kept.")],
    variant: Annotated[str, typer.Option(help=f"Prompt: {', '.join(VARIANTS)}.")] = "one-shot",
    concurrency: Annotated[int, typer.Option(min=1, help="Intents asked at the same time.")] = 8,
    again: Annotated[bool, typer.Option(help="Ask again where an answer could not be read.")] = False,
    prices: OptionalPrices = None,
) -> None:
    """Label every intent of a file."""
    endpoint = Endpoint.from_environment()
    price = read_price(prices, endpoint.model)
    wanted = read_intents(intents)
    totals = asyncio.run(collect(endpoint, wanted, output, _variant(variant), concurrency, again))
    failures = ", ".join(f"{kind} {n}" for kind, n in totals.failures.most_common()) or "none"
    typer.echo(f"{totals.rows} rows added; failures: {failures}; {totals.clamped} numbers clamped")
    cost = totals.cost(price)
    typer.echo(f"{totals.tokens_in} tokens in, {totals.tokens_out} out" + (f", ${cost:.4f}" if cost else ""))
    if totals.failures:
        raise typer.Exit(1)


def _variant(text: str) -> Variant:
    for variant in VARIANTS:
        if text == variant:
            return variant
    raise UserError(f"No prompt variant {text!r}; choose {', '.join(VARIANTS)}.")


async def measure(endpoint: Endpoint, intents: Sequence[str], variant: Variant) -> list[Labelled]:
    """Label intents one after the other, so that latency is that of a single user."""
    async with endpoint.client() as client:
        return [await label(client, endpoint, intent, variant) for intent in tqdm(intents, desc=variant)]


def variant_row(variant: str, results: Sequence[Labelled], price: dict[str, float] | None) -> dict[str, Any]:
    """One line of the table of prompt variants."""
    totals = Totals()
    for result in results:
        totals.add(result)
    calls = sum(result.calls for result in results)
    cost = totals.cost(price)
    return {
        "variant": variant,
        "tokens_in": totals.tokens_in / len(results),
        "tokens_out": totals.tokens_out / len(results),
        "valid": 1 - sum(totals.failures.values()) / calls,
        "p50_ms": statistics.median(result.latency_ms for result in results),
        "cost_per_1000": None if cost is None else cost / len(results) * 1000,
    }


@app.command()
def variants(
    n: Annotated[int, typer.Option("-n", "--intents", min=1, help="Validation intents to ask.")] = 50,
    prices: OptionalPrices = None,
) -> None:
    """Compare the prompt variants: tokens, valid answers, latency, cost. The last line is JSON."""
    from student.dataset import load

    endpoint = Endpoint.from_environment()
    price = read_price(prices, endpoint.model)
    intents = [row.intent for row in load("validation")[:n]]
    rows = [variant_row(v, asyncio.run(measure(endpoint, intents, v)), price) for v in VARIANTS]
    table = Table(
        "variant", "tokens in", "tokens out", "valid calls", "p50 ms", "$ per 1,000 edits", title=endpoint.model
    )
    for row in rows:
        cost = "no price" if row["cost_per_1000"] is None else f"{row['cost_per_1000']:.3f}"
        figures = (f"{row['tokens_in']:.0f}", f"{row['tokens_out']:.0f}", f"{row['valid']:.1%}", f"{row['p50_ms']:.0f}")
        table.add_row(row["variant"], *figures, cost)
    Console().print(table)
    typer.echo(json.dumps({"model": endpoint.model, "n": len(intents), "variants": rows}))


def main() -> None:
    """Run the commands; a `UserError` is one sentence and exit code 1."""
    run_command(app)


if __name__ == "__main__":
    main()

"""The event store: what people asked, changed and took home, written once and never altered.

Refuses to know accounts, addresses, file names and pictures: a person is a salted pseudonym, a picture
is "image" or "video". Writing an event twice (double click, retry) counts once. Statistics are always
recomputed from these rows. Commands: `python -m editor.store info | retain --days N | forget USER_ID`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import Engine, Insert, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from editor.database import open_database
from editor.errors import UserError, run_command
from editor.folders import data_folder
from editor.planner import Answer
from editor.schema import (
    Ask,
    Base,
    Change,
    Export,
    Exposure,
    Loading,
    Project,
    Rating,
    Showing,
    Switch,
    Vote,
)
from editor.text import normalise
from editor.tools import TOOLS, Edit, ToolName

INTENT_LIMIT = 2000  # characters of a prompt that are stored; longer ones are cut
Media = Literal["image", "video"]
ExportKind = Literal["image", "video", "cube", "recipe"]


def new_id() -> str:
    """A fresh event id; make it when the action happens and send it again on a retry."""
    return str(uuid.uuid4())


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def canonical(edit: Edit, tool: ToolName) -> str | None:
    """One text for one value of a tool: sorted keys, non-neutral values only; None when unused."""
    value = edit.to_dict()[tool]
    return value and json.dumps(value, sort_keys=True, separators=(",", ":"))


def kept_tools(planned: Edit, final: Edit) -> dict[ToolName, bool]:
    """Per tool: is the planner's choice still in the exported edit? A tool may be retuned, not dropped or added."""
    return {tool: planned.uses(tool) == final.uses(tool) for tool in TOOLS}


def salt() -> bytes:
    """The secret behind pseudonyms: `VIBEGRADE_SALT`, or a file made once in the data folder."""
    if value := os.environ.get("VIBEGRADE_SALT"):
        return value.encode()
    path = data_folder() / "salt"
    if not path.exists():
        draft = path.with_name(f"salt.{secrets.token_hex(8)}")
        draft.write_bytes(secrets.token_bytes(32))
        draft.chmod(0o600)
        try:
            os.link(draft, path)  # fails when another process was first: then its salt is the salt
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


class Store:
    """Writes events; `url` as in `editor.database.open_database`. Safe to share between threads."""

    def __init__(self, url: str | None = None, engine: Engine | None = None):
        self.engine = engine or open_database(url)
        self._salt = salt()

    @classmethod
    def from_environment(cls) -> Store | None:
        """The store at `DATABASE_URL` or in the data folder; None where `VIBEGRADE_STORE` is off.

        Raises `UserError`, without the address, when the database cannot be opened.
        """
        if os.environ.get("VIBEGRADE_STORE", "on").lower() == "off":
            return None
        try:
            return cls()
        except (SQLAlchemyError, OSError) as error:
            raise UserError(
                f"The event store cannot be opened ({type(error).__name__}): check DATABASE_URL and VIBEGRADE_HOME, "
                "or start with VIBEGRADE_STORE=off."
            ) from None

    def user_id(self, client: str) -> str:
        """The pseudonym (32 hex digits) of a browser's random id; not reversible without the salt."""
        return hmac.new(self._salt, client.encode(), hashlib.sha256).hexdigest()[:32]

    def project_started(self, user_id: str, media: Media, *, id: str | None = None, at: int | None = None) -> str:
        """A picture or clip was opened. Returns the project's id."""
        return self._write(Project, id, at, user_id=user_id, media=media)

    def asked(
        self,
        project_id: str,
        user_id: str,
        prompt: str,
        answer: Answer,
        version: str = "",
        *,
        id: str | None = None,
        at: int | None = None,
    ) -> str:
        """A planner answered a prompt. Returns the ask's id."""
        # PostgreSQL takes neither NUL nor half a surrogate pair.
        text = prompt[: 4 * INTENT_LIMIT].encode("utf-8", "replace").decode().replace("\x00", "")
        intent = " ".join(text.split())[:INTENT_LIMIT]
        return self._write(
            Ask,
            id,
            at,
            project_id=project_id,
            user_id=user_id,
            intent=intent,
            intent_key=normalise(intent),
            planner=answer.planner,
            version=version,
            latency_ms=answer.latency_ms,
            **{tool: canonical(answer.edit, tool) for tool in TOOLS},
        )

    def changed(
        self,
        project_id: str,
        user_id: str,
        parameter: str,
        before: float | str,
        after: float | str,
        *,
        ask_id: str | None = None,
        id: str | None = None,
        at: int | None = None,
    ) -> str:
        """A control came to rest at a new value; `parameter` is dotted: adjust.contrast, filter.name."""
        row = {"parameter": parameter, "before": f"{before:g}" if isinstance(before, float) else str(before)}
        row["after"] = f"{after:g}" if isinstance(after, float) else str(after)
        return self._write(Change, id, at, project_id=project_id, user_id=user_id, ask_id=ask_id, **row)

    def switched(
        self,
        project_id: str,
        user_id: str,
        tool: ToolName,
        enabled: bool,
        *,
        ask_id: str | None = None,
        id: str | None = None,
        at: int | None = None,
    ) -> str:
        """A tool was switched off or on."""
        return self._write(
            Switch, id, at, project_id=project_id, user_id=user_id, ask_id=ask_id, tool=tool, enabled=enabled
        )

    def exported(
        self,
        project_id: str,
        user_id: str,
        kind: ExportKind,
        edit: Edit,
        kept: Mapping[ToolName, bool],
        *,
        ask_id: str | None = None,
        id: str | None = None,
        at: int | None = None,
    ) -> str:
        """A result was taken home; `kept` as from `kept_tools`."""
        return self._write(
            Export,
            id,
            at,
            project_id=project_id,
            user_id=user_id,
            ask_id=ask_id,
            kind=kind,
            edit=json.dumps(edit.to_dict(), sort_keys=True, separators=(",", ":")),
            **{f"kept_{tool}": bool(kept.get(tool, False)) for tool in TOOLS},
        )

    def exposed(self, experiment: str, user_id: str, arm: str, *, at: int | None = None) -> None:
        """A user met an arm of an experiment; only the first time counts."""
        self._insert(Exposure, experiment=experiment, user_id=user_id, arm=arm, at=at or now_ms())

    def _write(self, table: type[Base], id: str | None, at: int | None, **values: Any) -> str:
        id = id or new_id()
        self._insert(table, id=id, at=at or now_ms(), **values)
        return id

    def _insert(self, table: type[Base], **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert_once(self.engine, table).values(**values))


def insert_once(engine: Engine, table: type[Base]) -> Insert:
    """INSERT that leaves an existing row as it is."""
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    statement: Insert = dialect.insert(table).on_conflict_do_nothing()
    return statement


def retain(engine: Engine, days: float, now: int | None = None) -> dict[str, int]:
    """Delete projects that started more than `days` ago with all their events. Returns rows deleted a table."""
    limit = (now or now_ms()) - int(days * 86_400_000)
    old = select(Project.id).where(Project.at < limit)
    return _delete(
        engine,
        {
            Export: Export.project_id.in_(old),
            Switch: Switch.project_id.in_(old),
            Change: Change.project_id.in_(old),
            Ask: Ask.project_id.in_(old),
            Project: Project.at < limit,
            Exposure: Exposure.at < limit,
        },
    )


def forget(engine: Engine, user_id: str) -> dict[str, int]:
    """Delete every event, vote and rating of one pseudonymous user. Returns rows deleted a table."""
    shown = select(Showing.id).where(Showing.voter_id == user_id)
    return _delete(
        engine,
        {
            Export: Export.user_id == user_id,
            Switch: Switch.user_id == user_id,
            Change: Change.user_id == user_id,
            Ask: Ask.user_id == user_id,
            Project: Project.user_id == user_id,
            Exposure: Exposure.user_id == user_id,
            Vote: Vote.showing_id.in_(shown),
            Loading: Loading.showing_id.in_(shown),
            Showing: Showing.voter_id == user_id,
            Rating: Rating.annotator_id == user_id,
        },
    )


def _delete(engine: Engine, conditions: Mapping[type[Base], Any]) -> dict[str, int]:
    with engine.begin() as connection:
        return {
            table.__tablename__: connection.execute(delete(table).where(condition)).rowcount
            for table, condition in conditions.items()
        }


def count(engine: Engine) -> dict[str, int]:
    """Rows in every table."""
    with engine.connect().execution_options(read_only=True) as connection:
        tables: list[Table] = Base.metadata.sorted_tables
        return {t.name: connection.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


app = typer.Typer(add_completion=False, help="Look after the event store.")
Database = Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL, else SQLite.")]


@app.command()
def info(database: Database = None) -> None:
    """Where the store is, its size, and rows per table."""
    engine = open_database(database)
    typer.echo(engine.url.render_as_string(hide_password=True))
    if engine.dialect.name == "sqlite" and engine.url.database:
        typer.echo(f"{Path(engine.url.database).stat().st_size / 1e6:.1f} MB")
    for name, rows in count(engine).items():
        typer.echo(f"{name:16}{rows:>10}")


@app.command("retain")
def retain_command(
    days: Annotated[float, typer.Option(min=0, help="Keep projects started within this many days.")],
    database: Database = None,
) -> None:
    """Delete what is older than a number of days."""
    for name, rows in retain(open_database(database), days).items():
        typer.echo(f"{name:16}{rows:>10} deleted")


@app.command("forget")
def forget_command(user_id: str, database: Database = None) -> None:
    """Delete everything of one user (the pseudonym that the page shows under Privacy)."""
    if len(user_id) != 32:
        raise UserError("A user id has 32 hexadecimal digits; the page shows it under Privacy.")
    for name, rows in forget(open_database(database), user_id).items():
        typer.echo(f"{name:16}{rows:>10} deleted")


if __name__ == "__main__":
    run_command(app)

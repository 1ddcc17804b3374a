"""Where the event store lives: SQLite (WAL) in the user's data folder, or PostgreSQL by `DATABASE_URL`.

Opens, migrates and configures the database; knows the tables only through `editor.schema`.
Commands: `python -m editor.database upgrade | revision MESSAGE` (the second for developers).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from editor.errors import UserError
from editor.folders import data_folder

# Many people may vote at the same moment; waiting in line is better than an error.
POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 50, "pool_timeout": 60}
MIGRATION_LOCK = 0x71BE6ADE  # PostgreSQL advisory lock: two servers that start at once migrate in turn


def default_url() -> str:
    """`DATABASE_URL`, or SQLite in the data folder."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{data_folder() / 'events.db'}"


def open_database(url: str | None = None) -> Engine:
    """An engine on a migrated database. Raises `UserError` for a URL that cannot be used."""
    try:
        parsed = make_url(url or default_url())
    except ArgumentError:
        raise UserError("DATABASE_URL is not a database URL; write sqlite:///file.db or postgresql://...") from None
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, **POOL)
    elif parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": 60}, **POOL)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    else:
        raise UserError(f"DATABASE_URL names {parsed.get_backend_name()}; SQLite and PostgreSQL are supported.")
    migrate(engine)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are opened by _begin_immediate, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once with "database is locked".
    if connection.get_execution_options().get("read_only"):
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest revision; concurrent callers wait for each other."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            command.upgrade(_config(connection), "head")
        return
    with FileLock(f"{engine.url.database}.migrate.lock"), engine.begin() as connection:
        command.upgrade(_config(connection), "head")


app = typer.Typer(add_completion=False, help="The event store's database.")


@app.command()
def upgrade(database: Annotated[str | None, typer.Option(help="Database URL; default: DATABASE_URL.")] = None) -> None:
    """Create the tables or bring them to the newest revision."""
    engine = open_database(database)
    typer.echo(f"{engine.url.render_as_string(hide_password=True)} is up to date")


@app.command()
def revision(message: str) -> None:
    """Write a new migration from the difference between the schema and a migrated scratch database."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/scratch.db")
        with engine.begin() as connection:
            command.revision(_config(connection), message, autogenerate=True)


if __name__ == "__main__":
    app()

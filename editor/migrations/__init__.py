"""Alembic migrations of the event store; applied when the store is opened."""

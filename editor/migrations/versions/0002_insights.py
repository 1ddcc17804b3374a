"""Add the indexes that the Insights queries walk; let PostgreSQL take long prompts.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_projects_id_at_media", "projects", ["id", "at", "media"])
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_asks_project_id_planner", "asks")
        op.create_index("ix_asks_by_project", "asks", ["project_id", "planner", "latency_ms", "intent_key", "id"])
    else:
        # An entry of a btree in PostgreSQL holds 2,704 bytes, a prompt has up to 8,000; a hash has no limit.
        op.drop_index("ix_asks_intent_key", "asks")
        op.create_index("ix_asks_intent_key", "asks", ["intent_key"], postgresql_using="hash")


def downgrade() -> None:
    """Take back. In PostgreSQL this fails while a prompt is stored that is too long for the old index."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_asks_by_project", "asks")
        op.create_index("ix_asks_project_id_planner", "asks", ["project_id", "planner"])
    else:
        op.drop_index("ix_asks_intent_key", "asks")
        op.create_index("ix_asks_intent_key", "asks", ["intent_key"])
    op.drop_index("ix_projects_id_at_media", "projects")

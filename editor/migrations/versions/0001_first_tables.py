"""Create the first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("minimum_votes", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
    )
    op.create_table(
        "exposures",
        sa.Column("experiment", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("arm", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment", "user_id", name=op.f("pk_exposures")),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("media", sa.String(length=5), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_projects_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_projects_user_id"), ["user_id"], unique=False)

    op.create_table(
        "rating_sets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("student", sa.String(length=100), nullable=False),
        sa.Column("teacher", sa.String(length=100), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating_sets")),
    )
    op.create_table(
        "asks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("intent_key", sa.Text(), nullable=False),
        sa.Column("planner", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("adjust", sa.Text(), nullable=True),
        sa.Column("selective_adjust", sa.Text(), nullable=True),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_asks_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
    )
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asks_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_asks_intent_key"), ["intent_key"], unique=False)
        batch_op.create_index("ix_asks_project_id_planner", ["project_id", "planner"], unique=False)
        batch_op.create_index(batch_op.f("ix_asks_user_id"), ["user_id"], unique=False)

    op.create_table(
        "pairs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("repeat_of", sa.String(length=36), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("picture", sa.String(length=200), nullable=False),
        sa.Column("planner_a", sa.String(length=100), nullable=False),
        sa.Column("planner_b", sa.String(length=100), nullable=False),
        sa.Column("edit_a", sa.Text(), nullable=False),
        sa.Column("edit_b", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('plain', 'repeat', 'identical')", name=op.f("ck_pairs_kind")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_pairs_campaign_id")),
        sa.ForeignKeyConstraint(["repeat_of"], ["pairs.id"], name=op.f("fk_pairs_repeat_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairs")),
        sa.UniqueConstraint("campaign_id", "position", name=op.f("uq_pairs_campaign_id_position")),
    )
    with op.batch_alter_table("pairs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pairs_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "rating_samples",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("set_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("picture", sa.String(length=200), nullable=False),
        sa.Column("student_edit", sa.Text(), nullable=False),
        sa.Column("teacher_edit", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["set_id"], ["rating_sets.id"], name=op.f("fk_rating_samples_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating_samples")),
        sa.UniqueConstraint("set_id", "position", name=op.f("uq_rating_samples_set_id_position")),
    )
    with op.batch_alter_table("rating_samples", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rating_samples_set_id"), ["set_id"], unique=False)

    op.create_table(
        "changes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("ask_id", sa.String(length=36), nullable=True),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("parameter", sa.String(length=64), nullable=False),
        sa.Column("before", sa.String(length=100), nullable=False),
        sa.Column("after", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ask_id"], ["asks.id"], name=op.f("fk_changes_ask_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_changes_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_changes_ask_id"), ["ask_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_changes_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_changes_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_changes_user_id"), ["user_id"], unique=False)

    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("ask_id", sa.String(length=36), nullable=True),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("kept_adjust", sa.Boolean(), nullable=False),
        sa.Column("kept_selective_adjust", sa.Boolean(), nullable=False),
        sa.Column("kept_filter", sa.Boolean(), nullable=False),
        sa.Column("edit", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ask_id"], ["asks.id"], name=op.f("fk_exports_ask_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_exports_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exports_ask_id"), ["ask_id"], unique=False)
        batch_op.create_index(
            "ix_exports_ask_id_kept", ["ask_id", "kept_adjust", "kept_selective_adjust", "kept_filter"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_exports_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_exports_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_exports_user_id"), ["user_id"], unique=False)

    op.create_table(
        "ratings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sample_id", sa.String(length=36), nullable=False),
        sa.Column("annotator_id", sa.String(length=32), nullable=False),
        sa.Column("judge", sa.String(length=100), nullable=False),
        sa.Column("order", sa.String(length=14), nullable=False),
        sa.Column("relevant", sa.Boolean(), nullable=False),
        sa.Column("mimics", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sample_id"], ["rating_samples.id"], name=op.f("fk_ratings_sample_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
        sa.UniqueConstraint(
            "sample_id", "annotator_id", "judge", "order", name=op.f("uq_ratings_sample_id_annotator_id_judge_order")
        ),
    )
    with op.batch_alter_table("ratings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ratings_annotator_id"), ["annotator_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ratings_sample_id"), ["sample_id"], unique=False)

    op.create_table(
        "showings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("pair_id", sa.String(length=36), nullable=False),
        sa.Column("voter_id", sa.String(length=32), nullable=False),
        sa.Column("left", sa.String(length=1), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("\"left\" IN ('a', 'b')", name=op.f("ck_showings_left")),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_showings_pair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_showings")),
        sa.UniqueConstraint("pair_id", "voter_id", name=op.f("uq_showings_pair_id_voter_id")),
    )
    with op.batch_alter_table("showings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_showings_pair_id"), ["pair_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_showings_voter_id"), ["voter_id"], unique=False)

    op.create_table(
        "switches",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("ask_id", sa.String(length=36), nullable=True),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("tool", sa.String(length=16), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ask_id"], ["asks.id"], name=op.f("fk_switches_ask_id")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_switches_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_switches")),
    )
    with op.batch_alter_table("switches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_switches_ask_id"), ["ask_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_switches_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_switches_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_switches_user_id"), ["user_id"], unique=False)

    op.create_table(
        "loadings",
        sa.Column("showing_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["showing_id"], ["showings.id"], name=op.f("fk_loadings_showing_id")),
        sa.PrimaryKeyConstraint("showing_id", name=op.f("pk_loadings")),
    )
    op.create_table(
        "votes",
        sa.Column("showing_id", sa.String(length=36), nullable=False),
        sa.Column("choice", sa.String(length=8), nullable=False),
        sa.Column("dwell_ms", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("choice IN ('left', 'right', 'neutral', 'both_bad')", name=op.f("ck_votes_choice")),
        sa.ForeignKeyConstraint(["showing_id"], ["loadings.showing_id"], name=op.f("fk_votes_showing_id")),
        sa.PrimaryKeyConstraint("showing_id", name=op.f("pk_votes")),
    )
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_votes_at"), ["at"], unique=False)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_votes_at"))

    op.drop_table("votes")
    op.drop_table("loadings")
    with op.batch_alter_table("switches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_switches_user_id"))
        batch_op.drop_index(batch_op.f("ix_switches_project_id"))
        batch_op.drop_index(batch_op.f("ix_switches_at"))
        batch_op.drop_index(batch_op.f("ix_switches_ask_id"))

    op.drop_table("switches")
    with op.batch_alter_table("showings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_showings_voter_id"))
        batch_op.drop_index(batch_op.f("ix_showings_pair_id"))

    op.drop_table("showings")
    with op.batch_alter_table("ratings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ratings_sample_id"))
        batch_op.drop_index(batch_op.f("ix_ratings_annotator_id"))

    op.drop_table("ratings")
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exports_user_id"))
        batch_op.drop_index(batch_op.f("ix_exports_project_id"))
        batch_op.drop_index(batch_op.f("ix_exports_at"))
        batch_op.drop_index("ix_exports_ask_id_kept")
        batch_op.drop_index(batch_op.f("ix_exports_ask_id"))

    op.drop_table("exports")
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_changes_user_id"))
        batch_op.drop_index(batch_op.f("ix_changes_project_id"))
        batch_op.drop_index(batch_op.f("ix_changes_at"))
        batch_op.drop_index(batch_op.f("ix_changes_ask_id"))

    op.drop_table("changes")
    with op.batch_alter_table("rating_samples", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rating_samples_set_id"))

    op.drop_table("rating_samples")
    with op.batch_alter_table("pairs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pairs_campaign_id"))

    op.drop_table("pairs")
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asks_user_id"))
        batch_op.drop_index("ix_asks_project_id_planner")
        batch_op.drop_index(batch_op.f("ix_asks_intent_key"))
        batch_op.drop_index(batch_op.f("ix_asks_at"))

    op.drop_table("asks")
    op.drop_table("rating_sets")
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_projects_user_id"))
        batch_op.drop_index(batch_op.f("ix_projects_at"))

    op.drop_table("projects")
    op.drop_table("exposures")
    op.drop_table("campaigns")

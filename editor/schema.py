"""The tables of the event store: append-only, one table an event, times in Unix milliseconds (UTC).

Ids are made by the client (UUID), so that a repeated request inserts nothing twice. Edits are stored
per tool as canonical JSON text (sorted keys, non-neutral values only; NULL = tool not used): equal
edits are equal strings. No picture, file name, address or account is ever a column.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Float, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Names that alembic can find again on every database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Base(DeclarativeBase):
    """Declarative base of every table."""

    metadata = MetaData(naming_convention=NAMING)


class Project(Base):
    """A person opened a picture or a clip."""

    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(32), index=True)
    media: Mapped[str] = mapped_column(String(5))  # image | video
    at: Mapped[int] = mapped_column(BigInteger, index=True)


class Ask(Base):
    """A prompt was answered by a planner."""

    __tablename__ = "asks"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    user_id: Mapped[str] = mapped_column(String(32), index=True)
    intent: Mapped[str] = mapped_column(Text)
    intent_key: Mapped[str] = mapped_column(Text)  # normalised: lower case, punctuation folded
    planner: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(100))
    adjust: Mapped[str | None] = mapped_column(Text)
    selective_adjust: Mapped[str | None] = mapped_column(Text)
    filter: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[float] = mapped_column(Float)
    at: Mapped[int] = mapped_column(BigInteger, index=True)


class Change(Base):
    """A control was moved away from what the planner chose."""

    __tablename__ = "changes"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    ask_id: Mapped[str | None] = mapped_column(ForeignKey("asks.id"), index=True)
    user_id: Mapped[str] = mapped_column(String(32), index=True)
    parameter: Mapped[str] = mapped_column(String(64))  # dotted: adjust.contrast, filter.name
    before: Mapped[str] = mapped_column(String(100))
    after: Mapped[str] = mapped_column(String(100))
    at: Mapped[int] = mapped_column(BigInteger, index=True)


class Switch(Base):
    """A tool was switched off or on again."""

    __tablename__ = "switches"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    ask_id: Mapped[str | None] = mapped_column(ForeignKey("asks.id"), index=True)
    user_id: Mapped[str] = mapped_column(String(32), index=True)
    tool: Mapped[str] = mapped_column(String(16))
    enabled: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[int] = mapped_column(BigInteger, index=True)


class Export(Base):
    """A result was taken home; per tool: was the planner's output still in it."""

    __tablename__ = "exports"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    ask_id: Mapped[str | None] = mapped_column(ForeignKey("asks.id"), index=True)
    user_id: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(6))  # image | video | cube | recipe
    kept_adjust: Mapped[bool] = mapped_column(Boolean)
    kept_selective_adjust: Mapped[bool] = mapped_column(Boolean)
    kept_filter: Mapped[bool] = mapped_column(Boolean)
    edit: Mapped[str] = mapped_column(Text)  # canonical JSON of what was exported
    at: Mapped[int] = mapped_column(BigInteger, index=True)


class Exposure(Base):
    """A user was shown an arm of an online experiment, once."""

    __tablename__ = "exposures"
    experiment: Mapped[str] = mapped_column(String(100), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    arm: Mapped[str] = mapped_column(String(100))
    at: Mapped[int] = mapped_column(BigInteger)


class Campaign(Base):
    """A blind test: a set of pairs to be judged."""

    __tablename__ = "campaigns"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    minimum_votes: Mapped[int] = mapped_column(Integer)  # wanted for each pair
    seed: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)


class Pair(Base):
    """Two planners' edits of one picture for one prompt, frozen when the campaign is made."""

    __tablename__ = "pairs"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(ForeignKey("campaigns.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(9))  # plain | repeat (sides swapped) | identical
    repeat_of: Mapped[str | None] = mapped_column(ForeignKey("pairs.id"))
    prompt: Mapped[str] = mapped_column(Text)
    picture: Mapped[str] = mapped_column(String(200))
    planner_a: Mapped[str] = mapped_column(String(100))
    planner_b: Mapped[str] = mapped_column(String(100))
    edit_a: Mapped[str] = mapped_column(Text)
    edit_b: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        Unique("campaign_id", "position"),
        CheckConstraint("kind IN ('plain', 'repeat', 'identical')", name="kind"),
    )


class Showing(Base):
    """A pair was put before a voter, with the sides that the server chose."""

    __tablename__ = "showings"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    pair_id: Mapped[str] = mapped_column(ForeignKey("pairs.id"), index=True)
    voter_id: Mapped[str] = mapped_column(String(32), index=True)
    left: Mapped[str] = mapped_column(String(1))  # a | b
    at: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Unique("pair_id", "voter_id"), CheckConstraint("\"left\" IN ('a', 'b')", name="left"))


class Loading(Base):
    """Both pictures of a showing have loaded in the voter's browser."""

    __tablename__ = "loadings"
    showing_id: Mapped[str] = mapped_column(ForeignKey("showings.id"), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)


class Vote(Base):
    """A voter's choice: one for each showing, so one for each pair and voter."""

    __tablename__ = "votes"
    showing_id: Mapped[str] = mapped_column(ForeignKey("loadings.showing_id"), primary_key=True)
    choice: Mapped[str] = mapped_column(String(8))  # left | right | neutral | both_bad
    dwell_ms: Mapped[int] = mapped_column(Integer)  # from both pictures loaded to the choice
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    __table_args__ = (CheckConstraint("choice IN ('left', 'right', 'neutral', 'both_bad')", name="choice"),)


class RatingSet(Base):
    """A reality check: a seeded random sample of rendered edits to be annotated."""

    __tablename__ = "rating_sets"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    student: Mapped[str] = mapped_column(String(100))
    teacher: Mapped[str] = mapped_column(String(100))
    seed: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)


class RatingSample(Base):
    """One intent on one picture, with the student's and the teacher's edit."""

    __tablename__ = "rating_samples"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    set_id: Mapped[str] = mapped_column(ForeignKey("rating_sets.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    intent: Mapped[str] = mapped_column(Text)
    picture: Mapped[str] = mapped_column(String(200))
    student_edit: Mapped[str] = mapped_column(Text)
    teacher_edit: Mapped[str] = mapped_column(Text)
    __table_args__ = (Unique("set_id", "position"),)


class Rating(Base):
    """One annotator's answers on one sample; a model's answers carry its name and the order it saw."""

    __tablename__ = "ratings"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    sample_id: Mapped[str] = mapped_column(ForeignKey("rating_samples.id"), index=True)
    annotator_id: Mapped[str] = mapped_column(String(32), index=True)
    judge: Mapped[str] = mapped_column(String(100))  # person, or the vision model's name
    order: Mapped[str] = mapped_column(String(14))  # student_first | teacher_first
    relevant: Mapped[bool] = mapped_column(Boolean)
    mimics: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Unique("sample_id", "annotator_id", "judge", "order"),)


Index("ix_exports_ask_id_kept", Export.ask_id, Export.kept_adjust, Export.kept_selective_adjust, Export.kept_filter)
# What Insights reads, in the order of projects: SQLite then need not visit the rows, which lie in the order of time.
Index("ix_projects_id_at_media", Project.id, Project.at, Project.media)
Index("ix_asks_by_project", Ask.project_id, Ask.planner, Ask.latency_ms, Ask.intent_key, Ask.id).ddl_if("sqlite")
Index("ix_asks_intent_key", Ask.intent_key, postgresql_using="hash")
# PostgreSQL joins by hashing whole tables; an entry of its btrees (2,704 bytes) cannot hold every prompt.
Index("ix_asks_project_id_planner", Ask.project_id, Ask.planner).ddl_if("postgresql")

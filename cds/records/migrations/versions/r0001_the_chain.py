"""The chain, its content, and the tokens that were seen; the database itself refuses to change what was recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQLITE = (
    """
    CREATE TRIGGER entry_follows BEFORE INSERT ON entry
    WHEN NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM entry)
      OR NEW.previous <> COALESCE((SELECT digest FROM entry ORDER BY number DESC LIMIT 1),
                                  '0000000000000000000000000000000000000000000000000000000000000000')
      OR EXISTS (SELECT 1 FROM entry WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'an entry follows on the newest one'); END
    """,
    """
    CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END
    """,
    """
    CREATE TRIGGER entry_never_goes BEFORE DELETE ON entry
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END
    """,
    """
    CREATE TRIGGER content_is_written_once BEFORE INSERT ON content
    WHEN EXISTS (SELECT 1 FROM content WHERE entry = NEW.entry)
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END
    """,
    """
    CREATE TRIGGER content_never_changes BEFORE UPDATE ON content
    BEGIN SELECT RAISE(ABORT, 'records are append-only'); END
    """,
    """
    CREATE TRIGGER content_goes_by_erasure BEFORE DELETE ON content
    WHEN NOT EXISTS (SELECT 1 FROM entry WHERE kind = 'erasure' AND about = OLD.entry)
    BEGIN SELECT RAISE(ABORT, 'content goes by a recorded erasure only'); END
    """,
)

POSTGRESQL = (
    """
    CREATE FUNCTION cds_entry_follows() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE newest entry%ROWTYPE;
    BEGIN
      SELECT * INTO newest FROM entry ORDER BY number DESC LIMIT 1;
      IF NEW.number <> COALESCE(newest.number, 0) + 1
         OR NEW.previous <> COALESCE(newest.digest, repeat('0', 64)) THEN
        RAISE EXCEPTION 'an entry follows on the newest one';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION cds_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'records are append-only'; END $$
    """,
    """
    CREATE FUNCTION cds_goes_by_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NOT EXISTS (SELECT 1 FROM entry WHERE kind = 'erasure' AND about = OLD.entry) THEN
        RAISE EXCEPTION 'content goes by a recorded erasure only';
      END IF;
      RETURN OLD;
    END $$
    """,
    "CREATE TRIGGER entry_follows BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION cds_entry_follows()",
    "CREATE TRIGGER entry_never_changes BEFORE UPDATE OR DELETE ON entry"
    " FOR EACH ROW EXECUTE FUNCTION cds_append_only()",
    "CREATE TRIGGER entry_never_goes BEFORE TRUNCATE ON entry EXECUTE FUNCTION cds_append_only()",
    "CREATE TRIGGER content_never_changes BEFORE UPDATE ON content FOR EACH ROW EXECUTE FUNCTION cds_append_only()",
    "CREATE TRIGGER content_goes_by_erasure BEFORE DELETE ON content"
    " FOR EACH ROW EXECUTE FUNCTION cds_goes_by_erasure()",
    "CREATE TRIGGER content_never_goes BEFORE TRUNCATE ON content EXECUTE FUNCTION cds_append_only()",
)


def upgrade() -> None:
    """Make the tables and what guards them."""
    op.create_table(
        "entry",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.Column("about", sa.String(64), nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("entry_kind", "entry", ["kind", "number"])
    op.create_index("entry_about", "entry", ["about"])
    op.create_table(
        "content",
        sa.Column("entry", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(200), nullable=True),
        sa.Column("salt", sa.LargeBinary(16), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("content_subject", "content", ["subject"])
    op.create_table(
        "seen_token",
        sa.Column("issuer", sa.String(300), primary_key=True),
        sa.Column("token", sa.String(300), primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("seen_token_expires", "seen_token", ["expires"])
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(sa.text(statement))


def downgrade() -> None:
    """Refuse: records are not taken back by a migration."""
    raise RuntimeError("the first migration makes the records; it is not undone")

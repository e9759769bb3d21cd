"""What `index nightly` has seen and reported.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "nights",
        sa.Column("id", BigId, nullable=False),
        sa.Column("finished_at", sa.String(length=32), nullable=False),
        sa.Column("newest_item", BigId, nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "findings",
        sa.Column("id", BigId, nullable=False),
        sa.Column("night", BigId, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("first_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("second_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("wasted_bytes", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("findings_by_key", "findings", ["first_sha256", "second_sha256", "kind"], unique=True)


def downgrade() -> None:
    op.drop_index("findings_by_key", table_name="findings")
    op.drop_table("findings")
    op.drop_table("nights")

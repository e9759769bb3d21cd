"""Contents that the user put on a list: genuine, fraud or benign.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "listings",
        sa.Column("id", BigId, nullable=False),
        sa.Column("list", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.String(length=32), nullable=False),
        sa.Column("checksum", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_listings_sha256", "listings", ["sha256"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_listings_sha256", table_name="listings")
    op.drop_table("listings")

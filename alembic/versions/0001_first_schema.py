"""The first schema.

Revision ID: 0001
Revises: none
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "assigned_labels",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "catalogues",
        sa.Column("id", BigId, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("exclude", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_table(
        "encoders",
        sa.Column("id", BigId, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint"),
    )
    op.create_table(
        "exclusions",
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("excluded_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_table(
        "items",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("checksum", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_items_size_bytes", "items", ["size_bytes"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("encoder_id", BigId, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("item_id", BigId, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["encoder_id"],
            ["encoders.id"],
        ),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["items.id"],
        ),
        sa.PrimaryKeyConstraint("encoder_id", "space", "item_id"),
    )
    op.create_index("embeddings_by_item", "embeddings", ["item_id"], unique=False)
    op.create_table(
        "files",
        sa.Column("id", BigId, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("catalogue_id", BigId, nullable=False),
        sa.Column("item_id", BigId, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalogue_id"],
            ["catalogues.id"],
        ),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["items.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_index("ix_files_catalogue_id", "files", ["catalogue_id"], unique=False)
    op.create_index("ix_files_item_id", "files", ["item_id"], unique=False)
    op.create_index("ix_files_label", "files", ["label"], unique=False)
    op.create_table(
        "generations",
        sa.Column("id", BigId, nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("encoder_id", BigId, nullable=False),
        sa.Column("metric", sa.String(length=16), nullable=False),
        sa.Column("item_count", sa.BigInteger(), nullable=False),
        sa.Column("file_count", sa.BigInteger(), nullable=False),
        sa.Column("format_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["encoder_id"],
            ["encoders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rejections",
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("catalogue_id", BigId, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalogue_id"],
            ["catalogues.id"],
        ),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index("ix_rejections_catalogue_id", "rejections", ["catalogue_id"], unique=False)
    op.create_table(
        "faiss_files",
        sa.Column("generation_id", BigId, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("recall", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
        ),
        sa.PrimaryKeyConstraint("generation_id", "space"),
    )


def downgrade() -> None:
    op.drop_table("faiss_files")
    op.drop_index("ix_rejections_catalogue_id", table_name="rejections")
    op.drop_table("rejections")
    op.drop_table("generations")
    op.drop_index("ix_files_label", table_name="files")
    op.drop_index("ix_files_item_id", table_name="files")
    op.drop_index("ix_files_catalogue_id", table_name="files")
    op.drop_table("files")
    op.drop_index("embeddings_by_item", table_name="embeddings")
    op.drop_table("embeddings")
    op.drop_index("ix_items_size_bytes", table_name="items")
    op.drop_table("items")
    op.drop_table("exclusions")
    op.drop_table("encoders")
    op.drop_table("catalogues")
    op.drop_table("assigned_labels")

"""A catalogue of all kinds of files, and what an index knows of it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from PIL import Image

from tests.pictures import save


def make_mixed(folder: Path) -> Path:
    """90 pictures, more than one batch; copies, and files of which there is no vector for five reasons.

    An encoder that ``fails_on_black`` has none of a sixth.
    """
    for number in range(90):
        save(folder / f"{number:02d}.jpg", number)
    for number in range(0, 90, 9):
        (folder / "again").mkdir(exist_ok=True)
        shutil.copy(folder / f"{number:02d}.jpg", folder / "again")
    sound = (folder / "01.jpg").read_bytes()
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    (folder / "cut.jpg").write_bytes(sound[: len(sound) // 2])
    (folder / "pipe.jpg").symlink_to(folder / "02.jpg")
    with (folder / "large.jpg").open("wb") as large:
        large.truncate(1 << 30)
    Image.new("RGB", (40, 30)).save(folder / "black.png")
    return folder


def contents_of(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what is stored of files, items, vectors and rejections, but for numbers that depend on their order."""
    queries = {
        "files": "SELECT f.path, f.size_bytes, f.mtime_ns, i.sha256 FROM files f JOIN items i ON i.id = f.item_id",
        "items": "SELECT sha256, size_bytes, width, height, format, checksum FROM items",
        "vectors": "SELECT i.sha256, e.space, e.vector, e.checksum FROM embeddings e JOIN items i ON i.id = e.item_id",
        "rejections": "SELECT path, reason, message, size_bytes, mtime_ns FROM rejections",
    }
    with closing(sqlite3.connect(store / "catalog.db")) as database:
        return {name: sorted(database.execute(query)) for name, query in queries.items()}

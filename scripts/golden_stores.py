#!/usr/bin/env python3
"""Make a small store by the code of a released format: tests/golden/REVISION.tar.gz, to be opened for ever after.

scripts/golden_stores.py 0005 HEAD        by a commit whose newest migration is that one
scripts/golden_stores.py 0004 0003        by migrating the golden store of 0003 up to 0004: no commit ended there

The store lies beside its catalogue and its encoder, with what it answered when it was made.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.pictures import picture  # noqa: E402  (after the path is set)
from tests.tiny_encoder import write_tiny_encoder  # noqa: E402

GOLDEN = ROOT / "tests/golden"
MADE_AT = 1_700_000_000  # whole seconds, which every archive can hold
QUESTION = ("query", "catalogue/cup/1.png", "-k", "9", "--json")


def main(revision: str, origin: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "golden"
        if (GOLDEN / f"{origin}.tar.gz").exists():
            with tarfile.open(GOLDEN / f"{origin}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
            migrate(place, revision)
        else:
            make(place, code_of(origin, Path(folder) / "code"))
        pack(place, GOLDEN / f"{revision}.tar.gz")


def code_of(commit: str, folder: Path) -> Path:
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        tree.extractall(folder, filter="data")
    return folder


def make(place: Path, code: Path) -> None:
    """Build, change the catalogue, build again, and write down what that version's users could write down."""
    for number, name in enumerate(("cup/1", "cup/2", "cup/3", "ewer/1", "ewer/2")):
        draw(place / f"catalogue/{name}.png", number)
    write_tiny_encoder(place / "encoder", size=8, dim=8)
    (place / "labels.csv").write_text("path,label,seller\ncatalogue/ewer/1.png,jug,bob\n")
    build = ("build", "catalogue", "--encoder", "encoder", "--labels", "labels.csv", "--jobs", "1")
    index(place, code, *build)
    draw(place / "catalogue/cup/4.png", 7)
    (place / "catalogue/cup/3.png").unlink()
    (place / "catalogue/cup/5.png").write_text("no picture")
    index(place, code, *build, expected=3)
    index(place, code, "label", "catalogue/cup/2.png", "mug")
    verbs = index(place, code, "--help")
    if "decide " in verbs:
        index(
            place,
            code,
            "decide",
            "catalogue/cup/1.png",
            "catalogue/cup/2.png",
            "different",
            "--note",
            "handle",
        )
    if "list " in verbs:
        index(place, code, "list", "add", "fraud", "catalogue/ewer/2.png")
    if "nightly " in verbs:
        index(place, code, "nightly", expected=None)
    (place / "answer.json").write_text(index(place, code, *QUESTION))


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed).resize((24, 18), Image.Resampling.BOX).save(path)
    os.utime(path, (MADE_AT, MADE_AT))


def index(place: Path, code: Path, *arguments: str, expected: int | None = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INDEX_")}
    done = subprocess.run(
        [sys.executable, "-m", "indexer", *arguments],
        cwd=place,
        check=False,
        env=environment | {"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
    )
    print(done.returncode, *arguments, done.stderr[-300:], file=sys.stderr)
    if expected is not None and done.returncode != expected:
        raise SystemExit(1)
    return done.stdout


def migrate(place: Path, revision: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    with create_engine(f"sqlite:///{place}/.index/catalog.db").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def pack(place: Path, target: Path) -> None:
    with tarfile.open(target, "w:gz") as archive:
        for name in (".index", "catalogue", "encoder", "labels.csv", "answer.json"):
            archive.add(place / name, f"golden/{name}")
    print(
        target,
        target.stat().st_size,
        json.loads((place / "answer.json").read_text())["queries"][0]["results"][0],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

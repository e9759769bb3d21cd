"""The import rules that ARCHITECTURE.md promises: a seam of two packages, and one door for each heavy library."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("retrieval", "indexer") for path in (ROOT / package).rglob("*.py"))

# Library: the modules that may import it (folders end with a slash).
DOORS = {
    "faiss": {"retrieval/structures.py"},
    "onnxruntime": {"retrieval/onnx_runtime.py"},
    "torch": {"retrieval/backbone.py", "retrieval/training/", "indexer/training_log.py"},
    "PIL": {"indexer/decoding/", "indexer/demo/", "indexer/edits.py"},
    "pillow_heif": {"indexer/decoding/formats.py"},
    "soundfile": {"indexer/decoding/audio.py"},
    "alembic": {"indexer/database.py"},
    "matplotlib": {"indexer/plots.py", "indexer/calibration_plot.py", "indexer/training_curves.py"},
    "pyarrow": {"indexer/manifest.py"},
    "sklearn": {"retrieval/classification/linear.py"},
    "cv2": {"retrieval/alignment/opencv.py"},
    "click": {"indexer/cli.py", "indexer/commands/"},
    "rich": {"indexer/commands/"},
    "ray": {"indexer/executors/ray_cluster.py"},
    "sqlite3": {"indexer/sqlite.py", "indexer/salvage.py"},
    "fastapi": {"indexer/web/"},
    "starlette": {"indexer/web/"},
    "uvicorn": {"indexer/web/"},
    "anyio": {"indexer/web/"},
    "pydantic": {"indexer/web/"},
    "prometheus_client": {"indexer/web/"},
    "pymilvus": {"indexer/vectors/milvus_engine.py"},
    "grpc": {"indexer/vectors/milvus_engine.py"},
    "s3fs": {"indexer/object_store.py"},
    "pickle": set(),
    "multiprocessing": set(),
}


@cache
def imports(path: Path) -> frozenset[str]:
    """Top-level packages that a module imports when it runs, anywhere in it."""
    found = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return frozenset(found)


@pytest.mark.parametrize("library", DOORS)
def test_each_heavy_library_has_its_door(library: str) -> None:
    def is_door(name: str) -> bool:
        return any(name == door or (door.endswith("/") and name.startswith(door)) for door in DOORS[library])

    intruders = [str(p.relative_to(ROOT)) for p in SOURCES if library in imports(p)]
    assert [name for name in intruders if not is_door(name)] == []


def test_the_library_knows_no_application_no_rows_and_no_terminal() -> None:
    forbidden = {"indexer", "sqlalchemy", "alembic", "click", "rich", "pathlib", "sqlite3", "PIL"}
    for path in SOURCES:
        if path.is_relative_to(ROOT / "retrieval"):
            assert imports(path) & forbidden == set(), path


def test_only_one_module_makes_bytes_durable() -> None:
    words = ("os.fsync", "fcntl", ".replace(target)", "os.rename", "os.replace")
    users = {str(p.relative_to(ROOT)) for p in SOURCES if any(word in p.read_text() for word in words)}
    assert users == {"indexer/durable.py"}


def test_only_the_web_package_and_its_command_know_the_web() -> None:
    inside = ("indexer/web/", "indexer/commands/serve.py")
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if not name.startswith(inside):
            assert "indexer.web" not in path.read_text(), name


def test_alembics_folder_is_no_package_that_could_hide_the_library() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    long = {str(p.relative_to(ROOT)) for p in SOURCES if len(p.read_text().splitlines()) > 400}
    assert long == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["query", "--help"], ["build", "--help"], ["serve", "--help"]]
)
def test_the_command_line_imports_no_heavy_library_before_it_needs_it(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom indexer.cli import run\n"
        f"run({arguments!r})\n"
        "heavy = {'torch', 'faiss', 'onnxruntime', 'sqlalchemy', 'numpy', 'PIL', 'rich', 'alembic', 'sklearn',"
        " 'fastapi', 'uvicorn', 'pydantic', 'prometheus_client', 's3fs'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"

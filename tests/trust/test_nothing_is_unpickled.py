"""No data is code: nothing in the tree unpickles, evaluates or executes what it reads."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
# Callee, as written: what must be said with it.
ONLY_WITH = {"torch.load": "weights_only=True", "yaml.load": "Loader=yaml.SafeLoader"}
PICKLERS = ("read_pickle", "to_pickle")
NO_PICKLE = "allow_pickle=False"  # which is what numpy does where nothing is said


def unsafe(source: str) -> Iterator[str]:
    """Name what could run code that lies in data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call) and _runs_data(node):
            yield ast.unparse(node)


def _runs_data(call: ast.Call) -> bool:
    callee, said = ast.unparse(call.func), {ast.unparse(keyword) for keyword in call.keywords}
    if callee in CALLS:
        return not all(isinstance(argument, ast.Constant) for argument in call.args)
    unpickles = callee.endswith(PICKLERS) or any(
        word.startswith("allow_pickle=") for word in said - {NO_PICKLE}
    )
    return unpickles or (callee in ONLY_WITH and ONLY_WITH[callee] not in said)


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "scripts/*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.splitlines()]
    else:  # an unpacked release
        paths = [*ROOT.glob("*/**/*.py"), *(ROOT / "scripts").glob("*")]
    return [path for path in paths if path.suffix == ".py" or _is_script(path)]


def _is_script(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:64].startswith(b"#!/usr/bin/env python3")


def test_nothing_in_the_tree_runs_code_that_lies_in_data() -> None:
    found = {
        str(path.relative_to(ROOT)): told
        for path in sources()
        if (told := list(unsafe(path.read_text("utf-8"))))
    }
    assert found == {}


def test_the_whole_tree_is_looked_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in sources()}
    assert {"scripts/soak", "indexer/cli.py", "retrieval/backbone.py", "alembic/env.py"} <= names


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "eval(text)",
        "exec(text)",
        "__import__(name)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file, allow_pickle=trusted)",
        "np.load(file, allow_pickle=True)",
        "np.savez(file, allow_pickle=True)",
        "pd.read_pickle(file)",
        "yaml.load(text)",
        "def f():\n    import marshal",
    ],
)
def test_each_way_to_run_data_is_seen(source: str) -> None:
    assert list(unsafe(source))


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(file, weights_only=True)",
        "np.load(file)",
        "np.load(file, allow_pickle=False)",
        "network.eval()",
        "import json",
    ],
)
def test_what_is_safe_is_let_through(source: str) -> None:
    assert not list(unsafe(source))

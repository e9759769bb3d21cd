"""Which tests are asked about a change: those that go through its line.

Those first that noticed most changes of the module by now, then the quickest of each file.
"""

import ast
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOST_SECONDS = 15.0  # of tests for one change, as they take when all run


@dataclass(frozen=True)
class Covered:
    """What was noted of one test: its seconds, and the lines of each module that it went through."""

    seconds: float
    lines: Mapping[str, frozenset[int]]


def read_noted(folder: Path, root: Path) -> dict[str, Covered]:
    """Read what `mutation.covering` noted, {test: what}, of the tests whose file is still there."""
    return {
        test: Covered(one["seconds"], {module: frozenset(lines) for module, lines in one["lines"].items()})
        for path in folder.glob("*.json")
        for test, one in json.loads(path.read_text()).items()
        if (root / test.partition("::")[0]).exists()
    }


def tests_for(
    noted: Mapping[str, Covered], noticed: Mapping[str, int], module: str, source: str, line: int
) -> list[str]:
    """Return the tests to run for a change in a line: through the line, else its function, else the module.

    ``noticed`` says of how many changes of the module a test took notice.
    """
    function = _function_around(source, line)
    for wanted in ({line}, function, None):
        through = {
            test: one.seconds
            for test, one in noted.items()
            if module in one.lines and (wanted is None or one.lines[module] & wanted)
        }
        if through and wanted != set():
            chosen = _quickest_of_each_file(through)
            return sorted(chosen, key=lambda test: -noticed.get(test, 0))
    return []


def _function_around(source: str, line: int) -> set[int]:
    """The lines of the innermost function's body, without the line that names it; none at a module's own level."""
    around = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not around:
        return set()
    innermost = max(around, key=lambda node: node.lineno)
    return set(range(innermost.body[0].lineno, (innermost.end_lineno or innermost.lineno) + 1))


def _quickest_of_each_file(seconds: Mapping[str, float]) -> list[str]:
    """Order tests by turns of their files, as long as there is time; of one function's cases at most three."""
    files: dict[str, list[str]] = defaultdict(list)
    cases: dict[str, int] = defaultdict(int)
    for test in sorted(seconds, key=seconds.__getitem__):
        function = test.partition("[")[0]
        cases[function] += 1
        if cases[function] <= 3:
            files[test.partition("::")[0]].append(test)
    turns = sorted((turn, seconds[test], test) for tests in files.values() for turn, test in enumerate(tests))
    chosen, spent = [], 0.0
    for _, took, test in turns:
        if spent + took <= MOST_SECONDS or not chosen:
            chosen.append(test)
            spent += took
    return chosen

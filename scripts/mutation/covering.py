"""A pytest plugin that notes which lines of ``indexer`` each test goes through, and how long it takes.

Every process that runs tests writes one file into the folder that ``INDEX_COVERING`` names. What a test's own
subprocesses go through is not in it.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[2]


class Covering:
    """Lines and seconds of each test of one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._coverage = coverage.Coverage(
            data_file=None, include=[f"{ROOT}/indexer/*.py"], config_file=False
        )
        self._coverage.start()
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        began = time.perf_counter()
        result = yield
        self._seconds[item.nodeid] = time.perf_counter() - began
        self._coverage.switch_context("")
        return result

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        lines: dict[str, dict[str, list[int]]] = defaultdict(dict)
        for path in data.measured_files():
            module = str(Path(path).relative_to(ROOT))
            for line, tests in data.contexts_by_lineno(path).items():
                for test in filter(None, tests):
                    lines[test].setdefault(module, []).append(line)
        noted = {test: {"seconds": seconds, "lines": lines[test]} for test, seconds in self._seconds.items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(noted))


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Covering(Path(os.environ["INDEX_COVERING"])))

"""The tests of the vector stores, told as tables: store by check, with recalls and seconds, for docs/engines.md.

    .venv-engines/bin/python scripts/bench/engines_conformance.py

Run it by the environment that `make test-engines` makes. It prints Markdown.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
STORES = ["faiss", "milvus+lite", "milvus", "INDEX_TEST_MILVUS_URL"]
FILTERS = ["no filter", "10 %", "7 %, and, not", "0.5 %"]
SUITE = ["tests/engines/test_conformance.py", "tests/engines/test_changes.py"]
HERE = "an engine that these tests know is here"
RECALL = "the nearest are found of those that pass a filter"
RANGE = "a range search finds what scores more than the threshold"
DEEP = "a range search goes as far down as its threshold"


class Case:
    """One test against one store."""

    def __init__(self, element: ET.Element) -> None:
        name = element.attrib["name"]
        self.check, _, parameters = name.removeprefix("test_").replace("_", " ").partition("[")
        parameters = name.partition("[")[2].removesuffix("]")
        self.store = next(
            (one for one in sorted(STORES, key=len, reverse=True) if parameters.startswith(one)), ""
        )
        self.parameter = parameters.removeprefix(self.store).removeprefix("-")
        self.seconds = float(element.attrib["time"])
        self.passed = element.find("failure") is None and element.find("error") is None
        self.skipped = element.find("skipped") is not None
        self.said = {one.attrib["name"]: one.attrib["value"] for one in element.iter("property")}


def run() -> tuple[list[Case], float]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        started = time.monotonic()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                *SUITE,
                "-o",
                "junit_family=xunit1",
                f"--junitxml={report}",
            ],
            cwd=ROOT,
            stdout=sys.stderr,
            check=False,
        )
        seconds = time.monotonic() - started
        cases = [Case(element) for element in ET.parse(report).iter("testcase")]
    return [case for case in cases if case.store and not case.skipped and case.check != HERE], seconds


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def recalls(cases: list[Case], stores: list[str]) -> str:
    rows = []
    for store in stores:
        ours = [case for case in cases if case.store == store]
        said = {(case.check, case.parameter): case.said for case in ours}
        rows.append(
            [
                store,
                f"{sum(case.passed for case in ours)} of {len(ours)}",
                *(said.get((RECALL, one), {}).get("recall", "-") for one in FILTERS),
                said.get((RANGE, ""), {}).get("equal", "-"),
                said.get((DEEP, ""), {}).get("recall", "-"),
                f"{sum(case.seconds for case in ours):.0f}",
            ]
        )
    head = [
        "store",
        "tests passed",
        *(f"recall@10, {one}" for one in FILTERS),
        "range > 0.8 equal",
        "range of 1,500, recall",
        "s",
    ]
    return table(head, rows)


def checks(cases: list[Case], stores: list[str]) -> str:
    found: dict[str, dict[str, list[Case]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        found[case.check][case.store].append(case)
    rows = []
    for check, by_store in found.items():
        row = [check]
        for store in stores:
            ours = by_store[store]
            held = "-" if not ours else "yes" if all(case.passed for case in ours) else "**no**"
            row.append(f"{held}, {sum(case.seconds for case in ours):.1f}" if ours else held)
        rows.append(row)
    return table(["check", *(f"{store}, s" for store in stores)], rows)


def main() -> None:
    cases, seconds = run()
    stores = [store for store in STORES if any(case.store == store for case in cases)]
    versions = ", ".join(map(installed, ("faiss-cpu", "pymilvus", "milvus-lite", "milvus", "numpy")))
    print(
        f"`.venv-engines/bin/python {Path(sys.argv[0])}`, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}; {versions}; {seconds:.0f} s in all.\n"
    )
    print(recalls(cases, stores), end="\n\n")
    print(checks(cases, stores))


if __name__ == "__main__":
    main()

"""Lists of judged pairs: a CSV file with the columns a,b,same."""

import csv
import os
from pathlib import Path

from indexer.errors import UsageRefused, os_errors

_TRUTH = {"1": True, "true": True, "same": True, "0": False, "false": False, "different": False}


def read_pair_list(path: Path) -> list[tuple[str, str, bool]]:
    """Read (path, path, same) from ``path``; relative paths in it lie beside it.

    Raises:
        UsageRefused: not a CSV file with these columns, or a row that is no pair.
    """
    with os_errors(f"reading {path}"):
        if not path.is_file():
            raise UsageRefused(f"{path} is not a file")
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file, restval="")
                rows, columns = list(reader), reader.fieldnames or []
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageRefused(f"{path} is not a CSV file in UTF-8: {error}") from error
    missing = [name for name in ("a", "b", "same") if name not in columns]
    if missing:
        raise UsageRefused(f"{path} has no column {missing[0]!r}", "it needs the columns a,b,same")
    folder = os.path.realpath(path.parent)
    pairs = []
    for number, row in enumerate(rows, start=2):
        same = _TRUTH.get(row["same"].strip().lower())
        if same is None or not row["a"] or not row["b"]:
            raise UsageRefused(
                f"{path}, row {number}: not a pair",
                "a and b are paths, same is 1, 0, true, false, same or different",
            )
        first, second = (os.path.normpath(os.path.join(folder, row[side])) for side in ("a", "b"))
        pairs.append((first, second, same))
    return pairs

"""Limits and settings: a flag beats INDEX_* in the environment beats index.toml beats the default."""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from indexer.decoding.limits import Limits
from indexer.errors import UsageRefused, os_errors
from indexer.location import SETTINGS_FILE
from retrieval.effort import EXACT_LIMIT
from retrieval.metric import Metric

JOIN_LIMIT = 3_000_000  # hours of two cores

TEMPLATE = """\
# Settings of this index. A flag beats INDEX_<NAME> in the environment beats this file beats the default.
#
# encoder = "builtin"             # or the path of a folder or an .onnx file
# metric = "cosine"               # or "l2"
# jobs = 2                        # decoding processes; default: one for each core
# exact_limit = 50000             # more vectors than this are searched approximately, with a measured recall
# executor = "ray:local"          # where joins and builds do their work: threads:N, ray:local:N, ray://HOST:PORT
# join_limit = 3000000            # more contents than this are joined by cells, with a measured recall
# max_pixels = 50000000           # larger pictures are rejected
# max_file_bytes = 268435456
# decode_seconds = 15.0
# database = "postgresql+psycopg://user@host/name"   # instead of catalog.db beside this file
# vectors = "milvus://host:19530" # an engine that searches the vectors, from the next build on; "files": none
# screen_owner = "seller"         # `index screen`: the attribute that says whom a picture belongs to
# screen_key = "serial"           # the attribute that names one thing
# screen_fpr = 0.01               # the share of genuine pictures that may be called not genuine
# screen_off = "contradiction"    # rules that do not judge, with commas between
"""


@dataclass(frozen=True)
class Settings:
    """What a command runs with.

    ``encoder``, ``metric`` and ``vectors`` are None where the index itself decides, ``executor`` where work is done in this process.
    """

    encoder: str | None = None
    metric: Metric | None = None
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    exact_limit: int = EXACT_LIMIT
    executor: str | None = None
    join_limit: int = JOIN_LIMIT
    limits: Limits = field(default_factory=Limits)
    database: str | None = None
    vectors: str | None = None
    screen_owner: str | None = None
    screen_key: str | None = None
    screen_fpr: float = 0.01
    screen_off: str = ""


_KINDS: Mapping[str, type] = {
    "encoder": str,
    "metric": Metric,
    "jobs": int,
    "exact_limit": int,
    "database": str,
    "vectors": str,
    "executor": str,
    "join_limit": int,
    "screen_owner": str,
    "screen_key": str,
    "screen_fpr": float,
    "screen_off": str,
    **{limit.name: type(limit.default) for limit in fields(Limits)},
}


def load_settings(
    store: Path, flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Read the settings of the index at ``store``; flags that are None were not given.

    Raises:
        UsageRefused: a value that cannot be meant, with the place where it stands.
    """
    values: dict[str, Any] = {}
    for name, value in _from_file(store / SETTINGS_FILE).items():
        if name not in _KINDS:
            raise UsageRefused(
                f"{store / SETTINGS_FILE}: unknown setting {name!r}", f"known: {', '.join(_KINDS)}"
            )
        values[name] = _convert(name, value, str(store / SETTINGS_FILE))
    for name in _KINDS:
        variable = f"INDEX_{name.upper()}"
        if environment.get(variable):
            values[name] = _convert(name, environment[variable], variable)
    for name, value in flags.items():
        if value is not None:
            values[name] = _convert(name, value, f"--{name.replace('_', '-')}")
    limits = {limit.name: values.pop(limit.name) for limit in fields(Limits) if limit.name in values}
    return Settings(**values, limits=Limits(**limits))


def database_url(store: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """Say on which server the database of the index at ``store`` is; None where it is a file there.

    Raises:
        UsageRefused: the settings cannot be read.
    """
    if environment.get("INDEX_DATABASE"):
        return environment["INDEX_DATABASE"]
    url = _from_file(store / SETTINGS_FILE).get("database")
    return None if url is None else str(url)


def _from_file(path: Path) -> dict[str, Any]:
    with os_errors(f"reading {path}"):
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (
            ValueError,
            RecursionError,
            IsADirectoryError,
        ) as error:  # ValueError: also of digits without end
            raise UsageRefused(
                f"{path} is not TOML: {error}", "mend it, or remove it for the defaults"
            ) from error


def _convert(name: str, value: object, place: str) -> object:
    try:
        converted = _KINDS[name](value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageRefused(f"{place}: {name} = {value!r} is not a valid {_KINDS[name].__name__}") from error
    if isinstance(converted, int | float) and not 0 < converted < math.inf:
        raise UsageRefused(f"{place}: {name} = {value!r} must be above 0, and have an end")
    return converted

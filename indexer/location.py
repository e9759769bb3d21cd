"""Where an index lies. Imports nothing heavy, so that a command can start its decode workers first."""

import os
from collections.abc import Mapping
from pathlib import Path

STORE_NAME = ".index"
DATABASE_FILE, SETTINGS_FILE = "catalog.db", "index.toml"


def locate_store(explicit: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Say where the store is: ``--store``, INDEX_STORE, the nearest .index upwards, or .index here."""
    if explicit is not None:
        return explicit
    if environment.get("INDEX_STORE"):
        return Path(environment["INDEX_STORE"])
    here = Path.cwd()
    for folder in (here, *here.parents):
        if is_store(folder / STORE_NAME):
            return folder / STORE_NAME
    return here / STORE_NAME


def is_store(folder: Path) -> bool:
    """Tell a store by its database, or by the settings that say where that is."""
    return any((folder / name).exists() for name in (DATABASE_FILE, SETTINGS_FILE))

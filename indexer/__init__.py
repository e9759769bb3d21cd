"""Catalogue, store, commands: the application that turns a folder of images into an index.

``from indexer import Index, find_duplicates`` is the Python API; it is imported when it is asked for, so that the
command line starts fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.api import Index, find_duplicates

__version__ = "0.1.0"
__all__ = ["Index", "find_duplicates"]


def __getattr__(name: str) -> Any:
    """Import the API on first use (PEP 562)."""
    if name in __all__:
        from indexer import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

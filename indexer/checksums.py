"""Checksums of rows: SQLite's own integrity check does not notice a flipped bit inside a value.

Each is 16 bytes of BLAKE2b over the row's fields, with their lengths, so that no two rows share an encoding.
A vector's checksum covers its item's SHA-256: a vector that came to hang on another item is noticed too.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

SIZE_BYTES = 16
# Equal to no checksum that was ever stored: it is longer.
OF_NOTHING_WRITTEN = b"a value of another type than was written"

Fields = ParamSpec("Fields")


def _of_any_value(checksum: Callable[Fields, bytes]) -> Callable[Fields, bytes]:
    """Let a row that holds a value of another type, as SQLite allows, be unsound and not an error of its own."""

    @wraps(checksum)
    def total(*fields: Fields.args, **named: Fields.kwargs) -> bytes:
        try:
            return checksum(*fields, **named)
        except (AttributeError, TypeError, ValueError):
            return OF_NOTHING_WRITTEN

    return total


def _checksum(*fields: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=SIZE_BYTES)
    for field in fields:
        digest.update(len(field).to_bytes(8, "little"))
        digest.update(field)
    return digest.digest()


@_of_any_value
def item_checksum(sha256: bytes, size_bytes: int, width: int, height: int, image_format: str) -> bytes:
    """Checksum of an `items` row."""
    return _checksum(sha256, f"{size_bytes} {width} {height} {image_format}".encode())


@_of_any_value
def file_checksum(
    path: str, sha256: bytes, size_bytes: int, mtime_ns: int, label: str | None, attributes: Mapping[str, str]
) -> bytes:
    """Checksum of a `files` row, over its item's SHA-256 instead of its item's id."""
    facts = json.dumps([size_bytes, mtime_ns, label, dict(sorted(attributes.items()))])
    return _checksum(os.fsencode(path), sha256, facts.encode())


@_of_any_value
def embedding_checksum(fingerprint: str, space: str, sha256: bytes, vector: bytes) -> bytes:
    """Checksum of an `embeddings` row, over its encoder's fingerprint and its item's SHA-256 instead of ids."""
    return _checksum(fingerprint.encode(), space.encode(), sha256, vector)


@_of_any_value
def decision_checksum(
    first_sha256: bytes, second_sha256: bytes, verdict: str | None, note: str, source: str, decided_at: str
) -> bytes:
    """Checksum of a `decisions` row."""
    facts = json.dumps([verdict, note, source, decided_at])
    return _checksum(first_sha256, second_sha256, facts.encode())


@_of_any_value
def calibration_checksum(fingerprint: str, space: str, source: str, document: Mapping[str, Any]) -> bytes:
    """Checksum of a `calibrations` row."""
    facts = json.dumps([source, document], sort_keys=True)
    return _checksum(fingerprint.encode(), space.encode(), facts.encode())


@_of_any_value
def listing_checksum(
    list_name: str, sha256: bytes, label: str | None, note: str, active: int, listed_at: str
) -> bytes:
    """Checksum of a `listings` row."""
    facts = json.dumps([list_name, label, note, int(active), listed_at])
    return _checksum(sha256, facts.encode())


@_of_any_value
def night_checksum(id_: int, finished_at: str, newest_item: int, item_count: int) -> bytes:
    """Checksum of a `nights` row."""
    return _checksum(json.dumps([id_, finished_at, newest_item, item_count]).encode())


@_of_any_value
def finding_checksum(first_sha256: bytes, second_sha256: bytes, *facts: object) -> bytes:
    """Checksum of a `findings` row; ``facts`` are its other columns in the table's order, without its id."""
    return _checksum(first_sha256, second_sha256, json.dumps(facts).encode())

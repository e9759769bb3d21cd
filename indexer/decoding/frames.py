"""How a sandbox and its workers talk over pipes: a length-prefixed JSON header, then a body of raw bytes."""

import json
import struct
from typing import Any

LENGTHS = struct.Struct("<IQ")


def frame(header: dict[str, Any], body_bytes: int) -> bytes:
    """Make what is sent before a body of ``body_bytes``."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), body_bytes) + text

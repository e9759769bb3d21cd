"""What one picture may cost before it is rejected."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one picture may cost. Beyond a limit it is rejected, by name, and nothing else suffers."""

    max_file_bytes: int = 256 * MIB
    max_pixels: int = 50_000_000
    decode_seconds: float = 15.0
    decode_memory_bytes: int = 1024 * MIB

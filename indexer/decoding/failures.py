"""Whatever a parser of untrusted bytes raises, said in the closed set of reasons."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from indexer.decoding.picture import DecodeFailure, Reason

_REASONS_BY_WORD = {  # what parsers say, in lower case
    "truncated": Reason.TRUNCATED,
    "requires a buffer": Reason.TRUNCATED,
    "end of file": Reason.TRUNCATED,
    "max_text": Reason.TOO_MUCH_METADATA,
    "memory": Reason.TOO_MUCH_MEMORY,
    "cannot handle": Reason.UNSUPPORTED_FORMAT,
    "unsupported": Reason.UNSUPPORTED_FORMAT,
    "unknown pixel mode": Reason.UNSUPPORTED_FORMAT,
}
_MESSAGES = {
    Reason.TRUNCATED: "the end is missing ({}): copy it again from where it came",
    Reason.DAMAGED: "its data is broken ({}): copy it again from where it came",
    Reason.TOO_MUCH_METADATA: "too much beside its pixels ({}): save it again without metadata",
    Reason.TOO_MUCH_MEMORY: "memory ran out while decoding ({}): raise decode_memory_bytes, or save it smaller",
    Reason.UNSUPPORTED_FORMAT: "a variant that is not read ({}): save it as an ordinary PNG or JPEG",
    Reason.UNREADABLE: "the system could not read it ({}): check the disk or the share that it is on",
}


@contextmanager
def failures_named() -> Iterator[None]:
    """Turn whatever a parser raises into a DecodeFailure, and keep its warnings from the terminal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DecodeFailure:
        raise
    except Image.DecompressionBombError as error:
        raise DecodeFailure(
            Reason.TOO_MANY_PIXELS, "more pixels than any limit allows: save it smaller"
        ) from error
    except Exception as error:  # parsers of hostile bytes raise anything
        text = "".join(filter(str.isprintable, str(error)))[:200] or type(error).__name__
        reason = _reason(error, text.lower())
        raise DecodeFailure(reason, _MESSAGES[reason].format(text)) from error


def _reason(error: Exception, text: str) -> Reason:
    # What is installed is imported, unless a worker has no room left for it.
    if isinstance(error, MemoryError | ImportError):
        return Reason.TOO_MUCH_MEMORY
    if isinstance(error, OSError) and error.errno:  # the system's, not a parser's
        return Reason.UNREADABLE
    return next((reason for words, reason in _REASONS_BY_WORD.items() if words in text), Reason.DAMAGED)

"""Which files are compared with which: within or across an attribute, against a reference, or only what is new."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from indexer.remote import Place


class Kind(NamedTuple):
    """What a scope asks of a file. Files of one kind are compared with the same others."""

    within: str | None
    across: str | None
    is_reference: bool
    is_old: bool


@dataclass(frozen=True)
class Scope:
    """What is compared; by default every file with every other.

    ``within`` and ``across`` are attributes (or ``label``): only files that share the value, or only files whose
    values differ; a file without a value takes no part. Files below ``reference`` are never compared with each other.
    ``new`` leaves out pairs of which both were seen before.
    """

    within: str | None = None
    across: str | None = None
    reference: Place | None = None
    new: bool = False

    def allows(self, a: Kind, b: Kind) -> bool:
        """Tell whether files of these kinds are compared."""
        if self.within is not None and (a.within is None or a.within != b.within):
            return False
        if self.across is not None and (a.across is None or b.across is None or a.across == b.across):
            return False
        return not (a.is_reference and b.is_reference) and not (a.is_old and b.is_old)

    def is_settled(self, kind: Kind) -> bool:
        """Tell whether files of this kind are not compared with each other, by a rule that holds between all kinds."""
        return kind.is_old if self.new else kind.is_reference

    @property
    def keys(self) -> set[str]:
        """The attributes that it asks for."""
        return {key for key in (self.within, self.across) if key is not None}


def value_of(key: str | None, label: str | None, attributes: Mapping[str, str]) -> str | None:
    """Return a file's value of an attribute, or its label."""
    if key is None:
        return None
    return label if key == "label" else attributes.get(key)

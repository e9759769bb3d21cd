"""The duplicate groups of one generation as a queue: best value first, and paged at the same cost however many there are."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from indexer.decisions import Pair, pair_of
from indexer.tables import Item
from indexer.web.documents import GroupState, State
from indexer.web.ledger import Ledger

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Member:
    """A file that its group could do without; as `index dedupe --json` has it, the content's SHA-256 as bytes."""

    sha256: bytes
    path: str
    score_to_keep: float
    probability: float | None
    verdict: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """A file to keep and its copies; ``wasted_bytes`` is what the copies' contents take up."""

    id: int
    keep_sha256: bytes
    keep: str
    keep_reason: str
    members: tuple[Member, ...]
    min_score: float
    wasted_bytes: int

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of different contents that can be decided: the kept file's and each member's."""
        return [pair_of(self.keep_sha256, m.sha256) for m in self.members if m.sha256 != self.keep_sha256]

    def state(self, ledger: Ledger) -> GroupState:
        """Whether something is left to be decided; of files with the same bytes there never was."""
        if not self.pairs:
            return "same-bytes"
        return "decided" if all(ledger.verdict(*pair) is not None for pair in self.pairs) else "open"


class DuplicateGroups:
    """All groups of a generation, and which of them are decided, as far as the ledger was followed.

    May be used from any number of threads.
    """

    def __init__(self, groups: Sequence[Group], generation: int, threshold: float) -> None:
        self.generation, self.threshold = generation, threshold
        self._groups = sorted(groups, key=lambda group: (-group.wasted_bytes, -group.min_score, group.id))
        self._place = {group.id: place for place, group in enumerate(self._groups)}
        self._places_of: dict[Pair, list[int]] = {}
        for place, group in enumerate(self._groups):
            for pair in group.pairs:
                self._places_of.setdefault(pair, []).append(place)
        best = [max(member.score_to_keep for member in group.members) for group in self._groups]
        self._best = np.array(best, np.float64)
        self._can_be_decided = np.array([bool(group.pairs) for group in self._groups], bool)
        self._is_decided = np.zeros(len(self._groups), bool)
        self._followed = 0
        self._following = threading.Lock()

    def follow(self, ledger: Ledger) -> None:
        """Take in what was decided since the last time."""
        with self._following:  # two that counted the same rows would pass over those that come next
            pairs = ledger.changed_since(self._followed)
            self._followed += len(pairs)
            for place in {place for pair in pairs for place in self._places_of.get(pair, ())}:
                self._is_decided[place] = self._groups[place].state(ledger) == "decided"

    def counts(self, threshold: float | None) -> dict[State, int]:
        """Count the groups with a member that scores at least ``threshold``, by their state."""
        return {state: int(self._chosen(state, threshold).sum()) for state in ("open", "decided", "all")}

    def page(self, state: State, threshold: float | None, start: int, limit: int) -> list[tuple[int, Group]]:
        """Return groups in that state, with their places, from the place ``start`` on."""
        places = np.flatnonzero(self._chosen(state, threshold)[start:])[:limit] + start
        return [(int(place), self._groups[place]) for place in places]

    def group(self, id_: int) -> Group | None:
        """Return the group of that id, or None."""
        place = self._place.get(id_)
        return None if place is None else self._groups[place]

    def _chosen(self, state: State, threshold: float | None) -> npt.NDArray[np.bool_]:
        within: npt.NDArray[np.bool_] = self._best >= (-np.inf if threshold is None else threshold)
        if state != "all":
            within &= self._can_be_decided & (self._is_decided == (state == "decided"))
        return within


def groups_of(connection: Connection, report: Mapping[str, Any], generation: int) -> DuplicateGroups:
    """Take what `index dedupe --json` found."""
    contents = {group["keep_sha256"] for group in report["groups"]}
    contents |= {member["sha256"] for group in report["groups"] for member in group["members"]}
    sizes = _sizes(connection, sorted(map(bytes.fromhex, contents)))
    groups = [_group(document, sizes) for document in report["groups"]]
    return DuplicateGroups(groups, generation, report["threshold"])


def _group(document: Mapping[str, Any], sizes: Mapping[bytes, int]) -> Group:
    members = tuple(
        Member(
            bytes.fromhex(member["sha256"]),
            member["path"],
            member["score_to_keep"],
            member["probability"],
            member["verdict"],
            member["reason"],
        )
        for member in document["members"]
    )
    return Group(
        id=document["id"],
        keep_sha256=bytes.fromhex(document["keep_sha256"]),
        keep=document["keep"],
        keep_reason=document["keep_reason"],
        members=members,
        min_score=document["min_score"],
        wasted_bytes=sum(sizes.get(member.sha256, 0) for member in members),
    )


def _sizes(connection: Connection, contents: Sequence[bytes]) -> dict[bytes, int]:
    sizes: dict[bytes, int] = {}
    for start in range(0, len(contents), _AT_ONCE):
        part = select(Item.sha256, Item.size_bytes).where(Item.sha256.in_(contents[start : start + _AT_ONCE]))
        sizes |= {row.sha256: row.size_bytes for row in connection.execute(part)}
    return sizes

"""Which pairs are looked at, so that pixels decide with few looks.

1. Items are taken best first, and each is held against its partners. What pixels confirm joins them into one family;
   two that are in one family already need no look.
2. Each member of a family is held against its best one, although their score may be low: a crop may be near the mirrored
   copy, and the mirrored copy near the original, where the crop is not.

Families only say where to look. What is grouped is what was held against the file that is kept, as `group_files` asks.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from indexer.duplicates.candidates import Candidates
from indexer.duplicates.describe import NO_COPY, Verdicts
from indexer.duplicates.pixels import Judged
from indexer.duplicates.places import Place
from indexer.duplicates.scope import Kind as PlaceKind
from indexer.duplicates.scope import Scope


class Eyes(Protocol):
    """What looks at pictures: `Pixels`."""

    def judge(self, keep: int, members: Collection[int]) -> Mapping[int, Judged]:
        """Say what each of the members is to the one that is kept."""


class Looks:
    """Looks at pairs of candidates, notes what was seen, and lets go of pairs that are no copies."""

    def __init__(
        self, places: Sequence[Place], candidates: Candidates, scope: Scope, eyes: Eyes, judged: Verdicts
    ) -> None:
        self._candidates, self._scope, self._eyes, self._judged = candidates, scope, eyes, judged
        self._kinds: dict[int, set[PlaceKind]] = defaultdict(set)
        for place in places:  # best first
            self._kinds[place.item].add(place.kind)
        self._family: dict[int, int] = {}

    def confirm(self) -> int:
        """Look until every partner was confirmed, or is in one family; return how many pairs below the threshold are
        copies.

        Pairs below the threshold that cannot be seen are let go, as nothing speaks for them.
        """
        for item in self._kinds:
            partners = self._candidates.partners.get(item, {})
            for other in partners:
                if self._candidates.is_sure(item, other):
                    self._join(item, other)
            self.look(item, [other for other in partners if self._is_worth_a_look(item, other)])
        for best, members in self._families().items():
            known = {best, *self._candidates.partners.get(best, {})}
            strangers = [
                item for item in members if item not in known and self._may_be_introduced(best, item)
            ]
            self._introduce(best, strangers)
        below = self._candidates.proposed
        return sum(
            tuple(sorted(pair)) in below and found.verdict is not None and found.verdict not in NO_COPY
            for pair, found in self._judged.items()
        )

    def look(self, item: int, others: Sequence[int]) -> bool:
        """Hold others against an item, those left out that were already; tell whether a pair was no copy."""
        new = [other for other in others if frozenset((item, other)) not in self._judged]
        dropped = False
        for other, found in (self._eyes.judge(item, new) if new else {}).items():
            self._judged[frozenset((item, other))] = found
            is_below = (min(item, other), max(item, other)) in self._candidates.proposed
            if found.verdict in NO_COPY or (found.verdict is None and is_below):
                self._candidates.drop(item, other)
                dropped = True
            elif found.verdict is not None:
                self._join(item, other)
        return dropped

    def _introduce(self, best: int, strangers: Sequence[int]) -> None:
        """Make candidates of a family's best one and of those that no score joined to it, as far as pixels agree."""
        for other in strangers:
            self._candidates.link(best, other, self._candidates.min_score([best, other]))
            self._candidates.proposed.add((min(best, other), max(best, other)))
        self.look(best, strangers)

    def _is_worth_a_look(self, item: int, other: int) -> bool:
        return self._root(item) != self._root(other) and self._is_allowed(item, other)

    def _may_be_introduced(self, best: int, item: int) -> bool:
        """Tell whether nobody has looked at the pair yet: a copy of a copy may be none itself, and stays let go."""
        return frozenset((best, item)) not in self._judged and self._is_allowed(best, item)

    def _is_allowed(self, a: int, b: int) -> bool:
        """Tell whether the scope compares any of their files, and nobody decided against the pair."""
        return b not in self._candidates.apart.get(a, ()) and any(
            self._scope.allows(one, other) for one in self._kinds[a] for other in self._kinds[b]
        )

    def _families(self) -> dict[int, list[int]]:
        """Name every family of several by its best item."""
        families: dict[int, list[int]] = {}
        best: dict[int, int] = {}
        for item in self._kinds:
            families.setdefault(best.setdefault(self._root(item), item), []).append(item)
        return {head: members for head, members in families.items() if len(members) > 1}

    def _root(self, item: int) -> int:
        while (above := self._family.setdefault(item, item)) != item:
            self._family[item] = item = self._family[above]
        return item

    def _join(self, a: int, b: int) -> None:
        self._family[self._root(b)] = self._root(a)

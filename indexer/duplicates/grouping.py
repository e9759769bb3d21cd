"""Groups that do not chain: every member was compared with the file that is kept, not with a neighbour's neighbour.

1. Files are taken best first. One that is near none of those that are kept so far is kept itself.
2. Every other file belongs to the nearest of the better files that it is near and that are kept. Near to several kept
   ones, it is a bridge: it is named, and it glues nothing together.

So A-B and B-C without A-C never puts A and C together, whatever B is like.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from indexer.duplicates.candidates import Candidates
from indexer.duplicates.places import Place
from indexer.duplicates.scope import Kind, Scope


@dataclass
class Group:
    """A file to keep, and its copies with their scores to it, the nearest first."""

    keep: Place
    members: list[tuple[Place, float]] = field(default_factory=list)

    @property
    def items(self) -> set[int]:
        """The contents in it."""
        return {self.keep.item} | {place.item for place, _ in self.members}


Option = tuple[Group, float]  # a group that a file may join, with its score to the file that is kept


@dataclass(frozen=True)
class Link:
    """A file near two kept ones or more, with its scores to them; it is in the first one's group that is better."""

    place: Place
    groups: list[Option]


def group_files(
    places: Sequence[Place], candidates: Candidates, scope: Scope
) -> tuple[list[Group], list[Link]]:
    """Group files, best first; return the groups of two and more, and what links them."""
    kept = _Kept(candidates, scope)
    groups: list[Group] = []
    waiting: list[tuple[Place, list[Option]]] = []
    for place in places:
        better = _nearest_first(place, kept, candidates)
        if better:
            waiting.append((place, better))
        else:
            groups.append(Group(place))
            kept.add(groups[-1])
    # The nearest ones choose first: of two that were decided to be apart, the nearer one gets the group.
    waiting.sort(key=lambda one: _rank(one[0], one[1][0], candidates))
    inside = {id(group): {group.keep.item} for group in groups}
    links = []
    for place, better in waiting:
        apart = candidates.apart.get(place.item, set())
        options = _nearest_first(place, kept, candidates)
        near = [option for option in options if not apart & inside[id(option[0])]]
        joinable = [option for option in better if not apart & inside[id(option[0])]]
        if joinable:
            group, score = joinable[0]
            group.members.append((place, score))
            inside[id(group)].add(place.item)
        if len(near) > 1:
            links.append(Link(place, near))
    links = [Link(link.place, [(g, score) for g, score in link.groups if g.members]) for link in links]
    return [group for group in groups if group.members], [link for link in links if len(link.groups) > 1]


class _Kept:
    """The files that are kept so far, found by their content. Of those of one kind the best stands for all."""

    def __init__(self, candidates: Candidates, scope: Scope) -> None:
        self._candidates, self._scope = candidates, scope
        self._groups: dict[tuple[int, str | None], dict[Kind, Group]] = {}

    def add(self, group: Group) -> None:
        place = group.keep
        self._groups.setdefault((place.item, place.kind.within), {}).setdefault(place.kind, group)

    def near(self, place: Place) -> Iterator[Option]:
        """Yield the groups that a file may join, with its score to the file that they keep."""
        for item, score in self._candidates.near(place.item):
            for kind, group in self._groups.get((item, place.kind.within), {}).items():
                if self._scope.allows(place.kind, kind):
                    yield group, score


def _nearest_first(place: Place, kept: _Kept, candidates: Candidates) -> list[Option]:
    """Sort the groups that a file may join; the better kept file comes first where scores are equal."""
    return sorted(
        kept.near(place),
        key=lambda option: (_rank(place, option, candidates), option[0].keep.preference()),
    )


def _rank(place: Place, option: Option, candidates: Candidates) -> tuple[bool, float]:
    """Sort key, nearest first; a copy that needs no look is nearer than any score."""
    group, score = option
    return not candidates.is_sure(place.item, group.keep.item), -score

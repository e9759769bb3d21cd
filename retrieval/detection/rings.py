"""Rings: who is connected by what they share, over any number of steps."""

from collections.abc import Iterable


def connected(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the connected components of a graph given by its edges, each sorted, the first id's first.

    Union-find with path halving (Tarjan and van Leeuwen, Journal of the ACM 31, 1984).
    """
    above: dict[int, int] = {}

    def leader(node: int) -> int:
        while above.setdefault(node, node) != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    for a, b in links:
        above[leader(b)] = leader(a)
    components: dict[int, list[int]] = {}
    for node in sorted(above):
        components.setdefault(leader(node), []).append(node)
    return list(components.values())

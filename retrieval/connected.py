"""What is connected over any number of steps: owners by the pictures they share, contents by decisions."""

from collections.abc import Iterable
from typing import TypeVar

Node = TypeVar("Node", int, bytes, str)


def connected(links: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """Return the connected components of a graph given by its edges, each sorted, the first node's first.

    Union-find with path halving (Tarjan and van Leeuwen, Journal of the ACM 31, 1984).
    """
    above: dict[Node, Node] = {}

    def leader(node: Node) -> Node:
        while above.setdefault(node, node) != node:
            above[node] = above[above[node]]
            node = above[node]
        return node

    for a, b in links:
        above[leader(b)] = leader(a)
    components: dict[Node, list[Node]] = {}
    for node in sorted(above):
        components.setdefault(leader(node), []).append(node)
    return list(components.values())

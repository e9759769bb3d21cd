"""What each space pools, as parts of a graph, and computed by one: several times faster than PyTorch on a CPU."""

from collections.abc import Iterable, Iterator

import numpy as np
from builtin.graph import Graph
from builtin.network import LAST_BLOCK, LAYERS, POWER, SHARED_BLOCKS, BuiltinNetwork

from retrieval.onnx_runtime import onnx_runtime

AT_ONCE = 16
TAIL = "copy."  # before the names of the tail's weights: without it, they are those of ImageNet's trunk


def add_pooled(graph: Graph, network: BuiltinNetwork) -> dict[str, str]:
    """Add both tails, and what is pooled of each: {space: (n, width) features}."""
    maps = graph.trunk(network.trunk)
    x = maps[f"blocks.{SHARED_BLOCKS - 1}"]
    for number, block in enumerate(network.tail.blocks, SHARED_BLOCKS):
        x = graph.block(x, block, f"{TAIL}blocks.{number}", maps)
    last = f"{TAIL}blocks.{LAST_BLOCK}.expand"
    maps[last] = graph.convolution(x, network.tail.last, last)
    return {
        space: graph.pooled(maps, {prefix + layer: POWER for layer in LAYERS[space]})
        for space, prefix in (("copy", TAIL), ("object", ""))
    }


class Features:
    """Features of one space before their projection."""

    def __init__(self, network: BuiltinNetwork, space: str, size: int) -> None:
        graph = Graph()
        pooled = add_pooled(graph, network)[space]
        content = graph.model({space: (pooled, network.width(space))}, size).SerializeToString()
        self._session = onnx_runtime().InferenceSession(content, providers=["CPUExecutionProvider"])
        self._space = space

    def of(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """(n, d) of n pictures, each (size, size, 3) uint8."""
        return np.concatenate(
            [self._session.run([self._space], {"images": batch})[0] for batch in _batches(pictures)]
        )


def _batches(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == AT_ONCE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)

"""The trained network as a graph, held against PyTorch before it is written."""

import os

import numpy as np
import torch
from builtin.graph import Graph, spec_text
from builtin.network import DIM, LAYERS, BuiltinNetwork

from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder

VERSION = "0.2.0"
LOWEST_COSINE = 0.9999


def spec(size: int) -> str:
    """The spec of the graph for pictures of ``size`` pixels a side."""
    return spec_text(VERSION, size, LAYERS, DIM)


def graph_of(network: BuiltinNetwork, size: int) -> bytes:
    """The graph's bytes: the same weights give the same."""
    graph = Graph()
    maps = graph.trunk(network.trunk)
    outputs = {}
    for space in LAYERS:
        powers = {
            layer: float(pool.p.detach())
            for layer, pool in zip(LAYERS[space], network.pools[space], strict=True)
        }
        weight, bias = (
            parameter.detach().numpy()
            for parameter in (network.heads[space].weight, network.heads[space].bias)
        )
        factor = np.abs(
            weight
        ).max()  # common to all: it changes no cosine, and keeps float16 away from its limits
        features = graph.pooled(maps, powers)
        outputs[space] = (graph.projected(features, weight.T / factor, bias / factor, space), DIM)
    content: bytes = graph.model(outputs, size).SerializeToString(deterministic=True)
    return content


@torch.inference_mode()
def lowest_cosine(content: bytes, network: BuiltinNetwork, pictures: np.ndarray) -> float:
    """Between the graph's vectors of (n, size, size, 3) uint8 pictures and PyTorch's."""
    encoder = OnnxEncoder(content, parse_spec(spec(pictures.shape[1])), threads=os.cpu_count() or 1)
    lowest = 1.0
    for start in range(0, len(pictures), 10):
        part = np.ascontiguousarray(pictures[start : start + 10])
        expected = network(torch.from_numpy(part).permute(0, 3, 1, 2).float())
        found = encoder.encode(part)
        lowest = min(lowest, *(float((found[s] * expected[s].numpy()).sum(axis=1).min()) for s in LAYERS))
    return lowest

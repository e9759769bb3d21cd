"""The trained network as a graph, held against PyTorch before it is written."""

import os
from pathlib import Path

import numpy as np
import torch
from builtin.features import add_pooled
from builtin.graph import Graph, spec_text
from builtin.network import DIM, LAYERS, BuiltinNetwork
from safetensors.torch import save

from retrieval.encoder import parse_spec
from retrieval.onnx_encoder import OnnxEncoder

VERSION = "0.2.0"
# `copy`: see `bench/foundation.py` for how many pairs of photos reach it; `object`: `bench/builtin_quality.py`.
THRESHOLDS = {"copy": 0.85, "object": 0.75}


def spec(size: int) -> str:
    """The spec of the graph for pictures of ``size`` pixels a side."""
    return spec_text(VERSION, size, THRESHOLDS, DIM)


def graph_of(network: BuiltinNetwork, size: int, *, halves: bool = True) -> bytes:
    """The graph's bytes: the same weights give the same."""
    graph = Graph(halves=halves)
    outputs = {}
    for space, features in add_pooled(graph, network).items():
        weight, bias = (
            parameter.detach().numpy()
            for parameter in (network.heads[space].weight, network.heads[space].bias)
        )
        # A factor common to all changes no cosine, and keeps float16 away from its limits.
        factor = np.abs(weight).max()
        outputs[space] = (graph.projected(features, weight.T / factor, bias / factor, space), DIM)
    content: bytes = graph.model(outputs, size).SerializeToString(deterministic=True)
    return content


@torch.inference_mode()
def cosines(content: bytes, network: BuiltinNetwork, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Between the graph's vectors and PyTorch's, of (n, size, size, 3) uint8 pictures: {space: (n,)}."""
    encoder = OnnxEncoder(content, parse_spec(spec(pictures.shape[1])), threads=os.cpu_count() or 1)
    found: dict[str, list[np.ndarray]] = {space: [] for space in LAYERS}
    for start in range(0, len(pictures), 10):
        part = np.ascontiguousarray(pictures[start : start + 10])
        expected = network(torch.from_numpy(part).permute(0, 3, 1, 2).float())
        for space, vectors in encoder.encode(part).items():
            found[space].append((vectors * expected[space].numpy()).sum(axis=1))
    return {space: np.concatenate(parts) for space, parts in found.items()}


def trunk_weights(network: BuiltinNetwork) -> bytes:
    """What training starts from: ImageNet's trunk, 1 x 1 convolutions as float16."""
    tensors = {
        name.replace(".conv.", "."): tensor.half()
        if tensor.ndim == 4 and tensor.shape[-1] == 1
        else tensor.clone()
        for name, tensor in network.trunk.state_dict().items()
    }
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})


def write(path: Path, content: bytes) -> None:
    """Whole or not at all: others may be reading, and a kill may come at any time."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)

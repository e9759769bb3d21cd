"""A trained network as an ONNX graph from uint8 pictures to unit vectors, held against PyTorch before it is used."""

import io
import logging
import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retrieval.encoder import EncoderSpec
from retrieval.errors import TrainingRefused
from retrieval.onnx_encoder import OnnxEncoder
from retrieval.training.network import SiameseNetwork
from retrieval.training.sources import embed_pictures

OPSET = 18
LOWEST_COSINE = 0.9999
CHECKED_PICTURES = 100

Part = Literal["forward", "features", "one_sided"]


class _FromPixels(nn.Module):
    """(n, size, size, 3) uint8 in; what ``part`` of ``network`` gives for them out."""

    def __init__(self, network: SiameseNetwork, part: Part) -> None:
        super().__init__()
        self.network, self.part = network, part

    def forward(self, images: Tensor) -> Tensor:
        """(n, size, size, 3) uint8 to (n, d) of unit length."""
        vectors: Tensor = getattr(self.network, self.part)(images.permute(0, 3, 1, 2).float())
        return vectors


def to_onnx(network: SiameseNetwork, size: int, output: str, part: Part = "forward") -> bytes:
    """Export the network, or only what pools its features, for pictures of ``size`` pixels and any batch size."""
    module = _FromPixels(network, part).cpu().eval()
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    buffer = io.BytesIO()
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                input_names=["images"],
                output_names=[output],
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("n")},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        if program is None:
            raise TrainingRefused("PyTorch exported no graph of this backbone")
        program.save(buffer, external_data=False)
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
    return buffer.getvalue()


def require_agreement(
    graph: bytes, spec: EncoderSpec, network: SiameseNetwork, images: npt.NDArray[np.uint8], threads: int
) -> float:
    """Compare the graph with PyTorch over up to 100 pictures and return the lowest cosine between their embeddings.

    Raises:
        TrainingRefused: below 0.9999: the graph is not the network that was trained.
    """
    rows = np.linspace(0, len(images) - 1, min(len(images), CHECKED_PICTURES)).astype(np.int64)
    device = next(network.parameters()).device
    expected = embed_pictures(network.eval(), images, rows, device)
    (got,) = OnnxEncoder(graph, spec, threads=threads).encode(images[rows]).values()
    lowest = float((expected * got).sum(axis=1).min())
    if lowest < LOWEST_COSINE:
        raise TrainingRefused(
            f"the exported graph does not agree with PyTorch: cosine {lowest:.6f}, at least {LOWEST_COSINE} is needed"
        )
    return lowest

"""What a frozen backbone sees, computed once: the rest of a head-only run needs no pictures."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from retrieval.encoder import EncoderSpec, Space
from retrieval.onnx_encoder import OnnxEncoder
from retrieval.preprocess import PreprocessSpec
from retrieval.presets import Augment
from retrieval.similarity import Float32
from retrieval.training.augment import augmented
from retrieval.training.export import Part, to_onnx
from retrieval.training.network import SiameseNetwork

_RUN = 64


def frozen_features(
    network: SiameseNetwork,
    images: npt.NDArray[np.uint8],
    *,
    views: int,
    augment: Augment,
    seed: int,
    threads: int,
    progress: Callable[[int, int], None],
) -> Float32:
    """Pool the backbone's maps of (n, size, size, 3) uint8 pictures: (views, n, width), unit length.

    View 0 is the picture as it is, and as embeddings are judged; the others are varied, all of one size. ONNX Runtime
    runs the backbone: on a CPU several times faster than PyTorch.
    """
    size = images.shape[1]
    augment = replace(augment, view_size=size)
    features = np.empty((views, len(images), network.width), np.float32)
    generator = torch.Generator().manual_seed(seed)
    encoder = _encoder(network, size, "features", threads)
    for view in range(views):
        if view == 1 and network.symmetric:
            encoder = _encoder(network, size, "one_sided", threads)
        for start in range(0, len(images), _RUN):
            batch = np.ascontiguousarray(images[start : start + _RUN])
            if view:
                varied = augmented(torch.from_numpy(batch), augment, generator)
                batch = varied.round().byte().permute(0, 2, 3, 1).contiguous().numpy()
            features[view, start : start + _RUN] = encoder.encode(batch)["features"]
            progress(view * len(images) + min(start + _RUN, len(images)), views * len(images))
    return features


def _encoder(network: SiameseNetwork, size: int, part: Part, threads: int) -> OnnxEncoder:
    shape = PreprocessSpec(size=size, layout="NHWC", dtype="uint8")
    spec = EncoderSpec("features", "1", shape, (Space("features", network.width),), "features")
    return OnnxEncoder(to_onnx(network, size, "features", part), spec, threads=threads)

"""Metric-learning losses by name: pytorch-metric-learning's, with the miner that suits each, and KoLeo beside them.

Ours here is only KoLeo, which that library does not have. The numbers are those that its authors found by search over
equal backbones (Musgrave et al., "A Metric Learning Reality Check", ECCV 2020, and its published configurations).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.errors import TrainingRefused

TRIPLET_MARGIN = 0.1
NEGATIVE_MARGIN = 0.5
TEMPERATURE = 0.07
ARCFACE_DEGREES, ARCFACE_SCALE = 20.0, 64.0

LOSSES = ("multi-similarity", "triplet", "contrastive", "supcon", "ntxent", "arcface", "proxy-anchor")
MINERS = ("none", "batch-all", "batch-hard", "semi-hard", "multi-similarity")
PROXY_LOSSES = frozenset(
    {"arcface", "proxy-anchor"}
)  # learn a vector for each class, so they know no other class
_OWN_MINER = {"multi-similarity": "multi-similarity", "triplet": "batch-hard"}


class Objective(nn.Module):
    """(n, dim) unit-length embeddings and (n,) class numbers in, one number to minimise out.

    ``memory`` embeddings of earlier batches are negatives and positives too (cross-batch memory, Wang et al., CVPR
    2020). ``koleo`` weighs a term that spreads embeddings over the sphere.
    """

    def __init__(
        self,
        loss: str,
        *,
        dim: int,
        classes: int,
        miner: str | None = None,
        euclidean: bool = False,
        memory: int = 0,
        koleo: float = 0.0,
    ) -> None:
        super().__init__()
        require_known(loss, miner, memory=memory, euclidean=euclidean)
        distance = _distance(euclidean=euclidean)
        self._loss = _LOSS_MAKERS[loss](distance, classes, dim)
        name = miner or _OWN_MINER.get(loss, "none")
        self._miner = None if name in {"none", "batch-all"} else _MINER_MAKERS[name](distance)
        self._koleo = koleo
        self._has_memory = memory > 0
        if memory:
            self._loss = _Memory(self._loss, dim, memory, self._miner)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch."""
        if self._miner is None or self._has_memory:
            loss = self._loss(embeddings, labels)
        else:
            loss = self._loss(embeddings, labels, self._miner(embeddings, labels))
        return loss + self._koleo * koleo(embeddings, labels) if self._koleo else loss


class _Memory(nn.Module):
    """Cross-batch memory whose place in its ring is part of its state: the library keeps that outside."""

    def __init__(self, loss: nn.Module, dim: int, size: int, miner: Any) -> None:
        from pytorch_metric_learning.losses import CrossBatchMemory

        super().__init__()
        self._ring = CrossBatchMemory(loss, dim, memory_size=size, miner=miner)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch against itself and those before it."""
        return self._ring(embeddings, labels)

    def get_extra_state(self) -> Tensor:
        """Say where the next embedding goes, and whether all places are taken."""
        return torch.tensor([self._ring.queue_idx, int(self._ring.has_been_filled)])

    def set_extra_state(self, state: Tensor) -> None:
        """Go back to such a place."""
        place, filled = state.tolist()
        self._ring.queue_idx, self._ring.has_been_filled = place, bool(filled)


def koleo(embeddings: Tensor, labels: Tensor) -> Tensor:
    """Minus the mean log distance of each embedding to its nearest one of another class.

    The Kozachenko-Leonenko estimator of entropy as a regulariser (Sablayrolles et al., "Spreading vectors for
    similarity search", ICLR 2019). Pictures of the same class are left out: they should be near.
    """
    distances = torch.cdist(embeddings, embeddings)
    same = labels[:, None] == labels[None, :]
    nearest = distances.masked_fill(same, float("inf")).amin(dim=1)
    nearest = nearest[torch.isfinite(nearest)]
    return -torch.log(nearest + 1e-4).mean() if len(nearest) else embeddings.sum() * 0


def require_known(loss: str, miner: str | None, *, memory: int, euclidean: bool) -> None:
    """Refuse a loss that there is not, and what does not go with it.

    Raises:
        TrainingRefused: with what is known, or what does not fit.
    """
    if loss not in LOSSES:
        raise TrainingRefused(f"unknown loss {loss!r}; known: {', '.join(LOSSES)}")
    if miner is not None and miner not in MINERS:
        raise TrainingRefused(f"unknown miner {miner!r}; known: {', '.join(MINERS)}")
    if loss in PROXY_LOSSES and (memory or miner not in {None, "none"}):
        raise TrainingRefused(
            f"{loss} compares pictures with learned proxies: it takes no miner and no memory"
        )
    if euclidean and (loss not in {"triplet", "contrastive"} or miner == "multi-similarity"):
        raise TrainingRefused(
            "euclidean distance is for triplet and contrastive loss; the others are of cosine"
        )


def _distance(*, euclidean: bool) -> Any:
    from pytorch_metric_learning.distances import CosineSimilarity, LpDistance

    return LpDistance(normalize_embeddings=True) if euclidean else CosineSimilarity()


def _triplet(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import TripletMarginLoss

    return TripletMarginLoss(margin=TRIPLET_MARGIN, distance=distance)


def _contrastive(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import ContrastiveLoss

    # In cosine a pair is a similarity: same pictures up to 1, others down to the margin; as a distance, mirrored.
    if distance.is_inverted:
        return ContrastiveLoss(pos_margin=1.0, neg_margin=NEGATIVE_MARGIN, distance=distance)
    return ContrastiveLoss(pos_margin=0.0, neg_margin=(2 - 2 * NEGATIVE_MARGIN) ** 0.5, distance=distance)


def _multi_similarity(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import MultiSimilarityLoss

    return MultiSimilarityLoss(alpha=2, beta=50, base=0.5)


def _supcon(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import SupConLoss

    return SupConLoss(temperature=TEMPERATURE, distance=distance)


def _ntxent(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import NTXentLoss

    return NTXentLoss(temperature=TEMPERATURE, distance=distance)


def _arcface(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import ArcFaceLoss

    return ArcFaceLoss(classes, dim, margin=ARCFACE_DEGREES, scale=ARCFACE_SCALE)


def _proxy_anchor(distance: Any, classes: int, dim: int) -> nn.Module:  # noqa: ARG001
    from pytorch_metric_learning.losses import ProxyAnchorLoss

    return ProxyAnchorLoss(classes, dim)


def _batch_hard(distance: Any) -> Any:
    from pytorch_metric_learning.miners import BatchHardMiner

    return BatchHardMiner(distance=distance)


def _semi_hard(distance: Any) -> Any:
    from pytorch_metric_learning.miners import TripletMarginMiner

    return TripletMarginMiner(margin=TRIPLET_MARGIN, type_of_triplets="semihard", distance=distance)


def _multi_similarity_miner(distance: Any) -> Any:
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    return MultiSimilarityMiner(epsilon=0.1, distance=distance)


_LOSS_MAKERS: Mapping[str, Callable[[Any, int, int], nn.Module]] = {
    "multi-similarity": _multi_similarity,
    "triplet": _triplet,
    "contrastive": _contrastive,
    "supcon": _supcon,
    "ntxent": _ntxent,
    "arcface": _arcface,
    "proxy-anchor": _proxy_anchor,
}
_MINER_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "batch-hard": _batch_hard,
    "semi-hard": _semi_hard,
    "multi-similarity": _multi_similarity_miner,
}

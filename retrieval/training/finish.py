"""The last step of a run: embeddings whitened within classes, where that validates better than leaving them as trained."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retrieval.training.network import SiameseNetwork
from retrieval.training.projection import SHRINKAGES, whitened_within_classes
from retrieval.training.sources import Source
from retrieval.training.validation import Validation

AS_TRAINED = "as trained"


@dataclass(frozen=True)
class Finish:
    """What became of the embeddings after the last epoch, and how they validate."""

    name: str
    map_at_r: float
    recall_at_1: float


def finish(network: SiameseNetwork, source: Source, labels: Sequence[str], validation: Validation) -> Finish:
    """Give the network the whitening of its embeddings that validates best (MAP@R), or none.

    What training leaves of the differences within classes is estimated on the classes that it learned from, and says
    something of others where these are many. Of fewer classes than the embeddings have dimensions it does not: it is
    fitted to them. (`retrieval.training.projection` names the method's sources.)
    """
    split = validation.split
    learned = torch.from_numpy(source.embed(network, split.train)).double()
    judged = source.embed(network, split.validation)
    best = Finish(AS_TRAINED, *validation.judge(judged))
    names = [labels[row] for row in split.train]
    if sum(count > 1 for count in Counter(names).values()) < network.dim:
        return best
    for name, whitening in _whitenings(learned, names):
        with torch.inference_mode():
            found = nn.functional.normalize(whitening(torch.from_numpy(judged))).numpy()
        validated = Finish(name, *validation.judge(found))
        if validated.map_at_r > best.map_at_r:
            best, network.whitening = validated, whitening.to(next(network.parameters()).device)
    return best


def _whitenings(embeddings: Tensor, labels: Sequence[str]) -> Iterator[tuple[str, nn.Linear]]:
    """Yield layers that whiten (n, dim) embeddings within classes, each with its name."""
    dim = embeddings.shape[1]
    mean = embeddings.mean(dim=0)
    for shrinkage in SHRINKAGES:
        weight = whitened_within_classes(embeddings - mean, labels, dim, shrinkage)
        layer = nn.Linear(dim, dim).requires_grad_(requires_grad=False)
        layer.weight.copy_(weight.T.float())
        layer.bias.copy_(-(mean @ weight).float())
        yield f"whitened within classes, shrinkage {shrinkage:g}", layer

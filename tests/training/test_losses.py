"""Losses are what their papers say: each is held against a plain loop."""

import itertools
import math

import pytest

torch = pytest.importorskip("torch", reason="training needs: pip install 'siamese-index[train]'")

from retrieval.errors import TrainingRefused  # noqa: E402
from retrieval.training.losses import (  # noqa: E402
    LOSSES,
    MINERS,
    NEGATIVE_MARGIN,
    TEMPERATURE,
    TRIPLET_MARGIN,
    Objective,
    koleo,
)

LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3])
VECTORS = torch.nn.functional.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(1)))
COSINE = (VECTORS @ VECTORS.T).tolist()


def loss_of(name: str, **options: object) -> float:
    return Objective(name, dim=5, classes=4, **options)(VECTORS, LABELS).item()


def triplets() -> list[tuple[int, int, int]]:
    return [
        (a, p, n)
        for a, p, n in itertools.product(range(8), repeat=3)
        if a != p and LABELS[a] == LABELS[p] and LABELS[a] != LABELS[n]
    ]


def mean_of_positive(values: list[float]) -> float:
    above = [value for value in values if value > 0]
    return sum(above) / len(above)


def test_triplet_loss_over_all_triplets_is_the_mean_of_those_that_violate_the_margin() -> None:
    violations = [COSINE[a][n] - COSINE[a][p] + TRIPLET_MARGIN for a, p, n in triplets()]
    assert loss_of("triplet", miner="batch-all") == pytest.approx(mean_of_positive(violations), abs=1e-6)


def test_triplet_loss_may_compare_euclidean_distances() -> None:
    def distance(i: int, j: int) -> float:
        return math.dist(VECTORS[i].tolist(), VECTORS[j].tolist())

    violations = [distance(a, p) - distance(a, n) + TRIPLET_MARGIN for a, p, n in triplets()]
    got = loss_of("triplet", miner="batch-all", euclidean=True)
    assert got == pytest.approx(mean_of_positive(violations), abs=1e-5)


def test_batch_hard_takes_the_farthest_positive_and_the_nearest_negative() -> None:
    hardest = []
    for a in range(7):  # the last is alone: no positive
        positives = [COSINE[a][p] for p in range(8) if p != a and LABELS[p] == LABELS[a]]
        negatives = [COSINE[a][n] for n in range(8) if LABELS[n] != LABELS[a]]
        hardest.append(max(negatives) - min(positives) + TRIPLET_MARGIN)
    assert loss_of("triplet", miner="batch-hard") == pytest.approx(mean_of_positive(hardest), abs=1e-6)


def test_contrastive_loss_pulls_pairs_up_to_one_and_pushes_others_below_the_margin() -> None:
    pairs = [(i, j) for i, j in itertools.product(range(8), repeat=2) if i != j]
    pull = [1 - COSINE[i][j] for i, j in pairs if LABELS[i] == LABELS[j]]
    push = [COSINE[i][j] - NEGATIVE_MARGIN for i, j in pairs if LABELS[i] != LABELS[j]]
    expected = mean_of_positive(pull) + mean_of_positive(push)
    assert loss_of("contrastive") == pytest.approx(expected, abs=1e-6)


def test_ntxent_is_the_cross_entropy_of_each_pair_against_its_negatives() -> None:
    terms = []
    for a, p in itertools.product(range(8), repeat=2):
        if a != p and LABELS[a] == LABELS[p]:
            negatives = [COSINE[a][n] / TEMPERATURE for n in range(8) if LABELS[n] != LABELS[a]]
            own = COSINE[a][p] / TEMPERATURE
            terms.append(math.log(sum(map(math.exp, [own, *negatives]))) - own)
    assert loss_of("ntxent") == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_koleo_is_minus_the_mean_log_distance_to_the_nearest_of_another_class() -> None:
    logs = [
        math.log(
            1e-4
            + min(
                math.dist(VECTORS[i].tolist(), VECTORS[j].tolist())
                for j in range(8)
                if LABELS[j] != LABELS[i]
            )
        )
        for i in range(8)
    ]
    assert koleo(VECTORS, LABELS).item() == pytest.approx(-sum(logs) / 8, abs=1e-5)
    plain, spread = loss_of("contrastive"), loss_of("contrastive", koleo=0.5)
    assert spread == pytest.approx(plain + 0.5 * koleo(VECTORS, LABELS).item(), abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_moves_embeddings_of_a_class_together(name: str) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(24, 8, requires_grad=True)
    labels = torch.arange(6).repeat_interleave(4)
    objective = Objective(name, dim=8, classes=6)
    optimizer = torch.optim.Adam([vectors, *objective.parameters()], 0.05)
    for _ in range(200):
        loss = objective(torch.nn.functional.normalize(vectors), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = torch.nn.functional.normalize(vectors.detach())
    scores = (scores @ scores.T).fill_diagonal_(-1)
    assert (labels[scores.argmax(dim=1)] == labels).float().mean() > 0.9


def test_a_memory_makes_earlier_batches_count() -> None:
    objective = Objective("contrastive", dim=5, classes=4, memory=16)
    first = objective(VECTORS, LABELS).item()
    turned = objective(VECTORS.roll(1, dims=1), LABELS).item()
    assert first == pytest.approx(loss_of("contrastive"), abs=1e-6)
    alone = Objective("contrastive", dim=5, classes=4)(VECTORS.roll(1, dims=1), LABELS).item()
    assert turned != pytest.approx(alone, abs=1e-3)


@pytest.mark.parametrize("miner", [miner for miner in MINERS if miner != "none"])
def test_every_miner_goes_with_triplet_loss(miner: str) -> None:
    assert loss_of("triplet", miner=miner) > 0


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("hinge", {}, "unknown loss 'hinge'; known"),
        ("triplet", {"miner": "easy"}, "unknown miner 'easy'; known"),
        ("arcface", {"memory": 8}, "no miner and no memory"),
        ("proxy-anchor", {"miner": "batch-hard"}, "no miner and no memory"),
        ("supcon", {"euclidean": True}, "euclidean distance is for triplet and contrastive"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_does(
    name: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(TrainingRefused, match=words):
        Objective(name, dim=5, classes=4, **options)


def test_a_memorys_state_goes_on_where_it_was() -> None:
    """The place in the ring is part of it: without it, a run that goes on would compare with fewer pictures."""

    def make() -> Objective:
        return Objective("multi-similarity", dim=5, classes=4, memory=20)

    whole, gone_on = make(), make()
    for _ in range(4):  # 32 of 20: once around
        whole(VECTORS, LABELS)
    gone_on.load_state_dict(whole.state_dict())
    other = torch.nn.functional.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(2)))
    assert gone_on(other, LABELS).item() == whole(other, LABELS).item()

"""Where a head starts: projections of frozen features, the best of them chosen on what is held out."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'siamese-index[train]'")

from retrieval.errors import TrainingRefused  # noqa: E402
from retrieval.splits import split_classes  # noqa: E402
from retrieval.training.projection import (  # noqa: E402
    best_start,
    half_whitened,
    projections,
    whitened_within_classes,
)
from retrieval.training.validation import Validation  # noqa: E402

CLASSES = [f"class {number}" for number in range(12)]


def noisy_classes(width: int = 24, each: int = 10, noise: float = 3.0) -> tuple[torch.Tensor, list[str]]:
    """Classes differ in all directions, pictures of one class far more, but in the first four only."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(len(CLASSES), width, generator=generator).repeat_interleave(each, 0)
    varied = torch.randn(centres.shape, generator=generator) * 0.1
    varied[:, :4] *= 10 * noise
    features = torch.nn.functional.normalize(centres + varied)
    return features, [name for name in CLASSES for _ in range(each)]


def test_a_start_embeds_as_its_projection_does() -> None:
    features, labels = noisy_classes()
    for projection in projections(features, labels, 8):
        head = torch.nn.Linear(24, 12)
        projection.start(head)
        expected = (features.double() - projection.mean) @ projection.weight
        assert torch.allclose(head(features)[:, :8].double(), expected, atol=1e-4)
        assert head(features)[:, 8:].abs().max() == 0
        assert head(features).norm(dim=1).mean().item() == pytest.approx(1, abs=1e-3)


def test_half_whitening_gives_components_the_root_of_their_deviation() -> None:
    deviations = torch.tensor([16.0, 9.0, 4.0, 1.0])
    features = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0)) * deviations
    projected = features @ half_whitened(deviations**2, torch.eye(4))
    assert torch.allclose(projected.std(dim=0), deviations.sqrt(), rtol=0.05)


def test_without_shrinkage_pictures_of_a_class_vary_alike_in_every_direction() -> None:
    features, labels = noisy_classes()
    projected = (features.double() - features.double().mean(0)) @ whitened_within_classes(
        features.double() - features.double().mean(0), labels, 24, 0.0
    )
    means = {
        name: projected[[row for row, label in enumerate(labels) if label == name]].mean(0)
        for name in CLASSES
    }
    within = torch.stack([row - means[label] for row, label in zip(projected, labels, strict=True)])
    assert torch.allclose(within.T @ within / len(within), torch.eye(24).double(), atol=1e-6)


def test_components_come_by_falling_variance() -> None:
    features, labels = noisy_classes()
    centred = features.double() - features.double().mean(0)
    variances = (centred @ whitened_within_classes(centred, labels, 24, 0.1)).var(dim=0)
    assert (variances.diff() <= 1e-9).all()


def test_projections_of_fewer_pictures_than_features_are_those_of_the_features_they_have() -> None:
    features, labels = noisy_classes(each=2)
    wide = torch.cat([features, torch.zeros(len(features), 40)], dim=1)
    for narrow, broad in zip(projections(features, labels, 6), projections(wide, labels, 6), strict=True):
        a = (features.double() - narrow.mean) @ narrow.weight
        b = (wide.double() - broad.mean) @ broad.weight
        assert torch.allclose(a @ a.T, b @ b.T, atol=1e-6)


def test_the_start_is_the_projection_that_validates_best() -> None:
    features, labels = noisy_classes()
    split = split_classes(labels, 0.3, 0)
    head = torch.nn.Linear(24, 8)
    name = best_start(head, features[None].numpy(), labels, Validation.of(split, labels, None))
    assert name.startswith("whitened within classes")
    embeddings = torch.nn.functional.normalize(head(features)).detach().numpy()[split.validation]
    names = np.array(labels)[split.validation]
    scores = embeddings @ embeddings.T
    np.fill_diagonal(scores, -1)
    raw = features.numpy()[split.validation] @ features.numpy()[split.validation].T
    np.fill_diagonal(raw, -1)
    assert (names[scores.argmax(1)] == names).mean() > (names[raw.argmax(1)] == names).mean()


def test_features_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(TrainingRefused, match="sees no difference"):
        next(projections(torch.ones(6, 4), list("aabbcc"), 2))

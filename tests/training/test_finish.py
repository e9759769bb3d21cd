"""After the last epoch: embeddings whitened within classes, if that validates better."""

from dataclasses import dataclass

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'siamese-index[train]'")

from retrieval.evaluation.ranking_metrics import ranking_metrics  # noqa: E402
from retrieval.evaluation.task import RetrievalTask  # noqa: E402
from retrieval.similarity import Float32, Int64  # noqa: E402
from retrieval.splits import Split, split_classes  # noqa: E402
from retrieval.training.backbones import make_backbone  # noqa: E402
from retrieval.training.export import to_onnx  # noqa: E402
from retrieval.training.finish import AS_TRAINED, finish  # noqa: E402
from retrieval.training.network import SiameseNetwork  # noqa: E402
from retrieval.training.validation import Validation  # noqa: E402

DIM = 8


@dataclass(frozen=True)
class Given:
    """Gives embeddings as they are."""

    embeddings: Float32

    def embed(self, network: SiameseNetwork, rows: Int64) -> Float32:
        return self.embeddings[rows]


def classes(noise: list[float]) -> tuple[Float32, list[str], Split]:
    """Thirty classes of eight; ``noise`` is how far the pictures of one vary in each direction."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(30, DIM)).repeat(8, axis=0)
    embeddings = centres + generator.normal(size=centres.shape) * noise
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = [f"class {row // 8:02}" for row in range(len(embeddings))]
    return embeddings.astype(np.float32), labels, split_classes(labels, 0.2, 0)


def network() -> SiameseNetwork:
    return SiameseNetwork(make_backbone("small", builtin_weights=b""), DIM).eval()


def test_differences_within_classes_are_whitened_away_where_that_validates_better() -> None:
    embeddings, labels, split = classes([2.5, 2.5, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    trained = network()
    names = [labels[row] for row in split.validation]
    as_trained = ranking_metrics(RetrievalTask.within(embeddings[split.validation], names)).map_at_r.mean()
    finished = finish(trained, Given(embeddings), labels, Validation.of(split, labels, None))
    assert finished.name.startswith("whitened within classes")
    assert finished.map_at_r > as_trained + 0.1
    assert isinstance(trained.whitening, torch.nn.Linear)


def test_embeddings_that_whitening_would_not_help_stay_as_they_were_trained() -> None:
    embeddings, labels, split = classes([0.001] * DIM)
    trained = network()
    assert finish(trained, Given(embeddings), labels, Validation.of(split, labels, None)).name == AS_TRAINED
    assert isinstance(trained.whitening, torch.nn.Identity)


def test_fewer_classes_than_dimensions_leave_the_embeddings_as_they_were_trained() -> None:
    embeddings, labels, _ = classes([2.5, 2.5, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    split = Split(np.arange(8 * (DIM - 1)), np.arange(160, 240), "classes")
    validation = Validation.of(split, labels, None)
    assert finish(network(), Given(embeddings), labels, validation).name == AS_TRAINED


def test_the_graph_gives_the_whitened_embeddings() -> None:
    import onnxruntime

    trained = network()
    trained.whitening = torch.nn.Linear(DIM, DIM)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    session = onnxruntime.InferenceSession(to_onnx(trained, 32, "object"), providers=["CPUExecutionProvider"])
    ours = trained(torch.from_numpy(images).permute(0, 3, 1, 2).float()).detach().numpy()
    theirs = session.run(None, {session.get_inputs()[0].name: images})[0]
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert np.allclose(ours, theirs, atol=1e-4)

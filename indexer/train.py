"""`index train`: from labelled pictures to an encoder that `index build --encoder` takes at once."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.dataset import Example, attribute, load_pictures, read_dataset
from indexer.decided import DecidedExamples, decided_examples
from indexer.encoders import BUILTIN, builtin_trunk
from indexer.encoding import Progress
from indexer.errors import UsageRefused, os_errors
from indexer.settings import Settings
from indexer.store import open_store
from indexer.training_folder import TrainingFolder
from indexer.training_report import TrainingReport, model_card
from retrieval.encoder import EncoderSpec, Space, spec_document
from retrieval.errors import LibraryMissing, TrainingRefused
from retrieval.preprocess import PreprocessSpec
from retrieval.presets import NewClasses, Preset
from retrieval.splits import (
    Split,
    split_as_told,
    split_classes,
    split_groups,
    split_pictures,
)

if TYPE_CHECKING:
    from retrieval.training.loop import Progress as RunProgress
    from retrieval.training.recipe import Recipe

SPACE = "object"
VALIDATION_SHARE = 0.2
CLASSES, PICTURES, SPLIT_COLUMN = "classes", "pictures", "split"
TRAIN_HINT = "pip install 'siamese-index[train]'"
BACKBONE_HINT = "pip install 'siamese-index[train,timm]'"
_LIBRARIES = (
    "torch",
    "pytorch_metric_learning",
    "safetensors",
    "onnx",
    "onnxscript",
    "tensorboard",
    "matplotlib",
)


@dataclass(frozen=True)
class TrainingPlan:
    """What to learn from, and how.

    ``dataset`` are labelled pictures, ``decisions`` the store whose decisions are learned from: one of them, or both.
    ``mode`` is ``head``, ``full``, or None for what suits the backbone. ``hold_out`` names what validation is made
    of: ``classes``, ``pictures``, or an attribute whose values are held out whole (``split`` says itself which rows
    are for which). ``group`` is an attribute: classes that share its value are hard to tell apart.
    """

    dataset: Path | None
    preset: Preset
    recipe: "Recipe"
    backbone: str = BUILTIN
    weights: Path | None = None
    mode: str | None = None
    hold_out: str = CLASSES
    group: str | None = None
    decisions: Path | None = None

    def told(self, decided: DecidedExamples | None) -> dict[str, Any]:
        """Return the plan as plain values: a run goes on only under the same one, and the same decisions."""
        document = asdict(self)
        sources = {
            "dataset": self.dataset and os.path.realpath(self.dataset),
            "weights": self.weights and str(self.weights),
            "decisions": decided.sha256 if decided else None,
        }
        plain: dict[str, Any] = json.loads(json.dumps(document | sources))
        return plain


@dataclass(frozen=True)
class Follower:
    """Who follows a run: ``bar`` makes a progress function for a stage and its unit, ``say`` takes a line an epoch."""

    bar: Callable[[str, str], Progress]
    say: Callable[[str], None]


def train(
    plan: TrainingPlan, out: Path, settings: Settings, follower: Follower, *, resume: bool
) -> TrainingReport:
    """Train an encoder into the folder ``out``; with ``resume`` a run that was killed goes on from its last epoch.

    Raises:
        UsageRefused: pictures, labels, decisions or settings that nothing can be learned from, or a folder that is
            taken.
        IndexNotFound, StoreDamaged: decisions that cannot be read.
        PermissionRefused: pictures that cannot be seen, or a folder that cannot be written to.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise UsageRefused(f"training needs {', '.join(missing)}", TRAIN_HINT)
    try:
        return _train(plan, out, settings, follower, resume=resume)
    except LibraryMissing as error:
        raise UsageRefused(f"backbone {plan.backbone} needs {error}", BACKBONE_HINT) from error
    except TrainingRefused as error:
        raise UsageRefused(str(error)) from error


def _train(
    plan: TrainingPlan, out: Path, settings: Settings, follower: Follower, *, resume: bool
) -> TrainingReport:
    from indexer.training_log import TrainingLog
    from retrieval.training.loop import Watcher
    from retrieval.training.run import Mode, NetworkPlan, TrainingTask, make_network, train_encoder

    started = time.monotonic()
    examples, decided = _examples(plan, follower)
    _groups(plan, examples)  # what must be refused is refused before the first picture is decoded
    _split(plan, examples)
    if plan.preset.symmetric and plan.preset.new_classes is NewClasses.MIRRORED:
        raise UsageRefused(
            "a picture and its mirror image cannot have one embedding and be of two classes",
            "give --one-sided, or --new-classes none",
        )
    folder = TrainingFolder(out, plan.told(decided))
    state = folder.open(resume=resume)
    spec = _spec(plan, out.resolve().name)
    network_plan = NetworkPlan(
        plan.backbone,
        builtin_trunk(),
        _read(plan.weights) if plan.weights else None,
        Mode(plan.mode) if plan.mode else None,
        grid=plan.preset.grid,
        symmetric=plan.preset.symmetric,
    )
    network = make_network(network_plan, plan.recipe)
    pictures = load_pictures(examples, spec.preprocess, settings, follower.bar("reading", "images"))
    split = _split(plan, pictures.examples)
    task = TrainingTask(
        pictures.images,
        pictures.labels,
        split,
        plan.preset.augment,
        _groups(plan, pictures.examples),
        plan.preset.new_classes,
    )
    with TrainingLog(folder.path) as log:

        def on_epoch(progress: "RunProgress", write_state: Callable[[], bytes]) -> None:
            folder.keep_state(write_state())
            log.write(progress)
            follower.say(_line(progress))

        trained = train_encoder(
            task,
            network,
            network_plan,
            plan.recipe,
            spec,
            Watcher(follower.bar("training", "batches"), on_epoch),
            resume=state,
            on_features=follower.bar("looking", "images"),
        )
    report = TrainingReport.of(
        str(out),
        folder.told,
        decided,
        spec,
        pictures,
        split,
        trained,
        seconds=time.monotonic() - started,
    )
    folder.finish(
        graph=trained.graph,
        spec=json.dumps(spec_document(spec), indent=2) + "\n",
        weights=trained.weights,
        metrics=report.to_dict(),
        card=model_card(report),
    )
    return report


def _examples(plan: TrainingPlan, follower: Follower) -> tuple[list[Example], DecidedExamples | None]:
    """List what to learn from: labelled pictures first, then what was decided."""
    named = read_dataset(plan.dataset, view=plan.preset.view) if plan.dataset else []
    if plan.decisions is None:
        return named, None
    decided = decided_examples(open_store(plan.decisions), named, follower.bar("comparing", "files"))
    return decided.examples, decided


def _spec(plan: TrainingPlan, name: str) -> EncoderSpec:
    preset = plan.preset
    shape = PreprocessSpec(preset.size, preset.fit, "NHWC", "uint8", view=preset.view)
    return EncoderSpec(name, "1", shape, (Space(SPACE, plan.recipe.dim),), SPACE, input="images")


def _split(plan: TrainingPlan, examples: Sequence[Example]) -> Split:
    labels, seed = [example.label for example in examples], plan.recipe.seed
    if plan.hold_out == CLASSES:
        return split_classes(labels, VALIDATION_SHARE, seed)
    if plan.hold_out == PICTURES:
        return split_pictures(labels, VALIDATION_SHARE, seed)
    if plan.hold_out == SPLIT_COLUMN:
        return split_as_told(labels, [example.attributes.get(SPLIT_COLUMN, "") for example in examples])
    return split_groups(labels, attribute(examples, plan.hold_out), VALIDATION_SHARE, seed)


def _groups(plan: TrainingPlan, examples: Sequence[Example]) -> list[str] | None:
    return attribute(examples, plan.group) if plan.group else None


def _read(path: Path) -> bytes:
    with os_errors(f"reading {path}"):
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise UsageRefused(f"{path} does not exist") from error


def _line(progress: "RunProgress") -> str:
    epoch = progress.epochs[-1]
    loss = "before training" if epoch.loss is None else f"loss {epoch.loss:.4f}"
    mark = "  (best)" if progress.best == epoch.number else ""
    return f"epoch {epoch.number}: {loss}, MAP@R {epoch.map_at_r:.4f}, Recall@1 {epoch.recall_at_1:.4f}{mark}"

"""`index train`."""

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE, SEED, common_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexer.encoding import Progress
    from indexer.training_report import TrainingReport


@click.command()
@click.argument("dataset", type=FILE, required=False)
@click.option("--out", type=FILE, required=True, help="The folder that the encoder is written to.")
@click.option(
    "--decisions", is_flag=True, help="Learn from what `index decide` wrote down, beside DATASET or alone."
)
@click.option(
    "--preset", default="photo", show_default=True, help="What the pictures are; see docs/guide.md."
)
@click.option(
    "--backbone",
    default="builtin",
    show_default=True,
    help="builtin, builtin:STAGES, small, torchvision:NAME, timm:NAME.",
)
@click.option(
    "--weights", type=FILE, help="A .safetensors file for the backbone; without it, its own hub is asked."
)
@click.option(
    "--mode", type=click.Choice(["head", "full"]), help="What learns.  [default: head; full for small]"
)
@click.option("--loss", default="multi-similarity", show_default=True, help="The loss; see docs/guide.md.")
@click.option("--miner", help="Which pairs or triplets count.  [default: what suits the loss]")
@click.option("--distance", type=click.Choice(["cosine", "euclidean"]), default="cosine", show_default=True)
@click.option(
    "--memory", type=click.IntRange(0), default=0, help="Embeddings of earlier batches to compare with."
)
@click.option(
    "--koleo", type=click.FloatRange(0), default=0.0, help="Weight of the term that spreads embeddings."
)
@click.option(
    "--hold-out",
    default="classes",
    show_default=True,
    help="classes, pictures, or a column: see docs/guide.md.",
)
@click.option(
    "--group", metavar="COLUMN", help="Classes that share its value meet in a batch: hard negatives."
)
@click.option("--groups", type=click.IntRange(1), default=4, show_default=True, help="Groups in a batch.")
@click.option(
    "--dim", type=click.IntRange(2, 4096), default=256, show_default=True, help="Of the embeddings."
)
@click.option("--size", type=click.IntRange(16, 1024), help="Pixels of a side.  [default: the preset's]")
@click.option(
    "--view-size",
    type=click.IntRange(16, 1024),
    help="Pixels of a side where the whole network learns.  [default: --size]",
)
@click.option(
    "--grid",
    type=click.IntRange(1, 8),
    help="Cells a side that pooling keeps apart.  [default: the preset's]",
)
@click.option(
    "--symmetric/--one-sided",
    default=None,
    help="Embed a picture together with its mirror image.  [default: the preset's]",
)
@click.option(
    "--new-classes",
    type=click.Choice(["none", "mirrored", "turned"]),
    help="Mirrored or turned pictures are of other classes.  [default: the preset's]",
)
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True)
@click.option(
    "--patience", type=click.IntRange(1), default=8, show_default=True, help="Epochs without a better one."
)
@click.option("--batch", type=click.IntRange(4), default=96, show_default=True, help="Pictures in a step.")
@click.option(
    "--per-class", type=click.IntRange(2), default=4, show_default=True, help="Of each class in a batch."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="The backbone's learning rate, where it learns.  [default: 1e-4; 1e-3 for small]",
)
@click.option(
    "--head-rate",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="The head's learning rate.",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on with a run that was killed.")
@click.option("--jobs", type=int, help="Decoding processes.  [default: one for each core]")
@common_options
def command(
    dataset: Path | None,
    out: Path,
    decisions: bool,
    preset: str,
    backbone: str,
    weights: Path | None,
    mode: str | None,
    loss: str,
    miner: str | None,
    distance: str,
    memory: int,
    koleo: float,
    hold_out: str,
    group: str | None,
    groups: int,
    dim: int,
    size: int | None,
    view_size: int | None,
    grid: int | None,
    symmetric: bool | None,
    new_classes: str | None,
    epochs: int,
    patience: int,
    batch: int,
    per_class: int,
    rate: float | None,
    head_rate: float,
    seed: int,
    resume: bool,
    jobs: int | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Train an encoder on DATASET, a folder for each class or a manifest with path,label; or on decisions.

    Classes that are held out choose the best epoch; exact duplicates are left out. What is written to the folder is
    an encoder: `index build CATALOGUE --encoder FOLDER` uses it.

    \b
    Example: index train products/ --out my-encoder --preset product
    """
    from dataclasses import replace

    from indexer.commands.output import note, print_json
    from indexer.errors import DONE, REJECTED, UsageRefused
    from indexer.location import locate_store
    from indexer.settings import load_settings
    from indexer.train import Follower, TrainingPlan, train
    from retrieval.presets import PRESETS, NewClasses
    from retrieval.training.recipe import RATE_FROM_NOTHING, SMALL, Recipe
    from retrieval.training.sampling import BatchPlan

    if dataset is None and not decisions:
        raise UsageRefused("there is nothing to learn from", "give a DATASET, --decisions, or both")
    if preset not in PRESETS:
        raise UsageRefused(f"unknown preset {preset!r}", f"known: {', '.join(PRESETS)}")
    chosen = PRESETS[preset]
    chosen = replace(
        chosen,
        size=size or chosen.size,
        augment=replace(chosen.augment, view_size=view_size),
        grid=grid or chosen.grid,
        new_classes=NewClasses(new_classes or chosen.new_classes),
        symmetric=chosen.symmetric if symmetric is None else symmetric,
    )
    recipe = Recipe(
        loss=loss,
        miner=miner,
        euclidean=distance == "euclidean",
        memory=memory,
        koleo=koleo,
        dim=dim,
        epochs=epochs,
        patience=patience,
        batch=BatchPlan(batch, per_class, groups if group else 0),
        backbone_rate=rate or (RATE_FROM_NOTHING if backbone == SMALL else Recipe.backbone_rate),
        head_rate=head_rate,
        seed=seed,
    )
    path = locate_store(store)
    plan = TrainingPlan(
        dataset, chosen, recipe, backbone, weights, mode, hold_out, group, path if decisions else None
    )
    settings = load_settings(path, {"jobs": jobs})
    with _bars(quiet=quiet) as bar:
        follower = Follower(bar, lambda line: note(line, quiet=quiet))
        report = train(plan, out, settings, follower, resume=resume)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report, quiet=quiet, verbose=verbose)
    return REJECTED if report.unusable else DONE


@contextmanager
def _bars(*, quiet: bool) -> "Iterator[Callable[[str, str], Progress]]":
    """Give a function that makes a stage's bar: it appears with its first step, in place of the one before."""
    from indexer.commands.output import progress_bar

    with ExitStack() as shown:
        current: dict[str, Progress] = {}

        def bar(label: str, unit: str) -> "Progress":
            def show(done: int, total: int) -> None:
                if label not in current:
                    shown.close()
                    current.clear()
                    current[label] = shown.enter_context(progress_bar(label, quiet=quiet, unit=unit))
                current[label](done, total)

            return show

        yield bar


def _print(report: "TrainingReport", *, quiet: bool, verbose: bool) -> None:
    from indexer.commands.output import note

    before, after, finish = report.before["map_at_r"], report.finish["map_at_r"], report.finish["name"]
    click.echo(
        f"{report.encoder}: MAP@R {before:.4f} before training, {after:.4f} after epoch {report.best_epoch} ({finish}), "
        f"on {report.held_out} pictures held out by {report.held_out_by}"
    )
    if report.best_epoch == 0:
        note("training made it no better: the weights are those before the first epoch", quiet=quiet)
    if report.duplicates:
        note(f"{len(report.duplicates)} exact duplicates were left out", quiet=quiet)
    for line in _decided(report):
        note(line, quiet=quiet)
    shown = report.unusable if verbose else report.unusable[:10]
    for entry in shown:
        note(f"  left out {entry['path']}: {entry['reason']}: {entry['message']}", quiet=quiet)
    if len(shown) < len(report.unusable):
        note(f"  … {len(report.unusable)} left out in all; metrics.json lists them", quiet=quiet)
    note(f"use it: index build CATALOGUE --encoder {report.encoder}", quiet=quiet)


def _decided(report: "TrainingReport") -> "Iterator[str]":
    """Tell what became of the decisions."""
    if report.decisions is None:
        return
    yield "{pairs} decisions gave {pictures} pictures".format_map(report.decisions)
    told = {
        "gone": "decided pictures are not where the index knows them, and were left out: index build",
        "ambiguous": "decided pictures are alike to several labels of DATASET, and were left out",
        "overruled": "decisions are contradicted by the labels of DATASET, which count",
    }
    yield from (f"{report.decisions[name]} {text}" for name, text in told.items() if report.decisions[name])

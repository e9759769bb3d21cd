"""`index evaluate`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.commands.options import FILE, SEED, common_options

if TYPE_CHECKING:
    from indexer.evaluate import EvaluationReport

_SHOWN_UNUSABLE = 10
_SHOWN_CLASSES = 10
_SMALLER_IS_BETTER = frozenset({"EER"})

# Column: where a row's figure is.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "R@1": ("recall", "1"),
    "R@5": ("recall", "5"),
    "R@10": ("recall", "10"),
    "MAP@R": ("map_at_r",),
    "R-prec": ("r_precision",),
    "macro R@1": ("macro", "recall", "1"),
    "few-shot": ("episodes", "accuracy"),
    "uAP": ("copy", "uap"),
    "uAP norm.": ("copy", "normalised_uap"),
    "AUC": ("verification", "auc"),
    "EER": ("verification", "eer"),
    "TAR@FAR 1%": ("verification", "tar_at_far", "0.01"),
}


@click.command()
@click.argument("dataset", required=False, type=FILE)
@click.option(
    "--encoder",
    "encoders",
    multiple=True,
    metavar="NAME|PATH",
    help="Whom to judge; may be given several times.  [default: builtin]",
)
@click.option(
    "--space",
    "spaces",
    multiple=True,
    help="The embedding space; may be given several times.  [default: the encoder's own choice]",
)
@click.option("--gallery", type=FILE, help="Search these labelled pictures; DATASET are the queries.")
@click.option("--pairs", type=FILE, help="Verify exactly the pairs of this CSV: a,b,same (1/0/true/false).")
@click.option(
    "--shots", type=click.IntRange(1), help="Few-shot episodes with K examples a class.  [default: 1]"
)
@click.option("--ways", type=click.IntRange(2), help="Few-shot episodes among N classes.  [default: 5]")
@click.option("--within", metavar="KEY", help="Episodes among classes that share this attribute.")
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Beside a colour histogram, pHash and a random network.",
)
@click.option("--html", type=FILE, help="Write one self-contained page with the table and the plots.")
@click.option("--out", type=FILE, help="Write metrics.json and the plots into this folder.")
@click.option(
    "--seed", type=SEED, default=0, show_default=True, help="For everything that is drawn by chance."
)
@common_options
def command(
    dataset: Path | None,
    encoders: tuple[str, ...],
    spaces: tuple[str, ...],
    gallery: Path | None,
    pairs: Path | None,
    shots: int | None,
    ways: int | None,
    within: str | None,
    baselines: bool,
    html: Path | None,
    out: Path | None,
    seed: int,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Judge encoders on the pictures of DATASET: a folder with a folder per class, or a manifest with path,label.

    Each picture is searched among all others, or in --gallery; pairs of the same and of different labels are told
    apart by their score. The built-in encoder is always listed beside the others.

    \b
    Example: index evaluate photos/ --encoder trained/ --out figures/
    """
    from indexer.commands.output import note, print_json, print_table, progress_bar
    from indexer.encoders import BUILTIN
    from indexer.errors import DONE, REJECTED, UsageRefused
    from indexer.evaluate import evaluate, read_subjects
    from indexer.evaluation_set import Episodes, read_evaluation_set
    from indexer.location import locate_store
    from indexer.settings import load_settings

    settings = load_settings(locate_store(store), {})
    episodes = Episodes(ways or 5, shots or 1, within) if shots or ways else None
    if within is not None and episodes is None:
        raise UsageRefused("--within is about episodes", "add --shots and --ways")
    subjects = read_subjects(encoders or (settings.encoder or BUILTIN,), spaces)
    wanted = read_evaluation_set(
        dataset, gallery=gallery, pairs=pairs, episodes=episodes, view=subjects[0].shape.view
    )
    if out is not None:
        _make_folder(out)
    if html is not None and not html.parent.is_dir():
        raise UsageRefused(f"{html.parent} is not a folder", "make it first")
    with progress_bar("decoding and encoding", quiet=quiet) as progress:
        report = evaluate(wanted, subjects, settings, baselines=baselines, seed=seed, progress=progress)
    document = report.to_dict()
    columns, rows, best = _table(document["encoders"])
    if as_json:
        print_json(document)
    else:
        print_table(columns, rows, right=frozenset(columns[2:]), bold=best)
    _note_losses(document, verbose=verbose, note=lambda message: note(message, quiet=quiet))
    if out is not None or html is not None:
        _write(report, document, columns, rows, out, html, note=lambda message: note(message, quiet=quiet))
    return REJECTED if document["unusable"] else DONE


def _make_folder(out: Path) -> None:
    """Make the folder before the work: afterwards would be late to learn that it cannot be made."""
    from indexer.errors import UsageRefused, os_errors

    with os_errors(f"making the folder {out}"):
        try:
            out.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageRefused(f"{out} cannot be a folder: there is a file of that name") from error


def _table(entries: list[dict[str, Any]]) -> tuple[list[str], list[list[str]], frozenset[tuple[int, int]]]:
    """Lay out what was measured, a row an encoder; the third value are the cells with the best of a column."""
    columns, rows = ["encoder", "space"], [[entry["encoder"], entry["space"]] for entry in entries]
    best = set()
    for column, path in _COLUMNS.items():
        values = [_figure(entry, path) for entry in entries]
        if all(value is None for value in values):
            continue
        choose = min if column in _SMALLER_IS_BETTER else max
        winner = choose(value for value in values if value is not None)
        for i, value in enumerate(values):
            rows[i].append("" if value is None else f"{value:.4f}")
            if value == winner:
                best.add((i, len(columns)))
        columns.append(column)
    return columns, rows, frozenset(best)


def _figure(entry: dict[str, Any], path: tuple[str, ...]) -> float | None:
    value: Any = entry
    for name in path:
        value = None if value is None else value.get(name)  # by L2 there is no normalised score
    return None if value is None else float(value)


def _note_losses(document: dict[str, Any], *, verbose: bool, note: Callable[[str], None]) -> None:
    """Say what the figures do not rest on."""
    unusable, lonely = document["unusable"], document["classes_with_nothing_to_find"]
    shown = unusable if verbose else unusable[:_SHOWN_UNUSABLE]
    for entry in shown:
        note(f"  left out {entry['path']}: {entry['reason']}: {entry['message']}")
    if len(shown) < len(unusable):
        note(f"  … {len(unusable)} pictures left out in all; --verbose lists them")
    if document["duplicates"]:
        note(f"{len(document['duplicates'])} exact duplicates dropped")
    if document["lost_pairs"]:
        note(f"{document['lost_pairs']} pairs left out: one of their pictures cannot be used")
    if lonely:
        names = ", ".join(lonely[:_SHOWN_CLASSES]) + (", …" if len(lonely) > _SHOWN_CLASSES else "")
        queries = document["skipped_queries"]
        note(f"{len(lonely)} classes have nothing to find, {queries} queries left out: {names}")


def _write(
    report: "EvaluationReport",
    document: dict[str, Any],
    columns: list[str],
    rows: list[list[str]],
    out: Path | None,
    html: Path | None,
    *,
    note: Callable[[str], None],
) -> None:
    """Write the figures, and the plots if they can be drawn."""
    import json

    from indexer.durable import replace_file
    from indexer.errors import UsageRefused
    from indexer.plots import draw_plots

    try:
        plots = draw_plots(report)
    except UsageRefused as refusal:
        plots = {}
        note(f"no plots: {refusal}: {refusal.hint}")
    if out is not None:
        replace_file(out / "metrics.json", f"{json.dumps(document, indent=2)}\n".encode())
        for name, png in plots.items():
            replace_file(out / name, png)
        note(f"wrote {out}: metrics.json{''.join(f', {name}' for name in plots)}")
    if html is not None:
        from indexer.report import write_evaluation_page

        write_evaluation_page(html, str(document["dataset"]), columns, rows, plots)
        note(f"wrote {html}")

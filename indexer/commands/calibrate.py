"""`index calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.commands.options import FILE, SEED, common_options, space_option

if TYPE_CHECKING:
    from indexer.calibrations import Calibration


@click.command()
@click.argument("pairs", required=False, type=click.Path(exists=True, path_type=Path), metavar="[PAIRS.csv]")
@click.option(
    "--fpr",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-4,
    show_default=True,
    help="The share of different pairs that may reach the threshold.",
)
@click.option("--synthetic", is_flag=True, help="Learn from edited copies of the index's own pictures.")
@click.option("--from-decisions", is_flag=True, help="Learn from the pairs that were decided.")
@space_option
@click.option("--seed", type=SEED, default=0, show_default=True, help="Deals the halves and draws the edits.")
@click.option("--plot", type=FILE, help="Draw scores, probabilities and reliability into a PNG.")
@click.option("--show", is_flag=True, help="Only print the calibrations in force.")
@common_options
def command(
    pairs: Path | None,
    fpr: float,
    synthetic: bool,
    from_decisions: bool,
    space: str | None,
    seed: int,
    plot: Path | None,
    show: bool,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Set the threshold of a space for a stated rate of false positives, and make its scores probabilities.

    Learned from judged pairs (columns a,b,same), from decisions, or from synthetic copies; one half of the pictures
    is held out and says what it is worth. The space is `copy` where the encoder has it.

    \b
    Example: index calibrate --synthetic --fpr 1e-4
    """
    from indexer.commands.output import note, print_json, progress_bar
    from indexer.errors import DONE, REJECTED, UsageRefused
    from indexer.location import locate_store
    from indexer.lookup import Gallery
    from indexer.settings import load_settings
    from indexer.store import open_store

    chosen = [bool(pairs), synthetic, from_decisions, show]
    if sum(chosen) != 1:
        raise UsageRefused(
            "calibrated by what?" if not any(chosen) else "calibrated by several things at once",
            "give one of PAIRS.csv, --synthetic and --from-decisions; or --show",
        )
    path = locate_store(store)
    settings = load_settings(path, {})
    gallery = Gallery(open_store(path))
    if show:
        return _show(gallery.calibrations(space), plot, as_json=as_json, quiet=quiet)
    from indexer.calibrate import DECISIONS, SYNTHETIC, calibrate
    from indexer.calibration_plot import require_matplotlib
    from indexer.decoding.sandbox import Sandbox

    if plot is not None:
        require_matplotlib()
    source = pairs or (SYNTHETIC if synthetic else DECISIONS)
    with (
        Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox,
        progress_bar("comparing", quiet=quiet) as bar,
    ):
        report = calibrate(gallery, sandbox, source, fpr=fpr, space=space, seed=seed, progress=bar)
    if plot is not None:
        _draw(plot, report.document, quiet=quiet)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report.to_dict())
    for one in report.unusable:
        note(f"{one.path}: {one.reason}: {one.message}", quiet=False)
    return REJECTED if report.unusable else DONE


def _show(found: "list[Calibration]", plot: Path | None, *, as_json: bool, quiet: bool) -> int:
    from indexer.commands.output import note, print_json
    from indexer.errors import DONE, UsageRefused

    if plot is not None:
        if len(found) != 1:
            raise UsageRefused(
                f"{len(found)} spaces are calibrated, and one is drawn", "name it with --space"
            )
        _draw(plot, found[0].document, quiet=quiet)
    if as_json:
        print_json({"calibrations": [calibration.to_dict() for calibration in found]})
        return DONE
    for calibration in found:
        _print(calibration.to_dict())
    if not found:
        note("nothing is calibrated: `index calibrate --synthetic`", quiet=quiet)
    return DONE


def _draw(target: Path, document: Any, *, quiet: bool) -> None:
    from indexer.calibration_plot import draw_calibration, require_matplotlib
    from indexer.commands.output import note
    from indexer.durable import replace_file

    require_matplotlib()
    replace_file(target, draw_calibration(document))
    note(f"wrote {target}", quiet=quiet)


def _print(report: dict[str, Any]) -> None:
    from indexer.commands.output import print_facts

    held = report["held_out"]
    facts = [
        ("space", f"{report['space']}, by {report['source']}"),
        ("threshold", f"{report['threshold']:.4f}"),
        ("stated", f"at most {report['fpr']:g} of different pairs reach it"),
        ("learned from", f"{report['positives']} same and {_rate(report)}"),
        ("held out", f"{held['recall']:.1%} of {held['positives']} same and {_rate(held)}"),
        *[
            (f"  {kind}", f"{found['recall']:.1%} of {found['pairs']}")
            for kind, found in held["recall_by_edit"].items()
        ],
        (
            "probability",
            f"calibration error {held['ece']:.4f}, Brier score {held['brier']:.4f}, at equal odds",
        ),
    ]
    if report.get("left_out"):
        facts.append(("left out", f"{report['left_out']} pairs"))
    print_facts(facts)


def _rate(part: dict[str, Any]) -> str:
    low, high = part["interval"]
    return (
        f"{part['false_positives']} of {part['negatives']} different pairs reach it "
        f"({low:.2g} to {high:.2g}, each at 95 %)"
    )

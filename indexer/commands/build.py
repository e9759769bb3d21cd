"""`index build`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.options import FILE, PLACE, common_options, executor_option, metric_option

if TYPE_CHECKING:
    from indexer.build_report import BuildReport
    from indexer.remote import Place
    from indexer.settings import Settings

_SHOWN_REJECTIONS = 10


@click.command()
@click.argument("catalogues", nargs=-1, type=PLACE, metavar="[CATALOGUE]...")
@click.option("--labels", type=FILE, help="A CSV or Parquet file with path,label and any attributes.")
@click.option("--encoder", help="builtin, a trained folder, or an .onnx file beside its .json spec.")
@metric_option
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Skip what matches; may be given several times."
)
@click.option("--jobs", type=int, help="Decoding processes.  [default: one for each core]")
@executor_option
@click.option(
    "--vectors",
    metavar="URL",
    help="What searches the vectors: milvus://HOST:PORT[/NAME], or files.  [default: as before, or files]",
)
@common_options
def command(
    catalogues: tuple["Place", ...],
    labels: Path | None,
    encoder: str | None,
    metric: str | None,
    exclude: tuple[str, ...],
    jobs: int | None,
    executor: str | None,
    vectors: str | None,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Index the pictures of folders, of s3://BUCKET/FOLDER, or of .csv or .parquet manifests.

    Run it again at any time: unchanged files cost a look at their size and date, moved ones keep what is known of
    them, and files that are gone leave the index. Without CATALOGUE it goes over those that the index remembers.

    \b
    Example: index build photos/ --exclude '*_thumb.jpg'
    """
    from indexer.errors import DONE, REJECTED
    from indexer.location import locate_store
    from indexer.settings import load_settings
    from indexer.stamp import unchanged_report

    path = locate_store(store)
    flags = {"encoder": encoder, "metric": metric, "jobs": jobs, "executor": executor, "vectors": vectors}
    settings = load_settings(path, flags)
    report = None if labels or exclude else unchanged_report(path, catalogues, settings)
    if report is None:
        report = _build(path, catalogues, settings, labels, exclude, quiet=quiet)
    if as_json:
        from indexer.commands.output import print_json

        print_json(report.to_dict())
    else:
        _print(report, quiet=quiet, verbose=verbose)
    return REJECTED if report.rejected else DONE


def _build(
    path: Path,
    catalogues: tuple["Place", ...],
    settings: "Settings",
    labels: Path | None,
    exclude: tuple[str, ...],
    *,
    quiet: bool,
) -> "BuildReport":
    from indexer.build import build
    from indexer.commands.output import progress_bar
    from indexer.store import Store

    with progress_bar("encoding", quiet=quiet) as progress:
        return build(
            Store(path), catalogues, settings, labels=labels, exclude=exclude or None, progress=progress
        )


def _print(report: "BuildReport", *, quiet: bool, verbose: bool) -> None:
    from indexer.commands.output import counted, note

    counts = [f"{report.found} found", f"{report.indexed} indexed", f"{report.unchanged} unchanged"]
    counts += [f"{report.moved} moved", f"{report.removed} removed", f"{len(report.rejected)} rejected"]
    click.echo(f"generation {report.generation}: {', '.join(counts)}")
    rate = f", {report.encoded / report.seconds:.0f} images/s" if report.encoded and report.seconds else ""
    note(f"{report.store}, encoder {report.encoder}: {report.seconds:.1f} s{rate}", quiet=quiet)
    for space, search in report.search.items():
        if search["kind"] not in ("flat", "engine"):
            recall = f"measured recall@10 {search['recall']:.3f}"
            note(f"space {space}: approximate search, {recall}: more than exact_limit contents", quiet=quiet)
    if report.unmatched_labels:
        rows = counted(report.unmatched_labels, "row")
        note(f"{rows} of the labels or the manifest without a file", quiet=quiet)
    shown = report.rejected if verbose else report.rejected[:_SHOWN_REJECTIONS]
    for entry in shown:
        note(f"  rejected {entry['path']}: {entry['reason']}: {entry['message']}", quiet=quiet)
    if len(shown) < len(report.rejected):
        reasons = Counter(entry["reason"] for entry in report.rejected)
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        note(f"  … {len(report.rejected)} rejected in all ({listed}); `index status` lists them", quiet=quiet)

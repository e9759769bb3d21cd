"""`index dedupe`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.commands.options import FILE, PLACE, common_options, executor_option, space_option

if TYPE_CHECKING:
    from indexer.duplicates.disposal import Disposals
    from indexer.duplicates.policy import Skipped
    from indexer.duplicates.report import DedupeReport
    from indexer.remote import Place
    from indexer.store import Store


@click.command()
@click.option(
    "-t",
    "--threshold",
    type=float,
    help="The score from which two pictures are copies.  [default: calibrated, or 0.9]",
)
@space_option
@click.option("--within", metavar="KEY", help="Compare only files that share this attribute, or the label.")
@click.option(
    "--across", metavar="KEY", help="Compare only files that differ in this attribute, or the label."
)
@click.option("--reference", type=PLACE, help="A folder whose files are never compared with each other.")
@click.option("--new", is_flag=True, help="Compare only contents that came since the last --new.")
@click.option("--verify", is_flag=True, help="Hold each copy against the pixels of the file to keep.")
@click.option("--prefer", metavar="GLOB", multiple=True, help="Keep files like this one first; repeatable.")
@click.option(
    "--policy",
    type=click.Choice(["list", "trash", "hardlink", "script"]),
    default="list",
    show_default=True,
    help="What is done with copies beyond doubt.",
)
@click.option("--trash", type=FILE, help="Where --policy trash moves them.  [default: trash in the store]")
@click.option("--dry-run", is_flag=True, help="Only say what --policy would do.")
@click.option("--undo", metavar="RUN", help="Bring back what a run did; `last` is the newest.")
@executor_option
@click.option("--html", type=FILE, help="Write one self-contained page with the pictures.")
@click.option("--fail-on-found", is_flag=True, help="Exit with 4 if there are copies.")
@common_options
def command(
    undo: str | None, store: Path | None, as_json: bool, quiet: bool, verbose: bool, **options: Any
) -> int:
    """Group the copies in the index around the file to keep. Nothing is moved unless a --policy says so.

    \b
    Example: index dedupe --html duplicates.html
             index dedupe --verify --policy trash
             index dedupe --undo last
    """
    from indexer.location import locate_store
    from indexer.store import open_store

    if options["policy"] == "list" and (options["trash"] or options["dry_run"]):
        raise click.UsageError("--trash and --dry-run go with a --policy that moves something")
    opened = open_store(locate_store(store))
    if undo is not None:
        return _undo(opened, undo, as_json=as_json, quiet=quiet)
    return _dedupe(opened, as_json=as_json, quiet=quiet, **options)


def _undo(store: "Store", run: str, *, as_json: bool, quiet: bool) -> int:
    from indexer.cli import printable
    from indexer.commands.output import counted, note, print_json
    from indexer.duplicates.undo import undo
    from indexer.errors import DONE, REJECTED

    report = undo(store, run)
    if as_json:
        print_json(report.to_dict())
    else:
        for path in report.restored:
            click.echo(printable(path))
        for entry in report.left:
            note(f"not brought back: {entry['path']}: {entry['reason']}", quiet=False)
        note(f"{counted(len(report.restored), 'file')} brought back of run {report.run}", quiet=quiet)
    return REJECTED if report.left else DONE


def _dedupe(
    store: "Store",
    *,
    threshold: float | None,
    space: str | None,
    within: str | None,
    across: str | None,
    reference: "Place | None",
    new: bool,
    verify: bool,
    prefer: tuple[str, ...],
    policy: str,
    trash: Path | None,
    dry_run: bool,
    executor: str | None,
    html: Path | None,
    fail_on_found: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    from indexer.commands.output import note, print_json
    from indexer.dedupe import dedupe
    from indexer.duplicates.disposal import dispose
    from indexer.duplicates.policy import Policy
    from indexer.duplicates.scope import Scope
    from indexer.duplicates.script import shell_script
    from indexer.duplicates.watermark import remember_seen
    from indexer.errors import DONE, FOUND
    from indexer.settings import load_settings

    settings = load_settings(store.path, {"executor": executor})
    report = dedupe(
        store,
        settings,
        threshold,
        space,
        scope=Scope(within, across, reference, new),
        prefer=prefer,
        verify=verify,
    )
    if html is not None:  # while all files are where they were
        from indexer.decoding.sandbox import Sandbox
        from indexer.report import write_dedupe_page

        with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
            write_dedupe_page(html, report, sandbox)
        note(f"wrote {html}", quiet=quiet)
    chosen, document = Policy(policy), dict[str, Any]()
    if chosen is Policy.SCRIPT:
        document["script"], left = shell_script(store, report, trash)
        _print_script(document["script"], left, as_json=as_json, quiet=quiet)
    elif chosen is not Policy.LIST:
        done = dispose(store, report, chosen, trash=trash, dry_run=dry_run)
        document["disposal"] = done.to_dict()
        _tell_disposals(done, quiet=quiet or as_json)
    if as_json:
        print_json(report.to_dict() | document)
    elif chosen is not Policy.SCRIPT:
        _print(report, quiet=quiet)
    if new:
        remember_seen(store, report.newest_item)
    return FOUND if fail_on_found and report.groups else DONE


def _print(report: "DedupeReport", *, quiet: bool) -> None:
    from indexer.commands.output import counted, human_size, note, print_table

    rows = []
    for group in report.groups:
        rows.append([str(group.id), "keep", "", group.keep, group.keep_reason])
        rows += [["", m.verdict or "", f"{m.score_to_keep:.4f}", m.path, m.reason] for m in group.members]
    if rows:
        print_table(["group", "verdict", "score", "path", "why"], rows, right=frozenset({"group", "score"}))
    for bridge in report.bridges:
        groups = ", ".join(map(str, bridge.groups))
        note(f"bridge: {bridge.path} is near the kept files of groups {groups}", quiet=quiet)
    groups = counted(len(report.groups), "group")
    copies = counted(sum(len(group.members) for group in report.groups), "copy", "copies")
    freed = human_size(report.wasted_bytes)
    note(
        f"{groups}, {copies}, {freed} that could be freed (space {report.space}, threshold {report.threshold:g})",
        quiet=quiet,
    )
    if report.join.kind == "cells":
        low, high = report.join.interval
        share = "no" if report.join.recall is None else f"{report.join.recall:.3f}"
        measured = f"{share} measured recall ({low:.3f} to {high:.3f})"
        note(f"joined by cells, {measured}: more than join_limit contents", quiet=quiet)
    if report.verified:
        note(
            f"verification took {counted(report.rejected_by_verification, 'pair')} apart and could not see {report.unverified}",
            quiet=quiet,
        )


def _print_script(script: str, left: "list[Skipped]", *, as_json: bool, quiet: bool) -> None:
    """Print the script with names as the file system knows them, which need not be text."""
    import os

    if not as_json:
        click.echo(os.fsencode(script), nl=False)
    _tell_skipped(left, quiet=quiet)


def _tell_disposals(done: "Disposals", *, quiet: bool) -> None:
    from indexer.commands.output import counted, note

    _tell_skipped(done.skipped, quiet=quiet)
    verb = {"trash": "moved", "hardlink": "linked"}[done.policy]
    if done.dry_run:
        for entry in done.disposed:
            note(f"would be {verb}: {entry['path']} -> {entry['to']}", quiet=quiet)
        note(f"{counted(len(done.disposed), 'file')} would be {verb}; nothing was touched", quiet=quiet)
    elif done.disposed:
        undone_by = f"`index dedupe --undo {done.run}` undoes it, `index build` follows it"
        note(f"run {done.run}: {counted(len(done.disposed), 'file')} {verb}; {undone_by}", quiet=quiet)


def _tell_skipped(skipped: "list[Skipped]", *, quiet: bool) -> None:
    from indexer.commands.output import note

    for entry in skipped:
        note(f"left alone: {entry.path}: {entry.reason}", quiet=quiet)

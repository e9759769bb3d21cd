"""`index dedupe`."""

from pathlib import Path

import click

from indexer.commands.options import FILE, common_options, space_option


@click.command()
@click.option("-t", "--threshold", type=float, help="The score from which two pictures are copies.")
@space_option
@click.option("--html", type=FILE, help="Write one self-contained page with the pictures.")
@click.option("--fail-on-found", is_flag=True, help="Exit with 4 if there are copies.")
@common_options
def command(
    threshold: float | None,
    space: str | None,
    html: Path | None,
    fail_on_found: bool,
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Group the copies in the index around the file to keep. Nothing is moved or deleted.

    \b
    Example: index dedupe --html duplicates.html
    """
    from indexer.commands.output import human_size, note, print_json, print_table
    from indexer.dedupe import DEFAULT_THRESHOLD, dedupe
    from indexer.errors import DONE, FOUND
    from indexer.location import locate_store
    from indexer.settings import load_settings
    from indexer.store import open_store

    path = locate_store(store)
    report = dedupe(open_store(path), DEFAULT_THRESHOLD if threshold is None else threshold, space)
    if html is not None:
        from indexer.decoding.sandbox import Sandbox
        from indexer.report import write_dedupe_page

        settings = load_settings(path, {})
        with Sandbox(limits=settings.limits, workers=settings.jobs) as sandbox:
            write_dedupe_page(html, report, sandbox)
        note(f"wrote {html}", quiet=quiet)
    if as_json:
        print_json(report.to_dict())
    else:
        rows = []
        for group in report.groups:
            rows.append([str(group.id), "keep", "", group.keep, group.keep_reason])
            rows += [["", "", f"{m.score_to_keep:.4f}", m.path, m.reason] for m in group.members]
        if rows:
            print_table(["group", "keep", "score", "path", "why"], rows, right=frozenset({"group", "score"}))
        copies = sum(len(group.members) for group in report.groups)
        summary = f"{len(report.groups)} groups, {copies} copies, {human_size(report.wasted_bytes)} that could be freed"
        note(f"{summary} (space {report.space}, threshold {report.threshold:g})", quiet=quiet)
    return FOUND if fail_on_found and report.groups else DONE

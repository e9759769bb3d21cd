"""`index check`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.commands.options import common_options

if TYPE_CHECKING:
    from indexer.check import Finding
    from indexer.repair import RepairReport


@click.command()
@click.option("--repair", "mend", is_flag=True, help="Rebuild the cache and encode again what is lost.")
@common_options
def command(mend: bool, store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Compare database, FAISS files, encoder and catalogue, and name every mismatch. Exit code 12 means damage.

    \b
    Example: index check --repair
    """
    from indexer.check import ENCODER_DIFFERS, Severity, check
    from indexer.commands.output import note, print_json
    from indexer.errors import DONE, StoreDamaged
    from indexer.location import locate_store
    from indexer.repair import RepairReport, repair
    from indexer.settings import load_settings
    from indexer.store import Store

    where = locate_store(store)
    opened = Store(where)
    report = repair(opened, load_settings(where, {})) if mend else RepairReport(check(opened))
    damaged = [f for f in (report.left if mend else report.found) if f.severity is Severity.DAMAGE]
    if as_json:
        print_json(_document(report, mended=mend))
    else:
        _print(report)
        if not mend and any(finding.kind != ENCODER_DIFFERS for finding in damaged):
            note("  run `index check --repair`", quiet=quiet)
    return StoreDamaged.exit_code if damaged else DONE


def _document(report: "RepairReport", *, mended: bool) -> dict[str, Any]:
    def plain(findings: "list[Finding]") -> list[dict[str, Any]]:
        return [asdict(finding) for finding in findings]

    document: dict[str, Any] = {"findings": plain(report.found)}
    if mended:
        document |= {"done": report.done, "left": plain(report.left)}
    return document


def _print(report: "RepairReport") -> None:
    from indexer.commands.output import print_table

    if not report.found:
        click.echo("sound: database, FAISS files, encoder and catalogue agree")
        return
    rows = [[str(finding.severity), finding.kind, finding.where, finding.message] for finding in report.found]
    print_table(["severity", "kind", "where", "what"], rows)
    for line in report.done:
        click.echo(f"repaired: {line}")
    for finding in report.left:
        click.echo(f"left: {finding.kind}: {finding.where}: {finding.message}")

"""`index status`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.commands.options import common_options

if TYPE_CHECKING:
    from indexer.status import Status

_SHOWN_REJECTIONS = 20


@click.command()
@common_options
def command(store: Path | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Say what the index holds, and which files it rejected and why.

    \b
    Example: index status --json
    """
    from indexer.commands.output import note, print_json
    from indexer.location import locate_store
    from indexer.status import status
    from indexer.store import open_store

    found = status(open_store(locate_store(store)))
    if as_json:
        print_json(found.to_dict())
        return
    _print(found)
    shown = found.rejected if verbose else found.rejected[:_SHOWN_REJECTIONS]
    for entry in shown:
        click.echo(f"  {entry['path']}: {entry['reason']}: {entry['message']}")
    if len(shown) < len(found.rejected):
        note(f"  … {len(found.rejected) - len(shown)} more: `index status -v`", quiet=quiet)


def _print(found: "Status") -> None:
    from indexer.commands.output import counted, human_size, print_facts

    encoder = found.encoder
    spaces = ", ".join(f"{name} ({dim})" for name, dim in encoder["spaces"].items())
    searches = [f"{name}: {_how(search)}" for name, search in found.search.items()]
    reasons = ", ".join(f"{count} {reason}" for reason, count in found.rejected_by_reason().most_common())
    facts = [
        ("index", f"{found.store} ({human_size(found.store_bytes)})"),
        ("database", found.database),
        ("generation", f"{found.generation}, committed {found.committed_at}"),
        (
            "encoder",
            f"{encoder['name']} {encoder['version']} ({encoder['fingerprint'][:12]}), spaces {spaces}",
        ),
        ("metric", found.metric),
        ("search", ", ".join(searches)),
        *[
            (
                "calibrated",
                f"{one['space']}: threshold {one['threshold']:.4f} for false positives at {one['fpr']:g}, by {one['source']}",
            )
            for one in found.calibrations
        ],
        ("files", f"{counted(found.files, 'file')}, {counted(found.items, 'different picture')}"),
        ("labels", f"{counted(len(found.labels), 'label')} on {counted(sum(found.labels.values()), 'file')}"),
        *([("decisions", f"{counted(found.decisions, 'pair')} decided")] if found.decisions else []),
        *[
            ("catalogue", f"{entry['path']} ({counted(entry['files'], 'file')})")
            for entry in found.catalogues
        ],
        *[("removed", path) for path in found.removed],
        ("rejected", reasons or "none"),
    ]
    if found.unfinished:
        facts.append(
            (
                "unfinished",
                f"{counted(found.unfinished, 'picture')} encoded by a build that did not end; run it again",
            )
        )
    print_facts(facts)


def _how(search: dict[str, Any]) -> str:
    if search["kind"] == "flat":
        return "exact"
    recall = f"recall@10 {search['recall']:.3f}"
    if "url" not in search:
        return f"approximate, beyond exact_limit; {recall}"
    waiting = f"; {search['waiting']} changes not sent yet" if search["waiting"] else ""
    return f"{search['url']}, {recall}{waiting}"

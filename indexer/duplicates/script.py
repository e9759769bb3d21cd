"""A shell script that moves members to the trash: to be read, changed and run by hand. Nothing is executed here."""

import os
import shlex
from pathlib import Path

from indexer.duplicates.disposal import new_run, target_of, trash_root
from indexer.duplicates.policy import Policy, Skipped, Step, sort_out
from indexer.duplicates.report import DedupeReport
from indexer.store import Store

# No name stands in a comment, where a line break in it would end the comment. Paths are absolute: none begins with a
# dash.
_HEAD = """\
#!/bin/sh
# Moves copies away, each only if the file that is kept instead is still there, and never over another file.
# What it does is not written down in the index: `index dedupe --undo` does not know of it.
set -eu
away() { # kept, copy, folder, target
    if [ -f "$1" ] && [ -f "$2" ] && [ ! -e "$4" ]; then
        mkdir -p "$3"
        mv "$2" "$4"
    else
        printf 'left alone: %s\\n' "$2" >&2
    fi
}
same() { # as above, for copies with the same bytes: they are compared once more
    if cmp -s "$1" "$2"; then away "$@"; else printf 'left alone: %s\\n' "$2" >&2; fi
}
"""


def shell_script(store: Store, report: DedupeReport, trash: Path | None) -> tuple[str, list[Skipped]]:
    """Return the script, and the members that it leaves alone. Names are as `os.fsdecode` gives them.

    Raises:
        UsageRefused: as `disposal.dispose`.
    """
    root, run = trash_root(store, report, Policy.SCRIPT, trash), new_run()
    lines, left = [], []
    for group in report.groups:
        steps, skipped = sort_out(group, Policy.SCRIPT)
        left += skipped
        lines += [_line(step, target_of(step, Policy.SCRIPT, root, run)) for step in steps]
    return _HEAD + "".join(lines), left


def _line(step: Step, target: str) -> str:
    words = (step.keep, step.path, os.path.dirname(target), target)
    return " ".join(["same" if step.same_bytes else "away", *map(shlex.quote, words)]) + "\n"

"""The `index` command: a verb each, imported when it is called, and one place where errors become exit codes."""

import contextlib
import gc
import importlib
import os
import select
import sys
from functools import partial
from typing import NoReturn

import click

from indexer import __version__
from indexer.errors import BUG, IndexerError, from_memory_error, from_os_error
from indexer.interrupts import WORDS, interrupted, interruptible

# Verb: what `index --help` says of it. Written here so that the help imports no command.
VERBS = {
    "build": "Index the pictures of folders or manifests; cheap to run again.",
    "calibrate": "Set the threshold for a stated rate of false positives; make scores probabilities.",
    "check": "Compare database, FAISS files, encoder and catalogue; --repair mends.",
    "classify": "Say which of the index's labels a picture belongs to, or that it is unknown.",
    "copy": "Move the index's database to a PostgreSQL server, or back into a file.",
    "decide": "Write down whether two pictures are the same; it survives moves and rebuilds.",
    "dedupe": "Group the copies in the index around the file to keep.",
    "demo": "Draw a small catalogue, build, query and dedupe it, and show the result.",
    "evaluate": "Judge encoders on labelled pictures: retrieval, verification, few-shot, beside baselines.",
    "export": "Write paths, labels and vectors to .npz, .parquet or .csv.",
    "label": "Give a picture a label that survives moves and rebuilds.",
    "list": "Keep lists of pictures that screen judges by: genuine ones, known fraud, benign ones.",
    "nightly": "Build, compare what is new, screen it, and report what was not reported before.",
    "query": "Find the pictures in the index that are nearest to these.",
    "remove": "Take files or folders out of the index; they stay on disk.",
    "screen": "Judge incoming images against the index: reused, altered, not genuine, known fraud.",
    "serve": "Serve a page to look and decide on, and an HTTP API, on this machine.",
    "status": "Say what the index holds, and what it rejected and why.",
    "train": "Train an encoder on your own labelled pictures, or on what you decided of pairs.",
    "verify": "Judge whether two pictures are one, edited or altered, and what was changed.",
}


class Verbs(click.Group):
    """A group whose commands are modules of indexer.commands, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Name all verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (click's signature)
        """Import one verb's module."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"indexer.commands.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  (click's signature)
        """List the verbs from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="index")
def index() -> None:
    """Point it at a folder of images: find, deduplicate and screen them, offline.

    \b
    index build photos/
    index query photo.jpg -k 10
    index dedupe

    Exit codes: 0 done · 1 a bug of ours · 2 wrong usage · 3 finished, some files rejected · 4 found (with
    --fail-on-found), or by verify not the same · 10 no index · 11 locked · 12 damaged · 13 made by a newer
    version · 14 no space · 15 permission · 16 wrong encoder · 17 a server does not answer · 130 interrupted.
    """  # noqa: D301  (\b is click's mark for a block that is not to be wrapped)


# Importing makes a few hundred thousand objects that all stay: looking them through for cycles costs a cold query
# a fifth of its time.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with the code that the outcome has.

    Everything that must be kept is on disk, and everything that must be closed is closed, when `run` returns:
    taking the libraries apart, object by object, would only make the user wait.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 10, 10)
    error = click.style("error: ", fg="red", bold=True) if sys.stderr.isatty() else "error: "
    os._exit(interruptible(partial(_run_and_flush, arguments), f"{error}{WORDS}\n"))


def _run_and_flush(arguments: list[str] | None) -> int:
    code = run(arguments)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _silence_stdout()
    return code


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Raises:
        KeyboardInterrupt: and nothing else.
    """
    printed_to = sys.stdout
    try:
        result = index.main(arguments, prog_name="index", standalone_mode=False)
    except Exception as error:
        if interrupted() or isinstance(error, click.Abort):  # which is click's name for it
            raise KeyboardInterrupt from error
        return _code_of(error)
    except SystemExit:  # click's, of any broken pipe, and that of a library which gives up
        sys.stdout = printed_to  # click has put another one there
        if not _nobody_reads():
            return _report_bug()
        _silence_stdout()
        return 0
    return result if isinstance(result, int) else 0


def _code_of(error: Exception) -> int:
    """Say what went wrong; return the exit code that it has."""
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    named = _named(error)
    if named is not None:
        _complain(str(named), named.hint)
        return named.exit_code
    return _report_bug()  # with what is needed to mend it


def _named(error: Exception) -> IndexerError | None:
    if isinstance(error, IndexerError):
        return error
    doing = "running the command"
    of_the_system = from_os_error(error, doing) if isinstance(error, OSError) else None
    return of_the_system or from_memory_error(error, doing)


def _complain(message: str, hint: str = "") -> None:
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(printable(message), err=True)
    if hint:
        click.echo(f"  {printable(hint)}", err=True)


def printable(text: str) -> str:
    """Show control characters and undecodable bytes as escapes: a file name must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _report_bug() -> int:
    import traceback

    _complain("this is a bug of ours; please report it with the lines below")
    traceback.print_exc()
    return BUG


def _nobody_reads() -> bool:
    """Tell whether the other end of stdout, a pipe, is closed."""
    with contextlib.suppress(OSError, ValueError):  # a stream that is no file
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    return False


def _silence_stdout() -> None:
    """Keep the interpreter from complaining about a closed pipe when it flushes at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""`index`, and `python -m indexer`: from the first import on, an interrupt ends it without a traceback."""

from typing import NoReturn

from indexer import interrupts


def main() -> NoReturn:
    """Import the command line, and run it."""
    interrupts.leave_on_signals(f"error: {interrupts.WORDS}\n")
    from indexer import cli

    cli.main()


if __name__ == "__main__":
    main()

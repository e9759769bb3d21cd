"""`python -m indexer` is `index`."""

from indexer.cli import main

main()

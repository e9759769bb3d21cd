"""The command line, a file per verb. Each imports what it needs when it runs, so that the help stays fast."""

"""The seed of what tests draw by themselves: the same at every run, which so judges what was changed since the last.

`INDEX_TEST_SEED=N make test-trust` draws other things, and `scripts/soak` new ones for as long as it is let.
"""

import os

SEED = int(os.environ.get("INDEX_TEST_SEED", "1"))

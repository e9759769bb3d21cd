"""The fixtures of the crash tests and of the web tests, for a server that others write beside."""

from tests.crash.conftest import open_folder, server
from tests.web.conftest import own_shop, untouched_shop

__all__ = ["open_folder", "own_shop", "server", "untouched_shop"]

"""The fixtures of the web tests, for those that take long or need more than `make test` has."""

from tests.web.conftest import client, own, own_shop, shop, untouched_shop

__all__ = ["client", "own", "own_shop", "shop", "untouched_shop"]

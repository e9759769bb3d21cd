"""What Ray needs beside it, and leaves behind."""

import importlib.util
import os
import secrets

import pytest

# Ray reads once, when it is imported, whether there is a token: what is started in these tests shares one.
os.environ["RAY_AUTH_TOKEN"], os.environ["RAY_AUTH_MODE"] = secrets.token_hex(32), "token"

_RAYS_OWN = [
    "ignore::DeprecationWarning:ray",
    "ignore:subprocess .* is still running:ResourceWarning",  # those of a cluster that was shut down
    "ignore:unclosed:ResourceWarning",
    "ignore:Ray Client connection timed out:UserWarning",  # beside the error that it raises
]


def pytest_configure(config: pytest.Config) -> None:
    """Let Ray be as it is, where it is; some of it is collected when all tests are over, beyond any test's mark."""
    if importlib.util.find_spec("ray"):
        for kind in _RAYS_OWN:
            config.addinivalue_line("filterwarnings", kind)

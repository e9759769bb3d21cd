"""The OpenAPI document against the server: whatever is sent, nothing ends in a 5xx, and every answer is as documented."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.web_slow.running import running

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
EXAMPLES = os.environ.get("WEB_EXAMPLES", "30")  # a call
LEAST_CASES = 1000


@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    find_spec("schemathesis") is None, reason="schemathesis is missing; `make test-web` brings it"
)
def test_every_call_answers_as_the_document_says_whatever_it_is_sent(own_shop: Path, tmp_path: Path) -> None:
    with running(own_shop, tmp_path / "words", INDEX_JOBS="1") as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}api/v1/openapi.json"),
                *("--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--seed", "1"),
                *("--wait-for-schema", "120", "--request-timeout", "60", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    cases = re.search(r"(\d+) generated", done.stdout)
    assert cases is not None, done.stdout
    assert int(cases[1]) > LEAST_CASES
    print(done.stdout)

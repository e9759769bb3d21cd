"""What development installs is pinned, each file by its hash, and fits what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"([\w.-]+)==(\S+)(?: ; (?:.*))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)")
LOCKS = {"dev": ("dev",), "web": ("dev", "serve", "web-tests")}


def pinned(name: str) -> dict[str, set[Version]]:
    """Return a lock's packages and their versions: some have one for each of several Pythons."""
    text = (ROOT / f"requirements/{name}.lock").read_text()
    rest = PIN.sub("", text)
    assert all(line.startswith("#") for line in rest.splitlines()), f"no pin with hashes: {rest}"
    versions: dict[str, set[Version]] = {}
    for package, version, _ in PIN.findall(text):
        versions.setdefault(canonicalize_name(package), set()).add(Version(version))
    return versions


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_a_lock_has_what_is_asked_for_in_versions_that_fit(name: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [
        one for extra in extras for one in project["optional-dependencies"][extra]
    ]
    versions = pinned(name)
    for requirement in map(Requirement, asked):
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement} is not in requirements/{name}.lock: run `make lock`"
        assert all(version in requirement.specifier for version in found), f"{requirement}: {found}"


def test_what_both_locks_have_they_have_in_the_same_version() -> None:
    dev, web = pinned("dev"), pinned("web")
    assert dev.items() <= web.items()

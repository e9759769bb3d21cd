"""Run a command where no network is, and write down whatever it reaches for.

In a network of its own there is nothing but loopback, so that nothing leaves the machine whatever a command tries; strace
writes down what it tries: each connect, and each message to an address without one. To ask a resolver is to reach out,
wherever the resolver listens. Takes Linux, strace, and the right to make a network, which root has.
"""

import ipaddress
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CALLS = "connect,sendto,sendmsg,sendmmsg"
_ADDRESS = re.compile(r'sa_family=AF_INET6?, sin6?_port=htons\((\d+)\),[^}]*?"([0-9a-fA-F.:]+)"')
_RESOLVER_PORT = 53
_IN_A_NETWORK_OF_ITS_OWN = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@dataclass(frozen=True)
class Offline:
    """How a command ended, and where it reached: ``ADDRESS port NUMBER``, each place once."""

    code: int
    reached: list[str]
    out: str | None


def why_not() -> str | None:
    """Say why nothing can be run offline here, None where it can."""
    for program in ("strace", "unshare", "ip"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    tried = [*_IN_A_NETWORK_OF_ITS_OWN, "strace", "-o", "/dev/null", "true"]
    if subprocess.run(tried, capture_output=True, check=False).returncode:
        return "no right to make a network, or to trace"
    return None


def run_offline(
    command: Sequence[object],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    captured: bool = True,
) -> Offline:
    """Run a command to its end; its words go to stdout unless they are ``captured`` with those on stderr."""
    with tempfile.TemporaryDirectory(prefix="index-offline-") as folder:
        log = Path(folder) / "log"
        # Texts are left out (-s 0): what is sent could look like an address.
        traced = ["strace", "-f", "--seccomp-bpf", "-s", "0", "-e", f"trace={_CALLS}", "-o", log, "--"]
        done = subprocess.run(
            [str(part) for part in (*_IN_A_NETWORK_OF_ITS_OWN, *traced, *command)],
            env=environment,
            cwd=cwd,
            stdout=subprocess.PIPE if captured else None,
            stderr=subprocess.STDOUT if captured else None,
            text=True,
            check=False,
        )
        return Offline(done.returncode, _reached(log.read_text()), done.stdout)


def _reached(log: str) -> list[str]:
    places = {(address, int(port)) for port, address in _ADDRESS.findall(log)}
    return sorted(
        f"{address} port {port}"
        for address, port in places
        if port == _RESOLVER_PORT or not _is_this_machine(address)
    )


def _is_this_machine(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def main() -> int:
    """Run the command that is given; say where it reached."""
    obstacle = why_not()
    if obstacle is not None or not sys.argv[1:]:
        print(f"scripts/offline COMMAND...: {obstacle or 'no command'}", file=sys.stderr)
        return 2
    ended = run_offline(sys.argv[1:], captured=False)
    for place in ended.reached:
        print(f"reached for {place}", file=sys.stderr)
    print(f"offline: code {ended.code}, {len(ended.reached)} places beyond this machine", file=sys.stderr)
    return ended.code or bool(ended.reached)


if __name__ == "__main__":
    sys.exit(main())

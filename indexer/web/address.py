"""Where the server listens, and on what terms: anybody on this machine, or those who have the token."""

import ipaddress
import socket
from collections.abc import Sequence

from indexer.errors import UsageRefused
from indexer.web.guard import LOOPBACK_NAMES, Access

TOKEN_VARIABLE = "INDEX_SERVE_TOKEN"  # noqa: S105  (its name, not the token)
TOKEN_CHARACTERS = 32
_TOKEN_HINT = f"set {TOKEN_VARIABLE}, for example to what `python -c 'import secrets; print(secrets.token_urlsafe(32))'` prints"


def listen(host: str, port: int) -> socket.socket:
    """Bind to the first address that ``host`` has.

    Raises:
        UsageRefused: it has none of this machine, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageRefused(f"--host {host}: {error}", "name an address of this machine") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UsageRefused(
            f"cannot listen on {host} port {port}: {error.strerror}",
            "name another --port, or stop what listens there",
        ) from error
    return listener


def access_to(listener: socket.socket, host: str, allowed_hosts: Sequence[str], token: str | None) -> Access:
    """Say who may ask a server that listens there.

    Raises:
        UsageRefused: others than this machine can reach it, and there is no token, or the token is short.
    """
    if token is not None and len(token) < TOKEN_CHARACTERS:
        raise UsageRefused(
            f"{TOKEN_VARIABLE} has {len(token)} characters: a token has {TOKEN_CHARACTERS} at least",
            _TOKEN_HINT,
        )
    is_local = is_loopback(listener.getsockname()[0])
    if not is_local and token is None:
        raise UsageRefused(
            f"on {host} other machines could reach this index, and no token is set", _TOKEN_HINT
        )
    names = LOOPBACK_NAMES | {host.lower()} | {name.lower() for name in allowed_hosts}
    return Access(names, any_address=not is_local, token=token)


def is_loopback(address: str) -> bool:
    """Tell whether an IP address is reached from this machine alone."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback

"""`index serve`."""

from pathlib import Path

import click

from indexer.commands.options import common_options


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port; 0 for a free one.",
)
@click.option(
    "--allow-host", multiple=True, metavar="NAME", help="Another name that the server goes by; repeatable."
)
@common_options
def command(
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    store: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Serve the index: a page to look and decide on, and an HTTP API. Until Ctrl-C.

    Only this machine reaches it. Another --host needs a token of at least 32 characters in INDEX_SERVE_TOKEN.

    \b
    Example: index serve
             INDEX_SERVE_TOKEN=... index serve --host 0.0.0.0 --allow-host photos.example
    """
    import importlib.util
    import os
    from contextlib import suppress

    from indexer.commands.output import note, print_json
    from indexer.errors import DONE, UsageRefused
    from indexer.location import locate_store
    from indexer.settings import load_settings
    from indexer.store import open_store

    for library in ("fastapi", "uvicorn", "multipart", "prometheus_client"):
        if importlib.util.find_spec(library) is None:
            raise UsageRefused(f"serving needs {library}", "pip install 'siamese-index[serve]'")
    from indexer.web.address import TOKEN_VARIABLE, access_to, listen
    from indexer.web.serving import serve

    path = locate_store(store)
    settings = load_settings(path, {})
    opened = open_store(path)
    with listen(host, port) as listener:
        access = access_to(listener, host, allow_host, os.environ.get(TOKEN_VARIABLE) or None)
        name, number = listener.getsockname()[:2]
        url = f"http://[{name}]:{number}/" if ":" in name else f"http://{name}:{number}/"

        def ready() -> None:
            if as_json:
                print_json({"url": url, "store": str(opened.path)})
            else:
                click.echo(url)
            note("Ctrl-C ends it", quiet=quiet or as_json)

        with suppress(KeyboardInterrupt):  # its end, not an accident
            serve(opened, settings, listener, access, ready)
    return DONE

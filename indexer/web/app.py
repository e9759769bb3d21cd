"""The app: its calls, what stands before them, and what it starts and ends with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware import Middleware

from indexer import __version__
from indexer.web import page_files
from indexer.web.bodies import Bodies
from indexer.web.documents import Error
from indexer.web.errors import handle_errors
from indexer.web.guard import Access, Guard
from indexer.web.headers import SecurityHeaders
from indexer.web.metrics import Measured, Metrics
from indexer.web.routes import (
    alerts,
    builds,
    decisions,
    facets,
    groups,
    health,
    items,
    judge,
    overview,
    query,
    session,
    status,
    verify,
)
from indexer.web.service import Service

API = "/api/v1"
# Enough for what waits for the disk; more would only take the cores from each other.
THREADS = 8
_CALLS = (status, facets, items, query, verify, judge, groups, alerts, decisions, overview, builds, session)


def create_app(service: Service, access: Access) -> FastAPI:
    """Make the app that serves an index to those that ``access`` allows; its lifespan starts and stops the service."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        service.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(service.stop)

    metrics = Metrics(service)
    app = FastAPI(
        title="siamese-index",
        version=__version__,
        summary="Find, deduplicate and screen the pictures of one index.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[
            Middleware(Measured, metrics=metrics),
            Middleware(SecurityHeaders),
            Middleware(Guard, access=access),
            Middleware(Bodies),
        ],
        responses={status: {"model": Error, "description": what} for status, what in _REFUSALS.items()},
    )
    app.state.service, app.state.access, app.state.metrics = service, access, metrics
    handle_errors(app)
    for calls in _CALLS:
        app.include_router(calls.router, prefix=API)
    app.include_router(health.router)
    app.include_router(page_files.router)
    return app


_REFUSALS = {
    400: "What was asked for cannot be meant, or the Host is not ours.",
    401: "The token is needed.",
    403: "The request came from another site.",
    404: "There is no such thing.",
    408: "The request came too slowly.",
    409: "Another process is writing to the index, or it changed meanwhile.",
    413: "The request is too large.",
    422: "A parameter or a picture is not what it should be.",
    503: "Too many requests wait; ask again after Retry-After seconds.",
}

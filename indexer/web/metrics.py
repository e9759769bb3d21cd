"""What Prometheus reads: how many requests, how they ended, how long they took, and how much waits."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.web.service import Service

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_NO_ROUTE = "none"  # refused before it was known what was asked for, or there is nothing at that address


class Metrics:
    """The metrics of one server."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "index_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "index_request_seconds",
            "Seconds until the answer was complete.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge("index_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.registry.register(_State(service))

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answered request, under the template of its route: ids would be too many names."""
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        method = scope["method"] if route != _NO_ROUTE else ""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)


class Measured:
    """Counts every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with self._metrics.in_flight.track_inprogress():
                await self._app(scope, receive, noted)
        finally:
            self._metrics.count(scope, status, time.perf_counter() - started)


class _State(Collector):
    """What is so at the moment that it is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        service = self._service
        current = service.galleries.current
        found = service.groups.found
        values = {
            "index_decoding": ("Requests that are decoding.", service.decoding.working),
            "index_decoding_waiting": ("Requests that wait to decode.", service.decoding.waiting),
            "index_generation": ("The generation that was last asked for.", current.id if current else 0),
            "index_items": ("Contents in it.", current.item_count if current else 0),
            "index_groups_open": (
                "Duplicate groups to be decided.",
                found.counts(None)["open"] if found else 0,
            ),
            "index_build_running": ("Whether a build that was started here runs.", service.builds.is_running),
        }
        for name, (about, value) in values.items():
            yield GaugeMetricFamily(name, about, value=float(value))

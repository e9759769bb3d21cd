"""Which executor a URL names."""

import re

from indexer.errors import UsageRefused
from indexer.executors.executor import Executor
from indexer.executors.pool import Pool

_KNOWN = "threads, threads:N, ray:local, ray:local:N, ray://HOST:PORT"


def open_executor(url: str | None) -> Executor:
    """Start an executor, or connect to one; without a URL, a thread of this process for each core.

    Raises:
        UsageRefused: a URL of no known kind, or what it needs is not installed.
        ExecutorFailed: the cluster cannot be reached or started.
    """
    if url is None:
        return Pool()
    local = re.fullmatch(r"(threads|ray:local)(?::([1-9]\d{0,3}))?", url)
    if local:
        workers = int(local[2]) if local[2] else None
        return Pool(workers) if local[1] == "threads" else _ray_cluster(None, workers)
    if re.fullmatch(r"ray://[^/\s]+:\d+", url):
        return _ray_cluster(url, None)
    raise UsageRefused(f"no executor is named {url!r}", f"known: {_KNOWN}")


def _ray_cluster(address: str | None, workers: int | None) -> Executor:
    from indexer.executors.ray_cluster import RayCluster

    return RayCluster(address, workers)

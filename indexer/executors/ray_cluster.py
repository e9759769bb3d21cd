"""Ray (Moritz et al., 2018): workers that are processes, of a cluster that is there or of one that is started here.

A task whose worker dies is run again. Workers import this very package: each node of a cluster has the same version of
it. Nothing is told to Ray's makers.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Self, TypeVar

from indexer.errors import UsageRefused
from indexer.executors.executor import AHEAD, ExecutorFailed, Reach

T = TypeVar("T")
R = TypeVar("R")

_TOKEN = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
_TRIED_AGAIN = 3  # a task that ended four workers is at fault itself
# A socket's path has 107 bytes, of which Ray's own names take most: the user's TMPDIR may be too long.
_SHORT_FOLDER = "/tmp"  # noqa: S108  (what is made in it has a name that nobody guesses, and is this user's)


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if _TOKEN & os.environ.keys():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # read at the import; unset, the token is not shown
    try:
        import ray
    except ImportError as error:
        raise UsageRefused("this executor needs Ray", "pip install 'siamese-index[ray]'") from error
    return ray


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's way to end at a signal: Ray puts its own in its place."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # elsewhere Ray leaves it alone
            signal.signal(signal.SIGTERM, handler)


@dataclass(frozen=True)
class Stored(Generic[T]):
    """A value in the cluster's object store; a node that lacks it fetches it once."""

    reference: Any

    def get(self) -> T:
        """Return it; an array is not copied, and cannot be written to."""
        value: T = _ray().get(self.reference)
        return value


def _called(function: Callable[[T], R], item: T) -> R:
    return function(item)


class RayCluster:
    """A cluster's workers: those behind ``address``, or ``workers`` of one that lives as long as this object.

    Raises:
        UsageRefused: Ray is not installed.
        ExecutorFailed: the cluster cannot be reached, none can be started, or this process has one already.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        if not address and not _TOKEN & os.environ.keys():
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else Ray leaves one in the user's home
        self._ray = _ray()
        if self._ray.is_initialized():  # and what is ended here would end that
            raise ExecutorFailed(
                "this process has a Ray cluster already", "end it with ray.shutdown(), or use another process"
            )
        self._folder = None if address else tempfile.mkdtemp(prefix="ray-", dir=_SHORT_FOLDER)
        self.reach = Reach.NETWORK if address else Reach.MACHINE
        # Whatever it is told, Ray prints on stdout that a worker died, between the lines of a command's answer.
        self._stdout = ExitStack()
        self._stdout.enter_context(redirect_stdout(sys.stderr))
        try:
            with _own_sigterm():
                if address:
                    self._ray.init(address, log_to_driver=False)
                else:
                    self._start(workers or os.cpu_count() or 1)
            self.workers = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        except Exception as error:  # Ray raises that very class where a node is too slow
            self.__exit__()
            raise ExecutorFailed(
                f"no Ray cluster at {address}: {error}" if address else f"Ray does not start: {error}",
                "check its address, its token (RAY_AUTH_TOKEN) and that its Ray and Python are of this version",
            ) from error

    def _start(self, workers: int) -> None:
        """Start a cluster, a second time where a busy machine was too slow for Ray's own patience."""
        try:
            self._start_once(workers)
        except Exception:  # as above
            self._ray.shutdown()
            self._start_once(workers)

    def _start_once(self, workers: int) -> None:
        """Start a cluster that answers nobody without its token: its ports are open to the network."""
        self._ray.init(
            "local",  # not what RAY_ADDRESS says
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=self._folder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._ray.shutdown()
        self._stdout.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def share(self, value: T) -> Stored[T]:
        """Put a value into the object store."""
        return Stored(self._ray.put(value))

    def map(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
        """Yield results as they are done."""
        task = self._ray.remote(max_retries=_TRIED_AGAIN)(_called)
        coming = iter(items)
        running = [task.remote(function, item) for item in islice(coming, AHEAD * self.workers)]
        try:
            while running:
                (done,), running = self._ray.wait(running)
                running += [task.remote(function, item) for item in islice(coming, 1)]
                yield self._result(done)
        finally:
            for reference in running:
                self._ray.cancel(reference)

    def _result(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # what the function raised
            if isinstance(error.cause, ImportError):
                raise ExecutorFailed(
                    f"a worker lacks what it needs: {error.cause}", "install this very version on every node"
                ) from error
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            raise ExecutorFailed(f"a task was lost: {error}") from error

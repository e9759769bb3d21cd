"""SIGINT and SIGTERM end the work as KeyboardInterrupt wherever they arrive; none is lost, and none prints a traceback.

Python runs a signal's handler between any two of its steps. In two places an exception would not do, so that there
the signal has to wait:

* a destructor, or a callback of the garbage collector: Python ignores what is raised there, and prints a traceback;
* an import: what an extension module makes of an exception is its own affair.

A second signal, while the exception of the first unwinds the work, ends the process at once: that is as safe as
SIGKILL, after which the next run goes on from what was committed.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from indexer.errors import INTERRUPTED

WORDS = "interrupted: what was committed is there, and the next run goes on from it"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN_AFTER_S = 0.02


def interruptible(work: Callable[[], int], last_words: str, descriptor: int = 2) -> int:
    """Return what ``work`` returns; where a signal ended it, write ``last_words`` and return `INTERRUPTED`.

    Afterwards signals do nothing any more: the process is expected to end.
    """
    try:
        _arrivals.raised = False
        _arrivals.listen(last_words, descriptor)
        code = work()
        _arrivals.over = True
    except BaseException:
        if not _arrivals.raised:
            raise
        _arrivals.say_last_words()  # another signal meanwhile ends the process: nothing can be raised any more
        return INTERRUPTED
    return code


def interrupted() -> bool:
    """Tell whether a signal was raised, whatever a library made of its exception since."""
    return _arrivals.raised


def leave_on_signals(last_words: str) -> None:
    """Until there is work to be ended, have a signal end the process at once."""
    _arrivals.raised = True
    _arrivals.listen(last_words)


class _Arrivals:
    """What has arrived: ``raised`` says that it is on its way as an exception, ``over`` that nothing is left to end.

    ``_unwinds`` says that this exception is taking the work apart.
    """

    def __init__(self) -> None:
        self.raised = self.over = self._unwinds = False
        self._last_words, self._descriptor = b"", 2
        self._other_ignored = sys.unraisablehook

    def listen(self, last_words: str, descriptor: int = 2) -> None:
        self._last_words, self._descriptor = last_words.encode(), descriptor
        sys.unraisablehook = self._ignored
        for number in _SIGNALS:
            if (
                signal.getsignal(number) is not signal.SIG_IGN
            ):  # as a shell has it for what runs in the background
                signal.signal(number, self._arrived)

    def say_last_words(self) -> None:
        os.write(self._descriptor, self._last_words)

    def _arrived(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (a signal handler's)
        if self.over:
            return
        if self.raised:
            self._leave()
        if _has_to_wait(frame):
            self._again()
            return
        self.raised = self._unwinds = True
        raise KeyboardInterrupt

    def _leave(self) -> NoReturn:
        self.say_last_words()
        os._exit(INTERRUPTED)

    def _ignored(self, ignored: "sys.UnraisableHookArgs") -> None:
        """Take the place of Python's own hook for exceptions that nobody can catch."""
        if isinstance(ignored.exc_value, KeyboardInterrupt):
            self.raised = self._unwinds = False
            self._again()
        elif not self._unwinds:  # what an interrupt left half made cannot be taken apart either
            self._other_ignored(ignored)

    def _again(self) -> None:
        signal.signal(signal.SIGALRM, self._arrived)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER_S)


def _has_to_wait(frame: FrameType | None) -> bool:
    """Tell whether a frame runs for an import, or to deal with an exception that was ignored."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib") or code is _Arrivals._ignored.__code__:  # noqa: SLF001  (ours)
            return True
        frame = frame.f_back
    return False


_arrivals = _Arrivals()  # one of a process, as its signals are

"""Requests that were answered, by the key that the client gave them: asked again, they are answered again, not done."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from indexer.web.errors import ApiError, Code

_KEPT = 10_000


class Answered:
    """The newest answers. May be used from any number of threads."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def once(self, key: str | None, request: str, answer: Callable[[], Any]) -> Any:
        """Return the answer to a request, from memory where its key is known.

        Raises:
            ApiError: the key belongs to another request.
        """
        if key is None:
            return answer()
        with self._one_at_a_time:  # two requests with one key may come together
            if key not in self._answers:
                self._answers[key] = request, answer()
                if len(self._answers) > _KEPT:
                    self._answers.popitem(last=False)
            asked, answered = self._answers[key]
        if asked != request:
            raise ApiError(422, Code.KEY_REUSED, "this Idempotency-Key was given to another request")
        return answered

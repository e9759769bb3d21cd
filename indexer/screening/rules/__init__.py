"""The rules, a module each: from an image and what the index holds near it to the reasons that speak against it."""

from collections.abc import Callable, Mapping

from indexer.screening.facts import Case, Facts
from indexer.screening.options import ALTERED, CONTRADICTION, KNOWN_FRAUD, NOT_GENUINE, REUSED
from indexer.screening.report import Reason
from indexer.screening.rules import altered, contradiction, known_fraud, not_genuine, reused

Rule = Callable[[Case, Facts], list[Reason]]

# `cleared` is none of them: it takes reasons away.
RULES: Mapping[str, Rule] = {
    REUSED: reused.judge,
    ALTERED: altered.judge,
    NOT_GENUINE: not_genuine.judge,
    CONTRADICTION: contradiction.judge,
    KNOWN_FRAUD: known_fraud.judge,
}

"""The two ways to compare vectors, named apart from them: what only names one imports no numbers."""

from enum import StrEnum


class Metric(StrEnum):
    """How near two vectors are: `retrieval.similarity` computes it."""

    COSINE = "cosine"
    L2 = "l2"

"""Errors of the library.

RetrievalError
├── EncoderInvalid        a graph or its spec cannot be used
├── VectorsInvalid        vectors of the wrong shape, type or value (NaN, infinite)
├── IndexInvalid          bytes that are not a sound FAISS index of the expected kind
└── MetricUnavailable     this space cannot be compared by that metric
"""


class RetrievalError(Exception):
    """Base of every error that this package raises on purpose."""


class EncoderInvalid(RetrievalError):
    """A graph or its spec cannot be used; the message says which part and why."""


class VectorsInvalid(RetrievalError):
    """Vectors have the wrong shape or type, or hold a value that is not finite."""


class IndexInvalid(RetrievalError):
    """The bytes are not a sound FAISS index of the expected dimension, metric and size."""


class MetricUnavailable(RetrievalError):
    """The space's vectors cannot be compared by the metric that was asked for."""

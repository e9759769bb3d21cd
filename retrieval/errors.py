"""Errors of the library.

RetrievalError
├── EncoderInvalid        a graph or its spec cannot be used
├── VectorsInvalid        vectors of the wrong shape, type or value (NaN, infinite)
├── PictureInvalid        an array that is no picture
├── LabelsInvalid         not one label a vector, or too few classes or pairs for what is asked
├── LibraryMissing        an optional library is not installed
├── IndexInvalid          bytes that are not a sound FAISS index of the expected kind
├── MetricUnavailable     this space cannot be compared by that metric
├── CalibrationRefused    too few known pairs for what is asked of them
└── TrainingRefused       data or settings that no encoder can be trained from
"""


class RetrievalError(Exception):
    """Base of every error that this package raises on purpose."""


class EncoderInvalid(RetrievalError):
    """A graph or its spec cannot be used; the message says which part and why."""


class VectorsInvalid(RetrievalError):
    """Vectors have the wrong shape or type, or hold a value that is not finite."""


class PictureInvalid(RetrievalError):
    """An array that is no picture: not (height, width, 3), not uint8, or without pixels."""


class LabelsInvalid(RetrievalError):
    """There is not one label a vector, or there are too few classes, members or pairs for what is asked."""


class LibraryMissing(RetrievalError):
    """An optional library that this function needs is not installed; the message names it."""


class IndexInvalid(RetrievalError):
    """The bytes are not a sound FAISS index of the expected dimension, metric and size."""


class MetricUnavailable(RetrievalError):
    """The space's vectors cannot be compared by the metric that was asked for."""


class CalibrationRefused(RetrievalError):
    """There are too few known pairs to calibrate by; the message says what they can show."""


class TrainingRefused(RetrievalError):
    """Data or settings that no encoder can be trained from; the message says what to change."""

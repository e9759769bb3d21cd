"""`index evaluate`: what any encoder is worth on someone's own labelled pictures, beside baselines."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.embedding import BATCH
from indexer.encoders import BUILTIN, EncoderFiles, read_encoder
from indexer.encoding import Progress, no_progress
from indexer.errors import UsageRefused
from indexer.evaluation_set import DecodedSet, EvaluationSet, decode_set
from indexer.measure import Measured, measure, retrieval_task
from indexer.settings import Settings
from indexer.trial import require_bounded
from retrieval.encoder import Encoder, Space
from retrieval.errors import EncoderInvalid, LabelsInvalid, VectorsInvalid
from retrieval.evaluation.baselines import BASELINES
from retrieval.evaluation.failures import Failure, worst_failures
from retrieval.preprocess import PreprocessSpec
from retrieval.similarity import Float32
from retrieval.view import View

SHOWN_FAILURES = 8

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EvaluationReport:
    """A row for each encoder and space, the first being the one that was asked for, then the baselines.

    ``decoded`` are the pictures as that first encoder sees them, ``vectors`` (n, d) what it makes of them, and
    ``failures`` its worst: rows of the queries and of their gallery.
    """

    wanted: EvaluationSet
    rows: list[Measured]
    decoded: DecodedSet
    vectors: Float32
    failures: list[Failure]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values: the first row's figures, then those of all."""
        pictures, decoded = self.decoded.pictures, self.decoded
        entries = [row.to_dict() for row in self.rows]
        return (
            {"dataset": self.wanted.dataset}
            | entries[0]
            | {
                "encoders": entries,
                "pictures": len(pictures.examples) + len(decoded.paired.examples),
                "classes": len(set(pictures.labels)),
                "unusable": [unusable.to_dict() for unusable in decoded.unusable],
                "duplicates": pictures.duplicates | decoded.paired.duplicates,
                "classes_with_nothing_to_find": decoded.lonely_classes,
                "lost_pairs": decoded.lost_pairs,
                "seed": self.seed,
            }
        )


@dataclass(frozen=True)
class Subject:
    """An encoder that is to be judged: read and identified but not loaded; in which spaces, on which pixels."""

    files: EncoderFiles
    spaces: list[Space]
    shape: PreprocessSpec


def read_subjects(sources: Sequence[str], spaces: Sequence[str] = ()) -> list[Subject]:
    """Read the encoders to judge, and behind them the built-in one, unless it is among them.

    Where the others listen to sounds, the built-in one is shown the same spectra.

    Raises:
        UsageRefused: an encoder that cannot be read or has no such space; sounds and pictures at once.
    """
    subjects = []
    for source in dict.fromkeys(sources):
        files = read_encoder(source)
        require_bounded(files)
        try:
            chosen = [files.spec.space(name) for name in spaces] or [files.spec.space()]
        except EncoderInvalid as error:
            raise UsageRefused(str(error)) from error
        subjects.append(Subject(files, chosen, files.spec.preprocess))
    builtin = read_encoder(BUILTIN)
    if builtin.fingerprint not in {subject.files.fingerprint for subject in subjects}:
        named = [space for space in builtin.spec.spaces if space.name in spaces]
        subjects.append(Subject(builtin, named or [builtin.spec.space()], builtin.spec.preprocess))
    if all(subject.shape.view is not View.SPECTRUM for subject in subjects):
        return subjects
    for i, subject in enumerate(subjects):
        if subject.files.fingerprint == builtin.fingerprint:
            subjects[i] = replace(subject, shape=replace(subject.shape, view=View.SPECTRUM))
        elif subject.shape.view is not View.SPECTRUM:
            raise UsageRefused(
                f"encoder {subject.files.source} looks at pictures, another one at sounds", "judge them apart"
            )
    return subjects


def evaluate(
    wanted: EvaluationSet,
    subjects: Sequence[Subject],
    settings: Settings,
    *,
    baselines: bool = True,
    seed: int = 0,
    progress: Progress = no_progress,
) -> EvaluationReport:
    """Judge encoders, and beside them the baselines, on the same pictures.

    Each encoder sees the pixels that its own spec asks for; the baselines see the first encoder's.

    Raises:
        UsageRefused: an encoder fails; too few pictures can be used.
    """
    decoded: dict[tuple[object, ...], DecodedSet] = {}
    rows: list[Measured] = []
    vectors = np.empty((0, 1), np.float32)
    failures: list[Failure] = []
    try:
        for subject in subjects:
            shape = subject.shape
            key = (shape.size, shape.fit, shape.view)
            if key not in decoded:
                decoded[key] = decode_set(wanted, shape, settings, progress)
            seen = decoded[key]
            network = subject.files.load(1, at_once=os.cpu_count() or 1)
            found = _encode(network, seen.pictures.images, subject, progress)
            paired = _encode(network, seen.paired.images, subject, progress)
            for space in subject.spaces:
                matrices = found[space.name], paired[space.name]
                if not rows and wanted.examples:
                    vectors = found[space.name]
                    failures = worst_failures(retrieval_task(space, vectors, seen), SHOWN_FAILURES)
                name = subject.files.source
                rows.append(measure(name, "encoder", space, *matrices, seen, wanted.episodes, seed))
        first = next(iter(decoded.values()))
        for name, method in BASELINES.items() if baselines else ():
            matrices = method(first.pictures.images), method(first.paired.images)
            space = Space("pixels", matrices[0].shape[1])
            rows.append(measure(name, "baseline", space, *matrices, first, wanted.episodes, seed))
    except LabelsInvalid as error:  # what could not be decoded was needed
        raise UsageRefused(f"{wanted.dataset}: {error}") from error
    return EvaluationReport(wanted, rows, first, vectors, failures, seed)


def _encode(network: Encoder, images: Pictures, subject: Subject, progress: Progress) -> dict[str, Float32]:
    vectors = {space.name: np.empty((len(images), space.dim), np.float32) for space in subject.spaces}
    for start in range(0, len(images), BATCH):
        stop = min(start + BATCH, len(images))
        try:
            found = network.encode(images[start:stop])
        except (EncoderInvalid, VectorsInvalid) as error:
            raise UsageRefused(f"encoder {subject.files.source}: {error}") from error
        for name, matrix in vectors.items():
            matrix[start:stop] = found[name]
        progress(stop, len(images))
    return vectors

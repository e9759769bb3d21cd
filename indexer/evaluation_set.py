"""What encoders are judged on: labelled pictures, perhaps with a gallery of their own, and listed pairs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.dataset import (
    Example,
    LabelledPictures,
    Unusable,
    attribute,
    load_pictures,
    read_dataset,
)
from indexer.encoding import Progress
from indexer.errors import UsageRefused
from indexer.pair_list import read_pair_list
from indexer.settings import Settings
from retrieval.errors import LabelsInvalid
from retrieval.evaluation.episodes import eligible_groups
from retrieval.evaluation.pairs import LabelledPairs
from retrieval.preprocess import PreprocessSpec
from retrieval.view import View


@dataclass(frozen=True)
class Episodes:
    """N-way K-shot episodes that were asked for, within groups of the attribute ``within`` if it is named."""

    ways: int
    shots: int
    within: str | None = None


@dataclass(frozen=True)
class EvaluationSet:
    """What is to be judged, as it is listed; nothing was decoded yet.

    Without ``gallery``, each of ``examples`` is searched among all others. ``pairs`` are (path, path, same).
    """

    dataset: str
    examples: list[Example] = field(default_factory=list)
    gallery: list[Example] = field(default_factory=list)
    pairs: list[tuple[str, str, bool]] = field(default_factory=list)
    episodes: Episodes | None = None


@dataclass(frozen=True)
class DecodedSet:
    """The pictures of an `EvaluationSet` in the shape that one encoder takes.

    ``is_query`` (n,) tells the rows of ``pictures`` that are queries; the others are the gallery. ``pairs`` number
    the rows of ``paired``. ``lost_pairs`` have a picture that cannot be used.
    """

    pictures: LabelledPictures
    is_query: npt.NDArray[np.bool_]
    paired: LabelledPictures
    pairs: LabelledPairs
    lost_pairs: int

    @property
    def unusable(self) -> list[Unusable]:
        """Pictures that were left out."""
        return self.pictures.unusable + self.paired.unusable

    @property
    def lonely_classes(self) -> list[str]:
        """Classes of queries with nothing to find."""
        labels = np.array(self.pictures.labels)
        sought, offered = Counter(labels[self.is_query]), Counter(labels[~self.is_query])
        return sorted(
            str(label) for label in sought if not (offered[label] if offered else sought[label] > 1)
        )


def read_evaluation_set(
    dataset: Path | None,
    *,
    gallery: Path | None = None,
    pairs: Path | None = None,
    episodes: Episodes | None = None,
    view: View = View.COLOUR,
) -> EvaluationSet:
    """List what is to be judged: sounds where the ``view`` is theirs, otherwise pictures.

    Raises:
        UsageRefused: nothing to judge; a folder, manifest or list that cannot be read; too few classes or pictures;
            an attribute that is not there.
    """
    if dataset is None and pairs is None:
        raise UsageRefused(
            "judged on which pictures?", "name a folder with a folder per class, or --pairs CSV"
        )
    if dataset is None and (gallery or episodes):
        raise UsageRefused("--gallery, --shots and --ways need labelled pictures", "name their folder first")
    examples = [] if dataset is None else read_dataset(dataset, view=view)
    candidates = [] if gallery is None else read_dataset(gallery, view=view)
    listed = [] if pairs is None else read_pair_list(pairs)
    if dataset is not None:
        _require_measurable([one.label for one in examples], [one.label for one in candidates], str(dataset))
    if pairs is not None:
        _require_both_kinds([same for _, _, same in listed], str(pairs))
    if episodes is not None:
        _require_episodes(examples, episodes)
    return EvaluationSet(str(dataset or pairs), examples, candidates, listed, episodes)


def decode_set(
    wanted: EvaluationSet, shape: PreprocessSpec, settings: Settings, progress: Progress
) -> DecodedSet:
    """Decode everything in one shape. A query with the very bytes of a gallery picture is dropped as its duplicate.

    Raises:
        UsageRefused: too little is left of what cannot be used.
    """
    pictures = load_pictures([*wanted.gallery, *wanted.examples], shape, settings, progress)
    in_gallery = {example.path for example in wanted.gallery}
    is_query = np.array([example.path not in in_gallery for example in pictures.examples], np.bool_)
    if wanted.examples:
        sides: tuple[list[str], list[str]] = ([], [])
        for label, asked in zip(pictures.labels, is_query, strict=True):
            sides[0 if asked else 1].append(label)
        if wanted.gallery and not all(sides):
            raise UsageRefused("no query is left that the gallery does not already hold, byte by byte")
        _require_measurable(*sides, f"what can be used of {wanted.dataset}")
    paths = dict.fromkeys(path for first, second, _ in wanted.pairs for path in (first, second))
    paired = load_pictures([Example(path, "") for path in paths], shape, settings, progress)
    rows = {example.path: row for row, example in enumerate(paired.examples)}
    rows |= {path: rows[first] for path, first in paired.duplicates.items()}
    kept = [pair for pair in wanted.pairs if pair[0] in rows and pair[1] in rows]
    if wanted.pairs:
        _require_both_kinds([same for _, _, same in kept], "what can be used of the pairs")
    pairs = LabelledPairs(
        np.array([rows[first] for first, _, _ in kept], np.int64),
        np.array([rows[second] for _, second, _ in kept], np.int64),
        np.array([same for _, _, same in kept], np.bool_),
    )
    return DecodedSet(pictures, is_query, paired, pairs, len(wanted.pairs) - len(kept))


def _require_measurable(queries: Sequence[str], gallery: Sequence[str], where: str) -> None:
    """Refuse labels that leave nothing to find, or nothing to mistake it for."""
    classes = Counter(gallery or queries)
    if len(classes) < 2:
        named = ", ".join(classes) or "none"
        raise UsageRefused(
            f"{where}: only one class to find ({named})",
            "an encoder is judged by telling two or more classes apart",
        )
    if gallery and not set(queries) & set(gallery):
        raise UsageRefused(f"{where}: no picture has a label that the gallery has")
    if not gallery and max(classes.values()) < 2:
        raise UsageRefused(
            f"{where}: no class has two pictures", "a picture is judged by finding another one of its class"
        )


def _require_both_kinds(same: Sequence[bool], where: str) -> None:
    if len(set(same)) < 2:
        raise UsageRefused(
            f"{where}: {sum(same)} same and {len(same) - sum(same)} different pairs", "both kinds are needed"
        )


def _require_episodes(examples: Sequence[Example], episodes: Episodes) -> None:
    groups = None
    if episodes.within is not None:
        groups = attribute(examples, episodes.within)
    try:
        eligible_groups(
            [example.label for example in examples], ways=episodes.ways, shots=episodes.shots, within=groups
        )
    except LabelsInvalid as error:
        raise UsageRefused(str(error), "lower --ways or --shots") from error

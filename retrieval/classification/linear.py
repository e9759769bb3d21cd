"""Linear heads of scikit-learn on frozen vectors: a support vector machine and logistic regression.

They must be trained whenever a class or a picture comes or goes, and may be the better for it where classes have
many pictures. Both weigh pictures so that all classes count the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retrieval.classification.head import encode_labels, unit_rows
from retrieval.errors import LibraryMissing
from retrieval.similarity import Float32, Float64, Int64

FOLDS = 5
_SEED = 0


class _LinearHead(ABC):
    """One linear function a class; held-out scores are those of a fold's model that did not see the picture."""

    temperature = 1.0

    def fit(self, vectors: Float32, labels: Sequence[str]) -> Self:
        """See `Head.fit`.

        Raises:
            LibraryMissing: scikit-learn is not installed.
        """
        self._gallery = unit_rows(vectors)
        self.classes, self._targets = encode_labels(labels, len(self._gallery))
        self._model = self._train(np.ones(len(self._targets), bool))
        self._held_out: Float64 | None = None
        return self

    def predict_scores(self, queries: Float32) -> Float64:
        """See `Head.predict_scores`: decision values, which are log-odds for logistic regression."""
        return self._decide(self._model, unit_rows(queries))

    def held_out_scores(self, rows: Int64) -> Float64:
        """See `Head.held_out_scores`: by stratified cross-validation, once for the whole gallery."""
        if self._held_out is None:
            self._held_out = self._cross_validate()
        return self._held_out[rows]

    def _cross_validate(self) -> Float64:
        scores = np.full((len(self._targets), len(self.classes)), -np.inf)
        folds = stratified_folds(self._targets)
        for fold in np.unique(folds):
            held = folds == fold
            left = np.unique(self._targets[~held])
            if len(left) > 1:
                scores[held] = self._decide(self._train(~held), self._gallery[held])
            else:
                scores[np.ix_(held, left)] = 0  # nothing to choose between
        return scores

    def _train(self, chosen: npt.NDArray[np.bool_]) -> Any:
        return self._estimator().fit(self._gallery[chosen], self._targets[chosen])

    @abstractmethod
    def _estimator(self) -> Any:
        """Return scikit-learn's model, not yet fitted."""

    def _decide(self, model: Any, vectors: Float32) -> Float64:
        """Score the classes that ``model`` has seen; the others get -inf."""
        decided = np.asarray(model.decision_function(vectors), np.float64)
        if decided.ndim == 1:  # of two classes scikit-learn gives one value: how far the second is ahead
            decided = np.stack([-decided / 2, decided / 2], axis=1)
        scores = np.full((len(vectors), len(self.classes)), -np.inf)
        scores[:, model.classes_] = decided
        return scores


class LinearSvm(_LinearHead):
    """One-against-rest linear support vector machine (Cortes and Vapnik, 1995; solved by LIBLINEAR)."""

    def _estimator(self) -> Any:
        _require_sklearn("a support vector machine")
        from sklearn.svm import LinearSVC

        return LinearSVC(class_weight="balanced", max_iter=10_000, random_state=_SEED)


class Logistic(_LinearHead):
    """Multinomial logistic regression."""

    def _estimator(self) -> Any:
        _require_sklearn("logistic regression")
        from sklearn.linear_model import LogisticRegression

        # Cosines differ by tenths: with scikit-learn's C of 1 the weights stay too small to tell unit vectors apart.
        return LogisticRegression(C=10.0, class_weight="balanced", max_iter=1_000, random_state=_SEED)


def stratified_folds(targets: Int64) -> Int64:
    """Deal (n,) pictures into folds, class after class and in random order within each: (n,) numbers below `FOLDS`."""
    shuffled = np.random.default_rng(_SEED).permutation(len(targets))
    by_class = shuffled[np.argsort(targets[shuffled], kind="stable")]
    folds = np.empty(len(targets), np.int64)
    folds[by_class] = np.arange(len(targets)) % FOLDS
    return folds


def _require_sklearn(doing: str) -> None:
    try:
        import sklearn  # noqa: F401  (only whether it is there)
    except ImportError as error:
        raise LibraryMissing(f"{doing} needs scikit-learn") from error

"""Pairs made by editing: what counts as different, against a plain loop."""

import numpy as np

from indexer.known_pairs import FIT, HELD_OUT
from indexer.synthetic import TWO_EDITS, EditedCopies
from retrieval.evaluation.task import comparable
from retrieval.metric import Metric


def made(seed: int) -> EditedCopies:
    """40 contents, two of which are there twice; copies of the first 30."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(40, 8)).astype(np.float32)
    vectors[20] = vectors[0] + 0.01
    vectors[23] = vectors[1] + 0.01
    copies = vectors[None, :30] + generator.normal(0, 0.2, (2, 30, 8)).astype(np.float32)
    rows = [comparable(part.astype(np.float32), Metric.COSINE) for part in (vectors, *copies)]
    kinds = ["crop" if row % 3 else "blur" for row in range(30)]
    halves = np.arange(40) // 2 % 2
    return EditedCopies(rows[0], np.arange(30), np.stack(rows[1:]), kinds, halves, Metric.COSINE)


def test_a_copy_is_different_from_the_rest_of_its_half_but_for_what_its_original_is_too_near_to() -> None:
    known = made(1)
    for half in (FIT, HELD_OUT):
        known.left_out = 0
        found = known.different(half)
        expected, left_out = [], 0
        for original in range(30):
            for other in range(40):
                if known.halves[original] != half or known.halves[other] != half or original == other:
                    continue
                if known.vectors[original] @ known.vectors[other] >= known.guard:
                    left_out += 1
                    continue
                expected += [float(copies[original] @ known.vectors[other]) for copies in known.copies]
        assert np.allclose(found.scores, sorted(expected, reverse=True))
        assert (found.count, known.left_out) == (len(expected), left_out)
        assert found.count <= known.different_count(half)
        for score, (first, second) in zip(found.scores, found.pictures, strict=True):
            assert any(np.isclose(score, copies[first] @ known.vectors[second]) for copies in known.copies)
    known.left_out = 0
    known.different(FIT)
    assert known.left_out >= 2  # contents 0 and 20 are one picture


def test_same_pairs_are_sorted_by_what_was_done_and_by_half() -> None:
    known = made(2)
    for half in (FIT, HELD_OUT):
        rows = [row for row in range(30) if known.halves[row] == half]
        plain = {
            "crop": [known.copies[0][r] @ known.vectors[r] for r in rows if r % 3],
            "blur": [known.copies[0][r] @ known.vectors[r] for r in rows if not r % 3],
            TWO_EDITS: [known.copies[1][r] @ known.vectors[r] for r in rows],
        }
        assert known.same[half].keys() == plain.keys()
        assert all(np.allclose(known.same[half][kind], scores) for kind, scores in plain.items())

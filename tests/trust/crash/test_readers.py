"""Readers that never stop asking while one build after the other commits."""

from pathlib import Path

from tests.crash.crowd import Catalogue, assert_each_answer_is_one_generations, readers
from tests.crash.server import Server

BUILDS = 10


def test_every_answer_during_ten_builds_is_that_of_one_committed_generation(
    server: Server, tmp_path: Path
) -> None:
    catalogue = Catalogue(tmp_path, server)
    modes = ("stay-open", "open-anew")
    with readers(catalogue.store, tmp_path, modes, threads=modes) as told:
        for _ in range(BUILDS):
            catalogue.change()
            catalogue.build()
    assert [state.generation for state in catalogue.states] == list(range(1, BUILDS + 2))
    seen = [assert_each_answer_is_one_generations(one, catalogue.states) for one in told]
    assert len(set.union(*seen)) > BUILDS / 2, "the readers saw too few generations to tell"

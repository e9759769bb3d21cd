"""Jobs that are stopped at a failpoint, held to what must be true of them then, and once they were run again."""

import os
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.errors import DONE, REJECTED, USAGE, IndexerError, IndexNotFound, StoreDamaged
from tests.crash.jobs import JOBS, REPAIR, Command, Job, write_shop
from tests.crash.meaning import Meaning, contents, differences, meaning
from tests.crash.oracle import Snapshot, assert_store_sound, read_snapshot
from tests.crash.server import Ended, Server

CODES = {"kill": -signal.SIGKILL, "eio": 12, "enospc": 14}
WORDS = {"eio": "Input/output error", "enospc": "no space left"}
ANSWERS: Command = ("query", "shop/ann/1.png", "-k", 5, "--json")


@dataclass(frozen=True)
class Whole:
    """A job that nothing stopped: where it began, what that meant and what it means afterwards, and what it passed."""

    folder: Path
    before: Meaning
    after: Meaning
    states: list[Snapshot | None]
    answer: list[tuple[str, float]]
    findings: list[str]
    passed: Counter[str]
    seconds: float


class Play:
    """Jobs in folders of their own, of which each was run once uninterrupted."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server, self._folder, self._cases = server, folder, 0
        self._wholes: dict[str, Whole] = {}
        shop = folder / "shop-alone"
        shop.mkdir()
        write_shop(shop)
        self._bases: dict[tuple[Command, ...], Path] = {(): shop}

    def whole(self, name: str) -> Whole:
        if name not in self._wholes:
            job, log = JOBS[name], self._folder / f"passages-{self._cases}"
            begins = self._copy(self._base(job.before))
            job.change(begins)
            ends = self._copy(begins)
            ended = self._run(ends, job.command, twin="passages_recorded", PASSAGES=str(log))
            answer = answered(self.server.run(*ANSWERS, cwd=ends))
            for command in job.recovery[1:]:
                self._run(ends, command)
            states = [] if job.command == REPAIR else [_at_home(begins), _at_home(ends)]
            passed = Counter(log.read_text().split())
            told = meaning(begins), meaning(ends), states, answer, self._findings(ends)
            self._wholes[name] = Whole(begins, *told, passed, ended.seconds)
        return self._wholes[name]

    def begin(self, name: str, folder: Path | None = None) -> Path:
        """Make a folder in which a job can begin, ``folder`` if that is given."""
        return self._copy(self.whole(name).folder, folder)

    def stop(self, name: str, point: str, nth: int, action: str, twin: str | None = None) -> str:
        """Stop a job at a failpoint, and hold it to everything; say how it ended."""
        case, job = self.begin(name), JOBS[name]
        ended = self.server.run(*job.command, cwd=case, failpoint=f"{point}:{nth}:{action}", twin=twin)
        assert_told(ended, job, point, action)
        self.hold(name, case, twin=twin)
        subprocess.run(["rm", "-r", case], check=True)
        return f"{action}, exit {ended.code}"

    def hold(self, name: str, case: Path, *, is_done: bool = False, twin: str | None = None) -> None:
        """Hold what a job left to what must be true whatever stopped it, and run it again.

        If it said that it ``is_done``, then it must be.
        """
        whole, job = self.whole(name), JOBS[name]
        told = meaning(case)
        lost = Counter(contents(whole.before)) - Counter(contents(told))
        assert not lost, f"catalogue untouched: {lost} are lost"
        if is_done:
            assert told == whole.after, f"durable: {differences(told, whole.after)}"
        if job.atomic:
            assert told in (whole.before, whole.after), f"atomic: {differences(told, whole.before)}"
        self._assert_answers(case, whole)
        self._assert_recovers(case, job, whole, twin)

    def _assert_answers(self, case: Path, whole: Whole) -> None:
        if whole.states:
            states = [state and _moved(state, case) for state in whole.states]
            try:
                assert_store_sound(case / ".index", states=states)
            except IndexerError as error:
                raise AssertionError(f"usable: {error}") from error
            return
        answer = self.server.run(*ANSWERS, cwd=case)
        assert "Traceback" not in answer.err, f"never silently wrong: {answer.err}"
        refused = answer.code in {StoreDamaged.exit_code, IndexNotFound.exit_code}
        assert refused or answered(answer) == whole.answer, f"never silently wrong: {answer.out}{answer.err}"

    def _assert_recovers(self, case: Path, job: Job, whole: Whole, twin: str | None) -> None:
        for command in job.recovery or (job.command,):
            ended = self.server.run(*command, cwd=case, twin=twin)
            nothing_left = ended.code == USAGE and not differences(meaning(case), whole.after)
            assert ended.code in {DONE, REJECTED} or nothing_left, (
                f"resumable: exit {ended.code}: {ended.err}"
            )
        unlike = differences(meaning(case), whole.after)
        assert not unlike, f"resumable: {unlike}"
        found = self._findings(case)
        assert found == whole.findings, f"no residue: check finds {found} instead of {whole.findings}"
        residue = [path for folder in (".index", "shop") for path in (case / folder).rglob("*.tmp*")]
        assert not residue, f"no residue: {residue}"
        if job.command == REPAIR:
            again = self.server.run(*REPAIR, cwd=case).json()
            assert (again["done"], again["left"]) == ([], []), f"repair: a second one did {again['done']}"

    def _findings(self, case: Path) -> list[str]:
        return sorted(
            finding["kind"] for finding in self.server.run("check", "--json", cwd=case).json()["findings"]
        )

    def _run(self, folder: Path, command: Command, **options: str) -> Ended:
        ended = self.server.run(*command, cwd=folder, **options)
        assert ended.code in {DONE, REJECTED}, f"{command} exits {ended.code}: {ended.err}"
        return ended

    def _base(self, commands: tuple[Command, ...]) -> Path:
        """A folder in which these commands were run."""
        if commands not in self._bases:
            self._bases[commands] = self._copy(self._base(commands[:-1]))
            self._run(self._bases[commands], commands[-1])
        return self._bases[commands]

    def _copy(self, source: Path, target: Path | None = None) -> Path:
        """Copy a folder, hard links as such."""
        self._cases += 1
        target = target or self._folder / f"job-{self._cases}"
        subprocess.run(["cp", "-a", source, target], check=True)
        return target


def answered(ended: Ended) -> list[tuple[str, float]]:
    """The paths and scores that a query found."""
    assert ended.code == DONE, f"usable: exit {ended.code}: {ended.err}"
    return [(found["path"], round(found["score"], 4)) for found in ended.json()["queries"][0]["results"]]


def assert_told(ended: Ended, job: Job, point: str, action: str) -> None:
    """What was said of a fault: a disk's own words, or which file the system refused; never a traceback."""
    assert "Traceback" not in ended.err, f"never silently wrong: {ended.err}"
    if action != "kill" and point in job.refused:
        # A folder that was not synced is no file that stayed: the disk says that it went.
        named = "the system refused" in ended.out or point.endswith("dirsync")
        assert ended.code in {DONE, REJECTED}, f"told: exit {ended.code}: {ended.err}"
        assert named, f"told: {ended.out}"
        return
    assert ended.code == CODES[action], f"told: exit {ended.code}: {ended.err}"
    if action != "kill":
        assert "\nerror: " in f"\n{ended.err}", f"told: {ended.err}"
        assert WORDS[action] in ended.err, f"told: {ended.err}"


def _at_home(folder: Path) -> Snapshot | None:
    """The state of a folder's store, its paths relative to the folder."""
    state = read_snapshot(folder / ".index")
    return state and replace(state, files={os.path.relpath(p, folder): f for p, f in state.files.items()})


def _moved(state: Snapshot, folder: Path) -> Snapshot:
    return replace(state, files={str(folder / path): file for path, file in state.files.items()})

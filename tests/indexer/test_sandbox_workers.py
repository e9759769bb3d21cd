"""The workers themselves: what they give up, who replaces them, and that none outlives its parent."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.decoding import reading, sandbox_worker
from indexer.decoding.decode import decode
from indexer.decoding.frames import LENGTHS
from indexer.decoding.limits import Limits
from indexer.decoding.picture import DecodeFailure, Reason
from indexer.decoding.sandbox import Job, Sandbox, SandboxUnavailable
from indexer.decoding.sandbox_process import _frames
from retrieval.view import Fit, View
from tests.hostile.crafted import holed, photo, png, saved
from tests.indexer.sandboxes import (
    ROOT,
    SIZE,
    jobs_of,
    on_linux,
    outcomes_of,
    reason_of,
    sandbox_of,
    start_one,
)
from tests.indexer.sounds import tone, wav

# Grey of 16 bits: such a picture takes numpy.
DEEP = Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16)


@on_linux
def test_a_worker_gives_up_what_decoding_has_no_need_of() -> None:
    with sandbox_of(1) as sandbox:
        process = Path("/proc") / str(start_one(sandbox))
        limits = (process / "limits").read_text()
        for name, value in (("core file size", "0"), ("file size", "0"), ("open files", "32")):
            line = next(line for line in limits.splitlines() if line.lower().startswith(f"max {name} "))
            assert line.lower().removeprefix(f"max {name}").split()[:2] == [value, value]
        space = next(line for line in limits.splitlines() if line.startswith("Max address space"))
        assert 1 << 30 < int(space.split()[3]) < 2 << 30
        open_files = {os.readlink(link) for link in (process / "fd").iterdir()}
        assert {name.partition(":")[0] for name in open_files} == {"pipe", "/dev/null"}
        assert os.readlink(process / "fd/1") == os.readlink(process / "fd/2") == "/dev/null"
        assert os.readlink(process / "cwd") == "/"
        assert len(list((process / "task").iterdir())) == 1


@on_linux
def test_a_worker_loads_nothing_that_decoding_has_no_need_of() -> None:
    script = (
        "import sys, indexer.decoding.sandbox_worker; print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert "PIL" in loaded
    assert not {"numpy", "faiss", "onnxruntime", "sqlalchemy", "click", "rich", "pillow_heif"} & loaded


@pytest.mark.parametrize(
    ("data", "view"),
    [
        (saved(DEEP, "PNG"), View.COLOUR),
        (saved(Image.fromarray(np.arange(4096, dtype=np.float32).reshape(64, 64)), "TIFF"), View.COLOUR),
        (saved(photo(), "PNG"), View.INK),
        (wav(tone()), View.SPECTRUM),
    ],
)
def test_what_takes_numpy_is_decoded_by_a_worker_as_it_is_here(data: bytes, view: View) -> None:
    with sandbox_of(1) as sandbox:
        [outcome] = sandbox.run([Job(0, data=data)], size=SIZE, fit=Fit.STRETCH, view=view, window=1)
    assert outcome.picture is not None, outcome.failure
    here = decode(data, size=SIZE, fit=Fit.STRETCH, limits=Limits(), view=view)
    assert (outcome.picture.pixels == here.pixels).all()


def test_libraries_have_room_beside_what_a_file_may_take() -> None:
    """A sound takes numpy and its reader, and is heard whatever its own limit is."""
    with sandbox_of(1, Limits(decode_memory_bytes=1 << 20)) as sandbox:
        jobs = [Job(0, data=wav(tone()))]
        [outcome] = sandbox.run(jobs, size=SIZE, fit=Fit.STRETCH, view=View.SPECTRUM, window=1)
    assert outcome.failure is None


@on_linux
def test_a_library_that_finds_no_room_is_told_as_memory_and_not_as_damage() -> None:
    with sandbox_of(1) as sandbox:
        pid = start_one(sandbox)
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + (16 << 20)
        resource.prlimit(pid, resource.RLIMIT_AS, (room, room))
        outcomes = outcomes_of(sandbox, [Job(0, data=saved(DEEP, "PNG"))])
    assert reason_of(outcomes[0]) == Reason.TOO_MUCH_MEMORY


def test_a_worker_ignores_the_interrupt_that_its_group_gets() -> None:
    with sandbox_of(1) as sandbox:
        pid = start_one(sandbox)
        os.kill(pid, signal.SIGINT)
        assert start_one(sandbox) == pid


def test_a_worker_killed_while_idle_is_replaced() -> None:
    with sandbox_of(1) as sandbox:
        pid = start_one(sandbox)
        os.kill(pid, signal.SIGKILL)
        outcomes = outcomes_of(sandbox, (Job(key, data=saved(photo(), "JPEG")) for key in range(6)))
        assert len(outcomes) == 6
        assert sum(outcome.failure is None for outcome in outcomes.values()) >= 5
        assert sandbox._workers[0].process.pid != pid


@on_linux  # where what is ready first is told first
def test_a_worker_that_died_before_it_was_sent_a_picture_is_replaced_once() -> None:
    """Its death and the end of its pipe are told together, and the second is news of nobody any more."""
    with sandbox_of(1) as sandbox:
        pid = start_one(sandbox)
        os.kill(pid, signal.SIGKILL)
        sandbox._workers[0].process.wait()
        outcomes = outcomes_of(sandbox, [Job(0, data=saved(photo(), "JPEG")), Job(1, data=png(9, 9))])
        assert reason_of(outcomes[0]) == Reason.DECODER_CRASHED
        assert outcomes[1].picture is not None
        assert (
            outcomes[1].picture.width == 9
        )  # the other's bytes were not sent to the one that took its place
        assert sandbox._workers[0].process.pid != pid


def test_no_picture_is_blamed_for_a_worker_that_died_idle_beside_others(photos: list[Path]) -> None:
    with sandbox_of(2) as sandbox:
        while not all(worker.is_ready for worker in sandbox._workers) or not sandbox._workers:
            outcomes_of(sandbox, jobs_of(photos))
        idle = sandbox._workers[1]
        idle.process.kill()
        idle.process.wait()
        (outcome,) = outcomes_of(sandbox, [Job(0, photos[0])]).values()
        assert outcome.picture is not None
        outcomes = outcomes_of(sandbox, jobs_of(photos))
        assert [outcome.failure for outcome in outcomes.values()] == [None] * len(photos)
        assert len(sandbox._workers) == 2
        assert idle not in sandbox._workers


@pytest.mark.parametrize("lengths", [(1 << 20, 0), (10, 1 << 40)], ids=["header", "pixels"])
def test_a_worker_that_promises_more_than_there_can_be_is_taken_for_dead(lengths: tuple[int, int]) -> None:
    ours, its = os.pipe()
    try:
        os.set_blocking(ours, False)
        os.write(its, LENGTHS.pack(*lengths))
        with pytest.raises(EOFError, match="not what a sound worker sends"):
            next(_frames(ours))
    finally:
        os.close(ours)
        os.close(its)


def test_a_run_that_is_given_up_leaves_nothing_for_the_next(shared: Sandbox, photos: list[Path]) -> None:
    for _ in range(3):
        run = shared.run(jobs_of(photos * 4), size=SIZE, fit=Fit.STRETCH, window=16)
        next(run)
        run.close()
    outcomes = outcomes_of(shared, (Job(100 + key, path) for key, path in enumerate(photos)))
    assert sorted(outcomes) == list(range(100, 112))
    for key, outcome in outcomes.items():
        assert outcome.picture is not None
        assert outcome.picture.width == 60 + key - 100


@pytest.mark.parametrize("window", [1, 3, 100])
def test_no_more_jobs_are_taken_than_the_window_and_the_workers_have_room_for(
    window: int, shared: Sandbox, photos: list[Path]
) -> None:
    taken = 0

    def counted() -> Iterator[Job]:
        nonlocal taken
        for job in jobs_of(photos * 5):
            taken += 1
            yield job

    for done, _ in enumerate(shared.run(counted(), size=SIZE, fit=Fit.STRETCH, window=window)):
        assert taken - done <= min(window, 4)
    assert taken == 60


def test_an_error_in_the_jobs_reaches_the_caller(shared: Sandbox, photos: list[Path]) -> None:
    def broken() -> Iterator[Job]:
        yield Job(0, photos[0])
        raise LookupError("the list of jobs is broken")

    with pytest.raises(LookupError):
        list(shared.run(broken(), size=SIZE, fit=Fit.STRETCH, window=4))
    assert len(outcomes_of(shared, jobs_of(photos))) == 12


def test_a_file_that_keeps_changing_is_told_apart_from_a_bad_one(shared: Sandbox, tmp_path: Path) -> None:
    path, stop = tmp_path / "growing.jpg", threading.Event()
    holed(path, saved(photo(), "JPEG"), 60 << 20)

    def touch() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            os.utime(path, ns=(number, number))
            time.sleep(0.001)

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        outcome = outcomes_of(shared, [Job(0, path)])[0]
    finally:
        stop.set()
        thread.join()
    assert reason_of(outcome) == Reason.CHANGED_WHILE_READ
    assert outcome.sha256 is None
    assert outcomes_of(shared, [Job(0, path)])[0].failure is None


def test_a_file_that_changed_once_is_read_again(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [False, True]
    monkeypatch.setattr(reading, "unchanged", lambda file, before: answers.pop(0))
    task = sandbox_worker._Task("pixels", SIZE, Fit.STRETCH, Limits())
    header, pixels = sandbox_worker._examined_file(os.fsencode(photos[0]), task)
    assert len(pixels) == 3 * SIZE**2
    assert header["width"] == 60
    answers = [False, False]
    with pytest.raises(DecodeFailure, match="changed twice"):
        sandbox_worker._examined_file(os.fsencode(photos[0]), task)


@pytest.mark.skipif(os.geteuid() != 0, reason="root sets the file's owner; others cannot read it anyway")
def test_a_file_of_somebody_else_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "private.jpg"
    path.write_bytes(saved(photo(), "JPEG"))
    path.chmod(0)
    code = (
        "import os, sys\n"
        "from indexer.decoding.sandbox_worker import _outcome, _Task\n"
        "from indexer.decoding.limits import Limits\n"
        "from retrieval.view import Fit\n"
        f"for folder in {[str(folder) for folder in path.parents]}: os.chmod(folder, os.stat(folder).st_mode | 0o111)\n"
        "os.setuid(65534)\n"
        f"job = {{'holds': 'path', 'wants': 'hash'}}\n"
        f"print(_outcome('path', {os.fsencode(path)!r}, _Task('pixels', 8, Fit.STRETCH, Limits()))[0]['reason'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == Reason.PERMISSION_DENIED


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python"])
def test_workers_that_cannot_start_are_an_error_and_not_a_thousand_rejections(
    program: str, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with sandbox_of() as sandbox, pytest.raises(SandboxUnavailable):
        list(sandbox.run(jobs_of(photos), size=SIZE, fit=Fit.STRETCH, window=4))


def test_a_worker_that_cannot_import_says_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "PIL.py").write_text("raise ImportError('this Pillow is broken')")
    monkeypatch.setattr(
        "indexer.decoding.sandbox_process.import_path", lambda: f"{tmp_path}{os.pathsep}{ROOT}"
    )
    with (
        sandbox_of() as sandbox,
        pytest.raises(SandboxUnavailable, match="ImportError: this Pillow is broken"),
    ):
        list(sandbox.run([Job(0, data=b"hello")], size=SIZE, fit=Fit.STRETCH, window=4))


def test_modules_in_the_current_directory_are_never_imported(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = (
        "import pathlib; pathlib.Path(__file__).with_suffix('.sprung').touch(); raise SystemExit('trapped')"
    )
    for name in ("PIL", "numpy", "indexer", "json", "struct", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(trap)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", "")
    with sandbox_of() as sandbox:
        assert all(
            outcome.picture is not None
            for outcome in sandbox.run(jobs_of(photos), size=SIZE, fit=Fit.STRETCH, window=4)
        )
    assert not list(tmp_path.glob("*.sprung"))


@pytest.mark.parametrize("directory", [ROOT, "/"])
def test_a_worker_runs_the_code_that_started_it(
    directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "indexer").mkdir()
    (tmp_path / "indexer/__init__.py").write_text("raise ImportError('another version')")
    monkeypatch.chdir(directory)
    monkeypatch.setattr(
        sys, "path", ["", str(tmp_path), *(entry for entry in sys.path if entry != str(ROOT))]
    )
    with sandbox_of(1) as sandbox:
        assert reason_of(outcomes_of(sandbox, [Job(0, data=b"hello")])[0]) == Reason.NOT_AN_IMAGE


def test_starting_does_not_wait_for_the_workers() -> None:
    with sandbox_of(4) as sandbox:
        sandbox.start()
        assert len(sandbox._workers) == 4
        assert not any(worker.is_ready for worker in sandbox._workers)


@on_linux
def test_closing_leaves_no_process_and_no_open_file() -> None:
    before = set(os.listdir("/proc/self/fd"))
    with sandbox_of(3) as sandbox:
        outcomes_of(sandbox, [Job(0, data=b"hello")])
        pids = [worker.process.pid for worker in sandbox._workers]
        assert len(pids) == 3
    assert set(os.listdir("/proc/self/fd")) == before
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


ORPHANED = """
import sys
from indexer.decoding.sandbox import Job, Sandbox
from indexer.decoding.limits import Limits
from retrieval.view import Fit

sandbox = Sandbox(limits=Limits(decode_seconds=1), workers=2)
list(sandbox.run([Job(0, data=b"hello"), Job(1, data=b"hello")], size=8, fit=Fit.STRETCH, window=4))
print(*(worker.process.pid for worker in sandbox._workers), flush=True)
busy = sys.argv[1:]
jobs = (Job(key, path) for key, path in enumerate(busy * 9))
for outcome in sandbox.run(jobs, size=8, fit=Fit.STRETCH, window=4):
    print("one", flush=True)
sys.stdin.read()
"""


@on_linux
@pytest.mark.parametrize("busy", [False, True])
def test_workers_do_not_outlive_a_parent_that_is_killed(busy: bool, tmp_path: Path) -> None:
    path = tmp_path / "slow.png"
    path.write_bytes(png(7000, 7000, 16, 6))
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANED, *([path] if busy else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout is not None
        pids = parent.stdout.readline().split()
        if busy:
            parent.stdout.readline()
        parent.kill()
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_nothing_that_a_library_prints_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = bytearray(saved(photo(), "TIFF", compression="tiff_lzw"))
    noisy[8:200] = np.random.default_rng(3).bytes(192)
    path = tmp_path / "noisy.tif"
    path.write_bytes(noisy)
    with sandbox_of(1) as sandbox:
        assert outcomes_of(sandbox, [Job(0, path)])[0].failure is not None
    assert capfd.readouterr() == ("", "")


@on_linux
def test_no_worker_has_the_credentials_of_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobody-shall-see-it")
    with sandbox_of(1) as sandbox:
        environment = (Path("/proc") / str(start_one(sandbox)) / "environ").read_bytes()
        assert b"PYTHONPATH" in environment
        assert b"nobody-shall-see-it" not in environment

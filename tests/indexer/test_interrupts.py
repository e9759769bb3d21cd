"""A signal ends the work wherever it arrives: in a destructor, a collector's callback, an import, or twice."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = "the last words"
BEGINNING = """
import gc, os, signal, sys, time
from indexer.interrupts import interrupted, interruptible

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # the handler runs in here, if anywhere

def be_busy():
    until = time.monotonic() + 20
    while time.monotonic() < until:
        time.sleep(0.001)
    return 0
"""
ENDING = f"os._exit(interruptible(work, {WORDS!r}))"

ARRIVALS = {
    "in plain code": "def work():\n    interrupt()\n    return be_busy()",
    "in a destructor": """
class Thing:
    def __del__(self): interrupt()
def work():
    thing = Thing()
    del thing
    return be_busy()
""",
    "in a callback of the collector": """
import weakref
class Thing: pass
def work():
    thing = Thing()
    thing.itself = thing
    watched = weakref.ref(thing, lambda _: interrupt())
    del thing
    gc.collect()
    return be_busy()
""",
    "in a destructor that runs when it is raised again": """
class Thing:
    def __del__(self):
        interrupt()
        time.sleep(0.1)
def work():
    for _ in range(3):
        Thing()
    return be_busy()
""",
    "while a module is imported that takes it for an ImportError": """
import builtins, pathlib, tempfile
folder = tempfile.mkdtemp()
builtins.interrupt = interrupt
source = "try:\\n    interrupt()\\nexcept BaseException:\\n    raise ImportError('half a module')"
pathlib.Path(folder, "delicate_module.py").write_text(source)
sys.path.insert(0, folder)
def work():
    import delicate_module
    return be_busy()
""",
    "where a library makes an error of its own of it": """
def work():
    try:
        interrupt()
    except BaseException:
        raise RuntimeError("something happened") from None
""",
    "where it leaves something half made, which cannot be taken apart": """
class Thing:
    def __init__(self):
        interrupt()
        self.part = 1
    def __del__(self): del self.part
def work():
    Thing()
    return be_busy()
""",
    "twice, the second time while the first unwinds": """
def work():
    try:
        interrupt()
    finally:
        interrupt()
        be_busy()
""",
}


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_an_interrupt_ends_the_work_with_its_last_words_and_nothing_else(arrival: str) -> None:
    ended = run(f"{BEGINNING}{ARRIVALS[arrival]}\n{ENDING}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", WORDS)


def test_a_plain_handler_is_seen_to_lose_the_interrupt_and_to_print_a_traceback() -> None:
    plain = "def be_busy(): return 0\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    ended = run(f"{BEGINNING}{plain}{ARRIVALS['in a destructor']}\nos._exit(work())")
    assert ended.returncode == 0
    assert "Traceback" in ended.stderr


def test_other_exceptions_that_python_ignores_are_told_as_ever_and_other_errors_are_raised() -> None:
    program = "class Thing:\n    def __del__(self): raise ValueError('an accident')\n"
    ended = run(f"{BEGINNING}{program}def work():\n    Thing()\n    raise KeyError('a bug')\n{ENDING}")
    assert (ended.returncode, WORDS in ended.stderr) == (1, False)
    assert "an accident" in ended.stderr
    assert "a bug" in ended.stderr


def test_a_signal_after_the_work_changes_nothing_and_a_signal_that_was_ignored_before_still_is() -> None:
    work = "def work():\n    interrupt()\n    return 7\n"
    done = f"{BEGINNING}signal.signal(signal.SIGINT, signal.SIG_IGN)\n{work}code = interruptible(work, {WORDS!r})\n"
    late = f"{done}os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.01)\nos._exit(code)"
    ended = run(late)
    assert (ended.returncode, ended.stderr) == (7, "")


def test_an_interrupt_while_the_command_line_is_imported_ends_it_at_once() -> None:
    program = (
        "import builtins, os, signal, sys\n"
        "imported = builtins.__import__\n"
        "def interrupting(name, *rest, **options):\n"
        "    if name == 'click': os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return imported(name, *rest, **options)\n"
        "builtins.__import__ = interrupting\n"
        "from indexer.__main__ import main\n"
        "main()\n"
    )
    ended = run(program)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert (
        ended.stderr == "error: interrupted: what was committed is there, and the next run goes on from it\n"
    )

"""How the server ends a process of its own: asked to, and after a while made to."""

import subprocess

_SECONDS_TO_END = 5


def end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """Have a process end in order, or after 5 s at once. One that has ended already stays as it is."""
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()

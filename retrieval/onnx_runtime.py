"""The door to ONNX Runtime, which must not tell its makers that it is used.

Its official builds report to Microsoft by HTTPS, and keep a database of it and an id of the machine in the user's cache
folder, unless this variable is set before the library is loaded; `disable_telemetry_events` comes too late for both.
"""

import os
from typing import Any


def onnx_runtime() -> Any:
    """Load ONNX Runtime, with its telemetry off in this process and those that it starts."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime

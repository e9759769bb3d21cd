"""Products of 8-bit matrices, which processors multiply several times faster than floating-point ones.

ONNX Runtime's integer kernel does it, through a graph of one operator.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.onnx_runtime import onnx_runtime

ZERO_POINT = 128  # what the left matrix counts as zero: its uint8 values stand for -128..127
# The right matrix must keep to 7 bits: processors without VNNI add two products in 16 bits, and 2 * 255 * 64 = 32,640
# just fits, where 8 bits would be cut off without a word.
RIGHT_LIMIT = 63

# MatMulInteger(left, right, zero point) of opset 17, IR version 8, as protobuf writes it; a test makes it again.
_GRAPH = bytes.fromhex(
    "080812003a90010a2b0a046c6566740a0572696768740a047a65726f120770726f64756374220d4d61744d756c496e746567"
    "65721201672a0c10022a02800142047a65726f5a180a046c65667412100a0e0802120a0a0312016d0a031201645a190a0572"
    "6967687412100a0e0803120a0a031201640a0312016e621b0a0770726f6475637412100a0e0806120a0a0312016d0a031201"
    "6e42040a001011"
)


def integer_product(left: npt.NDArray[np.uint8], right: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Multiply (m, d) uint8, counted from `ZERO_POINT`, with (d, n) int8 within ±`RIGHT_LIMIT`: (m, n) int32, exact.

    Runs on the calling thread alone, and may run on several at once.
    """
    product: npt.NDArray[np.int32] = _session().run(None, {"left": left, "right": right})[0]
    return product


@cache
def _session() -> Any:
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(_GRAPH, options, providers=["CPUExecutionProvider"])

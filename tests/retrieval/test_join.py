"""The join is a plain loop over all pairs, to the pair, whatever the vectors."""

import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval import join
from retrieval.integer_product import _GRAPH, RIGHT_LIMIT, ZERO_POINT, integer_product
from retrieval.join import cross_join, self_join
from retrieval.similarity import normalise


def brute_force(vectors: np.ndarray, others: np.ndarray, threshold: float) -> dict[tuple[int, int], float]:
    scores = np.einsum("id,jd->ij", vectors.astype(np.float64), others.astype(np.float64), optimize=False)
    return {
        (int(i), int(j)): float(scores[i, j]) for i, j in zip(*np.nonzero(scores >= threshold), strict=True)
    }


def found(pairs: join.Pairs) -> dict[tuple[int, int], float]:
    places = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    return dict(zip(places, pairs.scores.tolist(), strict=True))


def upper(pairs: dict[tuple[int, int], float]) -> dict[tuple[int, int], float]:
    return {(i, j): score for (i, j), score in pairs.items() if i < j}


def spiky(count: int, dim: int, seed: int) -> np.ndarray:
    """Vectors that codes serve badly: nearly all length in one value, the rest far below a step."""
    generator = np.random.default_rng(seed)
    vectors = 0.004 * generator.normal(size=(count, dim))
    vectors[np.arange(count), generator.integers(0, 3, count)] += generator.choice([-1, 1], count)
    return normalise(vectors.astype(np.float32))


def near_threshold(count: int, dim: int, seed: int) -> np.ndarray:
    """Vectors whose scores with the first lie within a hair of 0.9, on both sides."""
    generator = np.random.default_rng(seed)
    first = np.zeros(dim)
    first[0] = 1
    others = generator.normal(size=(count, dim))
    others[:, 0] = 0
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    cosines = 0.9 + generator.uniform(-1e-6, 1e-6, (count, 1))
    return np.concatenate([first[None], cosines * first + np.sqrt(1 - cosines**2) * others]).astype(
        np.float32
    )


def random(count: int, dim: int, seed: int) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32))


@pytest.mark.parametrize("make", [random, spiky, near_threshold])
@pytest.mark.parametrize("threshold", [-0.2, 0.0, 0.3, 0.9, 0.99])
def test_no_pair_is_missed_and_none_invented(make: object, threshold: float) -> None:
    vectors = make(300, 32, 7)
    expected = upper(brute_force(vectors, vectors, threshold))
    got = found(self_join(vectors, threshold, threads=1))
    assert got.keys() == expected.keys()
    assert all(abs(got[pair] - expected[pair]) < 1e-12 for pair in got)


@given(
    seed=st.integers(0, 10**6), dim=st.integers(1, 40), threshold=st.floats(-1, 1), block=st.integers(3, 50)
)
@settings(max_examples=60, deadline=None)
def test_no_pair_is_missed_whatever_the_blocks(seed: int, dim: int, threshold: float, block: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(70, dim)) * generator.choice([1, 1, 30], size=dim)
    vectors[generator.integers(0, 70, 20)] = vectors[generator.integers(0, 70, 20)]
    vectors = normalise(vectors.astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join, "_BLOCK", block)
        got = found(self_join(vectors, threshold, threads=2))
    assert got.keys() == upper(brute_force(vectors, vectors, threshold)).keys()


def test_two_sets_are_joined_with_each_other_and_not_with_themselves() -> None:
    vectors = random(40, 8, 0)
    others = np.concatenate([vectors[5:9], random(60, 8, 1)])
    got = found(cross_join(vectors, others, 0.7))
    assert got.keys() == brute_force(vectors, others, 0.7).keys()
    assert {(5, 0), (6, 1), (7, 2), (8, 3)} <= got.keys()


def test_the_pass_over_codes_is_a_bound_and_not_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the bound, the codes alone miss pairs: this is what it is for."""
    vectors = near_threshold(300, 32, 3)
    expected = upper(brute_force(vectors, vectors, 0.9)).keys()
    assert found(self_join(vectors, 0.9)).keys() == expected
    plain = join._least
    monkeypatch.setattr(
        join, "_least", lambda left, right, threshold: plain(left, right, threshold) + 2 * _width(left, right)
    )
    assert found(self_join(vectors, 0.9)).keys() != expected


def _width(left: join._Codes, right: join._Codes) -> int:
    bound = left.coded * right.residual + left.residual * right.whole
    return int(bound / (left.step * right.step))


def test_empty_and_single_sets_have_no_pairs() -> None:
    nothing = np.empty((0, 8), np.float32)
    assert not found(self_join(nothing, 0.5))
    assert not found(self_join(random(1, 8, 0), 0.5))
    assert not found(cross_join(nothing, random(5, 8, 0), 0.5))
    assert not found(cross_join(random(5, 8, 0), nothing, 0.5))


def test_the_integer_product_is_exact_at_its_limits() -> None:
    generator = np.random.default_rng(0)
    left = generator.choice([0, 1, 127, 128, 255], size=(33, 300)).astype(np.uint8)
    right = generator.choice([-RIGHT_LIMIT, 0, RIGHT_LIMIT], size=(300, 65)).astype(np.int8)
    left[0], right[:, 0] = 255, RIGHT_LIMIT
    left[1], right[:, 1] = 0, -RIGHT_LIMIT
    expected = (left.astype(np.int64) - ZERO_POINT) @ right.astype(np.int64)
    assert np.array_equal(integer_product(left, right), expected)


def test_the_graph_of_the_integer_product_is_what_onnx_writes() -> None:
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right", "zero"], ["product"])],
        "g",
        [
            helper.make_tensor_value_info("left", types.UINT8, ["m", "d"]),
            helper.make_tensor_value_info("right", types.INT8, ["d", "n"]),
        ],
        [helper.make_tensor_value_info("product", types.INT32, ["m", "n"])],
        [helper.make_tensor("zero", types.UINT8, [], [ZERO_POINT])],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=""
    )
    assert onnx.load_from_string(_GRAPH) == model


def test_an_interrupt_ends_each_thread_at_its_next_block(monkeypatch: pytest.MonkeyPatch) -> None:
    products = 0

    def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        nonlocal products
        products += 1
        if products == 10:  # all rows wait in the queue by then
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.02)
        return integer_product(left, right)

    monkeypatch.setattr(join, "_BLOCK", 8)
    monkeypatch.setattr(join, "integer_product", product)
    vectors = normalise(np.random.default_rng(0).standard_normal((8 * 200, 4)).astype(np.float32))
    with pytest.raises(KeyboardInterrupt):
        self_join(vectors, 0.9, threads=2)
    assert products < 100  # of 200 in each of the two rows that had begun

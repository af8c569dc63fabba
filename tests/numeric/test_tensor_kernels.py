"""Kernels of tensors against NumPy and SciPy, and rules of their gates against differences."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from symgrad.errors import ShapeError, SingularError
from symgrad.numeric import kernels_einsum
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.kernels_tensor import kernel
from symgrad.rules import einsums, linalg, tensors
from symgrad.rules.tensor_site import TensorSite

inf, nan = np.inf, np.nan
LETTERS = "abcde"


def call(name: str, payload: Any, *arrays: Any) -> Any:
    with np.errstate(all="ignore"):
        return kernel(name)(payload)(*[np.asarray(a)[()] for a in arrays])


# --- einsum ---


def random_einsum(seed: int) -> tuple[list[str], str, dict[str, int], list[Any]]:
    """Return inputs, an output with perhaps a new and a repeated index, sizes and operands."""
    rng = np.random.default_rng(seed)
    sizes = {c: int(n) for c, n in zip(LETTERS + "z", rng.integers(1, 5, 6), strict=True)}
    pool = list(LETTERS[: rng.integers(1, 6)])
    inputs = ["".join(rng.choice(pool, rng.integers(0, 4))) for _ in range(rng.integers(1, 5))]
    used = sorted(set("".join(inputs)))
    output = list(rng.permutation(used)[: rng.integers(0, len(used) + 1)])
    if rng.random() < 0.4:
        output.insert(rng.integers(0, len(output) + 1), "z")
    if output and rng.random() < 0.4:
        output.insert(rng.integers(0, len(output) + 1), rng.choice(output))
    operands = [rng.normal(size=[sizes[c] for c in one]) for one in inputs]
    return inputs, "".join(output), sizes, operands


def written_out(inputs: list[str], output: str, sizes: dict[str, int], operands: list[Any]) -> Any:
    """Return the einsum entry by entry, from NumPy's einsum over the different indices."""
    unique = "".join(dict.fromkeys(output))
    every = ",".join([*inputs, "z"]) + "->" + unique
    core = np.einsum(
        every, *operands, np.eye(sizes["z"])[0] if "z" not in unique else np.ones(sizes["z"])
    )
    found = np.zeros([sizes[c] for c in output])
    for place in itertools.product(*(range(sizes[c]) for c in output)):
        at = dict(zip(output, place, strict=True))
        if all(at[c] == k for c, k in zip(output, place, strict=True)):
            found[place] = core[tuple(at[c] for c in unique)]
    return found


@pytest.mark.parametrize("seed", range(120))
def test_an_einsum_is_what_its_indices_say(seed: int) -> None:
    inputs, output, sizes, operands = random_einsum(seed)

    expected = written_out(inputs, output, sizes, operands)
    actual = call("einsum", einsums.spec(inputs, output, sizes), *operands)

    assert expected.shape == np.shape(actual)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_a_new_axis_is_no_copy() -> None:
    x = np.arange(3.0)
    wide = call("einsum", einsums.spec(["a"], "za", {"z": 1_000_000}), x)

    assert (1_000_000, 3) == wide.shape
    assert np.shares_memory(wide, x)


def test_a_transpose_is_a_view() -> None:
    x = np.zeros((3, 4))

    assert np.shares_memory(call("einsum", einsums.spec(["ab"], "ba"), x), x)


def test_an_index_in_three_operands_is_multiplied_in_before_the_matrix_product() -> None:
    sizes = {0: 2048, 1: 256, 2: 256}

    order = kernels_einsum.contraction_order([(0, 1), (0,), (0, 2)], (1, 2), sizes)

    assert order[0] in [(0, 1), (1, 2)]


def test_a_chain_of_matrices_is_contracted_from_the_side_of_the_vector() -> None:
    sizes = dict.fromkeys(range(4), 100)

    order = kernels_einsum.contraction_order([(0, 1), (1, 2), (2, 3), (3,)], (0,), sizes)

    assert (2, 3) == order[0]


def test_many_operands_are_contracted_one_pair_at_a_time() -> None:
    rng = np.random.default_rng(1)
    matrices = [rng.normal(size=(3, 3)) for _ in range(8)]
    inputs = [LETTERS[k % 5] for k in range(8)]
    indices = [(k, k + 1) for k in range(8)]

    actual = call("einsum", einsums.spec(indices, (0, 8)), *matrices)

    assert len(inputs) == 8
    np.testing.assert_allclose(actual, np.linalg.multi_dot(matrices), rtol=1e-12)


# --- reductions ---


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2)])
def test_logsumexp_is_that_of_scipy(axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(2).normal(size=(3, 4, 2)) * 300

    expected = scipy.special.logsumexp(x, axis=axes)

    np.testing.assert_allclose(call("logsumexp_over", axes, x), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([-inf, -inf], -inf),
        ([-inf, 2.0], 2.0),
        ([inf, 1.0], inf),
        ([inf, -inf], inf),
        ([nan, 1.0], nan),
        ([1e308, 1e308], 1e308),
        ([-1000.0, -1000.0], -1000 + np.log(2)),
    ],
)
def test_logsumexp_keeps_what_is_infinite(row: list[float], expected: float) -> None:
    np.testing.assert_array_equal(call("logsumexp_over", (0,), row), expected)


@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300, 5e-324])
def test_a_norm_neither_overflows_nor_vanishes(scale: float) -> None:
    assert call("norm", (0,), [3 * scale, 4 * scale]) == 5 * scale


@pytest.mark.parametrize(("x", "expected"), [([0.0, 0.0], 0), ([inf, 1.0], inf), ([nan, 1.0], nan)])
def test_a_norm_of_special_values_is_what_ieee_says(x: list[float], expected: float) -> None:
    np.testing.assert_array_equal(call("norm", (0,), x), expected)


def test_a_unit_vector_of_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(
        call("unit", (1,), [[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]]
    )


@pytest.mark.parametrize(
    ("kinks", "expected"),
    [
        ("min_norm", [[0, 0.5, 0.5], [1, 0, 0]]),
        ("first", [[0, 1, 0], [1, 0, 0]]),
        ("nan", [[0, nan, nan], [1, 0, 0]]),
    ],
)
def test_tied_winners_share_as_the_policy_says(kinks: str, expected: Any) -> None:
    x = np.array([[1.0, 7, 7], [3, 2, 1]])

    np.testing.assert_array_equal(call("winners", ("max", (1,), kinks), x), expected)
    np.testing.assert_array_equal(call("winners", ("min", (1,), kinks), -x), expected)


def test_the_first_winner_over_several_axes_is_the_first_in_reading_order() -> None:
    x = np.zeros((2, 3, 2))
    x[1] = [[0, 5], [5, 5], [0, 0]]

    expected = np.zeros((2, 3, 2))
    expected[:, 0, 0] = [1, 0]
    expected[1, 0, 1] = 1

    np.testing.assert_array_equal(call("winners", ("max", (1, 2), "first"), x), expected)


# --- rearrangements ---


def test_slices_and_their_transposes_go_both_ways() -> None:
    x = np.arange(5.0)
    part = ((4, -1, -2),)

    np.testing.assert_array_equal(call("slice", part, x), x[::-2])
    np.testing.assert_array_equal(call("unslice", (part, (5,)), [1.0, 2, 3]), [3, 0, 2, 0, 1])


def test_scatter_adds_at_places_that_are_named_twice() -> None:
    found = call("scatter", (1, (2, 3)), [[1.0, 2, 4], [8, 16, 32]], [2, 0, 2])

    np.testing.assert_array_equal(found, [[2, 0, 5], [16, 0, 40]])


def test_gather_takes_a_tensor_of_places() -> None:
    x = np.arange(12.0).reshape(4, 3)

    np.testing.assert_array_equal(
        call("gather", 0, x, [[3.0, 0], [1, 1]]), x[np.array([[3, 0], [1, 1]])]
    )


@pytest.mark.parametrize("place", [3, -1, 0.5, nan])
def test_a_place_outside_an_axis_is_named(place: float) -> None:
    with pytest.raises(ShapeError, match="whole numbers from 0 to 2, and found"):
        call("gather", 0, np.zeros(3), [place])
    with pytest.raises(ShapeError, match="one_hot"):
        call("one_hot", 3, [place])


def test_one_hots_have_the_type_of_the_computation() -> None:
    assert np.float32 == call("one_hot", 3, np.float32([0, 2])).dtype


def test_a_lower_triangle_may_have_half_of_its_diagonal() -> None:
    np.testing.assert_array_equal(call("tril", True, [[2.0, 3], [4, 6]]), [[1, 0], [4, 3]])
    np.testing.assert_array_equal(call("tril", False, [[2.0, 3], [4, 6]]), [[2, 0], [4, 6]])


# --- linear algebra ---

RNG = np.random.default_rng(3)
STACK = RNG.normal(size=(2, 3, 3))
POSITIVE = STACK @ np.swapaxes(STACK, -1, -2) + 3 * np.eye(3)


def test_linear_algebra_takes_a_batch_in_front() -> None:
    b = RNG.normal(size=(2, 3))

    one = [call("solve", None, a, v) for a, v in zip(STACK, b, strict=True)]

    np.testing.assert_allclose(call("solve", None, STACK, b), one, rtol=1e-12)
    np.testing.assert_allclose(call("inv", None, STACK), np.linalg.inv(STACK))
    np.testing.assert_allclose(call("det", None, STACK), np.linalg.det(STACK))
    np.testing.assert_allclose(call("cholesky", None, POSITIVE), np.linalg.cholesky(POSITIVE))
    exponentials = [scipy.linalg.expm(a) for a in STACK]
    np.testing.assert_allclose(call("expm", None, STACK), exponentials, rtol=1e-12)


def test_the_log_of_a_determinant_does_not_overflow() -> None:
    np.testing.assert_allclose(call("logdet", None, np.eye(400) * 1e3), 400 * np.log(1e3))
    assert np.isnan(call("logdet", None, -np.eye(3)))
    assert -inf == call("logdet", None, np.zeros((2, 2)))


@pytest.mark.parametrize("name", ["inv", "solve", "cholesky"])
def test_a_singular_matrix_is_named_with_its_gate(name: str) -> None:
    operands = [np.zeros((2, 2)), np.ones(2)][: 2 if name == "solve" else 1]

    with pytest.raises(SingularError, match=rf"`{name}` of a matrix of shape \(2, 2\)"):
        call(name, None, *operands)


@pytest.mark.parametrize("name", ["inv", "solve", "cholesky", "expm", "det", "logdet"])
def test_nan_gives_nan_and_no_error(name: str) -> None:
    operands = [np.array([[2.0, nan], [nan, 2.0]]), np.ones(2)]
    found = call(name, None, *operands[: 2 if name == "solve" else 1])

    assert np.any(np.isnan(found))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_derivatives_of_the_exponential_are_those_of_a_polynomial_in_steps(count: int) -> None:
    a, *directions = (RNG.normal(size=(3, 3)) * 0.5 for _ in range(count + 1))
    steps = 0.02 * np.cos(np.pi * (np.arange(12) + 0.5) / 12)  # Chebyshev nodes
    grid = itertools.product(*[range(12)] * count)

    values = np.zeros([12] * count + [3, 3])
    for place in grid:
        moved = a + sum(steps[k] * d for k, d in zip(place, directions, strict=True))
        values[place] = scipy.linalg.expm(moved)
    for _ in range(count):  # the derivative at 0 along the first axis that is left
        fit = np.polynomial.polynomial.polyfit(steps, values.reshape(12, -1), 6)[1]
        values = fit.reshape(values.shape[1:])

    np.testing.assert_allclose(call("expm", None, a, *directions), values, rtol=1e-6, atol=1e-6)


# --- rules: against differences, and pullback against pushforward ---


@dataclass(frozen=True)
class Case:
    gate: Any
    payload: Any
    shapes: tuple[tuple[int, ...], ...]
    kind: str = "any"
    fixed: tuple[Any, ...] = ()  # operands that are not moved, behind the others


PARTS = ((3, 0, -2), (1, 3, 1))
PLACES = np.array([[0.0, 2], [2, 1]])
CASES = [
    Case(einsums.EINSUM, einsums.spec(["ab", "bc"], "ca"), ((2, 3), (3, 4))),
    Case(einsums.EINSUM, einsums.spec(["aab", "b", "ac"], "cab"), ((2, 2, 3), (3,), (2, 2))),
    Case(einsums.EINSUM, einsums.spec(["a"], "aza", {"z": 2}), ((3,),)),
    Case(tensors.LOGSUMEXP, (1,), ((3, 4),)),
    Case(tensors.MAX_OVER, (0,), ((4, 3),)),
    Case(tensors.MIN_OVER, (0, 1), ((4, 3),)),
    Case(tensors.NORM, (1,), ((2, 3),)),
    Case(tensors.UNIT, (1,), ((2, 3),)),
    Case(tensors.WINNERS, ("max", (0,), "min_norm"), ((4, 2),)),
    Case(tensors.RESHAPE, (2, 6), ((3, 4),)),
    Case(tensors.SLICE, PARTS, ((4, 3),)),
    Case(tensors.UNSLICE, (PARTS, (4, 3)), ((2, 2),)),
    Case(tensors.TRIL, True, ((3, 3),)),
    Case(tensors.TRIL, False, ((2, 3, 3),)),
    Case(tensors.GATHER, 1, ((2, 3, 2),), fixed=(PLACES,)),
    Case(tensors.SCATTER, (1, (2, 3, 2)), ((2, 2, 2, 2),), fixed=(PLACES,)),
    Case(tensors.CONCAT, 1, ((2, 3), (2, 1), (2, 2))),
    Case(tensors.ONE_HOT, 4, (), fixed=(PLACES,)),
    Case(linalg.INVERSE, None, ((2, 3, 3),)),
    Case(linalg.LOGDET, None, ((2, 3, 3),), "positive"),
    Case(linalg.DET, None, ((3, 3),)),
    Case(linalg.SOLVE, None, ((3, 3), (3, 2))),
    Case(linalg.SOLVE, None, ((2, 3, 3), (2, 3))),
    Case(linalg.CHOLESKY, None, ((2, 3, 3),), "positive"),
    Case(linalg.EXPM, None, ((3, 3),)),
    Case(linalg.EXPM, None, ((3, 3), (3, 3), (3, 3))),
]
ALGEBRA = Floats()


def drawn(case: Case, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    found = [rng.normal(size=shape) for shape in case.shapes]
    if case.kind == "positive":
        found = [x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1]) for x in found]
    return [*found, *case.fixed]


def site_of(case: Case, operands: list[Any]) -> TensorSite:
    out = ALGEBRA.apply(case.gate, tuple(operands), case.payload)
    shapes = [x.shape for x in operands]
    return TensorSite(ALGEBRA, case.payload, operands, shapes, out, np.shape(out))


def moving(case: Case) -> range:
    return range(len(case.shapes))


def name_of(case: Case) -> str:
    return f"{case.gate.name}-{case.payload}"


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_shapes_are_those_that_the_table_says(case: Case) -> None:
    operands = drawn(case, 5)

    expected = case.gate.shape(case.payload, [x.shape for x in operands])

    assert expected == np.shape(ALGEBRA.apply(case.gate, tuple(operands), case.payload))


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_pushforward_is_the_slope_of_the_values(case: Case) -> None:
    operands, step = drawn(case, 7), 1e-5
    site = site_of(case, operands)
    for place in moving(case):
        dot = np.random.default_rng(place).normal(size=operands[place].shape)

        def at(shift: float, place: int = place, dot: Any = dot) -> Any:
            moved = [x + shift * dot if k == place else x for k, x in enumerate(operands)]
            return ALGEBRA.apply(case.gate, tuple(moved), case.payload)

        expected = (at(step) - at(-step)) / (2 * step)
        actual = case.gate.push(site, place, dot)
        actual = np.zeros_like(expected) if actual is None else actual

        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=name_of)
@pytest.mark.parametrize("seed", range(3))
def test_a_pullback_is_the_transpose_of_the_pushforward(case: Case, seed: int) -> None:
    operands = drawn(case, 11 + seed)
    site, rng = site_of(case, operands), np.random.default_rng(seed)
    for place in moving(case):
        v, w = rng.normal(size=operands[place].shape), rng.normal(size=np.shape(site.out))
        pushed = case.gate.push(site, place, v)
        pulled = case.gate.pull(site, place, w)
        if pushed is None:
            assert pulled is None
            continue

        left, right = np.sum(w * pushed), np.sum(pulled * v)

        assert operands[place].shape == np.shape(pulled)
        scale = np.linalg.norm(w) * np.linalg.norm(pushed)
        assert abs(left - right) <= 1e-12 * scale


def test_every_gate_of_tensors_has_a_case() -> None:
    rows = {*tensors.ROWS, *linalg.ROWS} - {einsums.SIZE}

    assert rows == {case.gate for case in CASES}


def test_a_size_without_a_number_has_no_kernel() -> None:
    with pytest.raises(ShapeError, match="bind the sizes"):
        kernel("size")

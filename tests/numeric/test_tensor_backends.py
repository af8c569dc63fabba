"""JAX and torch on tensors: every gate beside NumPy, then whole formulas and what they refuse."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Dummy

import symgrad as sg
from symgrad.errors import BackendError, ShapeError, SingularError, UnsupportedError
from symgrad.expr import heads
from symgrad.numeric.program import Operation, Program
from symgrad.numeric.tensor_backends import TENSOR_BACKENDS
from symgrad.rules import arithmetic, convolution, einsums, linalg, opaque, tensors
from symgrad.rules.table import GATES

inf, nan = np.inf, np.nan
RNG = np.random.default_rng(0)
LIBRARIES = [name for name in TENSOR_BACKENDS if name != "numpy"]
DTYPES = {"float64": 1e-11, "float32": 2e-4}
every_library = pytest.mark.parametrize("library", LIBRARIES)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def installed(library: str) -> Any:
    return pytest.importorskip(library)


# --- gates ---


@dataclass(frozen=True)
class Case:
    gate: Any
    payload: Any
    operands: tuple[Any, ...]


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def regular(*shape: int) -> Any:
    made = normal(*shape)
    return made @ np.swapaxes(made, -1, -2) + np.eye(shape[-1])


def spec(inputs: list[str], output: str, **sizes: int) -> Any:
    return einsums.spec(inputs, output, sizes)


PARTS = ((3, 0, -2), (1, 3, 1))
DOWN = ((4, -1, -1),)
PLACES = np.array([[0.0, 2], [2, 1]])
TIED = np.array([[1.0, 7, 7, 2], [3, 2, 1, 3], [0, 0, -0.0, 0], [nan, 1, 1, 2]])
HUGE = np.array([[3e300, 4e300], [3e-300, 4e-300], [0, 0], [inf, 1], [nan, 1]])
LOGS = np.array([[-inf, -inf], [-inf, 2], [inf, 1], [inf, -inf], [nan, 1], [1e308, 1e308]])
MOVES = ((2, 1), ((1, 0), (0, 2)), (1, 2), 2)
WINDOW = ((3, 2), (2, 1), ((1, 0), (0, 1)), (1, 2))
E, T = einsums.EINSUM, tensors
CASES = [
    Case(E, spec(["ab", "bc"], "ca"), (normal(2, 3), normal(3, 4))),
    Case(E, spec(["ab", "b"], "a"), (normal(2, 3), normal(3))),
    Case(E, spec(["b", "bc"], "c"), (normal(3), normal(3, 4))),
    Case(E, spec(["ab", "ab"], ""), (normal(2, 3), normal(2, 3))),
    Case(E, spec(["nab", "nbc"], "nac"), (normal(2, 3, 4), normal(2, 4, 2))),
    Case(E, spec(["nmab", "mnbc"], "cnma"), (normal(2, 3, 2, 4), normal(3, 2, 4, 2))),
    Case(E, spec(["na", "na"], "n"), (normal(2, 3), normal(2, 3))),
    Case(E, spec(["ab", "b"], "ba"), (normal(2, 3), normal(3))),
    Case(E, spec(["a", "b"], "ab"), (normal(2), normal(3))),
    Case(E, spec(["abab"], "b"), (normal(2, 3, 2, 3),)),
    Case(E, spec(["abc"], "cb"), (normal(2, 3, 4),)),
    Case(E, spec(["aab", "b", "ac"], "cab"), (normal(2, 2, 3), normal(3), normal(2, 2))),
    Case(
        E, spec(["ab", "bc", "cd", "d"], "a"), (normal(2, 3), normal(3, 4), normal(4, 2), normal(2))
    ),
    Case(E, spec(["a"], "aza", z=2), (normal(3),)),
    Case(E, spec(["ab"], "baba"), (normal(3, 2),)),
    Case(E, spec(["a"], "zay", z=2, y=4), (normal(3),)),
    Case(E, spec(["abc", "dc"], "zabd", z=2), (normal(2, 3, 4), normal(2, 4))),
    Case(T.LOGSUMEXP, (1,), (LOGS,)),
    Case(T.LOGSUMEXP, (0, 2), (normal(3, 2, 4) * 300,)),
    Case(T.MAX_OVER, (0,), (TIED,)),
    Case(T.MIN_OVER, (0, 1), (normal(3, 4, 2),)),
    *[
        Case(T.WINNERS, (which, axes, kinks), (TIED,))
        for which in ("max", "min")
        for axes in ((1,), (0, 1))
        for kinks in ("min_norm", "first", "nan")
    ],
    Case(T.WINNERS, ("max", (0, 2), "first"), (np.round(normal(3, 2, 4)),)),
    Case(T.NORM, (1,), (HUGE,)),
    Case(T.NORM, (0, 1), (normal(3, 4),)),
    Case(T.UNIT, (1,), (HUGE[:3],)),
    Case(T.RESHAPE, (2, 6), (normal(3, 4),)),
    Case(T.SLICE, PARTS, (normal(4, 3),)),
    Case(T.SLICE, DOWN, (normal(5),)),
    Case(T.UNSLICE, (PARTS, (4, 3)), (normal(2, 2),)),
    Case(T.UNSLICE, (((4, -1, -2),), (5,)), (normal(3),)),
    Case(T.TRIL, True, (np.array([[2.0, inf], [4, nan]]),)),
    Case(T.TRIL, False, (normal(2, 3, 3),)),
    Case(T.GATHER, 1, (normal(2, 3, 2), PLACES)),
    Case(T.GATHER, 0, (normal(3), np.array(2.0))),
    Case(T.SCATTER, (1, (2, 3, 2)), (normal(2, 2, 2, 2), PLACES)),
    Case(T.SCATTER, (0, (3,)), (normal(4), np.array([0.0, 2, 2, 0]))),
    Case(T.CONCAT, 1, (normal(2, 3), normal(2, 1), normal(2, 2))),
    Case(T.ONE_HOT, 4, (PLACES,)),
    Case(linalg.INVERSE, None, (regular(2, 3, 3),)),
    Case(linalg.LOGDET, None, (regular(2, 3, 3),)),
    Case(linalg.LOGDET, None, (np.array([-np.eye(3), np.zeros((3, 3))]),)),
    Case(linalg.DET, None, (regular(3, 3),)),
    Case(linalg.SOLVE, None, (regular(3, 3), normal(3, 2))),
    Case(linalg.SOLVE, None, (regular(2, 3, 3), normal(2, 3))),
    Case(linalg.CHOLESKY, None, (regular(2, 3, 3) + np.tri(3) - np.tri(3).T,)),
    Case(linalg.EXPM, None, (normal(3, 3),)),
    Case(linalg.EXPM, None, (normal(2, 3, 3), normal(2, 3, 3))),
    Case(linalg.EXPM, None, (normal(3, 3), normal(3, 3), normal(3, 3))),
    Case(linalg.EXPM, None, (np.array([[-80.0, 3], [1, -40]]),)),
    Case(convolution.CONV, MOVES, (normal(2, 4, 7, 6), normal(6, 2, 3, 2))),
    Case(convolution.CONV, ((1,), ((1, 1),), (1,), 1), (normal(2, 3, 5), normal(4, 3, 3))),
    Case(convolution.CONV_INPUT, (MOVES, (7, 6)), (normal(2, 6, 3, 6), normal(6, 2, 3, 2))),
    Case(convolution.CONV_WEIGHT, (MOVES, (3, 2)), (normal(2, 4, 7, 6), normal(2, 6, 3, 6))),
    Case(convolution.PATCHES, (*WINDOW, "zero"), (normal(2, 7, 6),)),
    Case(convolution.PATCHES, (*WINDOW, "lowest"), (normal(2, 7, 6),)),
    Case(convolution.FOLD, (WINDOW, (7, 6)), (normal(2, 3, 5, 3, 2),)),
    Case(arithmetic.POW, None, (normal(3) ** 2, np.array(2.5))),
]


@lru_cache
def answers(backend: str, dtype: str) -> list[Any]:
    """Return the value of each case; one program has them all."""
    with np.errstate(over="ignore"):
        operands = [np.asarray(x, dtype) for case in CASES for x in case.operands]
    made, start = [], 0
    for case in CASES:
        places = tuple(range(start, start + len(case.operands)))
        made.append(Operation(case.gate, places, case.payload, ()))
        start += len(places)
    symbols = tuple(Dummy(f"x{k}") for k in range(start))
    program = Program(symbols, (), tuple(made), tuple(range(start, start + len(made))))
    shapes = [x.shape for x in operands]
    with np.errstate(all="ignore"):
        return TENSOR_BACKENDS[backend].build(program, shapes, dtype, False)(operands)


@every_library
@every_dtype
@pytest.mark.parametrize("place", range(len(CASES)), ids=lambda k: f"{CASES[k].gate.name}-{k}")
def test_a_gate_gives_what_numpy_gives(library: str, dtype: str, place: int) -> None:
    installed(library)
    expected, actual = answers("numpy", dtype)[place], answers(library, dtype)[place]

    assert (np.shape(expected), dtype) == (np.shape(actual), str(actual.dtype))
    np.testing.assert_allclose(actual, expected, rtol=DTYPES[dtype], atol=DTYPES[dtype])


def test_every_gate_of_tensors_has_a_case() -> None:
    rows = {gate for gate in GATES if gate.shape is not None} - {einsums.SIZE}

    assert rows - opaque.OF_TENSORS == {case.gate for case in CASES} - {arithmetic.POW}


# --- formulas ---

N, X, Y = "N", sg.tensor("X", "N", 5), sg.tensor("Y", "N", 3)
W, V, b = sg.tensor("W", 5, 4), sg.tensor("V", 4, 3), sg.tensor("b", 4)
SCORES = sg.map(heads.relu, X @ W + b) @ V
LOSS = sg.sum(sg.logsumexp(SCORES, axis=1)) - sg.sum(SCORES * Y) + 0.1 * sg.sum(W**2)
ARGS = [X, Y, W, V, b]
POINT = [normal(7, 5), np.eye(3)[RNG.integers(0, 3, 7)], normal(5, 4), normal(4, 3), normal(4)]
WAYS = [normal(*v.shape) for v in POINT[2:]]


def leaves(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return leaves(tuple(found.values()))
    return (
        [v for part in found for v in leaves(part)] if isinstance(found, (tuple, list)) else [found]
    )


ASKED = {
    "value": (LOSS, "value", []),
    "grad": (LOSS, ("value", "grad"), []),
    "jvp": (LOSS, "jvp", WAYS),
    "hvp": (LOSS, ("grad", "hvp"), WAYS),
    "vjp": (SCORES, ("value", "vjp"), [normal(7, 3)]),
    "push": (SCORES, "jvp", WAYS),
}


@every_library
@every_dtype
@pytest.mark.parametrize("asked", ASKED)
def test_whole_formulas_give_what_numpy_gives(library: str, dtype: str, asked: str) -> None:
    installed(library)
    f, returns, more = ASKED[asked]
    options: dict[str, Any] = {"wrt": ARGS[2:], "returns": returns, "dtype": dtype}
    args = ARGS if f is LOSS else [X, W, V, b]
    given = [*(v for a, v in zip(ARGS, POINT, strict=True) if a in args), *more]
    expected = leaves(sg.compile(f, args, **options)(*given))
    actual = leaves(sg.compile(f, args, backend=library, **options)(*given))

    assert len(expected) == len(actual)
    for one, other in zip(expected, actual, strict=True):
        assert dtype == str(other.dtype)
        np.testing.assert_allclose(other, one, rtol=DTYPES[dtype], atol=DTYPES[dtype])


@every_library
def test_a_batch_is_that_of_numpy(library: str) -> None:
    installed(library)
    given = [POINT[0], POINT[1], normal(6, 5, 4), POINT[3], POINT[4]]
    options: dict[str, Any] = {"wrt": W, "batch": ["W"]}
    expected = sg.compile(LOSS, ARGS, **options)(*given)
    actual = sg.compile(LOSS, ARGS, backend=library, **options)(*given)

    assert (6,) == actual[0].shape
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-11)


@every_library
def test_a_function_meets_arrays_of_other_sizes_and_forms(library: str) -> None:
    installed(library)
    column = sg.tensor("x", "n")
    fn = sg.compile(sg.sum(column**2), backend=library)
    values = [fn(np.ones(n))[0] for n in (2, 3, 2)]
    _, (slope,) = fn([1.0, 2.0])

    assert [2.0, 3.0, 2.0] == values
    assert [2.0, 4.0] == slope.tolist()
    assert 2 == fn.stats["plans"]


@every_library
def test_compiled_functions_pickle(library: str) -> None:
    installed(library)
    fn = pickle.loads(pickle.dumps(sg.compile(LOSS, ARGS, backend=library)))

    assert f"{library} (arrays)" == fn.backend
    np.testing.assert_allclose(fn(*POINT)[0], sg.compile(LOSS, ARGS)(*POINT)[0], rtol=1e-12)


@every_library
def test_results_have_memory_of_their_own(library: str) -> None:
    installed(library)
    A = sg.tensor("A", 2, 3)
    given = np.arange(6.0).reshape(2, 3)
    found = sg.compile([A, A.T, sg.reshape(A, (6,))], [A], returns="value", backend=library)(given)
    for array in found:
        array[...] = -1.0

    assert list(range(6)) == given.ravel().tolist()
    assert all(np.all(array == -1) for array in found)
    frozen = given.copy()
    frozen.flags.writeable = False
    assert 15.0 == sg.compile(sg.sum(A), returns="value", backend=library)(frozen[::-1, ::-1])


# --- what NumPy refuses ---


def gathering(library: str) -> Any:
    places = sg.tensor("k", 2)
    f = sg.sum(sg.take(sg.tensor("x", 3), places) ** 2)
    return sg.compile(f, ["x", "k"], wrt=["x"], backend=library)


@every_library
@pytest.mark.parametrize("place", [3.0, -1.0, 0.5, nan])
def test_a_place_outside_an_axis_is_named(library: str, place: float) -> None:
    installed(library)
    fn = gathering(library)

    assert 5.0 == fn(np.arange(3.0), np.array([1.0, 2.0]))[0]
    with pytest.raises(ShapeError, match="`gather` takes whole numbers from 0 to 2, and found"):
        fn(np.arange(3.0), np.array([0.0, place]))


@every_library
def test_a_singular_matrix_is_named(library: str) -> None:
    installed(library)
    A = sg.tensor("A", 2, 2)
    for f, name in ((sg.inv(A), "inv"), (sg.cholesky(A), "cholesky")):
        fn = sg.compile(f, [A], returns="value", backend=library)
        with pytest.raises(SingularError, match=rf"`{name}` of a matrix of shape \(2, 2\)"):
            fn(np.zeros((2, 2)) if name == "inv" else -np.eye(2))
        assert np.isnan(fn(np.array([[nan, 1], [1, 2]]))).any()


@every_library
def test_what_a_library_lacks_is_refused_when_compiled(library: str) -> None:
    installed(library)
    f = sg.sum(sg.map(lambda t: sympy.besselj(1, t), sg.tensor("x", "n")))
    with pytest.raises(
        BackendError, match=f"`{library}` cannot run this: it does not know `besselj`"
    ):
        sg.compile(f, returns="value", backend=library)
    with pytest.raises(BackendError, match="an argument is complex"):
        sg.compile(sg.sum(X), returns="value", backend=library)(POINT[0] * 1j)
    fn = sg.compile(LOSS, ARGS, backend=library)
    with pytest.raises(ShapeError, match="takes 5 arguments, not 2"):
        fn(1, 2)
    with pytest.raises(ShapeError, match="`N` is 3 by the shape"):
        fn(POINT[0], POINT[1][:3], *POINT[2:])


def test_other_backends_are_refused_by_name() -> None:
    with pytest.raises(BackendError, match="'numpy', 'jax', 'torch', not by 'llvm'"):
        sg.compile(LOSS, ARGS, backend="llvm")


# --- their own arrays ---


def test_jax_arrays_are_answered_in_kind_and_traced() -> None:
    jax = installed("jax")
    fn = sg.compile(LOSS, ARGS, wrt=[W], backend="jax")
    expected, (slope,) = sg.compile(LOSS, ARGS, wrt=[W])(*POINT)
    given = [jax.numpy.asarray(v, "float32") for v in POINT]
    for call in (fn, jax.jit(fn)):
        value, (found,) = call(*given)
        assert isinstance(value, jax.Array) and "float32" == str(found.dtype)
        np.testing.assert_allclose(value, expected, rtol=1e-4)
        np.testing.assert_allclose(found, slope, rtol=1e-3, atol=1e-4)
    own = jax.grad(lambda w: fn(*given[:2], w, *given[3:])[0])(given[2])
    np.testing.assert_allclose(own, slope, rtol=1e-3, atol=1e-4)
    wide = jax.vmap(lambda x: fn(x, *given[1:])[0])(jax.numpy.stack([given[0]] * 3))
    np.testing.assert_allclose(wide, [expected] * 3, rtol=1e-4)
    with pytest.raises(UnsupportedError, match="`out` takes NumPy arrays"):
        fn(*given, out=(np.zeros(()), [np.zeros((5, 4))]))


def test_float64_of_jax_arrays_asks_for_the_switch() -> None:
    jax = installed("jax")
    fn = sg.compile(sg.sum(sg.tensor("x", "n") / 3), returns="value", backend="jax")
    with pytest.raises(BackendError, match="jax_enable_x64"):
        fn(jax.numpy.arange(3))
    with jax.enable_x64(True):
        assert np.float64(1 / 3) == fn(jax.numpy.ones(1))


def test_places_outside_an_axis_are_nan_where_nothing_can_be_raised() -> None:
    jax = installed("jax")
    fn = gathering("jax")
    value, _ = jax.jit(fn)(jax.numpy.arange(3.0), jax.numpy.array([1, 3]))

    assert np.isnan(value)


def test_tensors_are_answered_in_kind_with_autograd_on_and_off() -> None:
    torch = installed("torch")
    fn = sg.compile(LOSS, ARGS, wrt=[W], backend="torch")
    expected, (slope,) = sg.compile(LOSS, ARGS, wrt=[W])(*POINT)
    given = [torch.tensor(v) for v in POINT]
    given[2].requires_grad_()
    value, (found,) = fn(*given)
    (own,) = torch.autograd.grad(value, given[2])
    with torch.no_grad():
        plain, _ = fn(*given)

    assert (torch.float64, True, False) == (value.dtype, value.requires_grad, plain.requires_grad)
    np.testing.assert_allclose(value.item(), expected, rtol=1e-12)
    np.testing.assert_allclose(found.detach(), slope, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(own, slope, rtol=1e-11, atol=1e-12)
    narrow = [v.detach().float() for v in given]
    assert torch.float32 == fn(*narrow)[0].dtype
    wide = torch.func.vmap(lambda x: fn(x, *narrow[1:])[0])(torch.stack([narrow[0]] * 3))
    np.testing.assert_allclose(wide, [expected] * 3, rtol=1e-4)


@every_library
def test_declared_facts_hold_for_their_arrays_too(library: str) -> None:
    package = installed(library)
    S = sg.matrix("S", 2, 2, "symmetric")
    fn = sg.compile(sg.trace(S), returns="value", backend=library, dtype="float32")
    make = package.numpy.asarray if library == "jax" else package.as_tensor
    with pytest.raises(UnsupportedError, match="`S` is declared symmetric"):
        fn(make(np.array([[1.0, 2], [3, 4]], np.float32)))


# --- loops ---


def recurrence() -> tuple[Any, list[Any], list[Any]]:
    """Return the loss of a recurrent net that looks letters up, its arguments and a point."""
    shapes = {"k": ("T",), "h": (3,), "E": (4, 3), "R": (3, 3), "y": ("T", 3)}
    k, h, E, R, y = (sg.tensor(name, *shape) for name, shape in shapes.items())
    one = sg.tensor("one")
    step = sg.block(
        "step", [h, one, E, R], [sg.map(sympy.tanh, sg.take(E, one, axis=0) + R @ h)] * 2
    )
    last, shown = sg.scan(step, [h], [E, R], xs=[k])
    f = sg.sum((shown - y) ** 2) + sg.sum(last**3)
    places = RNG.integers(0, 4, 6).astype(float)
    return f, [k, h, E, R, y], [places, normal(3), normal(4, 3), normal(3, 3), normal(6, 3)]


@every_library
@pytest.mark.parametrize("returns", ["grad", "jvp", "hvp"])
def test_loops_give_what_numpy_gives(library: str, returns: str) -> None:
    installed(library)
    f, args, point = recurrence()
    options: dict[str, Any] = {"wrt": args[1:4], "returns": ("value", returns)}
    given = [*point, *(normal(*v.shape) for v in point[1:4] if returns != "grad")]
    expected = leaves(sg.compile(f, args, **options)(*given))
    actual = leaves(sg.compile(f, args, backend=library, **options)(*given))

    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-11, atol=1e-12)


@every_library
def test_a_place_outside_an_axis_is_named_within_a_loop(library: str) -> None:
    installed(library)
    f, args, point = recurrence()
    fn = sg.compile(f, args, wrt=[args[3]], backend=library)
    point[0][4] = 7.0
    with pytest.raises(ShapeError, match="from 0 to 3, and found 7"):
        fn(*point)


def test_loops_stay_rolled_in_jax() -> None:
    jax = installed("jax")
    f, args, point = recurrence()
    fn = sg.compile(f, args, wrt=args[1:4], backend="jax", dtype="float32")
    traced = jax.make_jaxpr(fn)(*(jax.numpy.asarray(v, "float32") for v in point))

    assert 2 == str(traced).count("scan[")


def test_loops_can_be_differentiated_and_mapped_in_torch() -> None:
    torch = installed("torch")
    f, args, point = recurrence()
    fn = sg.compile(f, args, wrt=[args[3]], backend="torch")
    given = [torch.tensor(v) for v in point]
    given[3].requires_grad_()
    value, (slope,) = fn(*given)
    (own,) = torch.autograd.grad(value, given[3])

    np.testing.assert_allclose(own, slope.detach(), rtol=1e-10, atol=1e-12)


# --- poolings ---

POOLED = sg.tensor("x", 2, 3, 8, 7)
POOLINGS = {
    "overlapping": sg.max_pool(POOLED, 3, stride=2),
    "padded": sg.max_pool(POOLED, (3, 2), stride=(2, 1), padding=(1, 0)),
    "spread": sg.max_pool(POOLED, 2, stride=1, dilation=2),
    "means": sg.avg_pool(POOLED, (2, 3), stride=(1, 2), padding=1),
    "channels": sg.avg_pool(POOLED, (3, 1, 1), stride=1, padding=((1, 1), (0, 0), (0, 0))),
}


@pytest.mark.parametrize("backend", TENSOR_BACKENDS)
@pytest.mark.parametrize("name", POOLINGS)
def test_poolings_are_those_of_windows(backend: str, name: str) -> None:
    if backend != "numpy":
        installed(backend)
    x = np.round(RNG.normal(size=(2, 3, 8, 7)))  # with ties
    x[0, 0, 4, 3] = nan
    f = sg.sum(POOLINGS[name] ** 3)
    run = sg.run(f, {"x": x})  # node by node: windows and reductions
    fn = sg.compile(f, [POOLED], wrt=[POOLED], backend=backend)
    value, (slope,) = fn(x)
    plan = next(iter(fn._plans.values()))
    gates = {step.gate.name for step in plan.run.lean.steps.values()}

    assert not gates & {"patches", "fold", "winners"}
    np.testing.assert_allclose(value, run.output, rtol=1e-12)
    np.testing.assert_allclose(slope, run.grad["x"], rtol=1e-11, atol=1e-12)


@every_library
@pytest.mark.parametrize("kinks", ["first", "nan"])
def test_other_kinks_of_poolings_are_those_of_numpy(library: str, kinks: str) -> None:
    installed(library)
    x = np.round(RNG.normal(size=(2, 3, 8, 7)))
    options: dict[str, Any] = {"wrt": [POOLED], "returns": "grad", "kinks": kinks}
    f = sg.sum(POOLINGS["overlapping"] ** 3)
    expected = sg.compile(f, [POOLED], **options)(x)[0]
    actual = sg.compile(f, [POOLED], backend=library, **options)(x)[0]

    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@every_library
def test_a_loop_of_no_steps_gives_its_start(library: str) -> None:
    installed(library)
    h, R = sg.tensor("h", 3), sg.tensor("R", 3, 3)
    step = sg.block("still", [h, R], [sg.map(sympy.tanh, R @ h)] * 2)
    last, _ = sg.scan(step, [h], [R], length=0)
    given = [normal(3), normal(3, 3)]
    value, slopes = sg.compile(sg.sum(last**3), [h, R], backend=library)(*given)

    np.testing.assert_allclose(value, np.sum(given[0] ** 3), rtol=1e-12)
    np.testing.assert_allclose(slopes[0], 3 * given[0] ** 2, rtol=1e-12)
    assert not np.any(slopes[1])

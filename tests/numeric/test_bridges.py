"""Bridges: what SciPy, torch and JAX take, with symgrad's own gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize
from sympy import symbols

import symgrad as sg
from symgrad.errors import BackendError, UnknownNameError, UnsupportedError

x, y = symbols("x y")
ROSENBROCK = "(a - x)**2 + 100*(y - x**2)**2"
POINTS = np.linspace(0.5, 2.0, 5)


# --- SciPy ---


@pytest.mark.parametrize(
    ("hess", "method"),
    [("matrix", "trust-exact"), ("product", "trust-krylov"), ("auto", "Newton-CG"), (None, "BFGS")],
)
def test_minimize_finds_the_minimum(hess: str | None, method: str) -> None:
    made = sg.to_scipy(ROSENBROCK, ["x", "y"], fixed={"a": 1.0}, hess=hess)
    found = minimize(made.fun, [0.0, 2.0], method=method, **made.options)

    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-4)
    assert ("x", "y") == made.names


def test_least_squares_takes_residuals_and_their_jacobian() -> None:
    made = sg.to_scipy(["a - x", "10*(y - x**2)", "x*y*0"], ["x", "y"], fixed={"a": 1.0})
    found = least_squares(made.fun, [0.0, 2.0], jac=made.jac)

    np.testing.assert_allclose(found.x, [1.0, 1.0], rtol=1e-6)
    assert ((3,), (3, 2)) == (made.fun([0.5, 0.5]).shape, made.jac([0.5, 0.5]).shape)


def test_derivatives_stand_in_the_order_of_wrt() -> None:
    made = sg.to_scipy("x**2*y", ["y", "x"], hess="matrix")

    assert 12.0 == made.fun([3.0, 2.0])
    assert [4.0, 12.0] == made.jac([3.0, 2.0]).tolist()
    assert made.hess is not None
    assert [[0.0, 4.0], [4.0, 6.0]] == made.hess([3.0, 2.0]).tolist()


def test_products_are_the_matrix_times_the_direction(rng: np.random.Generator) -> None:
    formula = "x**2*y + sin(x*y)*exp(y)"
    matrix, product = (sg.to_scipy(formula, hess=hess) for hess in ("matrix", "product"))
    point, direction = rng.normal(size=(2, 2))

    assert matrix.hess is not None
    assert product.hessp is not None
    expected = matrix.hess(point) @ direction
    np.testing.assert_allclose(product.hessp(point, direction), expected, rtol=1e-13)


def test_large_problems_get_products() -> None:
    variables = symbols("v:70")
    made = sg.to_scipy(sum(v**2 for v in variables))

    assert made.hess is None
    assert made.hessp is not None
    assert [2.0] * 70 == made.hessp(np.zeros(70), np.ones(70)).tolist()


def test_what_scipy_cannot_be_given_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="`a` neither varies nor has a value"):
        sg.to_scipy(ROSENBROCK, ["x", "y"])
    with pytest.raises(UnsupportedError, match="hess='full' is unknown"):
        sg.to_scipy("x", hess="full")


# --- torch ---


def test_torch_gradients_are_those_of_differences() -> None:
    torch = pytest.importorskip("torch")
    fn = sg.to_torch("x**2*y + sin(x)*exp(y)")
    first = torch.tensor([0.3, 1.2], dtype=torch.float64, requires_grad=True)
    second = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(fn, (first, second))
    assert torch.autograd.gradgradcheck(fn, (first, second))


def test_torch_gets_symgrads_gradient_not_its_own() -> None:
    torch = pytest.importorskip("torch")
    tied = [torch.ones((), requires_grad=True) for _ in range(3)]
    sg.to_torch("max(x, y, z)")(*tied).backward()
    first = [torch.ones((), requires_grad=True) for _ in range(3)]
    sg.to_torch("max(x, y, z)", kinks="first")(*first).backward()

    assert [1 / 3] * 3 == pytest.approx([float(t.grad) for t in tied])
    assert [1.0, 0.0, 0.0] == [float(t.grad) for t in first]


def test_torch_functions_keep_dtype_and_sum_over_broadcast_axes() -> None:
    torch = pytest.importorskip("torch")
    points = torch.ones(4, 1, requires_grad=True)
    weight = torch.tensor(2.0, requires_grad=True)
    found = sg.to_torch("x*y*w", ["x", "y", "w"])(points, torch.ones(3), weight)
    found.sum().backward()

    assert (torch.float32, (4, 3)) == (found.dtype, tuple(found.shape))
    assert ([[6.0]] * 4, 12.0) == (points.grad.tolist(), float(weight.grad))


def test_torch_maps_and_lists_and_packs() -> None:
    torch = pytest.importorskip("torch")
    fn = sg.to_torch(["x*y", "x + y"], [["x", "y"]])
    points = torch.arange(6.0).reshape(3, 2)
    jacobian = torch.func.vmap(torch.func.jacrev(fn))(points)

    expected = [[[1.0, 0.0], [1.0, 1.0]], [[3.0, 2.0], [1.0, 1.0]], [[5.0, 4.0], [1.0, 1.0]]]
    assert expected == torch.stack(jacobian, dim=1).tolist()


def test_torch_refuses_what_it_cannot_spell_at_once() -> None:
    pytest.importorskip("torch")
    with pytest.raises(BackendError, match="`besselj`"):
        sg.to_torch("besselj(1, x)")


@pytest.mark.parametrize("grad", [True, False])
def test_compiled_torch_functions_work_with_autograd_on_and_off(grad: bool) -> None:
    torch = pytest.importorskip("torch")
    fn = sg.compile("x**2*y", ["x", "y"], backend="torch")
    points = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=grad)
    with torch.set_grad_enabled(grad):
        value, (dx, dy) = fn(points, 3.0)

    assert ([3.0, 12.0], [6.0, 12.0], [1.0, 4.0]) == (value.tolist(), dx.tolist(), dy.tolist())
    assert {grad} == {value.requires_grad, dx.requires_grad}
    if grad:
        assert dx.tolist() == torch.autograd.grad(value.sum(), points)[0].tolist()


# --- JAX ---


def transforms(jax: Any) -> dict[str, Callable[[Any], Any]]:
    grad = jax.grad
    return {
        "grad": lambda fn: [grad(fn)(float(p)) for p in POINTS],
        "jit of grad": lambda fn: [jax.jit(grad(fn))(float(p)) for p in POINTS],
        "vmap of grad": lambda fn: jax.vmap(grad(fn))(POINTS.astype(np.float32)),
        "jit of vmap": lambda fn: jax.jit(jax.vmap(grad(fn)))(POINTS.astype(np.float32)),
        "grad of a sum": lambda fn: grad(lambda p: fn(p).sum())(POINTS.astype(np.float32)),
    }


@pytest.mark.parametrize(
    "transform", ["grad", "jit of grad", "vmap of grad", "jit of vmap", "grad of a sum"]
)
@pytest.mark.parametrize("bridge", [True, False])
def test_jax_transforms_what_is_made_for_it(transform: str, bridge: bool) -> None:
    jax = pytest.importorskip("jax")
    formula = "x**2*sin(x)"
    plain = sg.compile(formula, returns="value", backend="jax", dtype="float32")
    fn = sg.to_jax(formula) if bridge else plain
    found = np.asarray(transforms(jax)[transform](fn))

    expected = 2 * POINTS * np.sin(POINTS) + POINTS**2 * np.cos(POINTS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_jax_gets_symgrads_gradient_not_its_own() -> None:
    jax = pytest.importorskip("jax")
    ties = jax.grad(sg.to_jax("max(x, y, z)"), argnums=(0, 1, 2))(1.0, 1.0, 1.0)
    first = jax.grad(sg.to_jax("max(x, y)", kinks="first"), argnums=(0, 1))(1.0, 1.0)

    assert [1 / 3] * 3 == pytest.approx([float(t) for t in ties])
    assert [1.0, 0.0] == [float(t) for t in first]


def test_jax_functions_sum_over_broadcast_axes() -> None:
    jax = pytest.importorskip("jax")
    fn = sg.to_jax(["x*y", "x + y"], ["x", "y"])

    def total(a: Any, b: Any) -> Any:
        first, second = fn(a, b)
        return (first + 2 * second).sum()

    da, db = jax.grad(total, (0, 1))(np.ones((4, 1), np.float32), 3.0 * np.ones(3, np.float32))

    assert ([[15.0]] * 4, [12.0] * 3) == (da.tolist(), db.tolist())


def test_jax_functions_are_sharded() -> None:
    jax = pytest.importorskip("jax")
    mesh = jax.make_mesh((1,), ("batch",))
    spec = jax.sharding.PartitionSpec("batch")
    fn = sg.compile("x**2", returns="value", backend="jax", dtype="float32")
    mapped = jax.shard_map(fn, mesh=mesh, in_specs=spec, out_specs=spec)

    points = jax.device_put(np.arange(3, dtype=np.float32), jax.sharding.NamedSharding(mesh, spec))

    assert [0.0, 1.0, 4.0] == mapped(points).tolist()


def test_float64_is_what_it_says_in_jax() -> None:
    jax = pytest.importorskip("jax")
    fn = sg.compile("x + 1/3", returns="value", backend="jax")
    found = fn(np.zeros(2))

    assert (np.float64, 1 / 3) == (found.dtype, found[0])
    with pytest.raises(BackendError, match="jax_enable_x64"):
        fn(jax.numpy.zeros(2))
    with jax.enable_x64(True):
        traced = fn(jax.numpy.zeros(2))
        slope = jax.grad(sg.to_jax("x**3"))(jax.numpy.float64(0.1))
    assert isinstance(traced, jax.Array)
    assert (1 / 3, 0.030000000000000006) == (
        float(traced[0]),
        pytest.approx(float(slope), rel=1e-15),
    )


def test_jax_arrays_are_answered_in_kind_and_packed() -> None:
    jax = pytest.importorskip("jax")
    fn = sg.compile("x*y", [["x", "y"]], backend="jax", dtype="float32")
    value, (packed,) = fn(jax.numpy.arange(6.0).reshape(3, 2))

    assert isinstance(value, jax.Array)
    assert ([0.0, 6.0, 20.0], [[1.0, 0.0], [3.0, 2.0], [5.0, 4.0]]) == (
        value.tolist(),
        packed.tolist(),
    )


def test_rolled_loops_stay_rolled_in_jax_and_can_be_differentiated() -> None:
    jax = pytest.importorskip("jax")
    step = sg.block("step", [x, y], y * x * (1 - x))
    fn = sg.compile(
        sg.scan(step, [x], [y], length=50), [x, y], returns="value", backend="jax", dtype="float32"
    )

    assert "scan" in str(jax.make_jaxpr(fn)(0.3, 2.5))
    assert np.isfinite(jax.grad(fn)(0.3, 2.5))


# --- tensors ---

W, b, k = sg.tensor("W", 3, 2), sg.tensor("b", 3), sg.tensor("k", "N")
X = sg.tensor("X", "N", 2)
SCORES = X @ W.T + b
LOSS = sg.sum(sg.logsumexp(SCORES, axis=1)) - sg.sum(SCORES * sg.one_hot(k, 3)) + sg.sum(W**4)


def values(rng: np.random.Generator) -> list[Any]:
    return [rng.normal(size=s) for s in ((3, 2), (3,), (4, 2))] + [np.array([0, 2, 1, 1])]


def test_torch_differentiates_formulas_of_tensors_twice(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    *given, places = map(torch.tensor, values(rng))
    fn = sg.to_torch(LOSS, [W, b, X, k])
    scores = sg.to_torch([SCORES, sg.sum(W**2)], [W, b, X])
    for one in given[:2]:
        one.requires_grad_()

    assert torch.autograd.gradcheck(lambda *a: fn(*a, given[2], places), given[:2])
    assert torch.autograd.gradgradcheck(lambda *a: fn(*a, given[2], places), given[:2])
    assert torch.autograd.gradcheck(lambda *a: scores(*a, given[2]), given[:2])
    assert torch.autograd.gradgradcheck(lambda *a: scores(*a, given[2]), given[:2])
    assert given[2].grad is None


def test_torch_maps_formulas_of_tensors(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    *given, places = map(torch.tensor, values(rng))
    fn = sg.to_torch(LOSS, [W, b, X, k])
    many = torch.stack([given[0], 2 * given[0]])
    found = torch.func.vmap(torch.func.grad(lambda w: fn(w, *given[1:], places)))(many)
    one = torch.func.grad(lambda w: fn(w, *given[1:], places))(many[1])

    torch.testing.assert_close(found[1], one)
    arrays = [a.numpy() for a in (many[1], *given[1:], places)]
    _, (expected,) = sg.compile(LOSS, [W, b, X, k], wrt=[W])(*arrays)
    np.testing.assert_allclose(one, expected, rtol=1e-11)


def test_jax_differentiates_formulas_of_tensors_twice(rng: np.random.Generator) -> None:
    jax = pytest.importorskip("jax")
    from jax.test_util import check_grads

    with jax.enable_x64(True):
        *given, places = map(jax.numpy.asarray, values(rng))
        fn = sg.to_jax(LOSS, [W, b, X, k])
        pair = sg.to_jax([SCORES, sg.sum(W**2)], [W, b, X])
        check_grads(lambda *a: fn(*a, places), given, order=2, modes=["rev"])
        check_grads(pair, given, order=1, modes=["rev"])
        many = jax.numpy.stack([given[0], 2 * given[0]])
        slope = jax.jit(jax.grad(fn))
        mapped = jax.vmap(slope, (0, None, None, None))(many, *given[1:], places)

        one = slope(2 * given[0], *given[1:], places)

    np.testing.assert_allclose(mapped[1], one, rtol=1e-12)
    arrays = [2 * np.asarray(given[0]), *map(np.asarray, given[1:]), np.asarray(places)]
    _, (expected,) = sg.compile(LOSS, [W, b, X, k], wrt=[W])(*arrays)
    np.testing.assert_allclose(one, expected, rtol=1e-11)

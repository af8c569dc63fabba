"""The LLVM backend: the same bits however it is called, arrays of any layout, honest refusals."""

from __future__ import annotations

import ast
import gc
import pickle
import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Symbol, symbols

import symgrad as sg
from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.backend_llvm import Native, build, missing
from symgrad.numeric.backends import BACKENDS
from symgrad.numeric.llvm_ir import write
from symgrad.numeric.llvm_machine import target
from symgrad.numeric.llvm_order import reordered
from symgrad.numeric.packing import Packing
from symgrad.numeric.program import Program, lower

x, y, z = symbols("x y z")
MIXED = "exp(-x)*sin(y) + cos(y)*log(x**2 + 1) + max(x, y)*tanh(x*y) + x**y + erf(x) + gamma(y)"


def program(text: Any, args: Any = None) -> Program:
    return lower(sg.graph(text), args)


def compiled(text: Any, **options: Any) -> Native:
    return build(program(text), **{"cache": False, **options})


def numpy(found: Native, values: Any) -> list[Any]:
    with np.errstate(all="ignore"):
        return Floats().outputs(found.program, values)


def same(first: Any, second: Any) -> bool:
    """Return whether floats are the same bits."""
    return bool(
        np.array_equal(np.asarray(first).view(np.uint64), np.asarray(second).view(np.uint64))
    )


@pytest.fixture(scope="module")
def mixed() -> Native:
    return compiled([MIXED, "x*y - sin(x)*cos(x)"])


@pytest.fixture
def points(rng: np.random.Generator) -> list[Any]:
    return [rng.uniform(0.1, 3.0, 5000), rng.uniform(0.1, 3.0, 5000)]


# --- the same numbers ---


def test_values_agree_with_numpy(mixed: Native, points: list[Any]) -> None:
    for actual, expected in zip(mixed(points), numpy(mixed, points), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_float32_is_computed_in_float32(points: list[Any]) -> None:
    single = compiled(MIXED, dtype="float32")
    given = [p.astype(np.float32) for p in points]
    actual = single(given)[0]

    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, numpy(single, points)[0], rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 63, 257, 1000])
def test_a_point_has_the_same_bits_in_every_split_of_a_batch(
    mixed: Native, points: list[Any], count: int
) -> None:
    whole = mixed(points)
    part = mixed([p[:count] for p in points])
    rest = mixed([p[count:] for p in points])

    for w, a, b in zip(whole, part, rest, strict=True):
        assert same(w, np.concatenate([a, b]))


def shared_divisor(dtype: str, points: int) -> tuple[Native, list[Any]]:
    """Return a program of five quotients of one divisor, and dividends of all magnitudes."""
    names = sympy.symbols("a p q r s t")
    found = build(lower(sg.graph([s / names[0] for s in names[1:]]), names), dtype, cache=False)
    rng, limit = np.random.default_rng(0), 450 if dtype == "float64" else 40
    powers = rng.integers(-limit, limit, (6, points))
    return found, list(np.ldexp(rng.uniform(-2, 2, (6, points)), powers).astype(dtype))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_quotients_of_one_divisor_are_divisions_bit_by_bit(dtype: str) -> None:
    found, given = shared_divisor(dtype, 20_000)
    one = found.packed(Packing(((),) * 6, ((),) * 5))
    assert one is not None
    for tier in ("quick", "optimised"):
        assert found.stats["tier"] == tier
        rows = [one(*point) for point in zip(*[v[:40] for v in given], strict=True)]
        np.testing.assert_array_equal(
            np.transpose(rows), [v[:40] / given[0][:40] for v in given[1:]]
        )
        for quotient, dividend in zip(found(given), given[1:], strict=True):
            assert same(quotient, dividend / given[0])
        found.optimise()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_quotients_of_one_divisor_know_special_values(dtype: str) -> None:
    found, _ = shared_divisor(dtype, 1)
    kind = np.finfo(dtype)
    ends = [0.0, 1.0, 3.0, kind.max, kind.tiny, kind.smallest_subnormal, 7 * kind.tiny / 9, np.inf]
    values = np.array([*ends, *[-v for v in ends], np.nan], dtype)
    divisor, dividend = map(np.ravel, np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        expected = dividend / divisor

    quotient = found([divisor, *[dividend] * 5])[3]

    ordinary = np.isfinite(expected) & (expected != 0)
    np.testing.assert_array_equal(quotient[~ordinary], expected[~ordinary])
    signs = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(quotient[signs]), np.signbit(expected[signs]))
    np.testing.assert_array_max_ulp(quotient[ordinary], expected[ordinary], 2)


def test_threads_do_not_change_a_bit(points: list[Any]) -> None:
    given = [np.tile(p, 40) for p in points]
    results = [compiled(MIXED, threads=threads)(given)[0] for threads in (1, 2, 5)]

    assert same(results[0], results[1])
    assert same(results[0], results[2])


def test_both_tiers_and_the_kernel_of_one_point_give_the_same_bits(points: list[Any]) -> None:
    found = compiled([MIXED, "sin(x)*cos(x) + sinh(y)"])
    shortcut = found.packed(Packing(((2,),), ((2,),)))
    assert shortcut is not None
    rows = np.stack(points, axis=-1)[:50]
    quick = found(points), shortcut(rows)[0], [shortcut(row)[0] for row in rows]
    assert found.stats["tier"] == "quick"

    found.optimise()

    assert found.stats["tier"] == "optimised"
    best = found(points), shortcut(rows)[0], [shortcut(row)[0] for row in rows]
    for first, second in zip(quick[0], best[0], strict=True):
        assert same(first, second)
    for others in (best[1], quick[2], best[2]):
        assert same(quick[1], np.array(others))


def test_large_arrays_stream_past_the_caches_with_the_same_bits() -> None:
    found = compiled(["x*y", "x + y", "sin(x)"])
    big = np.linspace(-3, 3, 1_000_003)
    results = found([big, big[::-1]])

    assert same(results[2][:1000], found([big[:1000], big[:1000]])[2])
    np.testing.assert_array_equal(results[0], big * big[::-1])
    np.testing.assert_array_equal(results[1], big + big[::-1])


def test_reordering_changes_order_alone(points: list[Any]) -> None:
    original = program([MIXED, "x + y"])
    moved = reordered(original)

    assert sorted(op.gate.name for op in moved.operations) == sorted(
        op.gate.name for op in original.operations
    )
    for a, b in zip(*(Floats().outputs(p, points) for p in (original, moved)), strict=True):
        assert same(a, b)


def test_a_program_cut_into_many_functions_and_modules_gives_the_same_numbers() -> None:
    term, terms = x, []
    for k in range(4500):
        term = sg.parse(f"sin({k % 7} + y)*0.9").expr * term if k % 3 else term + y
        terms.append(term)
    found = build(lower(sg.graph(terms[-1])), cache=False)

    assert found.stats["functions"] > 25
    given = [np.linspace(0.1, 1, 9), np.linspace(1, 2, 9)]
    np.testing.assert_allclose(found(given)[0], numpy(found, given)[0], rtol=1e-11)


# --- layouts ---


def test_arrays_of_any_stride_are_read_where_they_are(rng: np.random.Generator) -> None:
    found = compiled("x*y + sin(z)")
    base = rng.normal(size=(6, 8, 10))
    a, b, c = base[::2, ::-1, 1:7], base[0, :, 2:8], base[1:2, :1, :1]

    np.testing.assert_allclose(found([a, b, c])[0], a * b + np.sin(c), rtol=1e-14)


def test_results_go_where_out_says(rng: np.random.Generator) -> None:
    found = compiled(["x*y", "x - y"])
    a, b = rng.normal(size=(5, 7)), rng.normal(size=7)
    room = np.full((2, 7, 10), np.nan)
    out = [room[0, :, ::2].T, room[1, ::-1, 1::2].T]

    results = found([a, b], out)

    assert all(r is o for r, o in zip(results, out, strict=True))
    np.testing.assert_array_equal(out[0], a * b)
    np.testing.assert_array_equal(out[1], a - b)
    assert np.isnan(room[0, :, 1::2]).all()


def test_scalars_and_unaligned_arrays_are_taken() -> None:
    found = compiled("x*y + z")
    raw = np.zeros(8 * 20 + 1, np.uint8)[1:].view(np.float64)
    raw[:] = np.arange(20.0)

    np.testing.assert_array_equal(found([raw, 2.0, 1])[0], 2 * np.arange(20.0) + 1)


def test_outputs_may_be_inputs_constants_and_repetitions() -> None:
    found = build(lower(sg.graph([x, sympy.Integer(3), x * y, x, x * y]), (x, y, z)), cache=False)
    a, b = np.arange(11.0), np.ones(11)

    results = found([a, b, 0.0])

    for actual, expected in zip(results, [a, 3 * b, a, a, a], strict=True):
        np.testing.assert_array_equal(actual, expected)
    results[0][0] = 99.0
    assert a[0] == 0.0
    assert results[3][0] == 0.0


def test_conditions_become_numbers() -> None:
    found = compiled([sympy.Piecewise((x, x > y), (y, True)), sg.parse("max(x, 0) + sign(y)").expr])

    assert [2.0, 3.0] == [float(v) for v in found([2.0, 1.0])]


def test_many_threads_may_call_at_once(points: list[Any]) -> None:
    found = compiled(MIXED, threads=2)
    shortcut = found.packed(Packing(((2,),), ((1,),)))
    assert shortcut is not None
    rows = np.stack(points, axis=-1)
    expected = found(points)[0]
    wrong: list[int] = []

    def call(k: int) -> None:
        for i in range(k, 1000, 4):
            if shortcut(rows[i])[0][0] != expected[i] or not same(found(points)[0], expected):
                wrong.append(i)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(0, 40, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


# --- one point ---


def test_the_shortcut_takes_floats_and_packed_arrays(mixed: Native) -> None:
    apart, packed = (
        mixed.packed(Packing(((), ()), ((), (1,)))),
        mixed.packed(Packing(((2,),), ((2,),))),
    )
    assert apart is not None and packed is not None
    expected = [float(v) for v in mixed([0.3, 1.7])]

    assert expected == [float(v) for v in np.concatenate([np.ravel(r) for r in apart(0.3, 1.7)])]
    assert expected == packed(np.array([0.3, 1.7]))[0].tolist()
    assert isinstance(apart(np.float64(0.3), np.array(1.7))[0], np.float64)


@pytest.mark.parametrize(
    "given",
    [
        (),
        (1.0,),
        (1.0, np.ones(3)),
        (1.0, np.ones(2), 3.0),
        (1, np.ones(2)),
        (1.0, np.ones(2, np.float32)),
        (1.0, np.ones(2, np.int64)),
        (1.0, np.ones(2, ">f8")),
        (1.0, [1.0, 2.0]),
        (1.0, None),
        ("1", np.ones(2)),
        (1.0, 2.0),
        (np.ones(4), np.ones((3, 2))),
        (1j, np.ones(2)),
        (np.ma.masked_array(np.ones(2)), np.ones(2)),
    ],
)
def test_the_shortcut_leaves_what_it_does_not_expect_to_others(given: tuple[Any, ...]) -> None:
    shortcut = compiled("x*y + z").packed(Packing(((), (2,)), ((),)))
    assert shortcut is not None

    assert shortcut(*given) is None
    assert shortcut(3.0, np.array([2.0, 1.0])) == (7.0,)


def test_shortcuts_of_one_program_do_not_share_memory() -> None:
    found = compiled(["x*y", "x + y"])
    point = np.array([2.0, 5.0])
    shortcuts = [found.packed(Packing(((2,),), ((2,),))) for _ in range(20)]
    for _ in range(2):
        for shortcut in shortcuts:
            assert shortcut is not None
            assert shortcut(point)[0].tolist() == [10.0, 7.0]
        found.optimise()


def test_a_shortcut_outlives_its_program() -> None:
    shortcut = compiled("x*y").packed(Packing(((2,),), ((1,),)))
    assert shortcut is not None
    gc.collect()

    assert shortcut(np.array([2.0, 5.0]))[0].tolist() == [10.0]


def test_the_shortcut_broadcasts_batches_and_strided_points() -> None:
    shortcut = compiled(["x*y + z", "x", "y"]).packed(Packing(((), (2,)), ((), (2,))))
    assert shortcut is not None
    rows = np.arange(24.0).reshape(3, 4, 2)

    value, pair = shortcut(np.array([1.0, 2.0, 3.0, 4.0]), rows)
    reverse, _ = shortcut(2.0, np.array([1.0, 3.0])[::-1])

    np.testing.assert_array_equal(value, [1.0, 2.0, 3.0, 4.0] * rows[..., 0] + rows[..., 1])
    assert pair.shape == (3, 4, 2)
    np.testing.assert_array_equal(pair[..., 1], rows[..., 0])
    assert reverse == 7.0


def test_results_of_the_shortcut_have_memory_of_their_own() -> None:
    shortcut = compiled("x*y").packed(Packing(((2,),), ((1,),)))
    assert shortcut is not None
    first = shortcut(np.array([2.0, 3.0]))[0]
    second = shortcut(np.array([5.0, 7.0]))[0]

    assert (first[0], second[0]) == (6.0, 35.0)
    assert first.flags.owndata and first.flags.writeable


def test_calls_do_not_leak() -> None:
    shortcut = compiled("x*y").packed(Packing(((2,),), ((1,),)))
    assert shortcut is not None
    point = np.array([2.0, 3.0])
    before = sys.getrefcount(point), sys.getrefcount(np.dtype(np.float64))
    for _ in range(2000):
        shortcut(point)
        shortcut("no")

    assert sys.getrefcount(point) == before[0]
    assert abs(sys.getrefcount(np.dtype(np.float64)) - before[1]) < 100


def test_a_program_without_outputs_gives_nothing() -> None:
    found = build(Program((x,), (), (), ()), cache=False)

    assert found([np.ones(3)]) == []
    assert found.packed(Packing(((),), ())) is None


@pytest.mark.parametrize(
    ("nest", "expected"),
    [
        ((0, 0, 0, 3), (10.0, [5.0, 2.0], 7.0)),
        ((0, 1, 0, -1, 0, 3), ((10.0,), [[5.0, 2.0]], 7.0)),
        ((0, 0, 2, 0, 2), ((10.0, [5.0, 2.0]), 7.0)),
        ((0, 0, 0, -2, -2), [10.0, [[5.0, 2.0], 7.0]]),
        ((0, 0, 0, 3, 1, -1), [((10.0, [5.0, 2.0], 7.0),)]),
    ],
)
def test_results_nest_as_they_are_asked_for(nest: tuple[int, ...], expected: Any) -> None:
    def plain(found: Any) -> Any:
        if isinstance(found, (tuple, list)):
            return type(found)(map(plain, found))
        return found.tolist()

    packing = Packing(((2,),), ((), (2,), ()), nest)
    shortcut = compiled(["x*y", "y", "x", "x + y"]).packed(packing)
    assert shortcut is not None
    point = np.array([2.0, 5.0])

    assert plain(shortcut(point)) == expected == plain(shortcut(point[::-1].copy()[::-1]))


def test_matrices_are_made_in_their_shape_at_a_point_and_in_batches() -> None:
    packing = Packing(((2,),), ((2, 3),), (0,))
    shortcut = compiled(["x", "y", "x*y", "x + y", "x - y", "2*x"]).packed(packing)
    assert shortcut is not None
    rows = np.arange(10.0).reshape(5, 2)

    batch = shortcut(rows)

    assert batch.shape == (5, 2, 3)
    np.testing.assert_array_equal(batch, [shortcut(row) for row in rows])
    np.testing.assert_array_equal(shortcut(rows[1]), [[2.0, 3.0, 6.0], [5.0, -1.0, 4.0]])


def test_arrays_are_filled_where_they_are_or_not_touched() -> None:
    found = compiled(["x*y", "y", "x"])
    packing = Packing(((2,),), ((), (2,)))
    rows, value, grad = np.arange(8.0).reshape(4, 2), np.zeros(4), np.zeros((2, 4)).T
    fixed = np.zeros(4)
    fixed.flags.writeable = False

    for wrong in ([value], [value[1:], grad], [fixed, grad], [value, grad.astype(np.float32)]):
        assert not found.fill(packing, [rows], wrong)
    assert not found.fill(packing, [[1.0, 2.0]], [value, grad])
    assert not np.any(grad)
    assert found.fill(packing, [rows], [value, grad])
    np.testing.assert_array_equal(value, rows[:, 0] * rows[:, 1])
    np.testing.assert_array_equal(grad, rows[:, ::-1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("slots", [2, 3, 8, 13, 24])
@pytest.mark.parametrize("count", [1, 7, 8, 29, 300])
def test_rows_of_slots_are_copied_in_tiles_to_the_last_number(
    dtype: str, slots: int, count: int
) -> None:
    symbols_ = sympy.symbols(f"s:{slots}")
    found = build(lower(sg.graph([2 * s for s in symbols_]), symbols_), dtype, cache=False)
    packing = Packing(((slots,),), ((slots,),))
    rows = np.arange(count * slots, dtype=dtype).reshape(count, slots)
    wide = np.full((count, slots + 2), -1, dtype)

    assert found.fill(packing, [rows], [wide[:, 1:-1]])
    np.testing.assert_array_equal(wide[:, 1:-1], 2 * rows)
    assert np.all(wide[:, [0, -1]] == -1)
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(count + slots - 1.0), slots)
    turned = np.zeros((slots, count), dtype).T
    assert found.fill(packing, [windows.astype(dtype)[::-1]], [turned])
    np.testing.assert_array_equal(turned, 2 * windows[::-1])
    if dtype == "float64":
        assert found.fill(packing, [windows], [turned])
        np.testing.assert_array_equal(turned, 2 * windows)


def test_nested_results_do_not_leak() -> None:
    shortcut = compiled(["x*y", "y", "x"]).packed(Packing(((2,),), ((), (2,)), (0, 0, -1, 2)))
    assert shortcut is not None
    point = np.array([2.0, 3.0])
    gc.collect()
    before = len(gc.get_objects()), sys.getrefcount(np.dtype(np.float64))
    for _ in range(2000):
        shortcut(point)

    assert len(gc.get_objects()) - before[0] < 100
    assert sys.getrefcount(np.dtype(np.float64)) - before[1] < 100


def test_the_kernel_of_one_point_is_made_after_many_calls() -> None:
    found = compiled("sin(x)*y")
    shortcut = found.packed(Packing(((2,),), ((),)))
    assert shortcut is not None
    point = np.array([0.5, 3.0])
    values = {float(shortcut(point)[0]) for _ in range(400)}
    found.optimise()
    values.add(float(shortcut(point)[0]))

    assert values == {float(found([0.5, 3.0])[0])}


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "name"), [("legendre(2.5, x)", "legendre"), ("zeta(x)*sin(x)", "zeta"), ("f(x)", "f")]
)
def test_a_gate_that_llvm_lacks_is_refused_by_name_when_it_is_built(text: str, name: str) -> None:
    source = sympy.Function("f")(x) if name == "f" else text

    assert [name] == missing(program(source))
    with pytest.raises(BackendError, match=f"`{name}`"):
        build(program(source), cache=False)


def test_complex_constants_are_refused() -> None:
    with pytest.raises(BackendError, match="complex"):
        build(program(sympy.I * x), cache=False)


@pytest.mark.parametrize("dtype", ["complex128", "int64", "float16"])
def test_other_number_types_are_refused(dtype: str) -> None:
    with pytest.raises(BackendError, match=dtype):
        build(program("x"), dtype, cache=False)


def test_a_budget_that_is_spent_is_an_error_that_says_so() -> None:
    e = x
    for k in range(2600):
        e = sg.stop_gradient(e) * y + k
    with pytest.raises(BackendError, match=r"pieces of this program.*backend='numpy'"):
        build(program(e), cache=False, budget=0.0)


def test_the_first_code_stays_where_better_code_is_not_to_be_had() -> None:
    found = compiled("sin(x)*y", budget=60.0)
    before = found([0.5, 3.0])[0]
    found._options = found._vectors._options = replace(found._options, budget=-1.0)

    with pytest.raises(BackendError, match="are allowed"):
        found.optimise()

    assert found.stats["tier"] == "quick"
    assert "are allowed" in found.stats["not_optimised"]
    assert found([0.5, 3.0])[0] == before


def test_a_choice_left_open_falls_back_on_numpy_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spent(*_: Any, **__: Any) -> Any:
        raise BackendError("20 s are allowed")

    monkeypatch.setitem(BACKENDS, "llvm", replace(BACKENDS["llvm"], build=spent))
    found = sg.compile("x*y")

    assert found.backend == "numpy (llvm: 20 s are allowed)"
    assert found(2.0, 3.0)[0] == 6.0
    with pytest.raises(BackendError, match="20 s"):
        sg.compile("x*y", backend="llvm")


# --- names ---

NAMES = [
    "x; exit(1)",
    "lambda",
    '__import__("os")',
    "🦉",
    '"}\n define void @kernel() {',
    "%v1",
    "é'\"\\",
]


def test_names_never_reach_the_source() -> None:
    rogues = [Symbol(name) for name in NAMES] + [Symbol("x"), Symbol("x", positive=True)]
    total = sum(k * sympy.sin(s) for k, s in enumerate(rogues, 1))
    found = build(lower(sg.graph(total), tuple(rogues)), cache=False)

    values = np.linspace(0.1, 1, len(rogues))
    expected = sum(k * np.sin(v) for k, v in enumerate(values, 1))
    np.testing.assert_allclose(found(list(values))[0], expected, rtol=1e-14)
    for name in NAMES[1:5]:
        assert name not in found.source
    assert "exit" not in found.source
    assert found.source.isascii()


def test_the_same_program_under_other_names_is_the_same_source() -> None:
    assert compiled("sin(x)*y").source == compiled("sin(kernel)*define").source


def test_helpers_and_programs_hold_no_names_of_symbols() -> None:
    code = write(program("sin(secret)*hidden"), target(double=True), block=64, longest=10)

    assert not {"secret", "hidden"} & set("".join(code.texts).replace("%", " ").split())


# --- house ---


def test_pickles_compile_again(mixed: Native, points: list[Any]) -> None:
    again = pickle.loads(pickle.dumps(mixed))

    for first, second in zip(mixed(points), again(points), strict=True):
        assert same(first, second)


def test_importing_symgrad_does_not_load_llvmlite() -> None:
    modules = [m for m in sys.modules if m.startswith("symgrad.numeric.llvm_")]
    for name in [*modules, "symgrad.numeric.backend_llvm"]:
        path = sys.modules[name].__file__
        assert path is not None
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        assert not any("llvmlite" in ast.unparse(n) for n in top)

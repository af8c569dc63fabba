"""mpmath kernels: every gate at any precision, slow and obvious.

This is the reference that the other backends answer to, and what `digits=` uses. What mpmath
lacks is
asked of SymPy's `evalf`. Arguments beyond any sensible magnitude give inf or are refused by name,
so that a tower of exponentials cannot stall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from threading import RLock
from typing import Any

import mpmath as mp
import numpy as np
import sympy
from sympy import S
from sympy.concrete.expr_with_limits import ExprWithLimits

from symgrad.errors import BackendError
from symgrad.expr import heads
from symgrad.numeric import precise_special
from symgrad.rules import opaque
from symgrad.rules.row import Gate

Kernel = Callable[..., Any]

PRECISION = RLock()
HUGE = 1 << 14  # binary magnitude past which a transcendental function is refused
LOST = 12  # bits that an infinite sum may lose without a complaint
OVERFLOW = 64  # binary magnitude of an exponent past which exp is inf or 0


@contextmanager
def working(digits: int) -> Iterator[None]:
    """Compute with so many digits, one thread at a time: mpmath has one precision for all."""
    with PRECISION, mp.workdps(digits):
        yield


def number(value: Any) -> Any:
    """Return a SymPy number (or truth value) as an mpmath one, at the working precision."""
    if value is S.true or value is S.false:
        return value is S.true
    if value is S.NaN:
        return mp.nan
    if value is S.Infinity or value is S.NegativeInfinity:
        return mp.inf if value is S.Infinity else -mp.inf
    if isinstance(value, sympy.Rational):
        return mp.mpf(int(value.p)) / int(value.q)
    return _from_sympy(value.evalf(mp.mp.dps + 5))


def _from_sympy(value: Any) -> Any:
    if value.is_Float or value.is_Integer or value.is_Rational:
        return value._to_mpmath(mp.mp.prec)
    real, imaginary = value.as_real_imag()
    if not (real.is_number and imaginary.is_number):
        raise BackendError(f"`{sympy.sstr(value)[:80]}` has no numeric value")
    found = mp.mpc(real._to_mpmath(mp.mp.prec), imaginary._to_mpmath(mp.mp.prec))
    return found.real if imaginary == 0 else found


def _real(function: Kernel) -> Kernel:
    """Under real analysis a complex value of real operands is a domain error: nan."""

    def guarded(*args: Any) -> Any:
        found = function(*args)
        if isinstance(found, mp.mpc) and not any(isinstance(a, mp.mpc) for a in args):
            return found.real if found.imag == 0 else mp.nan
        return found

    return guarded


def divide(x: Any, y: Any) -> Any:
    """Return x/y with IEEE's infinities."""
    if y == 0:
        return mp.nan if x == 0 or mp.isnan(x) else mp.inf * mp.sign(x)
    return x / y


def exponential(x: Any) -> Any:
    """Return exp(x); beyond any exponent that can be stored it is inf or 0."""
    if not mp.isfinite(x) or isinstance(x, mp.mpc) or mp.mag(x) <= OVERFLOW:
        return mp.exp(x)
    return mp.inf if x > 0 else mp.mp.zero


def power(x: Any, y: Any) -> Any:
    """Return x**y with IEEE's infinities."""
    if x == 0 and not isinstance(y, mp.mpc):
        return mp.inf if y < 0 else (mp.mp.one if y == 0 else mp.mp.zero)
    if mp.isfinite(y) and mp.isfinite(x) and not isinstance(x, mp.mpc) and mp.mag(y) > OVERFLOW:
        return exponential(y * mp.log(x)) if x > 0 else mp.nan
    return x**y


def indicator(x: Any, y: Any, tie: Any) -> Any:
    """Return 1, the tie's value or 0; nan stays nan."""
    if mp.isnan(x) or mp.isnan(y):
        return mp.nan
    return mp.mp.one if x > y else (tie if x == y else mp.mp.zero)


def extremum(name: str) -> Kernel:
    """Return max or min; nan stays nan."""
    pick = max if name == "max" else min
    return lambda *args: mp.nan if any(mp.isnan(a) for a in args) else pick(args)


def logsumexp(*args: Any) -> Any:
    """Return log(Σ exp), shifted."""
    top = max(args, key=mp.re)
    if not mp.isfinite(top):
        return top
    return top + mp.log(mp.fsum(exponential(a - top) for a in args))


def sigmoid(x: Any) -> Any:
    """Return 1/(1 + exp(-x))."""
    return 1 / (1 + exponential(-x))


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x))."""
    return logsumexp(x, mp.mp.zero)


def leaky_relu(x: Any, alpha: Any = None) -> Any:
    """Return the leaky rectifier; its slope is 1/100 unless given."""
    slope = mp.mpf(1) / 100 if alpha is None else alpha
    return x if x > 0 else slope * x


def cube_root(x: Any) -> Any:
    """Return the real cube root, continued to the neighbourhood of the real axis."""
    return mp.cbrt(x) if mp.re(x) >= 0 else -mp.cbrt(-x)


def elu(x: Any, alpha: Any = 1) -> Any:
    """Return the exponential linear unit."""
    return x if x > 0 else alpha * mp.expm1(x)


KERNELS: dict[str, Kernel] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "neg": lambda x: -x,
    "mul": lambda x, y: x * y,
    "div": divide,
    "pow": power,
    "sqrt": mp.sqrt,
    "exp": exponential,
    "log": lambda x: mp.log(x) if x != 0 else -mp.inf,
    "log2": lambda x: mp.log(x, 2) if x != 0 else -mp.inf,
    "log10": lambda x: mp.log10(x) if x != 0 else -mp.inf,
    "log1p": lambda x: mp.log1p(x) if x != -1 else -mp.inf,
    "exp2": lambda x: power(mp.mpf(2), x),
    "cbrt": cube_root,
    "xlogy": lambda x, y: mp.mp.zero if x == 0 else x * mp.log(y),
    "heaviside": lambda x, h=0.5: h if x == 0 else mp.mpf(int(x > 0)),
    "ceiling": mp.ceil,
    "abs": abs,
    "mod": lambda x, y: x - y * mp.floor(x / y) if y != 0 else mp.nan,
    "max": extremum("max"),
    "min": extremum("min"),
    "where": lambda c, x, y: x if c else y,
    "indicator": indicator,
    "stop_gradient": lambda x: x,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "and": lambda *a: all(a),
    "or": lambda *a: any(a),
    "xor": lambda *a: reduce(lambda p, q: bool(p) != bool(q), a, False),
    "not": lambda x: not x,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "relu": lambda x: mp.nan if mp.isnan(x) else max(x, mp.mp.zero),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": lambda x: number(heads.SELU_SCALE) * elu(x, number(heads.SELU_ALPHA)),
    "gelu": lambda x: x * (1 + mp.erf(x / mp.sqrt(2))) / 2,
    "swish": lambda x: x * sigmoid(x),
    "logsumexp": logsumexp,
    "logaddexp": logsumexp,
    "atan2": mp.atan2,
    "sinc": mp.sinc,
}
PLAIN = frozenset(
    [
        "expm1",
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "asin",
        "acos",
        "atan",
        "acot",
        "asec",
        "acsc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "sech",
        "csch",
        "asinh",
        "acosh",
        "atanh",
        "acoth",
        "asech",
        "acsch",
        "hypot",
        "sign",
        "floor",
        "erf",
        "erfc",
        "erfi",
        "gamma",
        "loggamma",
        "zeta",
    ]
)


def kernel(gate: Gate) -> Kernel:
    """Return the mpmath function of a gate."""
    own = gate.kernels.get("mpmath")
    if own is not None:
        return own
    if gate.name in KERNELS:
        return _real(KERNELS[gate.name])
    if gate.name in PLAIN:
        return _real(_poles(_bounded(gate, getattr(mp, gate.name))))
    if gate.name in precise_special.KERNELS:
        return _real(_poles(_ordered(gate, precise_special.KERNELS[gate.name])))
    if gate is opaque.UNKNOWN:
        return _undefined
    return _poles(_by_evalf(gate))


def _bounded(gate: Gate, function: Kernel) -> Kernel:
    """Refuse arguments whose reduction alone would take millions of digits."""

    def guarded(*args: Any) -> Any:
        for arg in args:
            if mp.isfinite(arg) and mp.mag(arg) > HUGE:
                raise BackendError(
                    f"`{gate.name}` is asked at a number of about 2**{mp.mag(arg)}; its value "
                    "cannot be had in reasonable time: rescale the formula"
                )
        return function(*args)

    return guarded


def _ordered(gate: Gate, function: Kernel) -> Kernel:
    """Refuse orders whose polynomial or series alone would take seconds."""
    most = precise_special.ORDERS.get(gate.name)
    if most is None:
        return function

    def guarded(order: Any, *args: Any) -> Any:
        if mp.isfinite(order) and abs(order) > most:
            raise BackendError(
                f"`{gate.name}` is asked for order {mp.nstr(order)}, beyond {most}; its value "
                "cannot be had in reasonable time: use an asymptotic form"
            )
        return function(order, *args)

    return guarded


def _poles(function: Kernel) -> Kernel:
    """Return inf at a pole and nan outside the domain."""

    def guarded(*args: Any) -> Any:
        if any(mp.isnan(a) for a in args):
            return mp.nan
        try:
            return function(*args)
        except BackendError:
            raise
        except ZeroDivisionError:
            return mp.inf
        except ValueError:
            return mp.nan
        except mp.libmp.NoConvergence as error:
            raise BackendError(
                f"a series does not converge in reasonable time here ({error}); move the point"
            ) from error

    return guarded


def _to_sympy(value: Any) -> Any:
    if isinstance(value, mp.mpc):
        return _to_sympy(value.real) + sympy.I * _to_sympy(value.imag)
    return sympy.Float(value, precision=mp.mp.prec)


def _by_evalf(gate: Gate) -> Kernel:
    """Ask SymPy, with guard digits; integers are passed as integers."""

    def evaluated(*args: Any) -> Any:
        operands = [sympy.Integer(int(a)) if mp.isint(a) else _to_sympy(a) for a in args]
        found = gate.head(*operands).evalf(mp.mp.dps + 5)
        if found is S.NaN or found is S.ComplexInfinity:
            return mp.nan if found is S.NaN else mp.inf
        if not found.is_number or found.has(gate.head):
            raise BackendError(
                f"`{gate.name}` has no numeric value here; give it one with `sg.gate`"
            )
        return _from_sympy(found)

    return _real(evaluated)


def _undefined(*args: Any) -> Any:
    raise BackendError("an undefined function has no numbers; substitute a formula for it first")


def whole(payload: opaque.Whole, args: tuple[Any, ...]) -> Any:
    """Return the value of a sum, product, integral, `Derivative` or `Subs` at mpmath numbers.

    Raises
    ------
    BackendError
        If SymPy has no number, or fewer digits than are asked for.
    """
    digits = mp.mp.dps + 5
    if isinstance(payload.expr, sympy.Product):
        raise BackendError(
            f"`{sympy.sstr(payload.expr)[:80]}` is no product of finitely many factors here, and "
            "its limit is not sought; write it in closed form"
        )
    pairs = [(s, _exact(a)) for s, a in zip(payload.symbols, args, strict=True)]
    expr = payload.expr.subs(pairs, simultaneous=True)
    found = expr.evalf(digits) if isinstance(expr, ExprWithLimits) else expr.doit().evalf(digits)
    if not _is_value(found):
        raise BackendError(f"`{sympy.sstr(payload.expr)[:80]}` has no numeric value here")
    if any(part._prec < mp.mp.prec - LOST for part in found.atoms(sympy.Float)):
        raise BackendError(
            f"`{sympy.sstr(payload.expr)[:80]}` converges too slowly for {mp.mp.dps} digits here; "
            "write it in closed form"
        )
    return _from_sympy(found)


def _is_value(found: Any) -> bool:
    return bool(found.is_number) and not found.has(ExprWithLimits, sympy.Derivative, sympy.Subs)


def _exact(value: Any) -> Any:
    """Return an mpmath number as the rational that it is; SymPy adds up floats wrongly."""
    if isinstance(value, mp.mpc):
        return _exact(value.real) + sympy.I * _exact(value.imag)
    if not mp.isfinite(value):
        return _to_sympy(value)
    numerator, denominator = mp.libmp.to_rational(value._mpf_)
    return sympy.Rational(int(numerator), int(denominator))


def pointwise(gate: Gate) -> Kernel:
    """Return a NumPy function that asks mpmath point by point."""
    function = kernel(gate)

    def scalar(*args: Any) -> Any:
        with working(20):
            found = function(*(_lifted(a) for a in args))
        return complex(found) if isinstance(found, mp.mpc) else float(found)

    def mapped(*args: Any) -> Any:
        if all(np.ndim(a) == 0 for a in args):
            return np.asarray(scalar(*args))[()]
        return np.vectorize(scalar)(*args)

    return mapped


def _lifted(value: Any) -> Any:
    if isinstance(value, (complex, np.complexfloating)):
        return mp.mpc(complex(value))
    return mp.mpf(float(value))

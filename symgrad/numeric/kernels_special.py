"""SciPy kernels of the special functions, by gate name.

Where SciPy is wrong or has nothing, mpmath answers point by point. IEEE: inf at a pole, else nan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.numeric.deferred import special as sc
from symgrad.numeric.precise import pointwise
from symgrad.rules.table import GATES

Kernel = Callable[..., Any]

GOLDEN = (1 + 5**0.5) / 2
LONGEST = 2.0**31  # degree past which an integer routine is not trusted


@lru_cache(maxsize=256)
def slow(name: str) -> Kernel:
    """Return the kernel of a gate through mpmath."""
    gate = GATES.named(name)
    assert gate is not None
    return pointwise(gate)


def patched(name: str, fast: Kernel, inside: Callable[..., Any]) -> Kernel:
    """Return `fast` where `inside` holds or an operand is nan, mpmath elsewhere."""

    def kernel(*args: Any) -> Any:
        trusted = inside(*args)
        for arg in args:
            trusted = trusted | np.isnan(arg)
        if np.all(trusted):
            return fast(*args)
        shaped = np.broadcast_arrays(*args, trusted)
        points, outside = shaped[:-1], ~shaped[-1].astype(bool)
        found = np.array(fast(*points))
        found[outside] = slow(name)(*(p[outside] for p in points))
        return found[()]

    return kernel


def whole(n: Any) -> Any:
    """Return where `n` is an integer that a routine for integers can take."""
    return (n == np.floor(n)) & (np.abs(n) < LONGEST)


def counted(name: str, function: Kernel, least: float = 0) -> Kernel:
    """Return a kernel whose first operand is an integer, at least `least`."""

    def fast(n: Any, *args: Any) -> Any:
        order = np.where(whole(n) & (n >= least), n, least).astype(np.int64)
        return function(order, *args)

    return patched(name, fast, lambda n, *args: whole(n) & (n >= least))


def constant(value: float) -> Kernel:
    """Return a kernel of one value in the operands' shape."""
    return lambda *args: np.full(np.broadcast_shapes(*map(np.shape, args)), value)[()]


# --- error functions and integrals ---


def erf_between(x: Any, y: Any) -> Any:
    """Return erf(y) - erf(x) without cancellation in the tails."""
    flip = (x < 0) & (y < 0)
    a, b = np.where(flip, -y, x), np.where(flip, -x, y)
    tails = (a > 0.5) & (b > 0.5)  # nearer to 0 it is erfc that cancels
    return np.where(tails, sc.erfc(a) - sc.erfc(b), sc.erf(b) - sc.erf(a))[()]


def expint_of_order(n: Any, x: Any) -> Any:
    """Return E_n(x) for integers n > -8, by the recurrence below n = 0."""
    order = np.where(whole(n), n, 0)
    total = sc.expn(np.maximum(order, 0).astype(np.int64), x)
    decay = np.exp(-x)
    for k in range(1, 8):
        total = np.where(order <= -k, (decay + k * total) / x, total)
    return total[()]


def right_half(function: Kernel) -> Kernel:
    """Return nan where x < 0: the value is complex there."""
    return lambda x: np.where(x < 0, np.nan, function(np.abs(x)))[()]


def logarithmic_integral(x: Any) -> Any:
    """Return li(x)."""
    return sc.expi(np.log(x))


def elliptic_e(*args: Any) -> Any:
    """Return the complete or incomplete integral of the second kind."""
    return sc.ellipe(*args) if len(args) == 1 else sc.ellipeinc(*args)


def elliptic_pi(n: Any, *args: Any) -> Any:
    """Return the integral of the third kind by Carlson's forms (DLMF 19.25.2 and 19.25.14)."""
    m = args[-1]
    s = np.sin(args[0]) if len(args) == 2 else 1.0
    c = np.cos(args[0]) ** 2 if len(args) == 2 else 0.0
    d = 1 - m * s * s
    return s * sc.elliprf(c, d, 1.0) + n * s**3 / 3 * sc.elliprj(c, d, 1.0, 1 - n * s * s)


def elliptic_pi_inside(n: Any, *args: Any) -> Any:
    """Return where Carlson's forms hold."""
    m = args[-1]
    return (n < 1) & (m < 1) & (np.abs(args[0] if len(args) == 2 else 0.0) <= np.pi / 2)


# --- gamma functions ---


def beta_between(a: Any, b: Any, x: Any, y: Any) -> Any:
    """Return the regularised incomplete beta function over (x, y)."""
    upper = sc.betaincc(a, b, x) - sc.betaincc(a, b, y)
    return np.where(x > 0.5, upper, sc.betainc(a, b, y) - sc.betainc(a, b, x))[()]


def beta_inside(a: Any, b: Any, x: Any, y: Any) -> Any:
    """Return where SciPy's incomplete beta function is defined."""
    return (a > 0) & (b > 0) & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)


def incomplete(function: Kernel) -> Kernel:
    """Return the incomplete gamma function that belongs to a regularised one."""
    return lambda s, x: sc.gamma(s) * function(s, x)


def incomplete_inside(s: Any, x: Any) -> Any:
    """Return where the product neither overflows nor leaves SciPy's domain."""
    return (s > 0) & (s < 170) & (x >= 0)


def polygamma(n: Any, x: Any) -> Any:
    """Return the polygamma function of integer order; x > 0 unless the order is 0."""
    return np.where(n == 0, sc.psi(x), sc.polygamma(np.maximum(n, 1), x))[()]


def harmonic(n: Any, m: Any = 1.0) -> Any:
    """Return the generalised harmonic number for m = 1 or m > 1."""
    first = sc.psi(n + 1) + np.euler_gamma
    return np.where(m == 1, first, sc.zeta(m) - sc.zeta(m, n + 1))[()]


def catalan(n: Any) -> Any:
    """Return 4**n*gamma(n + 1/2)/(sqrt(pi)*gamma(n + 2))."""
    return np.power(4.0, n) * sc.poch(n + 2, -1.5) / np.sqrt(np.pi)


def fibonacci(n: Any, x: Any = 1.0) -> Any:
    """Return Fibonacci polynomials in hyperbolic form, for real degrees too."""
    t, parity = np.arcsinh(np.divide(x, 2.0)), np.cos(np.pi * np.remainder(n, 2.0))
    even, odd = (1 + parity) * np.sinh(n * t), (1 - parity) * np.cosh(n * t)
    return (even + odd) / (2 * np.cosh(t))


def lucas(n: Any) -> Any:
    """Return Lucas numbers."""
    return GOLDEN**n + np.cos(np.pi * np.remainder(n, 2.0)) * GOLDEN ** (-n)


# --- zeta functions ---


def eta(s: Any, a: Any = 1.0) -> Any:
    """Return Dirichlet's eta for s > 1, a > 0."""
    return np.power(2.0, -s) * (sc.zeta(s, a / 2) - sc.zeta(s, (a + 1) / 2))


def xi(s: Any) -> Any:
    """Return Riemann's xi for s > 0, s != 1."""
    return s * (s - 1) / 2 * np.power(np.pi, -s / 2) * sc.gamma(s / 2) * sc.zeta(s)


def polylog(s: Any, z: Any) -> Any:
    """Return the polylogarithm of order -1, 0, 1 or 2."""
    orders = [s == -1, s == 0, s == 1, s == 2]
    forms = [z / (1 - z) ** 2, z / (1 - z), -np.log1p(-z), sc.spence(1 - z)]
    return np.select(orders, forms, np.nan)[()]


def hyper(count: Any, *rest: Any) -> Any:
    """Return pFq from `p, a1..ap, b1..bq, z`: SciPy's 0F1, 1F1 and 2F1, else mpmath."""
    function = {(0, 1): sc.hyp0f1, (1, 1): sc.hyp1f1, (2, 1): sc.hyp2f1}
    p = int(np.real(np.ravel(count)[0]))
    known = function.get((p, len(rest) - p - 1))
    return slow("hyper")(count, *rest) if known is None else known(*rest)


# --- Bessel functions ---


def spherical(name: str, by_order: Kernel, cylinder: Kernel) -> Kernel:
    """Return a spherical Bessel function; orders that are no natural numbers take J or Y."""

    def general(n: Any, x: Any) -> Any:
        return np.sqrt(np.pi / (2 * x)) * cylinder(n + 0.5, x)

    def fast(n: Any, x: Any) -> Any:
        natural = whole(n) & (n >= 0)
        if np.all(natural):
            return by_order(np.asarray(n).astype(np.int64), x)
        order = np.where(natural, n, 0).astype(np.int64)
        return np.where(natural, by_order(order, x), general(n, x))[()]

    return patched(name, fast, lambda n, x: (whole(n) & (n >= 0)) | (x > 0))


# --- polynomials ---

STEEPEST = 100_000  # degree up to which SciPy's recurrences are quick


def of_degree(name: str, function: Kernel, *, zero_below: bool = False) -> Kernel:
    """Return a polynomial; integer degrees take SciPy's recurrences."""

    def fast(n: Any, *args: Any) -> Any:
        degree = np.where(whole(n) & (n <= STEEPEST), np.maximum(n, 0), 0).astype(np.int64)
        return np.where(whole(n) & (n < 0), 0.0, function(degree, *args))[()]

    def inside(n: Any, *args: Any) -> Any:
        return whole(n) & ((n >= 0) | zero_below) & (n <= STEEPEST)

    return patched(name, fast, inside)


def assoc_legendre(n: Any, m: Any, x: Any) -> Any:
    """Return the Ferrers function; 0 where m > n."""
    return np.where(m > n, 0.0, sc.lpmv(m, np.maximum(n, 0), x))[()]


# --- jumps ---


def bracket(x: Any, a: Any, n: Any) -> Any:
    """Return Macaulay's bracket <x - a>**n."""
    inside = np.where(x >= a, np.power(np.maximum(x - a, 0.0), np.maximum(n, 0)), 0.0)
    found = np.where(n < 0, np.where(x == a, np.inf, 0.0), inside)
    return np.where(np.isnan(x) | np.isnan(a) | np.isnan(n), np.nan, found)[()]


def lambert(x: Any, k: Any = 0) -> Any:
    """Return the real part of a branch where it is real, else nan."""
    found = sc.lambertw(x, np.asarray(np.real(k)).astype(np.int64))
    return np.where(np.imag(found) == 0, np.real(found), np.nan)[()]


JUMPS: dict[str, Kernel] = {
    "LambertW": lambert,
    "frac": lambda x: x - np.floor(x),
    "Rem": np.fmod,
    "SingularityFunction": bracket,
    "DiracDelta": lambda x, n=0: np.where(x == 0, np.inf, np.where(np.isnan(x), x, 0.0))[()],
    "KroneckerDelta": lambda i, j: np.where(np.isnan(np.maximum(i, j)), np.nan, 1.0 * (i == j))[()],
    "re": np.real,
    "im": np.imag,
    "arg": np.angle,
    "conjugate": np.conjugate,
}
INTEGRALS: dict[str, Kernel] = {
    "erf": sc.erf,
    "erfc": sc.erfc,
    "erfi": sc.erfi,
    "erf2": erf_between,
    "erfinv": sc.erfinv,
    "erfcinv": sc.erfcinv,
    "erf2inv": lambda x, y: sc.erfinv(sc.erf(x) + y),
    "fresnels": lambda x: sc.fresnel(x)[0],
    "fresnelc": lambda x: sc.fresnel(x)[1],
    "Ei": sc.expi,
    "expint": patched("expint", expint_of_order, lambda n, x: whole(n) & (n > -8) & (x > 0)),
    "li": logarithmic_integral,
    "Li": lambda x: logarithmic_integral(x) - sc.expi(np.log(2)),
    "Si": lambda x: sc.sici(x)[0],
    "Ci": right_half(lambda x: sc.sici(x)[1]),
    "Shi": lambda x: sc.shichi(x)[0],
    "Chi": right_half(lambda x: sc.shichi(x)[1]),
    "elliptic_k": sc.ellipk,
    "elliptic_f": patched("elliptic_f", sc.ellipkinc, lambda phi, m: m <= 1),
    "elliptic_e": patched("elliptic_e", elliptic_e, lambda *a: a[-1] <= 1),
    "elliptic_pi": patched("elliptic_pi", elliptic_pi, elliptic_pi_inside),
    "hyper": hyper,
}
GAMMA: dict[str, Kernel] = {
    "gamma": sc.gamma,
    "loggamma": sc.loggamma,
    "polygamma": patched(
        "polygamma", polygamma, lambda n, x: whole(n) & (n >= 0) & ((n == 0) | (x > 0))
    ),
    "lowergamma": patched("lowergamma", incomplete(sc.gammainc), incomplete_inside),
    "uppergamma": patched("uppergamma", incomplete(sc.gammaincc), incomplete_inside),
    "beta": sc.beta,
    "betainc": patched(
        "betainc", lambda a, b, x, y: sc.beta(a, b) * beta_between(a, b, x, y), beta_inside
    ),
    "betainc_regularized": patched("betainc_regularized", beta_between, beta_inside),
    "factorial": lambda x: sc.gamma(x + 1),
    "RisingFactorial": patched("RisingFactorial", sc.poch, lambda x, k: (x > 0) & (x + k > 0)),
    "FallingFactorial": patched(
        "FallingFactorial", lambda x, k: sc.poch(x - k + 1, k), lambda x, k: (x > -1) & (x - k > -1)
    ),
    "binomial": patched("binomial", sc.binom, lambda n, k: n >= 0),
    "harmonic": patched("harmonic", harmonic, lambda n, m=1.0: (n > -1) & ((m == 1) | (m > 1.001))),
    "catalan": patched("catalan", catalan, lambda n: n > -0.5),
    "fibonacci": fibonacci,
    "lucas": lucas,
    "zeta": patched("zeta", sc.zeta, lambda s, a=1.0: (s > 1) & (a > 0)),
    "dirichlet_eta": patched("dirichlet_eta", eta, lambda s, a=1.0: (s > 1.01) & (a > 0)),
    "riemann_xi": patched("riemann_xi", xi, lambda s: s > 1),
    "polylog": patched("polylog", polylog, lambda s, z: np.isin(s, (-1, 0, 1, 2)) & (z < 1)),
}
BESSEL: dict[str, Kernel] = {
    "besselj": sc.jv,
    "bessely": sc.yv,
    "besseli": sc.iv,
    "besselk": sc.kv,
    "hankel1": constant(np.nan),
    "hankel2": constant(np.nan),
    "jn": spherical("jn", sc.spherical_jn, sc.jv),
    "yn": spherical("yn", sc.spherical_yn, sc.yv),
    "hn1": constant(np.nan),
    "hn2": constant(np.nan),
    "airyai": lambda x: sc.airy(x)[0],
    "airyaiprime": lambda x: sc.airy(x)[1],
    "airybi": lambda x: sc.airy(x)[2],
    "airybiprime": lambda x: sc.airy(x)[3],
}
POLYNOMIALS: dict[str, Kernel] = {
    "legendre": of_degree("legendre", sc.eval_legendre),
    "assoc_legendre": patched(
        "assoc_legendre",
        assoc_legendre,
        lambda n, m, x: whole(n) & whole(m) & (n >= 0) & (m >= 0) & (np.abs(x) <= 1),
    ),
    "laguerre": of_degree("laguerre", sc.eval_laguerre),
    "assoc_laguerre": of_degree("assoc_laguerre", sc.eval_genlaguerre, zero_below=True),
    "hermite": of_degree("hermite", sc.eval_hermite),
    "hermite_prob": of_degree("hermite_prob", sc.eval_hermitenorm),
    "chebyshevt": of_degree("chebyshevt", sc.eval_chebyt),
    "chebyshevu": of_degree("chebyshevu", sc.eval_chebyu),
    "gegenbauer": of_degree("gegenbauer", sc.eval_gegenbauer, zero_below=True),
    "jacobi": of_degree("jacobi", sc.eval_jacobi, zero_below=True),
}
REAL: dict[str, Kernel] = {**JUMPS, **INTEGRALS, **GAMMA, **BESSEL, **POLYNOMIALS}


# --- complex points ---


def with_real_order(name: str, function: Kernel) -> Kernel:
    """Return a kernel for complex arguments whose order, operand 0, must be real."""

    def fast(n: Any, *args: Any) -> Any:
        return function(np.real(n), *args)

    return patched(name, fast, lambda n, *args: np.imag(n) == 0)


def spherical_hankel(n: Any, x: Any, sign: complex) -> Any:
    """Return j_n(x) + sign*y_n(x)."""
    return np.sqrt(np.pi / (2 * x)) * (sc.jv(n + 0.5, x) + sign * sc.yv(n + 0.5, x))


def spherical_cylinder(cylinder: Kernel) -> Kernel:
    """Return a spherical Bessel function of complex argument."""
    return lambda n, x: np.sqrt(np.pi / (2 * x)) * cylinder(n + 0.5, x)


NATIVE: dict[str, Kernel] = {
    **{name: REAL[name] for name in ("erf", "erfc", "erfi", "fresnels", "fresnelc")},
    **{name: REAL[name] for name in ("gamma", "loggamma", "factorial", "Ei", "li", "Li", "Si")},
    **{name: REAL[name] for name in ("Shi", "airyai", "airyaiprime", "airybi", "airybiprime")},
    **{name: REAL[name] for name in ("re", "im", "arg", "conjugate")},
    "LambertW": lambda x, k=0: sc.lambertw(x, np.asarray(np.real(k)).astype(np.int64)),
    "Ci": lambda x: sc.sici(x)[1],
    "Chi": lambda x: sc.shichi(x)[1],
    "erf2": lambda x, y: sc.erf(y) - sc.erf(x),
    "besselj": with_real_order("besselj", sc.jv),
    "bessely": with_real_order("bessely", sc.yv),
    "besseli": with_real_order("besseli", sc.iv),
    "besselk": with_real_order("besselk", sc.kv),
    "hankel1": with_real_order("hankel1", sc.hankel1),
    "hankel2": with_real_order("hankel2", sc.hankel2),
    "jn": with_real_order("jn", spherical_cylinder(sc.jv)),
    "yn": with_real_order("yn", spherical_cylinder(sc.yv)),
    "hn1": with_real_order("hn1", lambda n, x: spherical_hankel(n, x, 1j)),
    "hn2": with_real_order("hn2", lambda n, x: spherical_hankel(n, x, -1j)),
}
COMPLEX: dict[str, Kernel] = {name: NATIVE.get(name) or slow(name) for name in REAL}

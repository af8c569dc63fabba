"""mpmath kernels of the special functions by gate name, in SymPy's argument order and conventions.

A pole raises `ZeroDivisionError` and a point outside the domain gives a complex number or a
`ValueError`; the caller turns them into inf and nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

Kernel = Callable[..., Any]

RADIUS = 0.9  # modulus up to which Lerch's series takes at most some thousand terms


def at_integer(exact: Kernel, general: Kernel | None = None) -> Kernel:
    """Return a function of an integer order (passed as int); another order has its own form."""

    def chosen(order: Any, *args: Any) -> Any:
        if mp.isint(order):
            return exact(int(mp.re(order)), *args)
        if general is None:
            raise ValueError("the order is no integer")
        return general(order, *args)

    return chosen


def of_degree(function: Kernel, *, zero_below: bool = False) -> Kernel:
    """Return a polynomial whose degree may come as a complex number without imaginary part."""

    def bounded(degree: Any, *args: Any) -> Any:
        degree = mp.re(degree) if mp.im(degree) == 0 else degree
        if zero_below and mp.isint(degree) and mp.re(degree) < 0:
            return mp.mp.zero
        return function(degree, *args)

    return bounded


# --- error functions and integrals ---


def erfcinv(x: Any) -> Any:
    """Return the inverse of erfc, accurate near 0."""
    with mp.extraprec(max(0, -int(mp.mag(x))) if x else 0):
        return erfinv(1 - x)


def erfinv(x: Any) -> Any:
    """Return the inverse of erf; near the real axis by Newton's method from the real value."""
    if not isinstance(x, mp.mpc):
        return mp.erfinv(x)
    enough = 16 * mp.eps
    with mp.extraprec(30):
        found = mp.mpc(mp.erfinv(x.real))
        for _ in range(mp.mp.prec):
            step = (mp.erf(found) - x) * mp.sqrt(mp.pi) / 2 * mp.exp(found * found)
            found -= step
            if abs(step) <= enough * abs(found):
                return found
    raise ValueError("Newton's method has not converged")


def erf_between(x: Any, y: Any) -> Any:
    """Return erf(y) - erf(x) without cancellation in the tails."""
    if mp.re(x) > 0 and mp.re(y) > 0:
        return mp.erfc(x) - mp.erfc(y)
    if mp.re(x) < 0 and mp.re(y) < 0:
        return mp.erfc(-y) - mp.erfc(-x)
    return mp.erf(y) - mp.erf(x)


# --- Bessel functions ---


def spherical(cylinder: Kernel, *, odd: int) -> Kernel:
    """Return a spherical Bessel function; `odd` is 1 where f(n, -x) = (-1)**(n + 1)*f(n, x)."""

    def scaled(n: Any, x: Any) -> Any:
        if x == 0:
            return _spherical_at_zero(n, odd)
        if not isinstance(x, mp.mpc) and x < 0 and mp.isint(n):
            return (-1) ** (int(n) + odd) * scaled(n, -x)
        return mp.sqrt(mp.pi / (2 * x)) * cylinder(n + mp.mpf(1) / 2, x)

    return scaled


def _spherical_at_zero(n: Any, odd: int) -> Any:
    if odd or n < 0:
        return -mp.inf
    return mp.mp.one if n == 0 else mp.mp.zero


spherical_j = spherical(mp.besselj, odd=0)
spherical_y = spherical(mp.bessely, odd=1)


def marcum(m: Any, a: Any, b: Any) -> Any:
    """Return Marcum's Q: a Poisson mixture of upper incomplete gamma functions."""
    rate, x = a * a / 2, b * b / 2
    weight, tail = mp.exp(-rate), mp.gammainc(m, x, regularized=True)
    step = x**m * mp.exp(-x) / mp.gamma(m + 1)  # Q(m + 1, x) - Q(m, x)
    total, k = mp.mp.zero, 0
    while k < mp.re(rate + m) or abs(weight) > mp.eps:
        total += weight * tail
        k += 1
        weight *= rate / k
        tail, step = tail + step, step * x / (m + k)
    return total


def real_harmonic(n: Any, m: Any, theta: Any, phi: Any) -> Any:
    """Return SymPy's Znm."""
    value = mp.spherharm(n, m, theta, phi)
    if m == 0:
        return mp.re(value)
    return mp.sqrt(2) * (mp.re(value) if m > 0 else mp.im(value))


# --- zeta functions ---


def eta(s: Any, a: Any = None) -> Any:
    """Return Dirichlet's eta, the alternating sum of (k + a)**-s."""
    if a is None:
        return mp.altzeta(s)
    if s == 1:
        return (mp.digamma((a + 1) / 2) - mp.digamma(a / 2)) / 2
    return (mp.zeta(s, a / 2) - mp.zeta(s, (a + 1) / 2)) / mp.mpf(2) ** s


def lerch(z: Any, s: Any, a: Any) -> Any:
    """Return Lerch's transcendent; its series is much faster than mpmath's integral."""
    if abs(z) > RADIUS or mp.re(a) <= 0:
        return mp.lerchphi(z, s, a)
    with mp.extraprec(10):
        total, power, k = mp.mp.zero, mp.mp.one, 0
        while abs(power) > mp.eps:
            total += power / (a + k) ** s
            power, k = power * z, k + 1
    return +total


def xi(s: Any) -> Any:
    """Return Riemann's xi."""
    if s in (0, 1):
        return mp.mpf(1) / 2
    return s * (s - 1) / 2 * mp.pi ** (-s / 2) * mp.gamma(s / 2) * mp.zeta(s)


def harmonic(n: Any, m: Any = 1) -> Any:
    """Return the generalised harmonic number."""
    return mp.harmonic(n) if m == 1 else mp.zeta(m) - mp.zeta(m, n + 1)


# --- polynomials and number sequences ---


def bernoulli(n: Any, x: Any = None) -> Any:
    """Return Bernoulli numbers (with B_1 = 1/2) and polynomials."""
    if not mp.isint(n) or mp.re(n) < 0:
        return -n * mp.zeta(1 - n, 1 if x is None else x)
    order = int(mp.re(n))
    if x is None:
        return mp.mpf(1) / 2 if order == 1 else mp.bernoulli(order)
    return mp.bernpoly(order, x)


def euler(n: Any, x: Any = None) -> Any:
    """Return Euler numbers and polynomials."""
    if x is None:
        return (
            mp.eulernum(int(mp.re(n))) if mp.isint(n) else mp.mpf(2) ** n * euler(n, mp.mpf(1) / 2)
        )
    if mp.isint(n) and mp.re(n) >= 0:
        return mp.eulerpoly(int(mp.re(n)), x)
    return 2 * eta(-n, x)


def genocchi(n: Any, x: Any = 1) -> Any:
    """Return Genocchi numbers (with G_1 = -1) and polynomials."""
    return -n * euler(n - 1, x) if n != 0 else mp.mp.zero


def recurrent(last: list[int], step: Callable[[Any], tuple[Any, ...]]) -> Kernel:
    """Return the polynomials p_n = Σ step(x)[i]*p_(n-1-i); `last` ends with p_0."""

    def value(n: int, x: Any = 1) -> Any:
        if n < 0:
            raise ValueError("the index is negative")
        window = [mp.mpf(p) for p in last]
        for _ in range(n):
            terms = zip(step(x), reversed(window), strict=True)
            window = [*window[1:], mp.fsum(c * p for c, p in terms)]
        return window[-1]

    return value


def fibonacci(n: Any, x: Any = None) -> Any:
    """Return Fibonacci numbers and polynomials."""
    if x is None:
        return mp.fib(n)
    root = mp.sqrt(x * x + 4)
    if mp.isint(n) and mp.re(n) >= 0:
        return fibonacci_polynomial(int(mp.re(n)), x)
    grow = (x + root) / 2
    return (grow**n - mp.cospi(n) * grow ** (-n)) / root


fibonacci_polynomial = recurrent([1, 0], lambda x: (x, mp.mp.one))
tribonacci = recurrent([1, 0, 0], lambda x: (x * x, x, mp.mp.one))


def ferrers(n: Any, m: Any, x: Any) -> Any:
    """Return the Ferrers function; for natural orders by Gegenbauer polynomials (DLMF 18.11.1)."""
    n, m = mp.re(n), mp.re(m)
    if not (mp.isint(n) and mp.isint(m) and m >= 0 and n >= 0):
        return mp.legenp(n, m, x, type=2)
    if m > n:
        return mp.mp.zero
    slope = (-1) ** int(m) * mp.fac2(2 * m - 1) * (1 - x * x) ** (m / 2)
    return slope * mp.gegenbauer(n - m, m + mp.mpf(1) / 2, x)


def hermite_probabilist(n: Any, x: Any) -> Any:
    """Return He_n(x)."""
    return mp.mpf(2) ** (-n / mp.mpf(2)) * mp.hermite(n, x / mp.sqrt(2))


def catalan(n: Any) -> Any:
    """Return 4**n*gamma(n + 1/2)/(sqrt(pi)*gamma(n + 2))."""
    return mp.mpf(4) ** n * mp.gamma(n + mp.mpf(1) / 2) / (mp.sqrt(mp.pi) * mp.gamma(n + 2))


# --- hypergeometric functions: counts come first (see the rows) ---


def hyper(count: Any, *rest: Any) -> Any:
    """Return pFq from `p, a1..ap, b1..bq, z`."""
    p = int(mp.re(count))
    return mp.hyper(list(rest[:p]), list(rest[p:-1]), rest[-1])


def meijerg(n: Any, p: Any, m: Any, *rest: Any) -> Any:
    """Return Meijer's G from `n, p, m, a1..ap, b1..bq, z`."""
    above, below = list(rest[: int(mp.re(p))]), list(rest[int(mp.re(p)) : -1])
    a, b = int(mp.re(n)), int(mp.re(m))
    return mp.meijerg([above[:a], above[a:]], [below[:b], below[b:]], rest[-1])


# --- jumps ---


def truncated(x: Any, y: Any) -> Any:
    """Return x - y*trunc(x/y)."""
    if y == 0:
        return mp.nan
    return x - y * (mp.floor(x / y) if x / y >= 0 else mp.ceil(x / y))


def bracket(x: Any, a: Any, n: Any) -> Any:
    """Return Macaulay's bracket <x - a>**n."""
    if n < 0:
        return mp.inf if x == a else mp.mp.zero
    return (x - a) ** n if x >= a else mp.mp.zero


KERNELS: dict[str, Kernel] = {
    "LambertW": lambda x, k=0: mp.lambertw(x, int(mp.re(k))),
    # error functions and integrals
    "erf2": erf_between,
    "erfinv": erfinv,
    "erfcinv": erfcinv,
    "erf2inv": lambda x, y: erfinv(mp.erf(x) + y),
    "fresnels": mp.fresnels,
    "fresnelc": mp.fresnelc,
    "Ei": mp.ei,
    "expint": mp.expint,
    "li": mp.li,
    "Li": lambda x: mp.li(x, offset=True),
    "Si": mp.si,
    "Ci": mp.ci,
    "Shi": mp.shi,
    "Chi": mp.chi,
    "elliptic_k": mp.ellipk,
    "elliptic_f": mp.ellipf,
    "elliptic_e": mp.ellipe,
    "elliptic_pi": mp.ellippi,
    # gamma functions
    "polygamma": at_integer(mp.psi),
    "lowergamma": lambda s, x: mp.gammainc(s, 0, x),
    "uppergamma": mp.gammainc,
    "beta": mp.beta,
    "betainc": mp.betainc,
    "betainc_regularized": lambda a, b, x, y: mp.betainc(a, b, x, y, regularized=True),
    "factorial": mp.factorial,
    "factorial2": mp.fac2,
    "subfactorial": at_integer(lambda n: mp.re(mp.gammainc(n + 1, -1)) / mp.e),
    "RisingFactorial": mp.rf,
    "FallingFactorial": mp.ff,
    "binomial": mp.binomial,
    "harmonic": harmonic,
    "catalan": catalan,
    "lucas": lambda n: mp.fib(n - 1) + mp.fib(n + 1),
    # zeta functions
    "dirichlet_eta": eta,
    "riemann_xi": xi,
    "stieltjes": at_integer(mp.stieltjes),
    "polylog": mp.polylog,
    "lerchphi": lerch,
    "hyper": hyper,
    "meijerg": meijerg,
    "appellf1": mp.appellf1,
    # Bessel functions
    "besselj": mp.besselj,
    "bessely": mp.bessely,
    "besseli": mp.besseli,
    "besselk": mp.besselk,
    "hankel1": mp.hankel1,
    "hankel2": mp.hankel2,
    "jn": spherical_j,
    "yn": spherical_y,
    "hn1": lambda n, x: spherical_j(n, x) + 1j * spherical_y(n, x),
    "hn2": lambda n, x: spherical_j(n, x) - 1j * spherical_y(n, x),
    "airyai": mp.airyai,
    "airybi": mp.airybi,
    "airyaiprime": lambda x: mp.airyai(x, derivative=1),
    "airybiprime": lambda x: mp.airybi(x, derivative=1),
    "marcumq": marcum,
    # polynomials
    "legendre": of_degree(mp.legendre),
    "assoc_legendre": ferrers,
    "laguerre": of_degree(lambda n, x: mp.laguerre(n, 0, x)),
    "assoc_laguerre": of_degree(mp.laguerre, zero_below=True),
    "hermite": of_degree(mp.hermite),
    "hermite_prob": of_degree(hermite_probabilist),
    "chebyshevt": of_degree(mp.chebyt),
    "chebyshevu": of_degree(mp.chebyu),
    "gegenbauer": of_degree(mp.gegenbauer, zero_below=True),
    "jacobi": of_degree(mp.jacobi, zero_below=True),
    "Ynm": lambda n, m, theta, phi: mp.spherharm(mp.re(n), mp.re(m), theta, phi),
    "Znm": real_harmonic,
    "bernoulli": bernoulli,
    "euler": euler,
    "genocchi": genocchi,
    "bell": at_integer(mp.bell),
    "fibonacci": fibonacci,
    "tribonacci": at_integer(tribonacci),
    # jumps, and the parts of a complex number
    "re": mp.re,
    "im": mp.im,
    "arg": mp.arg,
    "conjugate": mp.conj,
    "frac": lambda x: x - mp.floor(x),
    "Rem": truncated,
    "SingularityFunction": bracket,
    "DiracDelta": lambda x, n=0: mp.inf if x == 0 else mp.mp.zero,
    "KroneckerDelta": lambda i, j: mp.mp.one if i == j else mp.mp.zero,
}

ORDERS: dict[str, int] = dict.fromkeys(
    [
        "legendre",
        "assoc_legendre",
        "laguerre",
        "assoc_laguerre",
        "hermite",
        "hermite_prob",
        "chebyshevt",
        "chebyshevu",
        "gegenbauer",
        "jacobi",
        "Ynm",
        "Znm",
        "bell",
        "tribonacci",
    ],
    10_000,
) | {"polygamma": 1_000, "stieltjes": 100, "marcumq": 10_000}

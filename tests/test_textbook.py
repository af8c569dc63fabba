"""Formulas from physics, chemistry, economics and calculus books, with gradients derived by hand.

Each row is a formula, a point, and partials written down independently of symgrad. The closed form
must equal the hand's at that point, and the numbers must equal mpmath's derivatives.
"""

from __future__ import annotations

import mpmath
import pytest
import sympy
from sympy import Symbol, erf, exp, log, pi, sqrt

import symgrad as sg

ROWS: dict[str, tuple[str, dict[str, float], dict[str, str]]] = {
    "Planck's law": (
        "2*h*nu**3/c**2/(exp(h*nu/(k*T)) - 1)",
        {"h": 1.1, "nu": 0.9, "c": 2.0, "k": 0.7, "T": 1.3},
        {"T": "2*h**2*nu**4*exp(h*nu/(k*T))/(c**2*k*T**2*(exp(h*nu/(k*T)) - 1)**2)"},
    ),
    "van der Waals": (
        "n*R*T/(V - n*b) - a*n**2/V**2",
        {"n": 1.0, "R": 8.3, "T": 2.0, "V": 3.0, "b": 0.1, "a": 0.5},
        {"V": "-n*R*T/(V - n*b)**2 + 2*a*n**2/V**3", "T": "n*R/(V - n*b)"},
    ),
    "Lennard-Jones": (
        "4*eps*((s/r)**12 - (s/r)**6)",
        {"eps": 0.8, "s": 1.1, "r": 1.4},
        {"r": "4*eps*(-12*s**12/r**13 + 6*s**6/r**7)"},
    ),
    "relativistic energy": (
        "m*c**2/sqrt(1 - v**2/c**2)",
        {"m": 2.0, "c": 3.0, "v": 1.2},
        {"v": "m*v/(1 - v**2/c**2)**(3/2)", "m": "c**2/sqrt(1 - v**2/c**2)"},
    ),
    "thin lens": (
        "1/(1/f - 1/s)",
        {"f": 0.5, "s": 1.7},
        {"s": "-f**2/(s - f)**2", "f": "s**2/(s - f)**2"},
    ),
    "Kepler's third law": (
        "2*pi*sqrt(a**3/(G*M))",
        {"a": 1.5, "G": 0.7, "M": 2.2},
        {"a": "3*pi*sqrt(a/(G*M))", "M": "-pi*sqrt(a**3/(G*M))/M"},
    ),
    "damped oscillation": (
        "A*exp(-g*t)*cos(w*t + phi)",
        {"A": 1.2, "g": 0.3, "t": 0.8, "w": 2.0, "phi": 0.4},
        {
            "t": "-A*exp(-g*t)*(g*cos(w*t + phi) + w*sin(w*t + phi))",
            "g": "-t*A*exp(-g*t)*cos(w*t + phi)",
        },
    ),
    "normal density": (
        "exp(-(x - mu)**2/(2*s**2))/(s*sqrt(2*pi))",
        {"x": 0.4, "mu": 1.0, "s": 0.9},
        {
            "mu": "(x - mu)/s**2*exp(-(x - mu)**2/(2*s**2))/(s*sqrt(2*pi))",
            "s": "((x - mu)**2/s**3 - 1/s)*exp(-(x - mu)**2/(2*s**2))/(s*sqrt(2*pi))",
        },
    ),
    "logistic growth": (
        "K/(1 + (K - P)/P*exp(-r*t))",
        {"K": 5.0, "P": 1.0, "r": 0.6, "t": 1.5},
        {"t": "K*r*(K - P)/P*exp(-r*t)/(1 + (K - P)/P*exp(-r*t))**2"},
    ),
    "Arrhenius": (
        "A*exp(-E/(R*T))",
        {"A": 2.0, "E": 1.5, "R": 0.8, "T": 1.1},
        {"T": "A*E/(R*T**2)*exp(-E/(R*T))", "E": "-A/(R*T)*exp(-E/(R*T))"},
    ),
    "Michaelis-Menten": (
        "V*S/(K + S)",
        {"V": 2.0, "S": 0.7, "K": 0.4},
        {"S": "V*K/(K + S)**2", "K": "-V*S/(K + S)**2"},
    ),
    "law of cosines": (
        "sqrt(a**2 + b**2 - 2*a*b*cos(t))",
        {"a": 1.0, "b": 2.0, "t": 0.7},
        {"t": "a*b*sin(t)/sqrt(a**2 + b**2 - 2*a*b*cos(t))"},
    ),
    "pendulum with amplitude": (
        "2*pi*sqrt(L/g)*(1 + t**2/16)",
        {"L": 1.3, "g": 9.8, "t": 0.5},
        {"g": "-pi*sqrt(L/g)/g*(1 + t**2/16)", "t": "pi*t/4*sqrt(L/g)"},
    ),
    "Bernoulli's pressure": (
        "p + rho*v**2/2 + rho*g*h",
        {"p": 1.0, "rho": 1.2, "v": 3.0, "g": 9.8, "h": 2.0},
        {"rho": "v**2/2 + g*h", "v": "rho*v"},
    ),
    "RC charging": (
        "U*(1 - exp(-t/(R*C)))",
        {"U": 5.0, "t": 0.4, "R": 2.0, "C": 0.3},
        {"R": "-U*t/(R**2*C)*exp(-t/(R*C))", "t": "U/(R*C)*exp(-t/(R*C))"},
    ),
    "Snell's angle": (
        "asin(n1/n2*sin(a))",
        {"n1": 1.0, "n2": 1.5, "a": 0.6},
        {"a": "n1*cos(a)/sqrt(n2**2 - n1**2*sin(a)**2)"},
    ),
    "compound interest": (
        "P*(1 + r/n)**(n*t)",
        {"P": 3.0, "r": 0.05, "n": 4.0, "t": 2.0},
        {"r": "P*t*(1 + r/n)**(n*t - 1)", "t": "P*n*(1 + r/n)**(n*t)*log(1 + r/n)"},
    ),
    "catenary": (
        "a*cosh(x/a)",
        {"a": 1.2, "x": 0.5},
        {"x": "sinh(x/a)", "a": "cosh(x/a) - x/a*sinh(x/a)"},
    ),
    "polar angle": (
        "atan2(y, x)",
        {"x": -1.0, "y": 0.5},
        {"x": "-y/(x**2 + y**2)", "y": "x/(x**2 + y**2)"},
    ),
    "entropy of a coin": ("-p*log(p) - (1 - p)*log(1 - p)", {"p": 0.3}, {"p": "log((1 - p)/p)"}),
    "Fermi-Dirac": (
        "1/(exp((E - mu)/T) + 1)",
        {"E": 1.2, "mu": 1.0, "T": 0.3},
        {"E": "-exp((E - mu)/T)/(T*(exp((E - mu)/T) + 1)**2)"},
    ),
    "barometric height": (
        "-R*T/(M*g)*log(p/p0)",
        {"R": 8.0, "T": 2.0, "M": 0.3, "g": 9.8, "p": 0.6, "p0": 1.0},
        {"p": "-R*T/(M*g*p)"},
    ),
}


def by_hand(formula: str, names: dict[str, float]) -> sympy.Expr:
    """Read a partial written down by hand, with SymPy's reader."""
    return sympy.sympify(formula, locals={n: Symbol(n) for n in names})


@pytest.mark.parametrize("name", ROWS)
def test_the_closed_form_is_the_books(name: str) -> None:
    formula, point, partials = ROWS[name]
    at = {Symbol(n): v for n, v in point.items()}
    found = sg.grad(formula, list(partials))
    expected = [by_hand(p, point) for p in partials.values()]

    assert [pytest.approx(float(e.subs(at)), rel=1e-12) for e in expected] == [
        float(f.subs(at)) for f in found
    ]


@pytest.mark.parametrize("name", ROWS)
def test_the_numbers_are_mpmaths(name: str) -> None:
    formula, point, _ = ROWS[name]
    run = sg.run(formula, point)
    tree = sg.parse(formula).expr
    function = sympy.lambdify([Symbol(n) for n in point], tree, "mpmath")
    order = {n: i for i, n in enumerate(point)}
    for variable in point:
        wanted = tuple(int(i == order[variable]) for i in range(len(point)))
        with mpmath.workdps(40):
            expected = float(mpmath.diff(function, tuple(point.values()), wanted))

        assert pytest.approx(expected, rel=1e-11, abs=1e-13) == float(run.grad[variable])


@pytest.mark.parametrize("name", ROWS)
def test_every_gradient_passes_its_check(name: str) -> None:
    formula, point, _ = ROWS[name]

    assert sg.check_grad(formula, point)


def test_the_delta_of_an_option_is_the_distribution_function() -> None:
    S, K, r, v, t = (Symbol(n, positive=True) for n in ("S", "K", "r", "v", "t"))
    d = (log(S / K) + (r + v**2 / 2) * t) / (v * sqrt(t))
    phi = lambda x: (1 + erf(x / sqrt(2))) / 2  # noqa: E731 - a formula's own name
    price = S * phi(d) - K * exp(-r * t) * phi(d - v * sqrt(t))
    at = {S: 100.0, K: 95.0, r: 0.03, v: 0.2, t: 0.5}
    delta, vega = sg.grad(price, (S, v))

    assert pytest.approx(float(phi(d).subs(at))) == float(delta.subs(at))
    density = exp(-(d**2) / 2) / sqrt(2 * pi)
    assert pytest.approx(float((S * density * sqrt(t)).subs(at))) == float(vega.subs(at))

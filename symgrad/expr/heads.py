"""symgrad's own SymPy heads: what SymPy lacks, reorders or would evaluate away.

Every head is a good SymPy citizen: it has a definition in SymPy's terms, from which printing to
code, `evalf` and `lambdify` follow, and an `fdiff` that gives the right partial or refuses.
Imports the literal builder and the kinks; never evaluates its arguments.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sympy
from sympy import Expr, Function, Integer, Piecewise, Rational, S
from sympy.codegen.cfunctions import exp2, expm1, hypot, log1p, log2, log10
from sympy.core.function import ArgumentIndexError

from symgrad.expr import kinks, literal

__all__ = [
    "Indicator",
    "Maximum",
    "Minimum",
    "OwnHead",
    "cbrt",
    "elu",
    "exp2",
    "expm1",
    "gelu",
    "hypot",
    "leaky_relu",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logsumexp",
    "relu",
    "selu",
    "sigmoid",
    "softplus",
    "stop_gradient",
    "swish",
    "xlogy",
]

SELU_ALPHA = Rational("1.6732632423543772848170429916717")
SELU_SCALE = Rational("1.0507009873554804934193349852946")


class OwnHead(Function):  # type: ignore[misc]
    """Base of the heads: a function known by its definition.

    Subclasses give `definition` (a SymPy expression without the head itself) and may give
    `partial` where a derivative is written better than the definition's own.
    """

    @classmethod
    def definition(cls, *args: Expr) -> Expr:
        """Return the value in SymPy's own terms."""
        raise NotImplementedError

    def partial(self, index: int) -> Expr | None:
        """Return the partial by argument `index` (from 0), or None to derive it."""
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the partial by argument `argindex`, counted from 1 as in SymPy."""
        if not 1 <= argindex <= len(self.args):
            raise ArgumentIndexError(self, argindex)
        known = self.partial(argindex - 1)
        if known is not None:
            return known
        dummies = [sympy.Dummy(f"a{i}", real=True) for i in range(len(self.args))]
        derived = self.definition(*dummies).diff(dummies[argindex - 1])
        return derived.xreplace(dict(zip(dummies, self.args, strict=True)))

    def _eval_evalf(self, prec: int) -> Any:
        return self.definition(*self.args)._eval_evalf(prec)

    def _eval_expand_func(self, **hints: Any) -> Expr:
        return self.definition(*self.args)

    def _eval_is_extended_real(self) -> Any:
        return sympy.core.logic.fuzzy_and(a.is_extended_real for a in self.args)


def _print_c_definition(self: OwnHead, printer: Any, *_: Any) -> str:
    return f"({printer._print(self.definition(*self.args))})"


for _language in ("numpy", "python", "mpmath", "lambda", "jax", "numexpr", "tensorflow", "torch"):
    setattr(OwnHead, f"_{_language}code", _print_c_definition)
for _language in ("c", "f", "js", "julia", "octave", "rust", "cxx", "g", "R", "mathematica"):
    setattr(OwnHead, f"_{_language}code", _print_c_definition)


# --- routing ---


class Indicator(OwnHead):
    """`Indicator(x, y, tie)` is 1 where x > y, `tie` where x = y, and 0 where x < y."""

    nargs: ClassVar[Any] = (3,)

    @classmethod
    def eval(cls, x: Expr, y: Expr, tie: Expr) -> Expr | None:
        if not (x.is_Number and y.is_Number):
            return None
        return tie if x == y else Integer(int(bool(x > y)))

    @classmethod
    def definition(cls, x: Expr, y: Expr, tie: Expr) -> Expr:
        return Piecewise((S.One, sympy.Gt(x, y)), (tie, sympy.Eq(x, y)), (S.Zero, True))

    def partial(self, index: int) -> Expr:
        return S.Zero

    def _relation(self) -> tuple[str, str]:
        tie = self.args[2]
        operator = {S.Zero: ">", S.One: ">="}.get(tie, ">")
        return operator, "" if tie in (S.Zero, S.One) else f", tie={tie}"

    def _sympystr(self, printer: Any) -> str:
        operator, note = self._relation()
        x, y = (printer._print(a) for a in self.args[:2])
        return f"1({x} {operator} {y}{note})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        operator, _ = self._relation()
        x, y, tie = (printer._print(a) for a in self.args)
        sign = {">": ">", ">=": r"\geq"}[operator]
        note = "" if self.args[2] in (S.Zero, S.One) else rf";\,\mathrm{{tie}}\,{tie}"
        body = rf"\mathbf{{1}}\left({x} {sign} {y}{note}\right)"
        return body if exp is None else f"{body}^{{{exp}}}"


def indicator(x: Expr, y: Expr, tie: Expr) -> Expr:
    """Return the unevaluated `Indicator`."""
    return literal.apply(Indicator, x, y, tie)


class _Extremum(OwnHead):
    """A max or min that keeps its arguments, their order and their repetitions."""

    largest: ClassVar[bool]
    plain: ClassVar[Any]
    symbol: ClassVar[str]

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        if args and all(a.is_Number for a in args):
            return cls.plain(*args)
        return None

    @classmethod
    def definition(cls, *args: Expr) -> Expr:
        return cls.plain(*args)

    def partial(self, index: int) -> Expr:
        live = [not a.is_number for a in self.args]
        return extremum_partial(type(self), self.args, live, index, self, "min_norm")

    def _sympystr(self, printer: Any) -> str:
        return f"{self.plain.__name__}({', '.join(printer._print(a) for a in self.args)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        inside = ", ".join(printer._print(a) for a in self.args)
        body = rf"{self.symbol}\left({inside}\right)"
        return body if exp is None else f"{body}^{{{exp}}}"


class Maximum(_Extremum):
    """The largest argument, as written."""

    largest = True
    plain = sympy.Max
    symbol = r"\max"


class Minimum(_Extremum):
    """The smallest argument, as written."""

    largest = False
    plain = sympy.Min
    symbol = r"\min"


def extremum_partial(
    head: type[_Extremum], args: Any, live: Any, index: int, out: Expr, policy: str
) -> Expr:
    """Return the partial of `Maximum` or `Minimum` by argument `index` under a policy."""
    return kinks.extremum_partial(
        args,
        live,
        index,
        out,
        policy,
        indicator,
        lambda a, b: literal.apply(head, a, b),
        largest=head.largest,
    )


class stop_gradient(OwnHead):  # noqa: N801 - named as users call it
    """The identity whose derivative is zero by decree."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return x

    def partial(self, index: int) -> Expr:
        return S.Zero


# --- elementary functions under real analysis ---


class cbrt(OwnHead):  # noqa: N801 - SymPy names functions in lower case
    """The real cube root: cbrt(-8) = -2."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return sympy.sign(x) * sympy.Abs(x) ** Rational(1, 3)

    def partial(self, index: int) -> Expr:
        return 1 / (3 * self**2)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        body = rf"\sqrt[3]{{{printer._print(self.args[0])}}}"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


class xlogy(OwnHead):  # noqa: N801
    """`x*log(y)`, and 0 where x = 0."""

    nargs: ClassVar[Any] = (2,)

    @classmethod
    def definition(cls, x: Expr, y: Expr) -> Expr:
        return Piecewise((S.Zero, sympy.Eq(x, 0)), (x * sympy.log(y), True))

    def partial(self, index: int) -> Expr:
        x, y = self.args
        return (sympy.log(y), x / y)[index]


# --- activations ---


class sigmoid(OwnHead):  # noqa: N801
    """The logistic function `1/(1 + exp(-x))`."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return 1 / (1 + sympy.exp(-x))

    def partial(self, index: int) -> Expr:
        return (1 - self) * self


class softplus(OwnHead):  # noqa: N801
    """`log(1 + exp(x))`."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return sympy.log(1 + sympy.exp(x))

    def partial(self, index: int) -> Expr:
        return sigmoid(self.args[0])


class relu(OwnHead):  # noqa: N801
    """`max(x, 0)`."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return sympy.Max(x, 0)

    def partial(self, index: int) -> Expr:
        return indicator(self.args[0], S.Zero, S.Zero)


class _Sloped(OwnHead):
    """An activation with a parameter for its negative side."""

    default: ClassVar[Expr]
    nargs: ClassVar[Any] = (1, 2)

    @property
    def alpha(self) -> Expr:
        """The parameter, or its default."""
        return self.args[1] if len(self.args) == 2 else self.default


class leaky_relu(_Sloped):  # noqa: N801
    """`x` where x > 0, else `alpha*x`; alpha is 0.01 unless given (PReLU: a parameter)."""

    default = Rational(1, 100)

    @classmethod
    def definition(cls, x: Expr, alpha: Expr = default) -> Expr:
        return Piecewise((x, sympy.Gt(x, 0)), (alpha * x, True))

    def partial(self, index: int) -> Expr:
        x = self.args[0]
        if index == 1:
            return literal.apply(Minimum, x, S.Zero)
        return self.alpha + (1 - self.alpha) * indicator(x, S.Zero, S.Zero)


class elu(_Sloped):  # noqa: N801
    """`x` where x > 0, else `alpha*(exp(x) - 1)`; alpha is 1 unless given."""

    default = S.One

    @classmethod
    def definition(cls, x: Expr, alpha: Expr = default) -> Expr:
        return Piecewise((x, sympy.Gt(x, 0)), (alpha * (sympy.exp(x) - 1), True))

    def partial(self, index: int) -> Expr:
        x = self.args[0]
        if index == 1:
            return expm1(literal.apply(Minimum, x, S.Zero))
        return literal.where(
            literal.apply(sympy.StrictGreaterThan, x, S.Zero),
            S.One,
            self.alpha * sympy.exp(literal.apply(Minimum, x, S.Zero)),
        )


class selu(OwnHead):  # noqa: N801
    """The self-normalising unit (Klambauer et al., 2017, eq. 2)."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return SELU_SCALE * elu.definition(x, SELU_ALPHA)

    def partial(self, index: int) -> Expr:
        return SELU_SCALE * literal.apply(elu, self.args[0], SELU_ALPHA).fdiff(1)


class gelu(OwnHead):  # noqa: N801
    """`x*Phi(x)` with the normal distribution function Phi (Hendrycks and Gimpel, 2016)."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2


class swish(OwnHead):  # noqa: N801
    """`x*sigmoid(x)` (Ramachandran et al., 2017), also called SiLU."""

    nargs: ClassVar[Any] = (1,)

    @classmethod
    def definition(cls, x: Expr) -> Expr:
        return x / (1 + sympy.exp(-x))

    def partial(self, index: int) -> Expr:
        x = self.args[0]
        return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


class logsumexp(OwnHead):  # noqa: N801
    """`log(exp(x1) + ... + exp(xn))`."""

    @classmethod
    def definition(cls, *args: Expr) -> Expr:
        return sympy.log(sympy.Add(*(sympy.exp(a) for a in args)))

    def partial(self, index: int) -> Expr:
        return sympy.exp(self.args[index] - self)


class logaddexp(logsumexp):  # noqa: N801
    """`log(exp(x) + exp(y))`."""

    nargs: ClassVar[Any] = (2,)

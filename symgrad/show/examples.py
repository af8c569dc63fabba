"""The lecture's drawings as named examples: formula, point, and a few words on what to see.

The numbers come from the engine; tests compare them with those of the lecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from symgrad.dag.digraph import Graph, graph
from symgrad.errors import UnknownNameError, nearest
from symgrad.expr.reader import parse
from symgrad.numeric.execution import Run
from symgrad.show.account import Account, account
from symgrad.show.derivation import Derivation, explain
from symgrad.show.draw_picture import draw
from symgrad.show.page_file import page


@dataclass(frozen=True)
class Example:
    """A formula worth looking at, with a point.

    Parameters
    ----------
    name : str
        By which it is loaded.
    title : str
        One line.
    formula : str
        Text for the reader.
    at : mapping of str to number or nested lists
        The point.
    story : str
        What to see in it.
    shapes : mapping of str to tuple
        Sizes of its matrices.
    wrt : tuple of str
        What the gradient is asked by; every variable if empty.
    expanded : bool
        Whether composite gates are shown gate by gate.
    """

    name: str
    title: str
    formula: str
    at: Mapping[str, Any]
    story: str
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    wrt: tuple[str, ...] = ()
    expanded: bool = False

    @cached_property
    def graph(self) -> Graph:
        """The graph as it is shown: collapsed, or gate by gate."""
        source = graph(parse(self.formula, shapes=dict(self.shapes)))
        return source.expand() if self.expanded else source.collapse()

    @cached_property
    def account(self) -> Account:
        """The account of its run."""
        return account(self.graph, self.at, collapsed=None)

    @property
    def run(self) -> Run:
        """Its run."""
        found = self.account.run
        assert found is not None
        return found

    @property
    def numbers(self) -> dict[str, tuple[Any, Any]]:
        """The value and the gradient of every node that is shown, by its name."""
        gates = self.account.gates
        return {g.label: (g.value, g.grad) for g in gates if g.kind != "constant"}

    def explain(self, *, format: str = "text", digits: int = 6) -> Derivation:
        """Return the derivation of its gradient."""
        asked = list(self.wrt) or None
        choices: dict[str, Any] = {"format": format, "expanded": self.expanded, "digits": digits}
        return explain(self.graph, asked, self.at, **choices)

    def draw(self, path: str | PathLike[str] | None = None, **looks: Any) -> Any:
        """Return its picture, and write it where a path is given; see `sg.draw`."""
        return draw(self.account, path=path, **looks)

    def page(self, path: str | Path | None = None) -> str:
        """Return its page, and write it where a path is given; see `sg.page`."""
        return page(self.graph, self.at, path, title=self.title)


NEURON = "s = w0*x0 + w1*x1 + w2; f = 1/(1 + exp(-s))"
AT_NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}

EXAMPLES = (
    Example(
        "circuit",
        "The smallest circuit: a sum, then a product",
        "q = x + y; f = q*z",
        {"x": -2, "y": 5, "z": -4},
        "The product hands each factor the other one times what arrives; the sum hands on what "
        "arrives to both of its inputs. A larger z makes f larger: its gradient is positive.",
    ),
    Example(
        "neuron",
        "A sigmoid neuron, the sigmoid as one gate",
        NEURON,
        AT_NEURON,
        "The whole sigmoid has one simple local gradient, (1 - f)*f of its own output, here "
        "0.73*0.27 = 0.2. Everything below it is sums and products.",
    ),
    Example(
        "neuron_gates",
        "The same neuron, gate by gate",
        NEURON,
        AT_NEURON,
        "The sigmoid spelled out: times -1, exponential, plus 1, reciprocal. Four small local "
        "gradients multiply to the one of the collapsed gate; the inputs' gradients are the same.",
        expanded=True,
    ),
    Example(
        "staged",
        "A formula too long for one line, in stages",
        "sigy = sigmoid(y); num = x + sigy; sigx = sigmoid(x); xpy = x + y; xpysqr = xpy**2; "
        "den = sigx + xpysqr; invden = 1/den; f = num*invden",
        {"x": 3, "y": -4},
        "Both inputs are read several times, x on three ways and y on two: what arrives on each "
        "way is added. Nobody needs the whole derivative in closed form to compute it.",
    ),
    Example(
        "gates",
        "What the gates do: distribute, route, switch",
        "f = 2*(x*y + max(z, w))",
        {"x": 3, "y": -4, "z": 2, "w": -1},
        "The sum distributes its gradient equally, max routes all of it to the larger input and "
        "nothing to the other, the product switches: each input gets the other's value.",
    ),
    Example(
        "norm",
        "Matrices: the squared length of W times x",
        "q = W@x; f = sum(q .** 2)",
        {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]},
        "A gradient has the shape of its variable. The gradient of W is the column dq times the "
        "row x.T, and nothing else would fit the shapes.",
        shapes={"W": (2, 2), "x": (2,)},
    ),
    Example(
        "olah",
        "Two ways from b to e",
        "c = a + b; d = b + 1; e = c*d",
        {"a": 2, "b": 1},
        "b is read by c and by d. Each way carries a product of local gradients, 2*1 and 3*1; the "
        "gradient is the sum over all ways, 5.",
    ),
    Example(
        "micrograd",
        "A deep little expression with two rectifiers",
        "c = a + b; d = a*b + b**3; c1 = 2*c + 1; c2 = 2*c1 - a + 1; d1 = 3*d + relu(a + b); "
        "d2 = 4*d1 + relu(b - a); e = c2 - d2; f = e**2; g = f/2 + 10/f",
        {"a": -4, "b": 2},
        "The first rectifier is off (a + b is negative) and passes nothing back; the second is on. "
        "The result is known from another program: g = 24.7041, 138.8338 by a, 645.5773 by b.",
    ),
    Example(
        "two_layer",
        "A network of two layers and its loss",
        "z = x@W1; h = relu(z); s = h@W2; L = logsumexp(s) - s[0,2]",
        {
            "x": [[16, -6]],
            "W1": [[0.18, 0.04], [0.1, 0.22]],
            "W2": [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]],
        },
        "The loss pushes the scores by the probabilities, less one for the right class. The second "
        "hidden unit is off: its column of W1 and its row of W2 learn nothing from this example.",
        shapes={"x": (1, 2), "W1": (2, 2), "W2": (2, 3)},
        wrt=("W1", "W2"),
    ),
)
_BY_NAME = {example.name: example for example in EXAMPLES}


def names() -> tuple[str, ...]:
    """Return the names of all examples.

    Examples
    --------
    >>> names()[:3]
    ('circuit', 'neuron', 'neuron_gates')
    """
    return tuple(_BY_NAME)


def load(name: str) -> Example:
    """Return an example.

    Parameters
    ----------
    name : str
        One of `names()`.

    Raises
    ------
    UnknownNameError
        If there is no such example; the message has the names.

    Examples
    --------
    >>> float(load("circuit").run.output)
    -12.0
    """
    found = _BY_NAME.get(name)
    if found is None:
        near = nearest(str(name), names())
        guess = f" Did you mean `{near[0]}`?" if near else ""
        raise UnknownNameError(
            f"there is no example `{name}`; there are {', '.join(names())}.{guess}"
        )
    return found

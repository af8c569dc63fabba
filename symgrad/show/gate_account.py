"""What an account says of one node: its gate, its wires, and the paths of its gradient.

Everything but the node's number is made when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from symgrad.dag.nodes import CONSTANT, VARIABLE
from symgrad.dag.patterns import COMPOSITES
from symgrad.expr.matrices import facts_of
from symgrad.expr.printer import text
from symgrad.rules.opaque import CALLS, SCANS
from symgrad.show.alone import constant
from symgrad.show.words import Words, role_of, words_of

LONGEST_SIGN = 14  # characters of a constant in its gate's circle
SIMPLE = frozenset({"relu", "log1p", "expm1"})  # composites that are one box anyway
KINDS = {
    VARIABLE: "input",
    CONSTANT: "constant",
    **dict.fromkeys(CALLS, "block"),
    **dict.fromkeys(SCANS, "loop"),
}


@dataclass(frozen=True, eq=False)
class Wire:
    """An operand of a gate, and the local gradient along it.

    Parameters
    ----------
    gate : GateAccount
        The gate that reads.
    source : int
        The node that is read.
    position : int
        Which operand it is, counted from 0.
    """

    gate: GateAccount
    source: int
    position: int

    @cached_property
    def local(self) -> Any:
        """The local partial in the neighbours' names; for gates of tensors the pulled upstream.

        None where it has no spelling.
        """
        return self.gate.account.local(self.gate.node, self.position)

    @property
    def is_map(self) -> bool:
        """Whether `local` holds the upstream gradient itself: a linear map and no factor."""
        return self.gate.is_tensor

    @cached_property
    def contribution(self) -> Any:
        """What arrives at the operand, as a formula of the upstream gradient's symbol."""
        if self.is_map or self.local is None:
            return self.local
        return self.gate.upstream if self.local == 1 else self.gate.upstream * self.local

    @cached_property
    def number(self) -> Any:
        """The local partial as a number, or one an entry; None without a run or for a map."""
        made = self.gate.account.run
        if made is None or self.is_map:
            return None
        return made.local_partial(self.gate.node, self.position)


@dataclass(frozen=True, eq=False)
class Path:
    """One way in which a node reaches the output: through one operand of one reader.

    Parameters
    ----------
    wire : Wire
        The reader's wire.
    """

    wire: Wire

    @property
    def reader(self) -> int:
        """The node that reads."""
        return self.wire.gate.node

    @property
    def position(self) -> int:
        """As which operand."""
        return self.wire.position

    @property
    def local(self) -> Any:
        """The local partial as a number, or None."""
        return self.wire.number

    @property
    def upstream(self) -> Any:
        """The gradient of the output by the reader, or None."""
        return self.wire.gate.grad

    @cached_property
    def product(self) -> Any:
        """What arrives along this path: upstream × local; None without a run."""
        return self.wire.gate.account.product(self.wire)


@dataclass(frozen=True, eq=False)
class GateAccount:
    """One node: what it is, what it computes, and where its gradient comes from.

    Parameters
    ----------
    account : symgrad.show.account.Account
        The whole.
    node : int
        The node in `account.graph`.
    """

    account: Any
    node: int

    @property
    def name(self) -> str:
        """The name that an assignment or the formula gave to the node, or ""."""
        return str(self.account.names.get(self.node, ""))

    @cached_property
    def label(self) -> str:
        """What the node is called: a name, a symbol, a number, or `v<node>`."""
        return str(text(self.account.symbol(self.node)))

    @cached_property
    def formula(self) -> str:
        """How the node is made of its neighbours; "" for an input."""
        return str(self.account.text(self.node))

    @cached_property
    def kind(self) -> str:
        """One of "input", "constant", "gate", "composite", "block" and "loop"."""
        gate = self.account.nodes.gates[self.node]
        known = KINDS.get(gate)
        if known is not None:
            return known
        return "composite" if gate.name in COMPOSITES - SIMPLE else "gate"

    @cached_property
    def _words(self) -> Words:
        nodes = self.account.nodes
        args = nodes.args[self.node]
        folded = [
            _short(text(constant(self.account.graph, a))) if a in self.folded else None
            for a in args
        ]
        gate, payload = nodes.gates[self.node], nodes.payloads[self.node]
        return words_of(gate, payload, folded, tensors=all(nodes.shapes.get(a) for a in args))

    @property
    def symbol(self) -> str:
        """What stands in the circle: `+`, `×`, `exp`, `×-1`, `+1`; a leaf has its label."""
        return self._words.sign or self.label

    @property
    def rule(self) -> str:
        """The name of the local rule, in words."""
        return self._words.rule

    @property
    def role(self) -> str:
        """One of "distributor", "switcher", "router" and ""."""
        return role_of(self.account.nodes.gates[self.node], len(self.wires))

    @property
    def shape(self) -> tuple[Any, ...]:
        """Its sizes; () for a scalar."""
        return tuple(self.account.nodes.shapes.get(self.node, ()))

    @property
    def is_tensor(self) -> bool:
        """Whether a local gradient here is a linear map and no factor."""
        nodes = self.account.nodes
        if nodes.gates[self.node].shape is not None:
            return True
        shapes = {nodes.shapes.get(a, ()) for a in (self.node, *nodes.args[self.node])}
        return len(shapes - {()}) > 0

    @property
    def value(self) -> Any:
        """Its value, or None where no run was made."""
        made = self.account.run
        return None if made is None else made.value[self.node]

    @property
    def grad(self) -> Any:
        """The gradient of the output by it; None where no run was made or nothing flows."""
        made = self.account.run
        if made is None or not made.reaches(self.node):
            return None
        return made.grad[self.node]

    @cached_property
    def upstream(self) -> Any:
        """The symbol of the gradient that arrives here, `dq` for a node `q`."""
        return self.account.upstream(self.node)

    @cached_property
    def wires(self) -> tuple[Wire, ...]:
        """Its operands; constants that are folded into the gate are left out."""
        args = self.account.nodes.args[self.node]
        return tuple(Wire(self, a, k) for k, a in enumerate(args) if a not in self.folded)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The readers that its gradient comes from."""
        return tuple(self.account.paths(self.node))

    @property
    def declared(self) -> str:
        """What the gradient by a declared matrix is made: "symmetric", "diagonal" or ""."""
        nodes = self.account.nodes
        if nodes.gates[self.node] is not VARIABLE or len(self.shape) != 2:
            return ""
        facts = facts_of(nodes.payloads[self.node])
        return next((fact for fact in ("diagonal", "symmetric") if fact in facts), "")

    @cached_property
    def folded(self) -> tuple[int, ...]:
        """The constants that are written inside the gate."""
        return tuple(self.account.folded(self.node))

    @property
    def group(self) -> int | None:
        """The composite that it belongs to in an expanded view: the node of its result."""
        found: int | None = self.account.member.get(self.node)
        return found

    @property
    def kink(self) -> bool:
        """Whether the point lies on its kink."""
        made = self.account.run
        return made is not None and self.node in self.account.kinks


def _short(shown: str) -> str:
    return shown if len(shown) <= LONGEST_SIGN else shown[: LONGEST_SIGN - 1] + "…"

"""What the command's options say: names, orders and points."""

from __future__ import annotations

import json
from typing import Any

from symgrad.errors import ParseError, UnsupportedError
from symgrad.numeric.execution import evaluate

MOST_ORDERS = 1_000  # of one derivative


def names(listed: str) -> list[str]:
    """Read `x,y,A[0,1]`.

    Examples
    --------
    >>> names("x, A[0,1]")
    ['x', 'A[0,1]']
    """
    return [part.strip() for part in _split(listed) if part.strip()]


def repeated(wanted: list[str]) -> list[str]:
    """Spell out `x,2` as x, x: a number is the order of the variable before it.

    Raises
    ------
    UnsupportedError
        If the order is absurd.

    Examples
    --------
    >>> repeated(["x", "2", "y"])
    ['x', 'x', 'y']
    """
    found: list[str] = []
    for name in wanted:
        if name.isdecimal() and found:
            if len(name) > 4 or int(name) > MOST_ORDERS:
                raise UnsupportedError(f"order {name} is beyond {MOST_ORDERS}; ask for less")
            found += [found.pop()] * int(name)
        else:
            found.append(name)
    return found


def _split(listed: str) -> list[str]:
    """Split at commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(listed):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append(listed[start:place])
            start = place + 1
    return [*parts, listed[start:]]


def point(at: str) -> dict[str, Any]:
    """Read `x=1,y=pi/2,z=[1,2]`; values are constant formulas, or arrays as in JSON.

    Raises
    ------
    ParseError
        If a part is written otherwise, or a name is given twice.

    Examples
    --------
    >>> point("x=1/4,W=[[1,2],[3,4]]")
    {'x': 0.25, 'W': [[1, 2], [3, 4]]}
    """
    found: dict[str, Any] = {}
    for part in _split(at):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ParseError("write `name=value`, as in `--at x=1,y=2`", at, at.find(part))
        if name.strip() in found:
            raise ParseError(f"`{name.strip()}` has a value already; give one", at, at.find(part))
        found[name.strip()] = _number(value.strip())
    return found


def _number(value: str) -> Any:
    if value.startswith("[") and value.endswith("]"):
        try:
            return _array(json.loads(value, parse_constant=_no_number))
        except ValueError:  # its entries may be formulas
            return [_number(v.strip()) for v in _split(value[1:-1])]
    return evaluate(value) if value not in ("inf", "-inf", "nan") else float(value)


def _no_number(found: Any) -> Any:
    raise ValueError(f"{found} is no number of JSON")


def _array(values: list[Any]) -> list[Any]:
    """Return lists of numbers as they are; whatever else JSON can hold is refused."""
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif type(value) not in (int, float):
            _no_number(value)
    return values

"""Special functions that libm lacks: SciPy's own, called lane by lane.

`scipy.special.cython_special` publishes C functions with their signatures; LLVM's code calls them
by address, so that the numbers are those of the NumPy backend. Only functions whose signature is
the expected one are used; the others count as unknown to LLVM.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from symgrad.numeric.llvm_writer import Writer

# Operands, and how many values come back through pointers; 0: the function returns its value.
FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("erfi", "erfinv", "erfcinv", "expi", "psi", "ellipk"), (1, 0)),
    **dict.fromkeys(("jv", "yv", "iv", "kv", "beta"), (2, 0)),
    **dict.fromkeys(("fresnel", "sici", "shichi"), (1, 2)),
    "airy": (1, 4),
}
# What each gate that is spelled by SciPy calls.
CALLED = {
    **{"erfi": "erfi", "erfinv": "erfinv", "erfcinv": "erfcinv", "digamma": "psi"},
    **{"Ei": "expi", "li": "expi", "Li": "expi", "elliptic_k": "ellipk", "beta": "beta"},
    **{"besselj": "jv", "bessely": "yv", "besseli": "iv", "besselk": "kv"},
    **{"fresnels": "fresnel", "fresnelc": "fresnel", "Si": "sici", "Ci": "sici"},
    **{"Shi": "shichi", "Chi": "shichi", "airyai": "airy", "airyaiprime": "airy"},
    **{"airybi": "airy", "airybiprime": "airy"},
}


def symbol(name: str) -> str:
    """Return what compiled code calls a function of SciPy."""
    return f"scipy.{name}"


@lru_cache(maxsize=1)
def _published() -> dict[str, Any]:
    """Return SciPy's C functions, as capsules."""
    try:
        from scipy.special import cython_special
    except ImportError:
        return {}
    return dict(getattr(cython_special, "__pyx_capi__", {}))


@lru_cache(maxsize=64)
def find(name: str) -> int | None:
    """Return the address of a function of doubles, or None.

    Parameters
    ----------
    name : str
        As SciPy calls it.
    """
    operands, results = FUNCTIONS[name]
    given = ["double"] * operands + ["double *"] * results
    expected = (
        f"void ({', '.join(given)})"
        if results
        else f"double ({', '.join(given)}, int __pyx_skip_dispatch)"
    ).encode()
    reader, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    reader.restype, reader.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    for spelling in (name, f"__pyx_fuse_0{name}", f"__pyx_fuse_1{name}"):
        capsule = _published().get(spelling)
        if capsule is not None and reader(capsule) == expected:
            address: int | None = pointer(capsule, expected)
            return address
    return None


def provide(gates: set[str]) -> None:
    """Tell LLVM where the functions are that some gates call."""
    import llvmlite.binding as llvm

    for name in sorted({CALLED[gate] for gate in gates & CALLED.keys()}):
        address = find(name)
        if address is not None:
            llvm.add_symbol(symbol(name), address)


def absent(gates: set[str]) -> set[str]:
    """Return the gates whose functions this SciPy does not publish."""
    return {gate for gate in gates & CALLED.keys() if find(CALLED[gate]) is None}


def call(w: Writer, name: str, *args: str, result: int = 0) -> str:
    """Return a function of SciPy of each lane; `result` counts what comes back by pointers."""
    helper = f"lanes.scipy.{name}.{result}"
    if helper not in w.declared:
        w.declared[helper] = ""  # what it calls is declared first
        text = _helper(w, helper, name, result)
        del w.declared[helper]
        w.declared[helper] = text
    return w.called(helper, *args)


def _helper(w: Writer, helper: str, name: str, result: int) -> str:
    """Return a function that goes from lane to lane."""
    target, (operands, results) = w.target, FUNCTIONS[name]
    kind, vector = target.element, target.vector
    types = ["double"] * operands + (["ptr"] * results if results else ["i32"])
    returned = "void" if results else "double"
    w.declared.setdefault(
        symbol(name), f"declare {returned} @{symbol(name)}({', '.join(types)}) nounwind"
    )
    lines = [f"%p{k} = alloca double" for k in range(results)]
    found = "poison"
    for lane in range(target.lanes):
        given = []
        for k in range(operands):
            lines.append(f"%a{lane}.{k} = extractelement {vector} %x{k}, i32 {lane}")
            given.append(f"double {_widened(lines, f'%a{lane}.{k}', double=target.double)}")
        given += [f"ptr %p{k}" for k in range(results)] if results else ["i32 0"]
        made = f"call {returned} @{symbol(name)}({', '.join(given)})"
        if results:
            lines += [made, f"%r{lane} = load double, ptr %p{result}"]
        else:
            lines.append(f"%r{lane} = {made}")
        value = f"%r{lane}"
        if not target.double:
            lines.append(f"%n{lane} = fptrunc double %r{lane} to float")
            value = f"%n{lane}"
        lines.append(f"%s{lane} = insertelement {vector} {found}, {kind} {value}, i32 {lane}")
        found = f"%s{lane}"
    head = ", ".join(f"{vector} %x{k}" for k in range(operands))
    body = "\n  ".join(lines)
    block = f"{{\n  {body}\n  ret {vector} {found}\n}}"
    return f"define internal {vector} @{helper}({head}) nounwind {block}"


def _widened(lines: list[str], value: str, *, double: bool) -> str:
    if double:
        return value
    lines.append(f"{value}.w = fpext float {value} to double")
    return f"{value}.w"

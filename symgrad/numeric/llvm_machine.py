"""The machine at hand as LLVM sees it: its target, its vector functions; from IR to code in memory.

llvmlite is imported when first needed, so that importing symgrad stays quick.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import Any

from symgrad.numeric.llvm_writer import Target

VECTOR_LIBRARY = "libmvec.so.1"
# Letter in the names of libmvec's functions and bytes of a vector, widest first.
SETS = (("avx512f", "e", 64), ("avx2", "d", 32), ("sse2", "b", 16))
ONE_OPERAND = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh"),
    *("atanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "erf", "erfc"),
)
TWO_OPERANDS = ("pow", "atan2", "hypot")
_LOADING = Lock()


def absent() -> str:
    """Return what must be installed before LLVM can be used, as a sentence."""
    if find_spec("llvmlite") is None:
        return "backend 'llvm' needs llvmlite; install it with `pip install llvmlite`"
    return ""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine at hand.

    Parameters
    ----------
    triple, cpu, features : str
        As LLVM calls them.
    identity : str
        Everything that code in memory depends on, as text.
    """

    triple: str
    cpu: str
    features: str
    flags: frozenset[str]
    identity: str

    def vector_bytes(self) -> int:
        """Return the bytes of a vector register."""
        return next((size for flag, _, size in SETS if flag in self.flags), 16)


@lru_cache(maxsize=1)
def machine() -> Machine:
    """Return this machine; LLVM is started."""
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    flags = frozenset(name for name, on in features.items() if on)
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    versions = [llvmlite.__version__, ".".join(map(str, llvm.llvm_version_info))]
    libc = "-".join(platform.libc_ver())
    identity = "|".join([*versions, triple, cpu, features.flatten(), libc])
    return Machine(triple, cpu, features.flatten(), flags, identity)


@lru_cache(maxsize=1)
def _library() -> Any:
    """Return the vector library, or None where there is none."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        return None
    try:
        return ctypes.CDLL(VECTOR_LIBRARY)
    except OSError:
        return None


def _symbol(letter: str, lanes: int, count: int, name: str, *, double: bool) -> str:
    return f"_ZGV{letter}N{lanes}{'v' * count}_{name}{'' if double else 'f'}"


@lru_cache(maxsize=4)
def vector_functions(*, double: bool) -> dict[str, str]:
    """Return the machine's vector functions by the names that libm has for the scalar ones."""
    import llvmlite.binding as llvm

    library, found = _library(), machine()
    row = next((row for row in SETS if row[0] in found.flags), None)
    if library is None or row is None:
        return {}
    _, letter, size = row
    lanes = size // (8 if double else 4)
    symbols = {}
    for count, names in ((1, ONE_OPERAND), (2, TWO_OPERANDS)):
        for name in names:
            symbol = _symbol(letter, lanes, count, name, double=double)
            function = getattr(library, symbol, None)
            if function is not None:
                llvm.add_symbol(symbol, ctypes.cast(function, ctypes.c_void_p).value)
                symbols[name] = symbol
    return symbols


def target(*, double: bool, lanes: int | None = None) -> Target:
    """Return what code is written for on this machine.

    Parameters
    ----------
    double : bool
        Whether numbers have 64 bits.
    lanes : int, optional
        Points in a vector; default: what a register holds.
    """
    found = machine()
    wide = found.vector_bytes() // (8 if double else 4)
    return Target(
        lanes or wide, wide, double, vector_functions(double=double), fma="fma" in found.flags
    )


def _target_machine(optimised: int) -> Any:
    import llvmlite.binding as llvm

    found = machine()
    return llvm.Target.from_triple(found.triple).create_target_machine(
        opt=optimised,
        cpu=found.cpu,
        features=found.features,
        codemodel="jitdefault",
        jit=True,
    )


def assemble(text: str, *, optimised: int) -> bytes:
    """Compile IR to object code.

    Parameters
    ----------
    text : str
        The module.
    optimised : {0, 1, 2, 3}
        How hard LLVM tries.
    """
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    code: bytes = _target_machine(optimised).emit_object(module)
    return code


class Loaded:
    """Object code in memory, pieces linked; alive as long as this object is."""

    def __init__(self, codes: Sequence[bytes]) -> None:
        import llvmlite.binding as llvm

        with _LOADING:
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine(1))
            for code in codes:
                self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function starts."""
        found: int = self._engine.get_function_address(name)
        return found

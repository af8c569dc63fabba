"""One point from Python in about a microsecond: a C function that LLVM compiles.

`PointCall` makes a built-in function of CPython that reads floats and packed float64 arrays where
they are, calls the kernel and makes arrays of the results. What it does not expect (another type,
shape, stride or interpreter) it hands to a Python function. It follows the layouts that CPython
(PEP 590's calls, PyFloatObject, PyBytesObject) and NumPy (PyArrayObject_fields, ABI 2) keep
stable, and is not used on interpreters that differ from what it checks.
"""

from __future__ import annotations

import ctypes
import math
import struct
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.numeric.llvm_point_ir import BYTES, WORDS
from symgrad.numeric.packing import Core, Packing

SCALAR, EMPTY = 60, 184  # places of PyArray_Scalar and PyArray_Empty in NumPy's table
FASTCALL = 0x80
ABI = 0x02000000


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Anchor(bytes):
    """The address of a configuration, and all that must live as long."""

    owned: list[Any]


@lru_cache(maxsize=1)
def numpy_table() -> Any:
    """Return NumPy's table of C functions, or None where this module must not be used."""
    usual = (
        sys.implementation.name == "cpython"
        and struct.calcsize("P") == 8
        and sys.byteorder == "little"
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
        and not sysconfig.get_config_var("Py_TRACE_REFS")
        and bytes.__basicsize__ == BYTES + 1
        and float.__basicsize__ == 24
    )
    core = getattr(np, "_core", None)
    capsule = getattr(getattr(core, "_multiarray_umath", None), "_ARRAY_API", None)
    if not usual or capsule is None:
        return None
    reader = ctypes.pythonapi.PyCapsule_GetPointer
    reader.restype, reader.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = (ctypes.c_void_p * (EMPTY + 1)).from_address(reader(capsule, None))
    version = ctypes.CFUNCTYPE(ctypes.c_uint)(table[0] or 0)()
    return table if version == ABI else None


def _slots(core: Core) -> int:
    """Return how many slots an array packs; -1 for a number."""
    return math.prod(core) if core else -1


def _room(cores: Sequence[Core]) -> Any:
    return np.zeros(sum(map(math.prod, cores)) + 1)


class PointCall:
    """A built-in function for one point.

    Parameters
    ----------
    entry : int
        Address of the compiled `call`.
    packing : Packing
        Which arrays and numbers it takes and gives.
    fallback : callable
        Takes the arguments that are not expected.
    owned : object
        What must live as long as the function: code and memory.
    patience : int
        Calls after which one goes to `fallback` whatever its arguments.
    """

    def __init__(
        self,
        entry: int,
        packing: Packing,
        fallback: Callable[..., Any],
        owned: Any,
        *,
        patience: int,
    ) -> None:
        table = numpy_table()
        self._owned: list[Any] = [owned, fallback]
        self._x, self._y = (_room(cores) for cores in (packing.ins, packing.outs))
        ins = np.array([_slots(core) for core in packing.ins], np.int64)
        shapes = [np.array(core, np.int64) for core in packing.outs]
        outs = [
            (_slots(c), len(c), s.ctypes.data) for c, s in zip(packing.outs, shapes, strict=True)
        ]
        results, nest = np.array(outs, np.int64), np.array(packing.nest, np.int64)
        self.configuration = np.zeros(len(WORDS), np.int64)
        given = {
            "count": len(ins),
            "ins": ins.ctypes.data,
            "results": len(outs),
            "outs": results.ctypes.data,
            "forms": len(nest),
            "form": nest.ctypes.data,
            "x": self._x.ctypes.data,
            "y": self._y.ctypes.data,
            "fallback": id(fallback),
            "array_type": id(np.ndarray),
            "descr": id(np.dtype(np.float64)),
            "float_type": id(float),
            "scalar_type": id(np.float64),
            "scalar": table[SCALAR],
            "empty": table[EMPTY],
            "left": patience,
        }
        for word, value in given.items():
            self.configuration[WORDS.index(word)] = value
        self._owned += [ins, shapes, results, nest, self._x, self._y, self.configuration]
        self.function = self._function(entry)

    def aim(self, mode: int, function: int, first: int, second: int, owned: Any) -> None:
        """Choose the code: 0, a driver with context and scratch; 1, a kernel with its memory.

        `owned` is what the addresses belong to; the built-in function keeps it alive.
        """
        start = WORDS.index("mode")
        self._owned.append(owned)
        self.configuration[start : start + 4] = mode, function, first, second

    def is_worn(self) -> bool:
        """Return whether it has been called more often than its patience."""
        return bool(self.configuration[WORDS.index("left")] <= 0)

    def _function(self, entry: int) -> Callable[..., Any]:
        anchor = _Anchor(struct.pack("<Q", self.configuration.ctypes.data))
        method = _Method(b"point", entry, FASTCALL, None)
        self._owned.append(method)
        anchor.owned = self._owned
        maker = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
        )(("PyCFunction_NewEx", ctypes.pythonapi))
        made: Callable[..., Any] = maker(ctypes.addressof(method), anchor, None)
        return made

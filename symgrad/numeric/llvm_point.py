"""One point from Python in about a microsecond: a C function that LLVM compiles.

`PointCall` makes a built-in function of CPython that reads floats and packed float64 arrays where
they are, calls the kernel and makes arrays of the results. What it does not expect (another type,
shape, stride or interpreter) it hands to a Python function. It follows the layouts that CPython
(PEP 590's calls, PyFloatObject, PyBytesObject) and NumPy (PyArrayObject_fields, ABI 2) keep
stable, and is not used on interpreters that differ from what it checks.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

WORDS = (
    *("count", "ins", "results", "outs", "x", "y", "mode", "function", "first", "second"),
    *("fallback", "array_type", "descr", "float_type", "scalar_type", "scalar", "empty", "left"),
)
NUMBERS = frozenset(["count", "results", "mode", "left"])
SCALAR, EMPTY = 60, 184  # places of PyArray_Scalar and PyArray_Empty in NumPy's table
FASTCALL = 0x80
BYTES = 32  # where the contents of a bytes object begin
ABI = 0x02000000

CODE = """
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal ptr @contents(ptr %o, i64 %size, ptr %c) nounwind {
  FIELDS
  %o8 = getelementptr i8, ptr %o, i64 8
  %type = load ptr, ptr %o8, align 8
  %packs = icmp sge i64 %size, 0
  %is.array = icmp eq ptr %type, %array_type
  br i1 %is.array, label %array, label %other
other:
  br i1 %packs, label %no, label %float
float:
  %is.float = icmp eq ptr %type, %float_type
  %is.scalar = icmp eq ptr %type, %scalar_type
  %is.number = or i1 %is.float, %is.scalar
  %o16 = getelementptr i8, ptr %o, i64 16
  br i1 %is.number, label %number, label %no
number:
  ret ptr %o16
array:
  %a56 = getelementptr i8, ptr %o, i64 56
  %kind = load ptr, ptr %a56, align 8
  %a24 = getelementptr i8, ptr %o, i64 24
  %axes = load i32, ptr %a24, align 4
  %a16 = getelementptr i8, ptr %o, i64 16
  %data = load ptr, ptr %a16, align 8
  %same = icmp eq ptr %kind, %descr
  %right = zext i1 %packs to i32
  %ranked = icmp eq i32 %axes, %right
  %fine = and i1 %same, %ranked
  br i1 %fine, label %ranks, label %no
ranks:
  br i1 %packs, label %row, label %yes
row:
  %a32 = getelementptr i8, ptr %o, i64 32
  %a40 = getelementptr i8, ptr %o, i64 40
  %sizes = load ptr, ptr %a32, align 8
  %steps = load ptr, ptr %a40, align 8
  %length = load i64, ptr %sizes, align 8
  %step = load i64, ptr %steps, align 8
  %long = icmp eq i64 %length, %size
  %dense = icmp eq i64 %step, 8
  %plain = and i1 %long, %dense
  br i1 %plain, label %yes, label %no
yes:
  ret ptr %data
no:
  ret ptr null
}

define ptr @call(ptr %self, ptr %args, i64 %given) nounwind {
entry:
  %held = getelementptr i8, ptr %self, i64 HELD
  %c = load ptr, ptr %held, align 1
  FIELDS
  %all = icmp eq i64 %given, %count
  br i1 %all, label %patience, label %elsewhere
patience:
  %left.less = sub i64 %left, 1
  store i64 %left.less, ptr %left.word, align 8
  %worn = icmp eq i64 %left.less, 0
  br i1 %worn, label %elsewhere, label %check
check:
  %k = phi i64 [ 0, %patience ], [ %k1, %checked ]
  %k.more = icmp ult i64 %k, %count
  br i1 %k.more, label %checking, label %prepare
checking:
  %k.place = getelementptr ptr, ptr %args, i64 %k
  %k.arg = load ptr, ptr %k.place, align 8
  %k.cell = getelementptr i64, ptr %ins, i64 %k
  %k.size = load i64, ptr %k.cell, align 8
  %k.data = call ptr @contents(ptr %k.arg, i64 %k.size, ptr %c)
  %k.none = icmp eq ptr %k.data, null
  br i1 %k.none, label %elsewhere, label %checked
checked:
  %k1 = add i64 %k, 1
  br label %check

prepare:
  %list = call ptr @PyList_New(i64 %results)
  %list.none = icmp eq ptr %list, null
  br i1 %list.none, label %failed, label %make
make:
  %m = phi i64 [ 0, %prepare ], [ %m1, %made ]
  %m.more = icmp ult i64 %m, %results
  br i1 %m.more, label %making, label %copy
making:
  %m.cell = getelementptr i64, ptr %outs, i64 %m
  %m.size = load i64, ptr %m.cell, align 8
  %m.packs = icmp sge i64 %m.size, 0
  br i1 %m.packs, label %making.array, label %made
making.array:
  call void @Py_IncRef(ptr %descr)
  %fresh = call ptr %empty(i32 1, ptr %m.cell, ptr %descr, i32 0)
  %fresh.none = icmp eq ptr %fresh, null
  br i1 %fresh.none, label %give.up, label %making.keep
making.keep:
  %kept = call i32 @PyList_SetItem(ptr %list, i64 %m, ptr %fresh)
  br label %made
made:
  %m1 = add i64 %m, 1
  br label %make

copy:
  %i = phi i64 [ 0, %make ], [ %i1, %copying ]
  %at = phi i64 [ 0, %make ], [ %at1, %copying ]
  %i.more = icmp ult i64 %i, %count
  br i1 %i.more, label %copying, label %compute
copying:
  %i.place = getelementptr ptr, ptr %args, i64 %i
  %i.arg = load ptr, ptr %i.place, align 8
  %i.cell = getelementptr i64, ptr %ins, i64 %i
  %i.size = load i64, ptr %i.cell, align 8
  %i.data = call ptr @contents(ptr %i.arg, i64 %i.size, ptr %c)
  %i.one = icmp slt i64 %i.size, 0
  %i.count = select i1 %i.one, i64 1, i64 %i.size
  %i.bytes = shl i64 %i.count, 3
  %i.to = getelementptr i8, ptr %x, i64 %at
  call void @llvm.memcpy.p0.p0.i64(ptr %i.to, ptr %i.data, i64 %i.bytes, i1 false)
  %at1 = add i64 %at, %i.bytes
  %i1 = add i64 %i, 1
  br label %copy

compute:
  %spread = icmp eq i64 %mode, 0
  br i1 %spread, label %by.vector, label %by.number
by.vector:
  call void %function(ptr %first, ptr %second, ptr %x, ptr %y)
  br label %fill
by.number:
  call void %function(ptr %x, ptr %y, ptr %second, i64 8)
  br label %fill

fill:
  %r = phi i64 [ 0, %by.vector ], [ 0, %by.number ], [ %r1, %filled ]
  %from = phi i64 [ 0, %by.vector ], [ 0, %by.number ], [ %from1, %filled ]
  %r.more = icmp ult i64 %r, %results
  br i1 %r.more, label %filling, label %done
filling:
  %r.cell = getelementptr i64, ptr %outs, i64 %r
  %r.size = load i64, ptr %r.cell, align 8
  %r.from = getelementptr i8, ptr %y, i64 %from
  %r.packs = icmp sge i64 %r.size, 0
  br i1 %r.packs, label %filling.array, label %filling.number
filling.array:
  %items.place = getelementptr i8, ptr %list, i64 24
  %items = load ptr, ptr %items.place, align 8
  %r.place = getelementptr ptr, ptr %items, i64 %r
  %r.array = load ptr, ptr %r.place, align 8
  %r.data.place = getelementptr i8, ptr %r.array, i64 16
  %r.data = load ptr, ptr %r.data.place, align 8
  %r.bytes = shl i64 %r.size, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %r.data, ptr %r.from, i64 %r.bytes, i1 false)
  br label %filled
filling.number:
  %one = call ptr %scalar(ptr %r.from, ptr %descr, ptr null)
  %one.none = icmp eq ptr %one, null
  br i1 %one.none, label %give.up, label %filling.keep
filling.keep:
  %kept.one = call i32 @PyList_SetItem(ptr %list, i64 %r, ptr %one)
  br label %filled
filled:
  %r.step = phi i64 [ %r.bytes, %filling.array ], [ 8, %filling.keep ]
  %from1 = add i64 %from, %r.step
  %r1 = add i64 %r, 1
  br label %fill

done:
  ret ptr %list
give.up:
  call void @Py_DecRef(ptr %list)
  ret ptr null
failed:
  ret ptr null
elsewhere:
  %found = call ptr @PyObject_Vectorcall(ptr %fallback, ptr %args, i64 %given, ptr null)
  ret ptr %found
}
"""


def point_code() -> str:
    """Return the module with the C function, the same for all programs."""
    lines = []
    for k, word in enumerate(WORDS):
        kind = "i64" if word in NUMBERS else "ptr"
        lines.append(f"%{word}.word = getelementptr i8, ptr %c, i64 {8 * k}")
        lines.append(f"%{word} = load {kind}, ptr %{word}.word, align 8")
    return CODE.replace("FIELDS", "\n  ".join(lines)).replace("HELD", str(BYTES))


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
    version = ctypes.CFUNCTYPE(ctypes.c_uint)(table[0])()
    return table if version == ABI else None


class PointCall:
    """A built-in function for one point.

    Parameters
    ----------
    entry : int
        Address of the compiled `call`.
    ins, outs : sequence of (int or None)
        How many slots each argument and result packs; None: a number.
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
        ins: Sequence[int | None],
        outs: Sequence[int | None],
        fallback: Callable[..., Any],
        owned: Any,
        *,
        patience: int,
    ) -> None:
        table = numpy_table()
        self._owned: list[Any] = [owned, fallback]
        sizes = [np.array([-1 if s is None else s for s in part], np.int64) for part in (ins, outs)]
        self._x, self._y = (np.zeros(int(np.abs(s).sum()) + 1) for s in sizes)
        self.configuration = np.zeros(len(WORDS), np.int64)
        given = {
            "count": len(ins),
            "ins": sizes[0].ctypes.data,
            "results": len(outs),
            "outs": sizes[1].ctypes.data,
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
        self._owned += [sizes, self._x, self._y, self.configuration]
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

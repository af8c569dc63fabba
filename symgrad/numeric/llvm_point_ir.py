"""IR of the C function that calls a kernel at one point, for `llvm_point`.

Python's objects are made before inputs are copied and after results are: what making them may set
off, a call of the same function too, finds the memory for inputs and results unused. Containers
are nested in the memory of one list, so that an error on the way leaves nothing behind.
"""

from __future__ import annotations

WORDS = (
    *("count", "ins", "results", "outs", "forms", "form", "x", "y"),
    *("mode", "function", "first", "second"),
    *("fallback", "array_type", "descr", "float_type", "scalar_type", "scalar", "empty", "left"),
)
NUMBERS = frozenset(["count", "results", "forms", "mode", "left"])
BYTES = 32  # where the contents of a bytes object begin
ENTRY = 24  # bytes of an entry of `outs`: slots (-1: a number), axes, address of the shape

CODE = """
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
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
  %m.far = mul i64 %m, ENTRY
  %m.cell = getelementptr i8, ptr %outs, i64 %m.far
  %m.size = load i64, ptr %m.cell, align 8
  %m.packs = icmp sge i64 %m.size, 0
  br i1 %m.packs, label %making.array, label %made
making.array:
  call void @Py_IncRef(ptr %descr)
  %m.cell8 = getelementptr i8, ptr %m.cell, i64 8
  %m.axes = load i32, ptr %m.cell8, align 8
  %m.cell16 = getelementptr i8, ptr %m.cell, i64 16
  %m.shape = load ptr, ptr %m.cell16, align 8
  %fresh = call ptr %empty(i32 %m.axes, ptr %m.shape, ptr %descr, i32 0)
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
  %r.far = mul i64 %r, ENTRY
  %r.cell = getelementptr i8, ptr %outs, i64 %r.far
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
  %stack.place = getelementptr i8, ptr %list, i64 24
  %stack = load ptr, ptr %stack.place, align 8
  br label %nest
nest:
  %n = phi i64 [ 0, %done ], [ %n1, %pushed ], [ %n1, %joined ]
  %top = phi i64 [ 0, %done ], [ %top1, %pushed ], [ %base1, %joined ]
  %next = phi i64 [ 0, %done ], [ %next1, %pushed ], [ %next, %joined ]
  %n.more = icmp ult i64 %n, %forms
  br i1 %n.more, label %nesting, label %give
nesting:
  %n1 = add i64 %n, 1
  %n.cell = getelementptr i64, ptr %form, i64 %n
  %n.count = load i64, ptr %n.cell, align 8
  %n.leaf = icmp eq i64 %n.count, 0
  br i1 %n.leaf, label %pushed, label %join
pushed:
  %next.place = getelementptr ptr, ptr %stack, i64 %next
  %leaf = load ptr, ptr %next.place, align 8
  store ptr null, ptr %next.place, align 8
  %top.place = getelementptr ptr, ptr %stack, i64 %top
  store ptr %leaf, ptr %top.place, align 8
  %top1 = add i64 %top, 1
  %next1 = add i64 %next, 1
  br label %nest
join:
  %is.list = icmp slt i64 %n.count, 0
  %n.less = sub i64 0, %n.count
  %size = select i1 %is.list, i64 %n.less, i64 %n.count
  %base = sub i64 %top, %size
  br i1 %is.list, label %join.list, label %join.tuple
join.list:
  %new.list = call ptr @PyList_New(i64 %size)
  br label %join.new
join.tuple:
  %new.tuple = call ptr @PyTuple_New(i64 %size)
  br label %join.new
join.new:
  %whole = phi ptr [ %new.list, %join.list ], [ %new.tuple, %join.tuple ]
  %whole.none = icmp eq ptr %whole, null
  br i1 %whole.none, label %give.up, label %part
part:
  %j = phi i64 [ 0, %join.new ], [ %j1, %parted ]
  %j.at = add i64 %base, %j
  %j.place = getelementptr ptr, ptr %stack, i64 %j.at
  %piece = load ptr, ptr %j.place, align 8
  store ptr null, ptr %j.place, align 8
  br i1 %is.list, label %part.list, label %part.tuple
part.list:
  %set.list = call i32 @PyList_SetItem(ptr %whole, i64 %j, ptr %piece)
  br label %parted
part.tuple:
  %set.tuple = call i32 @PyTuple_SetItem(ptr %whole, i64 %j, ptr %piece)
  br label %parted
parted:
  %j1 = add i64 %j, 1
  %j.more = icmp ult i64 %j1, %size
  br i1 %j.more, label %part, label %joined
joined:
  %base.place = getelementptr ptr, ptr %stack, i64 %base
  store ptr %whole, ptr %base.place, align 8
  %base1 = add i64 %base, 1
  br label %nest

give:
  %result = load ptr, ptr %stack, align 8
  store ptr null, ptr %stack, align 8
  call void @Py_DecRef(ptr %list)
  ret ptr %result
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
    return (
        CODE.replace("FIELDS", "\n  ".join(lines))
        .replace("HELD", str(BYTES))
        .replace("ENTRY", str(ENTRY))
    )

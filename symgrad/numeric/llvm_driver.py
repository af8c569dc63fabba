"""IR that runs a kernel over a batch, block by block, and at one point.

Written once for all programs of a number type. `run(context, scratch, begin, end)` computes the
points from `begin` to `end`: of each block it copies what the kernel cannot read in place (odd
strides, the last few points) to scratch memory, and copies results from there. `single(context,
scratch, x, out)` computes one point from plain arrays.

A context is 64-bit words: kernel, inputs, outputs, points of a block, descriptors of inputs and of
outputs, where in the scratch memory the table of outputs, copies of inputs, results and waiting
values begin, and whether arrays stream: larger than caches, they are fetched ahead a block at a
time, and results go from scratch memory past the caches, which is twice as fast. A descriptor is
three words: address, stride in bytes, and 0 or the address of a grid: its number of axes, then size
and stride of each, last axis first.
"""

from __future__ import annotations

from symgrad.numeric.llvm_copies import ADDRESS, COPIES, STREAMS
from symgrad.numeric.llvm_weave import WEAVING
from symgrad.numeric.llvm_writer import Target

WORDS = (
    *("kernel", "inputs", "outputs", "block", "sources", "sinks"),
    *("table", "copies", "results", "waiting"),
    "streams",
)
OFFSETS = WORDS[6:10]
FEW = 3  # slots of a row of memory from which on they are copied together
WHOLE = frozenset(["inputs", "outputs", "block", "streams"])

RUN = """
define void @run(ptr %c, ptr %s, i64 %begin, i64 %end) nounwind {
entry:
  FIELDS
  %span = mul i64 %block, SIZE
  %large = icmp ne i64 %streams, 0
  %small = xor i1 %large, true
  %some = icmp ult i64 %begin, %end
  br i1 %some, label %round, label %done
round:
  %b = phi i64 [ %begin, %entry ], [ %b1, %next ]
  %left = sub i64 %end, %b
  %short = icmp ult i64 %left, %block
  %count = select i1 %short, i64 %left, i64 %block
  %up = add i64 %count, BELOW
  %groups = udiv i64 %up, LANES
  %padded = mul i64 %groups, LANES
  %bytes = mul i64 %padded, SIZE
  %even = icmp eq i64 %count, %padded
  %gives = icmp ne i64 %inputs, 0
  br i1 %gives, label %source, label %sinks.start
source:
  %i = phi i64 [ 0, %round ], [ %i1, %source.next ]
  %woven = phi i64 [ 0, %round ], [ %woven1, %source.next ]
  %i24 = mul i64 %i, 24
  %d = getelementptr i8, ptr %sources, i64 %i24
  %i16 = shl i64 %i, 4
  %cell = getelementptr i8, ptr %s, i64 %i16
  %cell8 = getelementptr i8, ptr %cell, i64 8
  %ibytes = mul i64 %i, %span
  %copy = getelementptr i8, ptr %copies, i64 %ibytes
  %d.stride = getelementptr i8, ptr %d, i64 8
  %d.grid = getelementptr i8, ptr %d, i64 16
  %stride = load i64, ptr %d.stride, align 8
  %grid = load i64, ptr %d.grid, align 8
  %flat = icmp eq i64 %grid, 0
  %still = icmp eq i64 %stride, 0
  %constant = and i1 %flat, %still
  br i1 %constant, label %source.constant, label %source.line
source.constant:
  %origin = load ptr, ptr %d, align 8
  call void @spread(ptr %origin, ptr %copy)
  br label %source.next
source.line:
  %line = call i1 @in_line(ptr %d)
  %there = and i1 %line, %even
  br i1 %there, label %source.there, label %source.copy
source.there:
  %place = call ptr @address(ptr %d, i64 %b)
  br i1 %large, label %source.ahead, label %source.next
source.ahead:
  call void @ahead(ptr %place, i64 %bytes)
  br label %source.next
source.copy:
  %fresh = icmp uge i64 %i, %woven
  br i1 %fresh, label %source.fresh, label %source.next
source.fresh:
  %i.left = sub i64 %inputs, %i
  %i.row = call i64 @neighbours(ptr %d, i64 %i.left)
  %i.few = icmp ult i64 %i.row, FEW
  br i1 %i.few, label %source.slot, label %source.row
source.slot:
  call void @fetch(ptr %d, ptr %copy, i64 %b, i64 %count, i64 %padded)
  br label %source.next
source.row:
  call void @fetch_rows(ptr %d, ptr %copy, i64 %b, i64 %count, i64 %padded, i64 %i.row, i64 %span)
  %i.end = add i64 %i, %i.row
  br label %source.next
source.next:
  %given = phi ptr [ %copy, %source.constant ], [ %copy, %source.copy ],
                   [ %copy, %source.slot ], [ %copy, %source.row ],
                   [ %place, %source.there ], [ %place, %source.ahead ]
  %mask = phi i64 [ 0, %source.constant ], [ -1, %source.copy ],
                  [ -1, %source.slot ], [ -1, %source.row ],
                  [ -1, %source.there ], [ -1, %source.ahead ]
  %woven1 = phi i64 [ %woven, %source.constant ], [ %woven, %source.copy ],
                    [ %woven, %source.slot ], [ %i.end, %source.row ],
                    [ %woven, %source.there ], [ %woven, %source.ahead ]
  store ptr %given, ptr %cell, align 8
  store i64 %mask, ptr %cell8, align 8
  %i1 = add i64 %i, 1
  %i.more = icmp ult i64 %i1, %inputs
  br i1 %i.more, label %source, label %sinks.start
sinks.start:
  br label %sink
sink:
  %o = phi i64 [ 0, %sinks.start ], [ %o1, %sink.next ]
  %o24 = mul i64 %o, 24
  %od = getelementptr i8, ptr %sinks, i64 %o24
  %o8 = shl i64 %o, 3
  %ocell = getelementptr i8, ptr %table, i64 %o8
  %obytes = mul i64 %o, %span
  %result = getelementptr i8, ptr %results, i64 %obytes
  %oline = call i1 @in_line(ptr %od)
  %ofits = and i1 %oline, %even
  %othere = and i1 %ofits, %small
  br i1 %othere, label %sink.there, label %sink.next
sink.there:
  %oplace = call ptr @address(ptr %od, i64 %b)
  br label %sink.next
sink.next:
  %taken = phi ptr [ %result, %sink ], [ %oplace, %sink.there ]
  store ptr %taken, ptr %ocell, align 8
  %o1 = add i64 %o, 1
  %o.more = icmp ult i64 %o1, %outputs
  br i1 %o.more, label %sink, label %compute
compute:
  call void %kernel(ptr %s, ptr %table, ptr %waiting, i64 %bytes)
  br label %back
back:
  %r = phi i64 [ 0, %compute ], [ %r1, %back.next ]
  %r24 = mul i64 %r, 24
  %rd = getelementptr i8, ptr %sinks, i64 %r24
  %r8 = shl i64 %r, 3
  %rcell = getelementptr i8, ptr %table, i64 %r8
  %rbytes = mul i64 %r, %span
  %made = getelementptr i8, ptr %results, i64 %rbytes
  %where = load ptr, ptr %rcell, align 8
  %ours = icmp eq ptr %where, %made
  br i1 %ours, label %back.deliver, label %back.next
back.deliver:
  %r.left = sub i64 %outputs, %r
  %r.row = call i64 @neighbours(ptr %rd, i64 %r.left)
  %r.few = icmp ult i64 %r.row, FEW
  br i1 %r.few, label %back.slot, label %back.row
back.slot:
  call void @deliver(ptr %rd, ptr %made, i64 %b, i64 %count)
  br label %back.next
back.row:
  call void @deliver_rows(ptr %rd, ptr %made, i64 %b, i64 %count, i64 %r.row, i64 %span)
  br label %back.next
back.next:
  %r.step = phi i64 [ 1, %back ], [ 1, %back.slot ], [ %r.row, %back.row ]
  %r1 = add i64 %r, %r.step
  %r.more = icmp ult i64 %r1, %outputs
  br i1 %r.more, label %back, label %next
next:
  %b1 = add i64 %b, %block
  %b.more = icmp ult i64 %b1, %end
  br i1 %b.more, label %round, label %done
done:
  ret void
}
"""

SINGLE = """
define void @single(ptr %c, ptr %s, ptr %x, ptr %out) nounwind {
entry:
  FIELDS
  %gives = icmp ne i64 %inputs, 0
  br i1 %gives, label %source, label %compute
source:
  %i = phi i64 [ 0, %entry ], [ %i1, %source ]
  %from = getelementptr ELEMENT, ptr %x, i64 %i
  %copy = getelementptr VECTOR, ptr %copies, i64 %i
  call void @spread(ptr %from, ptr %copy)
  %i16 = shl i64 %i, 4
  %cell = getelementptr i8, ptr %s, i64 %i16
  %cell8 = getelementptr i8, ptr %cell, i64 8
  store ptr %copy, ptr %cell, align 8
  store i64 0, ptr %cell8, align 8
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %inputs
  br i1 %more, label %source, label %compute
compute:
  br label %sink
sink:
  %o = phi i64 [ 0, %compute ], [ %o1, %sink ]
  %o8 = shl i64 %o, 3
  %ocell = getelementptr i8, ptr %table, i64 %o8
  %result = getelementptr VECTOR, ptr %results, i64 %o
  store ptr %result, ptr %ocell, align 8
  %o1 = add i64 %o, 1
  %o.more = icmp ult i64 %o1, %outputs
  br i1 %o.more, label %sink, label %ready
ready:
  call void %kernel(ptr %s, ptr %table, ptr %waiting, i64 BYTES)
  br label %back
back:
  %r = phi i64 [ 0, %ready ], [ %r1, %back ]
  %made = getelementptr VECTOR, ptr %results, i64 %r
  %value = load ELEMENT, ptr %made, align SIZE
  %to = getelementptr ELEMENT, ptr %out, i64 %r
  store ELEMENT %value, ptr %to, align 1
  %r1 = add i64 %r, 1
  %r.more = icmp ult i64 %r1, %outputs
  br i1 %r.more, label %back, label %done
done:
  ret void
}
"""


def _fields() -> str:
    """Return lines that read a context."""
    lines = []
    for k, word in enumerate(WORDS):
        offset = word in OFFSETS
        kind = "i64" if offset or word in WHOLE else "ptr"
        name = f"{word}.offset" if offset else word
        lines.append(f"%{word}.word = getelementptr i8, ptr %c, i64 {8 * k}")
        lines.append(f"%{name} = load {kind}, ptr %{word}.word, align 8")
        if offset:
            lines.append(f"%{word} = getelementptr i8, ptr %s, i64 %{name}")
    return "\n  ".join(lines)


def driver(target: Target) -> str:
    """Return the module that runs kernels for a target.

    Parameters
    ----------
    target : Target
        The target that kernels are written for.
    """
    text = ADDRESS + STREAMS + COPIES + WEAVING + RUN + SINGLE
    words = {
        "FIELDS": _fields(),
        "ELEMENT": target.element,
        "VECTOR": target.vector,
        "BYTES": str(target.lanes * target.size),
        "SIZE": str(target.size),
        "BELOW": str(target.lanes - 1),
        "LANES": str(target.lanes),
        "FEW": str(FEW),
    }
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text

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

from symgrad.numeric.llvm_writer import Target

WORDS = (
    *("kernel", "inputs", "outputs", "block", "sources", "sinks"),
    *("table", "copies", "results", "waiting"),
    "streams",
)
OFFSETS = WORDS[6:10]
WHOLE = frozenset(["inputs", "outputs", "block", "streams"])

ADDRESS = """
define internal ptr @address(ptr %d, i64 %j) nounwind {
  %base = load ptr, ptr %d, align 8
  %d1 = getelementptr i8, ptr %d, i64 8
  %d2 = getelementptr i8, ptr %d, i64 16
  %grid = load ptr, ptr %d2, align 8
  %flat = icmp eq ptr %grid, null
  br i1 %flat, label %line, label %axes
line:
  %stride = load i64, ptr %d1, align 8
  %far = mul i64 %j, %stride
  %place = getelementptr i8, ptr %base, i64 %far
  ret ptr %place
axes:
  %count = load i64, ptr %grid, align 8
  br label %axis
axis:
  %k = phi i64 [ 0, %axes ], [ %k1, %axis ]
  %rest = phi i64 [ %j, %axes ], [ %quotient, %axis ]
  %sum = phi i64 [ 0, %axes ], [ %sum1, %axis ]
  %twice = shl i64 %k, 4
  %at = add i64 %twice, 8
  %sizes = getelementptr i8, ptr %grid, i64 %at
  %steps = getelementptr i8, ptr %sizes, i64 8
  %size = load i64, ptr %sizes, align 8
  %step = load i64, ptr %steps, align 8
  %quotient = udiv i64 %rest, %size
  %index = urem i64 %rest, %size
  %part = mul i64 %index, %step
  %sum1 = add i64 %sum, %part
  %k1 = add i64 %k, 1
  %again = icmp ult i64 %k1, %count
  br i1 %again, label %axis, label %out
out:
  %found = getelementptr i8, ptr %base, i64 %sum1
  ret ptr %found
}
"""

# Whole lines of memory, past the caches.
STREAMS = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
define internal void @ahead(ptr %from, i64 %bytes) nounwind {
entry:
  br label %line
line:
  %i = phi i64 [ 0, %entry ], [ %i1, %line ]
  %place = getelementptr i8, ptr %from, i64 %i
  call void @llvm.prefetch.p0(ptr %place, i32 0, i32 2, i32 1)
  %i1 = add i64 %i, 64
  %more = icmp ult i64 %i1, %bytes
  br i1 %more, label %line, label %done
done:
  ret void
}
define internal void @pour(ptr %to, ptr %from, i64 %bytes) nounwind {
entry:
  %start = ptrtoint ptr %to to i64
  %below = sub i64 0, %start
  %gap = and i64 %below, 63
  %part = icmp ult i64 %gap, %bytes
  %head = select i1 %part, i64 %gap, i64 %bytes
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %head, i1 false)
  %rest = sub i64 %bytes, %head
  %body = and i64 %rest, -64
  %end = add i64 %head, %body
  %some = icmp ne i64 %body, 0
  br i1 %some, label %line, label %tail
line:
  %i = phi i64 [ %head, %entry ], [ %i1, %line ]
  %f = getelementptr i8, ptr %from, i64 %i
  %t = getelementptr i8, ptr %to, i64 %i
  %value = load <8 x i64>, ptr %f, align SIZE
  store <8 x i64> %value, ptr %t, align 64, !nontemporal !0
  %i1 = add i64 %i, 64
  %more = icmp ult i64 %i1, %end
  br i1 %more, label %line, label %tail
tail:
  %last = sub i64 %rest, %body
  %f.last = getelementptr i8, ptr %from, i64 %end
  %t.last = getelementptr i8, ptr %to, i64 %end
  call void @llvm.memcpy.p0.p0.i64(ptr %t.last, ptr %f.last, i64 %last, i1 false)
  ret void
}
!0 = !{ i32 1 }
"""

COPIES = """
define internal i1 @is_flat(ptr %d) nounwind {
  %d2 = getelementptr i8, ptr %d, i64 16
  %grid = load i64, ptr %d2, align 8
  %flat = icmp eq i64 %grid, 0
  ret i1 %flat
}
define internal i1 @in_line(ptr %d) nounwind {
  %d1 = getelementptr i8, ptr %d, i64 8
  %d2 = getelementptr i8, ptr %d, i64 16
  %stride = load i64, ptr %d1, align 8
  %grid = load i64, ptr %d2, align 8
  %dense = icmp eq i64 %stride, SIZE
  %flat = icmp eq i64 %grid, 0
  %both = and i1 %dense, %flat
  ret i1 %both
}
define internal void @fetch(ptr %d, ptr %to, i64 %j, i64 %count, i64 %padded) nounwind {
entry:
  %line = call i1 @in_line(ptr %d)
  %last = sub i64 %count, 1
  br i1 %line, label %whole, label %strided
whole:
  %from = call ptr @address(ptr %d, i64 %j)
  %bytes = mul i64 %count, SIZE
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  %full = icmp uge i64 %count, %padded
  br i1 %full, label %done, label %each
each:
  %e = phi i64 [ 0, %strided ], [ %count, %whole ], [ %e2, %stepped ], [ %e1, %each ]
  %in = icmp ult i64 %e, %count
  %i = select i1 %in, i64 %e, i64 %last
  %k = add i64 %j, %i
  %place = call ptr @address(ptr %d, i64 %k)
  %value = load ELEMENT, ptr %place, align 1
  %cell = getelementptr ELEMENT, ptr %to, i64 %e
  store ELEMENT %value, ptr %cell, align SIZE
  %e1 = add i64 %e, 1
  %more = icmp ult i64 %e1, %padded
  br i1 %more, label %each, label %done
strided:
  %flat = call i1 @is_flat(ptr %d)
  %begin = call ptr @address(ptr %d, i64 %j)
  %d1 = getelementptr i8, ptr %d, i64 8
  %stride = load i64, ptr %d1, align 8
  br i1 %flat, label %step, label %each
step:
  %p = phi ptr [ %begin, %strided ], [ %p2, %step ]
  %s = phi i64 [ 0, %strided ], [ %e2, %step ]
  %number = load ELEMENT, ptr %p, align 1
  %next = getelementptr ELEMENT, ptr %to, i64 %s
  store ELEMENT %number, ptr %next, align SIZE
  %p2 = getelementptr i8, ptr %p, i64 %stride
  %e2 = add i64 %s, 1
  %on = icmp ult i64 %e2, %count
  br i1 %on, label %step, label %stepped
stepped:
  %even = icmp uge i64 %e2, %padded
  br i1 %even, label %done, label %each
done:
  ret void
}
define internal void @deliver(ptr %d, ptr %from, i64 %j, i64 %count) nounwind {
entry:
  %line = call i1 @in_line(ptr %d)
  br i1 %line, label %whole, label %strided
whole:
  %to = call ptr @address(ptr %d, i64 %j)
  %bytes = mul i64 %count, SIZE
  call void @pour(ptr %to, ptr %from, i64 %bytes)
  br label %done
each:
  %e = phi i64 [ 0, %strided ], [ %e1, %each ]
  %cell = getelementptr ELEMENT, ptr %from, i64 %e
  %value = load ELEMENT, ptr %cell, align SIZE
  %k = add i64 %j, %e
  %place = call ptr @address(ptr %d, i64 %k)
  store ELEMENT %value, ptr %place, align 1
  %e1 = add i64 %e, 1
  %more = icmp ult i64 %e1, %count
  br i1 %more, label %each, label %done
strided:
  %flat = call i1 @is_flat(ptr %d)
  %begin = call ptr @address(ptr %d, i64 %j)
  %d1 = getelementptr i8, ptr %d, i64 8
  %stride = load i64, ptr %d1, align 8
  br i1 %flat, label %step, label %each
step:
  %p = phi ptr [ %begin, %strided ], [ %p2, %step ]
  %s = phi i64 [ 0, %strided ], [ %s1, %step ]
  %next = getelementptr ELEMENT, ptr %from, i64 %s
  %number = load ELEMENT, ptr %next, align SIZE
  store ELEMENT %number, ptr %p, align 1
  %p2 = getelementptr i8, ptr %p, i64 %stride
  %s1 = add i64 %s, 1
  %on = icmp ult i64 %s1, %count
  br i1 %on, label %step, label %done
done:
  ret void
}
define internal void @spread(ptr %from, ptr %to) nounwind {
  %value = load ELEMENT, ptr %from, align 1
  %one = insertelement VECTOR poison, ELEMENT %value, i32 0
  %all = shufflevector VECTOR %one, VECTOR poison, <LANES x i32> zeroinitializer
  store VECTOR %all, ptr %to, align SIZE
  ret void
}
"""

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
  call void @fetch(ptr %d, ptr %copy, i64 %b, i64 %count, i64 %padded)
  br label %source.next
source.next:
  %given = phi ptr [ %copy, %source.constant ], [ %copy, %source.copy ],
                   [ %place, %source.there ], [ %place, %source.ahead ]
  %mask = phi i64 [ 0, %source.constant ], [ -1, %source.copy ],
                  [ -1, %source.there ], [ -1, %source.ahead ]
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
  call void @deliver(ptr %rd, ptr %made, i64 %b, i64 %count)
  br label %back.next
back.next:
  %r1 = add i64 %r, 1
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
    text = ADDRESS + STREAMS + COPIES + RUN + SINGLE
    words = {
        "FIELDS": _fields(),
        "ELEMENT": target.element,
        "VECTOR": target.vector,
        "BYTES": str(target.lanes * target.size),
        "SIZE": str(target.size),
        "BELOW": str(target.lanes - 1),
        "LANES": str(target.lanes),
    }
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text

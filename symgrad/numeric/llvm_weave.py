"""IR that copies between points in rows and slots in rows, for `llvm_driver`.

Where neighbours in memory are the slots of one point, copying slot by slot touches every line of
memory as often as it holds slots; tiles of 8 by 8 numbers, turned over in registers, touch it once.
"""

from __future__ import annotations

TILE = 8

NEIGHBOURS = """
define internal i64 @neighbours(ptr %d, i64 %most) nounwind {
entry:
  %flat = call i1 @is_flat(ptr %d)
  %base = load i64, ptr %d, align 8
  %d1 = getelementptr i8, ptr %d, i64 8
  %stride = load i64, ptr %d1, align 8
  br i1 %flat, label %look, label %alone
alone:
  ret i64 1
look:
  %n = phi i64 [ 1, %entry ], [ %n1, %same ]
  %more = icmp ult i64 %n, %most
  br i1 %more, label %compare, label %done
compare:
  %n24 = mul i64 %n, 24
  %e = getelementptr i8, ptr %d, i64 %n24
  %e1 = getelementptr i8, ptr %e, i64 8
  %far = mul i64 %n, SIZE
  %wanted = add i64 %base, %far
  %found = load i64, ptr %e, align 8
  %step = load i64, ptr %e1, align 8
  %beside = icmp eq i64 %found, %wanted
  %alike = icmp eq i64 %step, %stride
  %level = call i1 @is_flat(ptr %e)
  %both = and i1 %beside, %alike
  %all = and i1 %both, %level
  br i1 %all, label %same, label %done
same:
  %n1 = add i64 %n, 1
  br label %look
done:
  ret i64 %n
}
"""

# `weave` moves the number at from + p*from.p + k*from.k to to + p*to.p + k*to.k; one of the steps
# at each end is that of neighbours, the other is `leap` there and `land` here.
WEAVE = """
define internal void @patch(ptr %from, i64 %from.p, i64 %from.k, ptr %to, i64 %to.p, i64 %to.k,
                            i64 %points, i64 %slots) nounwind {
entry:
  br label %point
point:
  %p = phi i64 [ 0, %entry ], [ %p1, %turned ]
  %fp = mul i64 %p, %from.p
  %tp = mul i64 %p, %to.p
  br label %slot
slot:
  %k = phi i64 [ 0, %point ], [ %k1, %slot ]
  %fk = mul i64 %k, %from.k
  %tk = mul i64 %k, %to.k
  %f = add i64 %fp, %fk
  %t = add i64 %tp, %tk
  %source = getelementptr i8, ptr %from, i64 %f
  %sink = getelementptr i8, ptr %to, i64 %t
  %value = load ELEMENT, ptr %source, align SIZE
  store ELEMENT %value, ptr %sink, align SIZE
  %k1 = add i64 %k, 1
  %k.more = icmp ult i64 %k1, %slots
  br i1 %k.more, label %slot, label %turned
turned:
  %p1 = add i64 %p, 1
  %p.more = icmp ult i64 %p1, %points
  br i1 %p.more, label %point, label %done
done:
  ret void
}
define internal void @weave(ptr %from, i64 %from.p, i64 %from.k, ptr %to, i64 %to.p, i64 %to.k,
                            i64 %points, i64 %slots, i64 %leap, i64 %land) nounwind {
entry:
  br label %point
point:
  %p = phi i64 [ 0, %entry ], [ %p1, %turned ]
  %fp = mul i64 %p, %from.p
  %tp = mul i64 %p, %to.p
  %p.left = sub i64 %points, %p
  %p.short = icmp ult i64 %p.left, TILE
  %p.count = select i1 %p.short, i64 %p.left, i64 TILE
  br label %slot
slot:
  %k = phi i64 [ 0, %point ], [ %k1, %next ]
  %fk = mul i64 %k, %from.k
  %tk = mul i64 %k, %to.k
  %fo = add i64 %fp, %fk
  %to.o = add i64 %tp, %tk
  %f = getelementptr i8, ptr %from, i64 %fo
  %t = getelementptr i8, ptr %to, i64 %to.o
  %k.left = sub i64 %slots, %k
  %k.short = icmp ult i64 %k.left, TILE
  %k.count = select i1 %k.short, i64 %k.left, i64 TILE
  %part = or i1 %p.short, %k.short
  br i1 %part, label %edge, label %tile
edge:
  call void @patch(ptr %f, i64 %from.p, i64 %from.k, ptr %t, i64 %to.p, i64 %to.k,
                   i64 %p.count, i64 %k.count)
  br label %next
tile:
  TURNED
  br label %next
next:
  %k1 = add i64 %k, TILE
  %k.more = icmp ult i64 %k1, %slots
  br i1 %k.more, label %slot, label %turned
turned:
  %p1 = add i64 %p, TILE
  %p.more = icmp ult i64 %p1, %points
  br i1 %p.more, label %point, label %done
done:
  ret void
}
"""

ROWS = """
define internal void @fetch_rows(ptr %d, ptr %to, i64 %j, i64 %count, i64 %padded, i64 %slots,
                                 i64 %span) nounwind {
entry:
  %from = call ptr @address(ptr %d, i64 %j)
  %d1 = getelementptr i8, ptr %d, i64 8
  %stride = load i64, ptr %d1, align 8
  call void @weave(ptr %from, i64 %stride, i64 SIZE, ptr %to, i64 SIZE, i64 %span,
                   i64 %count, i64 %slots, i64 %stride, i64 %span)
  %last = sub i64 %count, 1
  %full = icmp uge i64 %count, %padded
  br i1 %full, label %done, label %slot
slot:
  %k = phi i64 [ 0, %entry ], [ %k1, %filled ]
  %far = mul i64 %k, %span
  %row = getelementptr i8, ptr %to, i64 %far
  %end = getelementptr ELEMENT, ptr %row, i64 %last
  %value = load ELEMENT, ptr %end, align SIZE
  br label %fill
fill:
  %e = phi i64 [ %count, %slot ], [ %e1, %fill ]
  %cell = getelementptr ELEMENT, ptr %row, i64 %e
  store ELEMENT %value, ptr %cell, align SIZE
  %e1 = add i64 %e, 1
  %e.more = icmp ult i64 %e1, %padded
  br i1 %e.more, label %fill, label %filled
filled:
  %k1 = add i64 %k, 1
  %more = icmp ult i64 %k1, %slots
  br i1 %more, label %slot, label %done
done:
  ret void
}
define internal void @deliver_rows(ptr %d, ptr %from, i64 %j, i64 %count, i64 %slots,
                                   i64 %span) nounwind {
  %to = call ptr @address(ptr %d, i64 %j)
  %d1 = getelementptr i8, ptr %d, i64 8
  %stride = load i64, ptr %d1, align 8
  call void @weave(ptr %from, i64 SIZE, i64 %span, ptr %to, i64 %stride, i64 SIZE,
                   i64 %count, i64 %slots, i64 %span, i64 %stride)
  ret void
}
"""


def _turned() -> str:
    """Return lines that turn over a tile.

    The place of a number is 6 bits, 3 of its row and 3 within; interleaving row k with row k + 4
    rotates them by one bit, and three times by half.
    """
    vector = f"<{TILE} x ELEMENT>"
    lines, rows = [], []
    for k in range(TILE):
        lines.append(f"%leap{k} = mul i64 %leap, {k}")
        lines.append(f"%f{k} = getelementptr i8, ptr %f, i64 %leap{k}")
        lines.append(f"%x0.{k} = load {vector}, ptr %f{k}, align SIZE")
        rows.append(f"%x0.{k}")
    half = TILE // 2
    for turn in range(1, TILE.bit_length()):
        made = []
        for k in range(TILE):
            start = half * (k % 2)
            places = [start + i // 2 + TILE * (i % 2) for i in range(TILE)]
            picked = ", ".join(f"i32 {place}" for place in places)
            both = f"{vector} {rows[k // 2]}, {vector} {rows[k // 2 + half]}"
            lines.append(f"%x{turn}.{k} = shufflevector {both}, <{TILE} x i32> <{picked}>")
            made.append(f"%x{turn}.{k}")
        rows = made
    for k in range(TILE):
        lines.append(f"%land{k} = mul i64 %land, {k}")
        lines.append(f"%t{k} = getelementptr i8, ptr %t, i64 %land{k}")
        lines.append(f"store {vector} {rows[k]}, ptr %t{k}, align SIZE")
    return "\n  ".join(lines)


WEAVING = NEIGHBOURS + WEAVE.replace("TURNED", _turned()).replace("TILE", str(TILE)) + ROWS

"""IR that finds the numbers of an array and copies them, for `llvm_driver`.

Words in capitals (`ELEMENT`, `SIZE`, `VECTOR`, `LANES`) stand for what depends on the target.
"""

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

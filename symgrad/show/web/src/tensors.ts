// What the gates of tensors do: einsum, reductions, rearrangements. Row-major float64 entries.
// A payload is planned once; what is planned is called with every new point.

import { at } from "./data";

export interface Tensor {
  shape: number[];
  data: Float64Array;
}

export type Value = number | Tensor;
export type Planned = (...args: Value[]) => Value;
type Planner = (payload: unknown) => Planned;

export function size(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

export function tensor(shape: number[], data?: Float64Array): Tensor {
  return { shape, data: data ?? new Float64Array(size(shape)) };
}

/** Return entries, also of a number. */
export function entries(value: Value): Float64Array {
  return typeof value === "number" ? Float64Array.of(value) : value.data;
}

export function shapeOf(value: Value): number[] {
  return typeof value === "number" ? [] : value.shape;
}

function packed(shape: number[], data: Float64Array): Value {
  return shape.length ? { shape, data } : at(data, 0);
}

/** Return a function of numbers, applied entry by entry; scalars meet every entry. */
export function elementwise(kernel: (...args: number[]) => number): Planned {
  return (...args) => {
    const first = args.find((a) => typeof a !== "number") as Tensor | undefined;
    if (!first) return kernel(...(args as number[]));
    const found = tensor(first.shape);
    const row = args.map((a) => (typeof a === "number" ? a : 0));
    for (let k = 0; k < found.data.length; k++) {
      for (let i = 0; i < args.length; i++) {
        const operand = args[i]!;
        if (typeof operand !== "number") row[i] = at(operand.data, k);
      }
      found.data[k] = kernel(...row);
    }
    return found;
  };
}

function strides(shape: number[]): number[] {
  const found = new Array<number>(shape.length).fill(1);
  for (let k = shape.length - 2; k >= 0; k--) found[k] = found[k + 1]! * shape[k + 1]!;
  return found;
}

/** Return how far each index moves in an array whose axes bear these indices. */
function moves(indices: number[], shape: number[], count: number): number[] {
  const found = new Array<number>(count).fill(0);
  const step = strides(shape);
  indices.forEach((index, axis) => (found[index] = found[index]! + step[axis]!));
  return found;
}

/** Payload: indices of each operand, of the result, and sizes that no operand has. */
function einsum(payload: unknown): Planned {
  const [inputs, output, fresh] = payload as [number[][], number[], [number, number][]];
  return (...args) => {
    const lengths: number[] = [];
    inputs.forEach((indices, k) =>
      indices.forEach((index, axis) => (lengths[index] = at(shapeOf(at(args, k)), axis))),
    );
    for (const [index, length] of fresh) lengths[index] = length;
    const shape = output.map((index) => at(lengths, index));
    const found = tensor(shape);
    const arrays = args.map(entries);
    const walks = inputs.map((indices, k) =>
      moves(indices, shapeOf(at(args, k)), lengths.length),
    );
    contract(lengths, arrays, walks, found.data, moves(output, shape, lengths.length));
    return packed(shape, found.data);
  };
}

function contract(
  lengths: number[],
  arrays: Float64Array[],
  walks: number[][],
  out: Float64Array,
  outWalk: number[],
): void {
  const total = size(lengths);
  const index = lengths.map(() => 0);
  const places = arrays.map(() => 0);
  let place = 0;
  for (let n = 0; n < total; n++) {
    let product = 1;
    for (let k = 0; k < arrays.length; k++) product *= arrays[k]![places[k]!]!;
    out[place]! += product;
    for (let axis = lengths.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      const wraps = index[axis] === lengths[axis];
      const steps = wraps ? 1 - lengths[axis]! : 1;
      for (let k = 0; k < arrays.length; k++) places[k]! += steps * walks[k]![axis]!;
      place += steps * outWalk[axis]!;
      if (!wraps) break;
      index[axis] = 0;
    }
  }
}

// --- reductions ---

/** Return, for each entry, the place of its group when `axes` are reduced; and the shape left. */
function grouped(shape: number[], axes: number[]): { place: Int32Array; left: number[] } {
  const left = shape.filter((_, axis) => !axes.includes(axis));
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const step = strides(left);
  const own = strides(shape);
  const place = new Int32Array(size(shape));
  for (let n = 0; n < place.length; n++) {
    let sum = 0;
    kept.forEach((axis, k) => {
      sum += (Math.floor(n / own[axis]!) % shape[axis]!) * step[k]!;
    });
    place[n] = sum;
  }
  return { place, left };
}

function reduced(
  axes: number[],
  start: number,
  step: (total: number, x: number) => number,
): (x: Tensor) => { place: Int32Array; left: number[]; total: Float64Array } {
  return (x) => {
    const { place, left } = grouped(x.shape, axes);
    const total = new Float64Array(size(left)).fill(start);
    x.data.forEach((value, n) => (total[place[n]!] = step(total[place[n]!]!, value)));
    return { place, left, total };
  };
}

function extreme(start: number, step: (a: number, b: number) => number): Planner {
  return (axes) => (x) => {
    const { left, total } = reduced(axes as number[], start, step)(x as Tensor);
    return packed(left, total);
  };
}

function logsumexp(axes: unknown): Planned {
  return (x) => {
    const array = x as Tensor;
    const { place, left, total } = reduced(axes as number[], -Infinity, Math.max)(array);
    const shift = total.map((m) => (Number.isFinite(m) ? m : 0));
    const sums = new Float64Array(total.length);
    array.data.forEach((value, n) => (sums[place[n]!]! += Math.exp(value - shift[place[n]!]!)));
    return packed(
      left,
      sums.map((s, k) => Math.log(s) + shift[k]!),
    );
  };
}

/** The lengths over axes, scaled by the largest entry so that no square overflows. */
function lengthsOver(array: Tensor, axes: number[]) {
  const largest = reduced(axes, 0, (m, x) => Math.max(m, Math.abs(x)))(array);
  const scale = largest.total.map((m) => (m > 0 && Number.isFinite(m) ? m : 1));
  const sums = new Float64Array(scale.length);
  array.data.forEach((x, n) => {
    const part = x / scale[largest.place[n]!]!;
    sums[largest.place[n]!]! += part * part;
  });
  return { ...largest, total: sums.map((s, k) => Math.sqrt(s) * scale[k]!) };
}

function norm(axes: unknown): Planned {
  return (x) => {
    const { left, total } = lengthsOver(x as Tensor, axes as number[]);
    return packed(left, total);
  };
}

function unit(axes: unknown): Planned {
  return (x) => {
    const array = x as Tensor;
    const { place, total } = lengthsOver(array, axes as number[]);
    return tensor(
      array.shape,
      array.data.map((value, n) => value / (total[place[n]!] || 1)),
    );
  };
}

/** How extreme entries share a cotangent: payload (which, axes, policy). */
function winners(payload: unknown): Planned {
  const [which, axes, kinks] = payload as [string, number[], string];
  const [start, step] = which === "max" ? [-Infinity, Math.max] : [Infinity, Math.min];
  return (x) => {
    const array = x as Tensor;
    const { place, total } = reduced(axes, start as number, step as typeof Math.max)(array);
    const ties = new Float64Array(total.length);
    const rank = array.data.map((value, n) =>
      value === total[place[n]!]! ? ++ties[place[n]!]! : 0,
    );
    const share = (count: number, place: number) => {
      if (!count) return 0;
      if (kinks === "first") return count === 1 ? 1 : 0;
      if (kinks === "nan") return ties[place]! > 1 ? NaN : 1;
      return 1 / ties[place]!;
    };
    return tensor(
      array.shape,
      rank.map((count, n) => share(count, place[n]!)),
    );
  };
}

// --- rearrangements ---

function reshape(shape: unknown): Planned {
  return (x) => packed(shape as number[], entries(x));
}

type Part = [start: number, stop: number, step: number];

/** Return the place in the whole of each entry of a part. */
function partPlaces(parts: Part[], whole: number[]): { shape: number[]; places: number[] } {
  const step = strides(whole);
  let places = [0];
  const shape = parts.map(([a, b, s], axis) => {
    const chosen: number[] = [];
    for (let k = a; s > 0 ? k < b : k > b; k += s) chosen.push(k);
    places = places.flatMap((p) => chosen.map((k) => p + k * step[axis]!));
    return chosen.length;
  });
  return { shape, places };
}

function slice(parts: unknown): Planned {
  return (x) => {
    const { shape, places } = partPlaces(parts as Part[], shapeOf(x));
    const data = entries(x);
    return packed(shape, Float64Array.from(places, (p) => data[p]!));
  };
}

function unslice(payload: unknown): Planned {
  const [parts, shape] = payload as [Part[], number[]];
  const { places } = partPlaces(parts, shape);
  return (x) => {
    const found = tensor(shape);
    const data = entries(x);
    places.forEach((p, n) => (found.data[p] = data[n]!));
    return found;
  };
}

function oneHot(payload: unknown): Planned {
  const count = payload as number;
  return (chosen) => {
    const index = entries(chosen);
    const found = tensor([...shapeOf(chosen), count]);
    index.forEach((k, n) => (found.data[n * count + k] = 1));
    return found;
  };
}

function concat(axis: unknown): Planned {
  return (...args) => {
    const along = axis as number;
    const shape = [...shapeOf(at(args, 0))];
    shape[along] = args.reduce<number>((sum, a) => sum + at(shapeOf(a), along), 0);
    const inner = size(shape.slice(along + 1));
    const blocks = size(shape.slice(0, along));
    const found = tensor(shape);
    let place = 0;
    for (let block = 0; block < blocks; block++) {
      for (const part of args) {
        const width = at(shapeOf(part), along) * inner;
        found.data.set(entries(part).subarray(block * width, (block + 1) * width), place);
        place += width;
      }
    }
    return found;
  };
}

export const PLANNERS: Record<string, Planner> = {
  einsum,
  logsumexp_over: logsumexp,
  max_over: extreme(-Infinity, Math.max),
  min_over: extreme(Infinity, Math.min),
  winners,
  norm,
  unit,
  reshape,
  slice,
  unslice,
  one_hot: oneHot,
  concat,
};

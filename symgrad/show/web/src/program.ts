// Running the record: values forward, gradients backward over whatever gates are shown. Kernels and
// the linear maps of partials are the engine's own rows; the page has no rule of differentiation.

import { at, decoded, type Entries, type Gate, type Num, type Operation, type PageData } from "./data";
import { KERNELS } from "./kernels";
import {
  elementwise,
  PLANNERS,
  shapeOf,
  tensor,
  type Planned,
  type Tensor,
  type Value,
} from "./tensors";

const plus = elementwise((a, b) => a! + b!);

/** Return entries of the record as a number or a tensor. */
export function valueOf(found: Entries, shape: number[]): Value {
  if (!Array.isArray(found)) return decoded(found);
  const flat = (found as unknown[]).flat(Infinity) as Num[];
  return tensor(shape, Float64Array.from(flat, decoded));
}

function lengths(found: Entries): number[] {
  return Array.isArray(found) ? [found.length, ...lengths(found[0] ?? null)] : [];
}

export function add(a: Value, b: Value): Value {
  return typeof a === "number" && typeof b === "number" ? a + b : plus(a, b);
}

/** Return 1 in the shape of a value. */
export function ones(like: Value): Value {
  return typeof like === "number" ? 1 : tensor(like.shape, like.data.map(() => 1));
}

/** Return the sum of a tensor's entries, for an upstream that meets every entry of it. */
function total(value: Tensor): number {
  return value.data.reduce((a, b) => a + b, 0);
}

type Runner = (args: Value[]) => Value;

function runnerOf(name: string, payload: unknown): Runner {
  const planner = PLANNERS[name];
  if (planner) {
    const run: Planned = planner(payload);
    return (args) => run(...args);
  }
  const kernel = KERNELS[name];
  if (!kernel) throw new Error(`no kernel for ${name}`);
  const wide = elementwise(kernel);
  return (args) => {
    if (args.every((a) => typeof a === "number")) return kernel(...(args as number[]));
    return wide(...args);
  };
}

type Pull = (operands: Value[], out: Value, upstream: Value) => Value;

/** A wire that is read, with what pulls an upstream gradient through it. */
export interface Link {
  reader: number;
  source: number;
  position: number;
  /** Which wire of the reader it is. */
  index: number;
  pull: Pull | null;
}

/** What a page shows of one point: by gate, and by wire of a gate. */
export interface Numbers {
  values: Value[];
  grads: (Value | null)[];
  products: (Value | null)[][];
}

/** A record made ready to run. */
export class Machine {
  readonly constants: Value[];
  private readonly runners: (Runner | null)[] = [];
  private readonly pulls: Pull[];
  private readonly fixed: (Value | null)[];

  constructor(readonly data: PageData) {
    this.constants = data.constants.map((c) => valueOf(c, lengths(c)));
    const kept = (g: Gate) => !!data.refusal || data.table[g.operation[0]] === "const";
    this.fixed = data.gates.map((g) => (kept(g) ? valueOf(g.value, g.shape) : null));
    const named = ([gate, , payload]: Operation): Runner | null => {
      const name = at(data.table, gate);
      return name === "var" || name === "const" ? null : runnerOf(name, payload);
    };
    if (!data.refusal) this.runners = data.gates.map((g) => named(g.operation));
    this.pulls = data.refusal ? [] : data.templates.map((t) => this.pullOf(t.steps, t.result));
  }

  private pullOf(steps: Operation[], result: number): Pull {
    const ready = steps.map(
      ([gate, args, payload]) => [runnerOf(at(this.data.table, gate), payload), args] as const,
    );
    return (operands, out, upstream) => {
      const slots = [...operands, out, upstream];
      const read = (k: number) => (k < 0 ? this.constants[-1 - k]! : slots[k]!);
      for (const [run, args] of ready) slots.push(run(args.map(read)));
      return read(result);
    };
  }

  /** Return the operands of a gate among values of gates. */
  operands(gate: number, values: Value[]): Value[] {
    const [, args] = at(this.data.gates, gate).operation;
    return args.map((a) => (a < 0 ? at(this.constants, -1 - a) : values[a]!));
  }

  /** Return the value of every gate at a point; `held` gates keep the value that is given. */
  forward(inputs: Value[], held?: Map<number, Value>): Value[] {
    const values: Value[] = this.fixed.map((v) => v ?? NaN);
    this.data.inputs.forEach((input, k) => (values[input.gate] = at(inputs, k)));
    this.runners.forEach((run, gate) => {
      const kept = held?.get(gate);
      if (kept !== undefined) values[gate] = kept;
      else if (run) values[gate] = run(this.operands(gate, values));
    });
    return values;
  }

  /** Return gradients by every gate along the links of a view, and what each wire brings. */
  backward(values: Value[], output: number, order: number[], links: Link[][]): Numbers {
    const grads: (Value | null)[] = values.map(() => null);
    const products: (Value | null)[][] = values.map(() => []);
    grads[output] = ones(values[output]!);
    for (let k = order.length - 1; k >= 0; k--) {
      const gate = order[k]!;
      for (const link of links[gate] ?? []) {
        const upstream = grads[link.reader];
        if (upstream == null || !link.pull) continue;
        const operands = this.operands(link.reader, values);
        let found = link.pull(operands, values[link.reader]!, upstream);
        const scalar = !shapeOf(values[gate]!).length;
        if (scalar && typeof found !== "number") found = total(found);
        products[link.reader]![link.index] = found;
        const known = grads[gate];
        grads[gate] = known == null ? found : add(known, found);
      }
    }
    return { values, grads, products };
  }

  /** Return the numbers that Python wrote, for a page that does not compute. */
  given(values: Value[]): Numbers {
    const grads = this.data.gates.map((g) => (g.grad === null ? null : valueOf(g.grad, g.shape)));
    const products = this.data.gates.map((g) =>
      g.wires.map((w) => (w.product == null ? null : valueOf(w.product, lengths(w.product)))),
    );
    return { values, grads, products };
  }

  /** Return what pulls gradients through a wire; null where nothing passes. */
  pull(template: number): Pull | null {
    if (this.data.refusal && template >= 0) return (_, out) => out;
    return this.pulls[template] ?? null;
  }

  /** Return the local partial along a wire: what an upstream of 1 would bring. */
  local(link: Link, values: Value[]): Value | null {
    if (!link.pull) return 0;
    if (this.data.refusal) {
      const given = at(at(this.data.gates, link.reader).wires, link.index).number ?? null;
      return given === null ? null : valueOf(given, lengths(given));
    }
    const out = values[link.reader]!;
    return link.pull(this.operands(link.reader, values), out, ones(out));
  }

  /** Return a central difference of the output by one entry of a gate. */
  difference(gate: number, output: number, inputs: Value[], values: Value[], entry = 0): number {
    const middle = values[gate]!;
    const centre = typeof middle === "number" ? middle : at(middle.data, entry);
    const step = 1e-5 * Math.max(1, Math.abs(centre));
    const roots = this.data.groups.filter((g) => g.gate === gate || g.root === gate);
    const same = [gate, ...roots.flatMap((g) => [g.gate, g.root]).filter((k) => k >= 0)];
    const [up, down] = [centre + step, centre - step].map((x) => {
      const moved = replaced(middle, entry, x);
      const held = new Map(same.map((k) => [k, moved] as [number, Value]));
      return this.forward(inputs, held)[output] as number;
    });
    return (up! - down!) / (2 * step);
  }
}

/** Return a value with another number at one entry. */
function replaced(value: Value, entry: number, x: number): Value {
  if (typeof value === "number") return x;
  const data = Float64Array.from(value.data);
  data[entry] = x;
  return tensor(value.shape, data);
}

/** Return the inputs of the record, as numbers and tensors. */
export function startInputs(data: PageData): Value[] {
  return data.inputs.map(({ gate }) => {
    const found = at(data.gates, gate);
    if (found.value === null && found.shape.length) {
      const blank = tensor(found.shape);
      blank.data.fill(NaN);
      return blank;
    }
    return valueOf(found.value, found.shape);
  });
}

/** Return what JSON can hold of a value. */
export function plain(value: Value): Entries {
  const one = (x: number): Num =>
    Number.isFinite(x) ? x : x > 0 ? "inf" : x < 0 ? "-inf" : "nan";
  if (typeof value === "number") return one(value);
  const rows = (shape: number[], start: number, step: number): Entries => {
    if (!shape.length) return one(at(value.data, start));
    const inner = step / shape[0]!;
    return Array.from({ length: shape[0]! }, (_, k) =>
      rows(shape.slice(1), start + k * inner, inner),
    );
  };
  return rows(value.shape, 0, value.data.length);
}

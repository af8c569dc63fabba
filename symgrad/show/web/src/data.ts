// The record that Python writes (symgrad/show/page_data.py and page_gates.py), as types, and what reads it.
// Everything in it is data: nothing here is ever turned into code or into HTML.

/** A number; what JSON cannot say is written as text, and null is a number not given. */
export type Num = number | "inf" | "-inf" | "nan" | null;
/** A number, or the nested rows of a tensor. */
export type Entries = Num | Entries[];

export interface Formula {
  text: string;
  latex: string;
  mathml: string;
}

/** A wire into a gate: whose value it carries, as which operand, and the partial by it. */
export interface Wire {
  source: number;
  position: number;
  local: Formula | null;
  /** The partial is a linear map: `local` then says what arrives, and it has no number. */
  map: boolean;
  /** The row of `templates` that pulls an upstream gradient through; -1 where nothing passes. */
  template: number;
  /** The partial and the product as Python has them, on pages that do not compute. */
  number?: Entries;
  product?: Entries;
}

/** What runs: a gate of the table, operands (gates, or -1 - k for constant k), what it carries. */
export type Operation = [gate: number, args: number[], payload?: unknown];

export interface Gate {
  name: string;
  label: string;
  symbol: string;
  kind: "input" | "constant" | "gate" | "composite" | "block" | "loop";
  role: "" | "distributor" | "switcher" | "router";
  rule: string;
  shape: number[];
  formula: Formula;
  closed: Formula | null;
  wires: Wire[];
  operation: Operation;
  value: Entries;
  grad: Entries;
}

/** The linear map of one operand: references are operands, the output, the upstream, steps. */
export interface Template {
  steps: Operation[];
  result: number;
}

/** Gates that fold into one box: a composite with a gate of its own, or a plain part (-1). */
export interface Group {
  label: string;
  gate: number;
  root: number;
  members: number[];
  open: boolean;
}

export interface Input {
  gate: number;
  name: string;
}

export interface PageData {
  schema: 1;
  title: string;
  source: string;
  formula: Formula;
  policy: string;
  output: number;
  gates: Gate[];
  groups: Group[];
  inputs: Input[];
  table: string[];
  constants: Entries[];
  templates: Template[];
  refusal: string;
}

/** Return a number of the record as a JavaScript number. */
export function decoded(value: Num): number {
  if (typeof value === "number") return value;
  if (value === "inf") return Infinity;
  if (value === "-inf") return -Infinity;
  return NaN;
}

/** Return an entry of a list that must be there. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`the page's record has no entry ${index}`);
  return found;
}

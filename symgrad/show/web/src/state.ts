// What a link reproduces, written into the URL's fragment and read back with care.

import { at, type PageData } from "./data";
import { size, tensor, type Value } from "./tensors";

export type Tab = "graph" | "table" | "derivation";
export const TABS: Tab[] = ["graph", "table", "derivation"];

export interface State {
  /** The step; -1 is the last, where everything is known. */
  step: number;
  inputs: Value[];
  open: Set<number>;
  tab: Tab;
  chosen: number | null;
  path: number | null;
}

export function freshState(data: PageData, inputs: Value[]): State {
  const open = data.groups.flatMap((group, k) => (group.open ? [k] : []));
  return { step: -1, inputs: [...inputs], open: new Set(open), tab: "graph", chosen: null, path: null };
}

function same(a: Value, b: Value): boolean {
  if (typeof a === "number" || typeof b === "number") return Object.is(a, b);
  return a.data.every((x, k) => Object.is(x, b.data[k]));
}

/** Return the fragment of a state; what is as it was at first is left out. */
export function written(data: PageData, state: State, first: Value[]): string {
  const fresh = freshState(data, first);
  const found = new URLSearchParams();
  if (state.step >= 0) found.set("step", String(state.step));
  if (state.tab !== "graph") found.set("tab", state.tab);
  if (state.chosen !== null) found.set("gate", String(state.chosen));
  if (state.path !== null) found.set("path", String(state.path));
  const open = [...state.open].sort((a, b) => a - b).join(".");
  if (open !== [...fresh.open].join(".")) found.set("open", open || "none");
  state.inputs.forEach((value, k) => {
    if (same(value, first[k]!)) return;
    found.set(`x${k}`, typeof value === "number" ? String(value) : [...value.data].join("_"));
  });
  return found.toString();
}

function whole(text: string | null, below: number): number | null {
  if (text === null || !/^\d{1,7}$/.test(text)) return null;
  const found = Number(text);
  return found < below ? found : null;
}

/** Return the state of a fragment; what does not fit is left as it was at first. */
export function read(data: PageData, fragment: string, first: Value[]): State {
  const found = new URLSearchParams(fragment.replace(/^#/, ""));
  const state = freshState(data, first);
  state.step = whole(found.get("step"), 1e6) ?? -1;
  state.tab = TABS.find((tab) => tab === found.get("tab")) ?? "graph";
  state.chosen = whole(found.get("gate"), data.gates.length);
  state.path = whole(found.get("path"), data.inputs.length);
  const open = found.get("open");
  if (open !== null) {
    const groups = open.split(".").map((part) => whole(part, data.groups.length));
    state.open = new Set(groups.filter((k) => k !== null));
  }
  if (data.refusal) return state;
  data.inputs.forEach((input, k) => {
    const text = found.get(`x${k}`);
    if (text === null || text.length > 20_000) return;
    const { shape } = at(data.gates, input.gate);
    const parts = text.split("_").map(Number);
    if (parts.length !== size(shape) || parts.some(Number.isNaN)) return;
    state.inputs[k] = shape.length ? tensor(shape, Float64Array.from(parts)) : parts[0]!;
  });
  return state;
}

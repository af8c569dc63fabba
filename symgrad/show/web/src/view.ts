// A view: which gates are shown when some groups are folded, and who reads whom among them.

import { at, type Gate, type PageData } from "./data";
import type { Link, Machine } from "./program";

/** A box on the page: a gate (its number), or a folded part of many gates (-1 - group). */
export type Box = number;

export interface Edge {
  from: Box;
  to: Box;
  /** The links that run along it; several where a part is folded. */
  links: Link[];
}

export interface View {
  open: Set<number>;
  /** Gates that run, in topological order; folded parts still run inside. */
  order: number[];
  /** By gate: the links that read it. */
  readers: Link[][];
  boxes: Box[];
  edges: Edge[];
  output: number;
  /** The box that a gate is seen in; for a hidden gate the box that holds it. */
  boxOf: (gate: number) => Box;
  /** The gate that runs for a gate: a folded composite's own for those inside it. */
  seen: (gate: number) => number;
}

export function isPart(box: Box): boolean {
  return box < 0;
}

/** Return by gate the groups that hold it, from the outside in: parts first, then composites. */
function holders(data: PageData): { parts: Int32Array; composite: Int32Array; own: Int32Array } {
  const made = () => new Int32Array(data.gates.length).fill(-1);
  const [parts, composite, own] = [made(), made(), made()];
  data.groups.forEach((group, k) => {
    const list = group.gate < 0 ? parts : composite;
    for (const member of group.members) list[member] = k;
    if (group.gate >= 0) own[group.gate] = k;
  });
  return { parts, composite, own };
}

const known = new WeakMap<PageData, ReturnType<typeof holders>>();

function held(data: PageData): ReturnType<typeof holders> {
  let found = known.get(data);
  if (!found) known.set(data, (found = holders(data)));
  return found;
}

/** Return the group that a gate belongs to or stands for, innermost composite first; -1 for none. */
export function groupOf(data: PageData, gate: number): number {
  const { own, composite, parts } = held(data);
  if (own[gate]! >= 0) return own[gate]!;
  return composite[gate]! >= 0 ? composite[gate]! : parts[gate]!;
}

export function viewOf(machine: Machine, open: Set<number>): View {
  const data = machine.data;
  const { parts, composite, own } = held(data);
  const runs = (gate: number) => {
    if (own[gate]! >= 0) return !open.has(own[gate]!);
    const group = composite[gate]!;
    return group < 0 || open.has(group);
  };
  const seen = (gate: number) => {
    const group = composite[gate]!;
    return group >= 0 && !open.has(group) ? at(data.groups, group).gate : gate;
  };
  const boxOf = (gate: number): Box => {
    const shown = seen(gate);
    const part = parts[shown]!;
    return part >= 0 && !open.has(part) ? -1 - part : shown;
  };
  const order = data.gates.map((_, k) => k).filter(runs);
  const readers: Link[][] = data.gates.map(() => []);
  const edges = new Map<string, Edge>();
  for (const reader of order) {
    at(data.gates, reader).wires.forEach((wire, index) => {
      const pull = machine.pull(wire.template);
      const source = seen(wire.source);
      const link = { reader, source, position: wire.position, index, pull };
      readers[source]!.push(link);
      const [from, to] = [boxOf(source), boxOf(reader)];
      if (from === to && isPart(to)) return;
      const key = isPart(from) || isPart(to) ? `${from}>${to}` : `${from}>${to}:${index}`;
      const edge = edges.get(key);
      if (edge) edge.links.push(link);
      else edges.set(key, { from, to, links: [link] });
    });
  }
  const boxes = [...new Set(order.map(boxOf))];
  const output = seen(data.output);
  return { open, order, readers, boxes, edges: [...edges.values()], output, boxOf, seen };
}

/** Return how many gates a group holds, with composites counted gate by gate. */
export function countOf(data: PageData, group: number): number {
  const { own } = held(data);
  return at(data.groups, group).members.filter((k) => own[k]! < 0).length;
}

/** Return whether the gate is a leaf. */
export function isLeaf(gate: Gate): boolean {
  return gate.kind === "input" || gate.kind === "constant";
}

/** Return the gates and links on some path from a gate to the output, and how many paths. */
export function pathsFrom(
  view: View,
  gate: number,
): { gates: Set<number>; links: Set<Link>; count: number } {
  const counts = new Map<number, number>([[view.output, 1]]);
  for (let k = view.order.length - 1; k >= 0; k--) {
    const source = view.order[k]!;
    if (source === view.output) continue;
    const links = view.readers[source]!;
    const count = links.reduce((n, l) => n + (l.pull ? (counts.get(l.reader) ?? 0) : 0), 0);
    if (count) counts.set(source, count);
  }
  const gates = new Set<number>();
  const links = new Set<Link>();
  const stack = counts.has(gate) ? [gate] : [];
  while (stack.length) {
    const source = stack.pop()!;
    if (gates.has(source)) continue;
    gates.add(source);
    for (const link of view.readers[source]!) {
      if (!link.pull || !counts.has(link.reader)) continue;
      links.add(link);
      stack.push(link.reader);
    }
  }
  return { gates, links, count: counts.get(gate) ?? 0 };
}

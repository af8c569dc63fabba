// The chain rule, one step at a time, each with a sentence that says what happens.

import { at, type PageData } from "./data";
import { bracketed, dims, DASH, line, pretty, substituted } from "./format";
import type { Link, Machine, Numbers } from "./program";
import { shapeOf, type Value } from "./tensors";
import { countOf, isLeaf, isPart, type Box, type View } from "./view";

export type Phase = "start" | "forward" | "backward" | "done";

export interface Step {
  phase: Phase;
  box: Box | null;
}

/** Return all steps of a view: values from the inputs on, then gradients from the output back. */
export function stepsOf(data: PageData, view: View): Step[] {
  const inner = view.boxes.filter((b) => isPart(b) || !isLeaf(at(data.gates, b)));
  const forward = inner.map((box): Step => ({ phase: "forward", box }));
  const moving = view.boxes.filter((b) => isPart(b) || at(data.gates, b).kind !== "constant");
  const backward = moving.reverse().map((box): Step => ({ phase: "backward", box }));
  return [{ phase: "start", box: null }, ...forward, ...backward, { phase: "done", box: null }];
}

/** What a teller needs to know. */
export interface Scene {
  data: PageData;
  machine: Machine;
  view: View;
  numbers: Numbers;
  ready: boolean;
}

export function titleOf(data: PageData, box: Box): string {
  if (isPart(box)) return at(data.groups, -1 - box).label;
  return at(data.gates, box).label;
}

/** Return a gate as it is spoken of: "the × gate v3", "the output f". */
export function spoken(scene: Scene, box: Box): string {
  if (isPart(box)) return `the folded part ${titleOf(scene.data, box)}`;
  const gate = at(scene.data.gates, box);
  if (isLeaf(gate)) return gate.label;
  return `the ${gate.symbol} gate ${gate.label}`;
}

/** Return a gate's formula with the numbers of its operands. */
export function withNumbers(scene: Scene, gate: number): string {
  const { data, numbers } = scene;
  const found = at(data.gates, gate);
  const names = new Map<string, string>();
  for (const wire of found.wires) {
    names.set(at(data.gates, wire.source).label, bracketed(numbers.values[wire.source]));
  }
  return pretty(substituted(found.formula.text, names));
}

function shown(scene: Scene, value: Value | null | undefined, digits = 4): string {
  return scene.ready ? line(value, digits) : DASH;
}

/** Return "local × upstream" of a wire in numbers; the formula where the partial is a map. */
export function factors(scene: Scene, link: Link): string {
  const wire = at(at(scene.data.gates, link.reader).wires, link.index);
  if (wire.map) return wire.local ? pretty(wire.local.text) : "its pullback";
  const local = scene.machine.local(link, scene.numbers.values);
  const upstream = scene.numbers.grads[link.reader];
  return `${bracketed(scene.ready ? local : null)} × ${bracketed(scene.ready ? upstream : null)}`;
}

/** Return the links along which something arrives at a gate. */
export function paths(scene: Scene, gate: number): Link[] {
  const arrives = (link: Link) => !scene.ready || scene.numbers.grads[link.reader] != null;
  return scene.view.readers[gate]!.filter((link) => link.pull && arrives(link));
}

function tellForward(scene: Scene, box: Box): string {
  if (isPart(box)) {
    const { root } = at(scene.data.groups, -1 - box);
    const end = `${at(scene.data.gates, root).label} = ${shown(scene, scene.numbers.values[root])}`;
    return `${titleOf(scene.data, box)}: its ${countOf(scene.data, -1 - box)} gates compute, the last of them ${end}.`;
  }
  const gate = at(scene.data.gates, box);
  const value = scene.numbers.values[box]!;
  const formula = pretty(gate.formula.text);
  const size = shapeOf(value).length ? ` of shape ${dims(shapeOf(value))}` : "";
  const inserted = scene.ready && !size ? ` = ${withNumbers(scene, box)}` : "";
  return `${gate.label} = ${formula}${inserted} = ${shown(scene, value)}${size}.`;
}

function tellPath(scene: Scene, gate: number, link: Link): string {
  const reader = at(scene.data.gates, link.reader);
  const wire = at(reader.wires, link.index);
  const label = at(scene.data.gates, gate).label;
  const product = shown(scene, scene.numbers.products[link.reader]?.[link.index]);
  if (wire.map) {
    return `${label} feeds ${spoken(scene, link.reader)}, which passes back ${factors(scene, link)} = ${product}.`;
  }
  const local = scene.machine.local(link, scene.numbers.values);
  const symbol = wire.local ? pretty(wire.local.text) : "";
  const number = shown(scene, local);
  const named = symbol && symbol !== number ? `${symbol} = ${number}` : number;
  const upstream = bracketed(scene.ready ? scene.numbers.grads[link.reader] : null);
  return (
    `${label} feeds ${spoken(scene, link.reader)}: local gradient ${named}, ` +
    `times upstream ${upstream}, is ${product}.`
  );
}

function tellBackward(scene: Scene, box: Box): string {
  if (isPart(box)) {
    const grad = scene.numbers.grads[scene.view.seen(at(scene.data.groups, -1 - box).root)];
    return `${titleOf(scene.data, box)}: gradients flow back through its gates; ${shown(scene, grad)} arrives at the last of them.`;
  }
  const gate = at(scene.data.gates, box);
  if (box === scene.view.output) {
    return `${gate.label} is the output: its gradient by itself is 1.`;
  }
  const found = paths(scene, box);
  if (!found.length) return `Nothing flows back to ${gate.label}: the output does not move with it.`;
  if (found.length === 1) return tellPath(scene, box, found[0]!);
  const products = found.map((l) => shown(scene, scene.numbers.products[l.reader]?.[l.index]));
  const into = found.map((l) => at(scene.data.gates, l.reader).label);
  const sum = products.map((p, k) => (k && p.startsWith("−") ? `(${p})` : p)).join(" + ");
  return (
    `${gate.label} reaches the output over ${found.length} wires (into ${into.join(", ")}); ` +
    `their gradients add up: ${sum} = ${shown(scene, scene.numbers.grads[box])}.`
  );
}

/** Return the sentence of a step. */
export function sentence(scene: Scene, steps: Step[], position: number): string {
  const { phase, box } = at(steps, position);
  const of = (wanted: Phase) => steps.filter((s) => s.phase === wanted).length;
  const number = steps.slice(0, position + 1).filter((s) => s.phase === phase).length;
  if (phase === "start") {
    const inputs = scene.data.inputs.map((input, k) => {
      const value = scene.numbers.values[input.gate];
      return k < 8 ? `${input.name} = ${shown(scene, value)}` : "";
    });
    if (!inputs.length) return "Start: there are no inputs.";
    return `Start: the inputs are given. ${inputs.filter(Boolean).join(", ")}.`;
  }
  if (phase === "forward") {
    return `Forward ${number} of ${of(phase)}: ${tellForward(scene, box!)}`;
  }
  if (phase === "backward") {
    return `Backward ${number} of ${of(phase)}: ${tellBackward(scene, box!)}`;
  }
  return (
    "Done: values in blue, gradients in orange below them. " +
    "Each gradient is its gate's local gradient times the upstream gradient; " +
    "press Play or Next to walk through, or point at a gate."
  );
}

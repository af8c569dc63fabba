// The card of a gate: what it computes, its local gradients, what arrives, what it passes on.

import { at } from "./data";
import { h, math, numbers as cells } from "./dom";
import { bracketed, DASH, dims, grid, line, number, pretty } from "./format";
import { KINKS } from "./kernels";
import { factors, paths, titleOf, withNumbers, type Scene } from "./steps";
import type { Value } from "./tensors";
import { countOf, groupOf, isLeaf, isPart, type Box } from "./view";

export interface CardHandlers {
  toggle: (group: number) => void;
  choose: (box: Box) => void;
}

const MOST_PATHS = 12; // wires that are listed one by one

const ROLES = {
  distributor: "Distributor: hands the same upstream gradient to every operand.",
  switcher: "Switcher: each operand's gradient is scaled by the other operand.",
  router: "Router: hands the whole gradient to the operand that was chosen.",
  "": "",
} as const;

function shown(scene: Scene, value: Value | null | undefined, kind: string): Element {
  const rows = value == null || !scene.ready ? [[DASH]] : grid(value, 6);
  const node = rows ? cells(rows) : h("span", { class: "num" }, line(value));
  node.classList.add(kind);
  return node;
}

function row(name: string | Node, ...content: (Node | string)[]): Element {
  return h("div", { class: "row" }, h("dt", {}, name), h("dd", {}, ...content));
}

export function card(scene: Scene, box: Box | null, handlers: CardHandlers): Element[] {
  if (box === null) return [];
  return isPart(box) ? partCard(scene, box, handlers) : gateCard(scene, box, handlers);
}

function partCard(scene: Scene, box: Box, handlers: CardHandlers): Element[] {
  const group = at(scene.data.groups, -1 - box);
  const open = () => handlers.toggle(-1 - box);
  return [
    h("h3", {}, group.label),
    h("p", {}, `${countOf(scene.data, -1 - box)} gates, folded into one box.`),
    h("button", { type: "button", click: open }, "Open this part"),
  ];
}

function gateCard(scene: Scene, box: Box, handlers: CardHandlers): Element[] {
  const gate = at(scene.data.gates, box);
  const { values, grads } = scene.numbers;
  const leaf = isLeaf(gate);
  const what = leaf ? gate.kind : `${gate.symbol} gate`;
  const size = gate.shape.length ? `, shape ${dims(gate.shape)}` : "";
  const found: Element[] = [
    h("h3", {}, h("span", { class: "sign" }, gate.label), h("small", {}, ` ${what}${size}`)),
  ];
  const list = h("dl", {});
  if (!leaf) {
    const inserted = gate.shape.length ? "" : ` = ${withNumbers(scene, box)}`;
    list.append(
      row("Formula", h("span", {}, `${gate.label} = `, math(gate.formula), scene.ready ? inserted : "")),
    );
  }
  list.append(row("Value", shown(scene, values[box], "value")));
  if (gate.kind !== "constant") {
    list.append(row(gradName(scene, box), ...arriving(scene, box), shown(scene, grads[box], "grad")));
  }
  if (!leaf && gate.wires.length) list.append(row("Passes back", passing(scene, box)));
  if (gate.closed) list.append(row("Closed form", math(gate.closed)));
  list.append(...checked(scene, box));
  if (onKink(scene, box)) {
    list.append(row("Kink", `This point lies exactly on it; the policy ${scene.data.policy} chose the slope.`));
  }
  if (gate.rule && !leaf) list.append(row("Rule", gate.rule));
  if (gate.role) list.append(row("Role", ROLES[gate.role]));
  found.push(list, ...foldButton(scene, box, handlers));
  return found;
}

/** Whether the operands of a gate of numbers lie on its kink. */
function onKink(scene: Scene, box: Box): boolean {
  const { operation, shape } = at(scene.data.gates, box);
  const meets = scene.data.refusal ? undefined : KINKS[scene.data.table[operation[0]] ?? ""];
  if (!meets || shape.length || !scene.ready) return false;
  const operands = scene.machine.operands(box, scene.numbers.values);
  return operands.every((x) => typeof x === "number") && meets(...(operands as number[]));
}

/** ∂f/∂x, of the output by a gate. */
function gradName(scene: Scene, box: Box): string {
  return `∂${titleOf(scene.data, scene.view.output)}/∂${titleOf(scene.data, box)}`;
}

function arriving(scene: Scene, box: Box): (Node | string)[] {
  if (box === scene.view.output) return ["the output by itself: "];
  const found = paths(scene, box);
  if (!found.length) return ["nothing flows back here: "];
  const lines = found.slice(0, MOST_PATHS).map((link) => {
    const reader = at(scene.data.gates, link.reader);
    const product = scene.numbers.products[link.reader]?.[link.index];
    const wire = at(reader.wires, link.index);
    const number = wire.map ? "" : ` = ${scene.ready ? line(product) : DASH}`;
    return h("li", {}, `from ${reader.symbol} ${reader.label}: `, h("span", { class: "num" }, `${factors(scene, link)}${number}`));
  });
  const sum = found.length > 1 ? "the sum of these: " : "";
  const more = found.length - MOST_PATHS;
  return [h("ul", {}, ...lines, more > 0 && h("li", {}, `and ${more} more`)), sum];
}

function passing(scene: Scene, box: Box): Element {
  const gate = at(scene.data.gates, box);
  const upstream = scene.numbers.grads[box];
  const body = gate.wires.map((wire, index) => {
    const source = at(scene.data.gates, wire.source);
    const product = scene.numbers.products[box]?.[index];
    const link = { reader: box, source: wire.source, position: wire.position, index, pull: scene.machine.pull(wire.template) };
    const local = wire.map || upstream == null ? null : scene.machine.local(link, scene.numbers.values);
    const name = `∂${gate.label}/∂${source.label}`;
    if (source.kind === "constant") {
      const cells = [DASH, DASH, DASH].map((text) => h("td", { title: "a constant" }, text));
      return h("tr", {}, h("th", { scope: "row" }, source.label), ...cells);
    }
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, source.label),
      h("td", {}, wire.local ? math(wire.local) : h("span", {}, "no slope")),
      h("td", { title: name }, wire.map ? "a map" : shown(scene, local, "local")),
      h("td", {}, shown(scene, upstream == null ? null : (product ?? 0), "grad")),
    );
  });
  const times = upstream == null || gate.shape.length ? "" : ` × ${scene.ready ? bracketed(upstream) : DASH}`;
  const head = ["to", "local gradient", "= number", `local${times || " × upstream"}`];
  return h(
    "table",
    { class: "passes" },
    h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...body),
  );
}

/** The numeric check: a central difference of the output by this gate, made in the browser. */
function checked(scene: Scene, box: Box): Element[] {
  const { data, machine, numbers, view } = scene;
  const whole = numbers.grads[box];
  if (data.refusal || !scene.ready || whole == null) return [];
  if (at(data.gates, box).kind === "constant" || box === view.output) return [];
  const inputs = data.inputs.map((i) => numbers.values[i.gate]!);
  const entry = typeof whole === "number" ? 0 : largest(whole.data);
  const grad = typeof whole === "number" ? whole : whole.data[entry]!;
  const found = machine.difference(box, view.output, inputs, numbers.values, entry);
  const error = Math.abs(found - grad) / Math.max(Math.abs(found), Math.abs(grad), 1e-8);
  const good = found === grad || error < 1e-5;
  const verdict = good ? "✓ agrees" : `✗ differs by ${number(error, 2)}; is there a kink near?`;
  const which = typeof whole === "number" ? "" : `, at entry ${place(entry, whole.shape)}, the largest`;
  return [row("Numeric check", h("span", { class: "num" }, number(found, 6)), ` ${verdict}${which}`)];
}

function largest(data: Float64Array): number {
  return data.reduce((best, x, k) => (Math.abs(x) > Math.abs(data[best]!) ? k : best), 0);
}

/** Return the indices of an entry: [1, 0]. */
function place(entry: number, shape: number[]): string {
  const found: number[] = [];
  let rest = entry;
  for (const size of [...shape].reverse()) {
    found.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${found.join(", ")}]`;
}

function foldButton(scene: Scene, box: Box, handlers: CardHandlers): Element[] {
  const group = groupOf(scene.data, box);
  if (group < 0) return [];
  const { gate, label } = at(scene.data.groups, group);
  const closed = gate === box;
  const text = closed ? `Expand ${pretty(label)} into its gates` : `Fold ${pretty(label)} into one box`;
  return [h("button", { type: "button", click: () => handlers.toggle(group) }, text)];
}

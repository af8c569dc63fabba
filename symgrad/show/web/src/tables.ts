// The same story as a table, which is what a screen reader reads, and as a derivation.

import { at } from "./data";
import { h, math } from "./dom";
import { DASH, line, pretty } from "./format";
import { factors, paths, titleOf, withNumbers, type Scene } from "./steps";
import { isLeaf } from "./view";

const LONGEST = 400; // rows shown at once

function gradientFrom(scene: Scene, gate: number): string {
  if (gate === scene.view.output) return "the output";
  const found = paths(scene, gate);
  if (!found.length) return "nothing flows back";
  return found.map((l) => factors(scene, l)).join(" + ");
}

function text(scene: Scene, value: Parameters<typeof line>[0]): string {
  return scene.ready ? line(value, 6) : DASH;
}

export function table(scene: Scene, label: (gate: number) => Node | string): Element {
  const { data, numbers, view } = scene;
  const shown = view.order.slice(0, LONGEST);
  const rows = shown.map((k) => {
    const gate = at(data.gates, k);
    const made = isLeaf(gate) ? gate.kind : `${pretty(gate.formula.text)}`;
    const inserted = isLeaf(gate) || gate.shape.length || !scene.ready ? "" : ` = ${withNumbers(scene, k)}`;
    const constant = gate.kind === "constant";
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, label(k)),
      h("td", {}, made + inserted),
      h("td", { class: "num value" }, text(scene, numbers.values[k])),
      h("td", {}, constant ? "" : gradientFrom(scene, k)),
      h("td", { class: "num grad" }, constant ? "" : text(scene, numbers.grads[k])),
    );
  });
  const head = ["Node", "Value from", "Value", "Gradient = local × upstream", "Gradient"];
  const more = view.order.length - shown.length;
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of every node" },
    h(
      "table",
      { class: "nodes" },
      h("caption", {}, `Every node of ${pretty(data.source.slice(0, 120))}, from the inputs to the output`),
      h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, ...rows),
    ),
    more > 0 && h("p", {}, `${more} more nodes are not listed here; export JSON has all of them.`),
  );
}

export function derivation(scene: Scene): Element {
  const { data, view } = scene;
  const inner = view.order.filter((k) => !isLeaf(at(data.gates, k))).slice(0, LONGEST);
  const back = view.order.filter((k) => at(data.gates, k).kind !== "constant").slice(-LONGEST).reverse();
  return h(
    "div",
    { class: "derivation" },
    h("h3", {}, "Forward: values"),
    h("ol", {}, ...inner.map((k) => forwardLine(scene, k))),
    h("h3", {}, "Backward: the chain rule"),
    h("ol", {}, ...back.map((k) => backwardLine(scene, k))),
    ...closedForms(scene),
  );
}

function forwardLine(scene: Scene, k: number): Element {
  const gate = at(scene.data.gates, k);
  const inserted = gate.shape.length || !scene.ready ? "" : ` = ${withNumbers(scene, k)}`;
  return h(
    "li",
    {},
    `${gate.label} = `,
    math(gate.formula),
    `${inserted} = `,
    h("b", { class: "value" }, text(scene, scene.numbers.values[k])),
  );
}

function backwardLine(scene: Scene, k: number): Element {
  const { data, view, numbers } = scene;
  const gate = at(data.gates, k);
  const name = `∂${titleOf(data, view.output)}/∂${gate.label}`;
  const total = h("b", { class: "grad" }, text(scene, numbers.grads[k]));
  if (k === view.output) return h("li", {}, `${name} = `, total, ": the output by itself.");
  const found = paths(scene, k);
  if (!found.length) return h("li", {}, `${name}: nothing flows back to ${gate.label}.`);
  const lines = found.map((link) => {
    const reader = at(data.gates, link.reader);
    const wire = at(reader.wires, link.index);
    const product = text(scene, numbers.products[link.reader]?.[link.index]);
    const local = wire.local ? math(wire.local) : "";
    const rule = reader.rule ? h("small", {}, ` (${reader.rule})`) : "";
    if (wire.map) return h("div", {}, `through ${reader.label}: `, local, ` = ${product}`, rule);
    return h(
      "div",
      {},
      `∂${reader.label}/∂${gate.label} = `,
      local,
      `, so local × upstream = ${factors(scene, link)} = ${product}`,
      rule,
    );
  });
  const paths_ = found.length > 1 ? [h("div", {}, `${found.length} paths meet: `, sum(scene, k), " = ", total)] : [];
  return h("li", {}, `${name} = `, total, ...lines, ...paths_);
}

function sum(scene: Scene, k: number): string {
  const parts = paths(scene, k).map((l) => text(scene, scene.numbers.products[l.reader]?.[l.index]));
  return parts.map((p, i) => (i && p.startsWith("−") ? `(${p})` : p)).join(" + ");
}

function closedForms(scene: Scene): Element[] {
  const found = scene.data.inputs.filter((i) => at(scene.data.gates, i.gate).closed);
  if (!found.length) return [];
  return [
    h("h3", {}, "Closed form"),
    h(
      "ul",
      {},
      ...found.map((i) => {
        const { closed } = at(scene.data.gates, i.gate);
        return h("li", {}, `∂${titleOf(scene.data, scene.view.output)}/∂${i.name} = `, math(closed!));
      }),
    ),
  ];
}

// Sliders and boxes for the inputs; a grid of boxes for a small tensor.

import { at, type PageData } from "./data";
import { h, numbers } from "./dom";
import { dims, grid, line } from "./format";
import { size, tensor, type Value } from "./tensors";
import type { Scene } from "./steps";

const MOST_BOXES = 36; // numbers of a tensor that have a box each
const MOST_INPUTS = 60; // inputs that have a row each

export interface InputHandlers {
  change: (index: number, value: Value) => void;
  path: (index: number) => void;
}

interface Row {
  set: (value: Value) => void;
  grad: HTMLElement;
  path: HTMLButtonElement;
}

export class Inputs {
  readonly element: HTMLElement;
  private readonly rows: Row[] = [];

  constructor(data: PageData, values: Value[], handlers: InputHandlers, id: (n: string) => string) {
    this.element = h("div", { class: "inputs" });
    data.inputs.slice(0, MOST_INPUTS).forEach((input, k) => {
      const { shape } = at(data.gates, input.gate);
      const row = h("div", { class: "input", role: "group", "aria-label": `Input ${input.name}` });
      const name = id(`input${k}`);
      const label = h("label", { for: name, class: input.name.length > 12 ? "wide" : "" }, input.name);
      const grad = h("output", { class: "num grad", for: name, "aria-label": `gradient by ${input.name}` });
      const path = h(
        "button",
        { type: "button", class: "quiet", "aria-pressed": "false", click: () => handlers.path(k) },
        "Paths",
      );
      path.setAttribute("aria-label", `Highlight the paths from ${input.name} to the output`);
      const change = (value: Value) => handlers.change(k, value);
      const editor = shape.length
        ? gridEditor(shape, values[k]!, name, input.name, !!data.refusal, change)
        : numberEditor(values[k] as number, name, input.name, !!data.refusal, change);
      row.append(label, ...editor.elements, grad, path);
      this.element.append(row);
      this.rows.push({ set: editor.set, grad, path });
    });
    const more = data.inputs.length - this.rows.length;
    if (more > 0) this.element.append(h("p", { class: "hint" }, `${more} more inputs are set from Python.`));
  }

  set(index: number, value: Value): void {
    this.rows[index]?.set(value);
  }

  update(scene: Scene, graded: (gate: number) => boolean, chosen: number | null): void {
    this.rows.forEach((row, k) => {
      const gate = at(scene.data.inputs, k).gate;
      const known = scene.ready && graded(gate);
      const found = known ? scene.numbers.grads[gate] : null;
      const rows = found == null ? null : grid(found);
      if (rows && rows.length * rows[0]!.length > 1) row.grad.replaceChildren(numbers(rows));
      else row.grad.textContent = line(found);
      row.path.setAttribute("aria-pressed", String(chosen === k));
    });
  }
}

interface Editor {
  elements: HTMLElement[];
  set: (value: Value) => void;
}

function rangeOf(value: number): [number, number] {
  const reach = Math.max(5, 2 * Math.abs(Number.isFinite(value) ? value : 0));
  return [-Math.ceil(reach), Math.ceil(reach)];
}

function shownNumber(x: number): string {
  return Number.isFinite(x) ? String(Number(x.toPrecision(8))) : "";
}

function numberEditor(
  start: number,
  id: string,
  name: string,
  disabled: boolean,
  change: (value: number) => void,
): Editor {
  const [min, max] = rangeOf(start);
  const slider = h("input", { type: "range", min, max, step: "any", disabled });
  slider.setAttribute("aria-label", `${name}, slider`);
  const box = h("input", { type: "number", step: "any", id, disabled });
  const set = (value: Value) => {
    const x = value as number;
    if (x < Number(slider.min)) slider.min = String(Math.floor(x));
    if (x > Number(slider.max)) slider.max = String(Math.ceil(x));
    slider.value = String(Number.isFinite(x) ? x : 0);
    if (document.activeElement !== box) box.value = shownNumber(x);
  };
  slider.addEventListener("input", () => {
    const x = Number(Number(slider.value).toFixed(2));
    box.value = shownNumber(x);
    change(x);
  });
  slider.addEventListener("keydown", (event) => {
    const sign = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (sign === undefined) return;
    event.preventDefault();
    slider.value = String(Number(slider.value) + (sign * (Number(slider.max) - Number(slider.min))) / 100);
    slider.dispatchEvent(new Event("input"));
  });
  box.addEventListener("input", () => {
    const x = box.valueAsNumber;
    if (Number.isNaN(x)) return;
    set(x);
    change(x);
  });
  set(start);
  return { elements: [slider, box], set };
}

function gridEditor(
  shape: number[],
  start: Value,
  id: string,
  name: string,
  disabled: boolean,
  change: (value: Value) => void,
): Editor {
  const count = size(shape);
  if (typeof start === "number" || count > MOST_BOXES || shape.length > 2) {
    const text = h("span", { id, class: "num" }, `${dims(shape)} numbers, set from Python`);
    return { elements: [text], set: () => undefined };
  }
  const data = Float64Array.from(start.data);
  const columns = shape.length === 2 ? shape[1]! : 1;
  const place = (k: number) => (shape.length === 2 ? `${Math.floor(k / columns)}, ${k % columns}` : `${k}`);
  const boxes = Array.from({ length: count }, (_, k) => {
    const box = h("input", { type: "number", step: "any", disabled, id: k ? undefined : id });
    box.setAttribute("aria-label", `${name}[${place(k)}]`);
    box.value = shownNumber(data[k]!);
    box.addEventListener("input", () => {
      if (Number.isNaN(box.valueAsNumber)) return;
      data[k] = box.valueAsNumber;
      change(tensor(shape, Float64Array.from(data)));
    });
    return box;
  });
  const rows = Array.from({ length: count / columns }, (_, i) =>
    h("tr", {}, ...boxes.slice(i * columns, (i + 1) * columns).map((b) => h("td", {}, b))),
  );
  const table = h("table", { class: "grid edit", role: "presentation" }, h("tbody", {}, ...rows));
  const set = (value: Value) => {
    if (typeof value === "number") return;
    data.set(value.data);
    boxes.forEach((box, k) => {
      if (document.activeElement !== box) box.value = shownNumber(data[k]!);
    });
  };
  return { elements: [table], set };
}

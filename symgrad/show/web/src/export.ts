// What leaves the page: SVG, PNG, LaTeX and JSON, made from what is shown.

import { at } from "./data";
import { line } from "./format";
import { plain } from "./program";
import { paths, type Scene } from "./steps";
import { isLeaf } from "./view";

const COPIED = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "font-size",
  "font-weight",
  "font-style",
  "font-family",
  "opacity",
];

/** Return a picture that stands alone: styles become attributes, marks of the moment stay. */
export function standalone(svg: SVGSVGElement, background: string): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [from, to] = [svg.querySelectorAll("*"), copy.querySelectorAll("*")];
  from.forEach((node, k) => {
    const target = at(to as unknown as ArrayLike<Element>, k);
    const style = getComputedStyle(node);
    for (const name of COPIED) target.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "tabindex", "role", "aria-label", "data-box"]) target.removeAttribute(name);
  });
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.removeAttribute("class");
  copy.removeAttribute("style");
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  paper.setAttribute("width", "100%");
  paper.setAttribute("height", "100%");
  paper.setAttribute("fill", background);
  copy.prepend(paper);
  return copy;
}

export function svgText(svg: SVGSVGElement, background: string): string {
  return new XMLSerializer().serializeToString(standalone(svg, background));
}

/** Return the picture as PNG at twice its size. */
export async function png(text: string, width: number, height: number): Promise<Blob> {
  const image = new Image();
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(new Error("the picture cannot be drawn"));
  });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await loaded;
  const scale = Math.min(2, 8000 / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png");
  });
}

/** Return the derivation as LaTeX: one aligned line a value, one a gradient. */
export function latex(scene: Scene): string {
  const { data, view, numbers } = scene;
  const name = (k: number) => {
    const { label, kind, formula } = at(data.gates, k);
    return kind === "input" && formula.latex ? formula.latex : escaped(label);
  };
  const value = (x: Parameters<typeof line>[0]) => (scene.ready ? line(x, 6).replaceAll("−", "-") : "?");
  const forward = view.order
    .filter((k) => !isLeaf(at(data.gates, k)))
    .map((k) => `${name(k)} &= ${at(data.gates, k).formula.latex} = ${value(numbers.values[k])}`);
  const back = [...view.order]
    .reverse()
    .filter((k) => at(data.gates, k).kind !== "constant")
    .map((k) => {
      const terms = paths(scene, k).map((l) => {
        const wire = at(at(data.gates, l.reader).wires, l.index);
        const local = wire.local?.latex ?? "?";
        return wire.map ? local : `\\left(${local}\\right) \\cdot ${value(numbers.grads[l.reader])}`;
      });
      const made = terms.length ? ` = ${terms.join(" + ")}` : "";
      return `\\frac{\\partial ${name(view.output)}}{\\partial ${name(k)}} &${made || "="}${made ? " = " : " "}${value(numbers.grads[k])}`;
    });
  return `\\begin{align*}\n${[...forward, ...back].join(" \\\\\n")}\n\\end{align*}\n`;
}

function escaped(label: string): string {
  const short = /^([A-Za-z])(\d*)$/.exec(label);
  if (short) return short[2] ? `${short[1]}_{${short[2]}}` : label;
  return `\\mathrm{${label.replace(/[\\{}$&#^_%~]/g, (c) => (c === "\\" ? "\\backslash " : `\\${c}`))}}`;
}

/** Return every number that is shown, by node. */
export function json(scene: Scene): string {
  const { data, view, numbers } = scene;
  const nodes = view.order.map((k) => {
    const gate = at(data.gates, k);
    return {
      node: gate.label,
      gate: gate.symbol,
      formula: gate.formula.text,
      shape: gate.shape,
      operands: gate.wires.map((w) => at(data.gates, w.source).label),
      value: scene.ready ? plain(numbers.values[k]!) : null,
      gradient: scene.ready && numbers.grads[k] != null ? plain(numbers.grads[k]!) : null,
    };
  });
  return `${JSON.stringify({ source: data.source, policy: data.policy, nodes }, null, 1)}\n`;
}

export function download(name: string, content: Blob | string, type: string): void {
  const blob = typeof content === "string" ? new Blob([content], { type }) : content;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

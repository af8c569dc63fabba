// The graph as SVG: drawn once for a view, then only its numbers and marks change.

import { at, type Gate, type PageData } from "./data";
import { s } from "./dom";
import { DASH, grid, line, number } from "./format";
import { curve, labelGrid, LINE, placed, type Picture, type Place, type Route } from "./layout";
import { paths, titleOf, type Scene } from "./steps";
import { countOf, isLeaf, isPart, type Box, type View } from "./view";
import type { Link } from "./program";
import type { Value } from "./tensors";

/** Up to this many boxes every wire says its product; above, only the wires of the moment do. */
const DETAILED = 26;

export interface Marks {
  valued: (box: Box) => boolean;
  graded: (box: Box) => boolean;
  active: Box | null;
  activeLinks: Set<Link>;
  chosen: Box | null;
  path: { gates: Set<number>; links: Set<Link> } | null;
}

export interface Handlers {
  point: (box: Box | null) => void;
  choose: (box: Box) => void;
  toggle: (group: number) => void;
}

const FRAME = 18; // pixels above the gates of a frame, for its name

const ROLE_SIGNS = { distributor: "⇉", switcher: "⇄", router: "⇝", "": "" } as const;

interface Label {
  route: Route | null;
  group: SVGGElement;
  values: SVGTextElement[];
  products: SVGTextElement[];
  detail: SVGTextElement | null;
}

export class Drawing {
  readonly svg: SVGSVGElement;
  readonly picture: Picture;
  readonly detailed: boolean;
  private readonly boxes = new Map<Box, SVGGElement>();
  private readonly captioned = new Map<Box, SVGGElement>();
  private readonly sums = new Map<Box, SVGTextElement>();
  private readonly labels: Label[] = [];
  private readonly wires: { route: Route; path: SVGPathElement }[] = [];
  private last: Label;

  constructor(
    private readonly data: PageData,
    private readonly view: View,
    sideways: boolean,
    private readonly handlers: Handlers,
    id: (name: string) => string,
  ) {
    this.detailed = sideways && view.boxes.length <= DETAILED;
    this.picture = placed(data, view, sideways, this.detailed);
    const { width, height } = this.picture;
    this.svg = s("svg", {
      viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      class: "graph",
      role: "group",
      "aria-label": `Graph of ${data.source.slice(0, 200)}; arrow keys move along the wires`,
    });
    const arrow = id("arrow");
    this.svg.append(
      s(
        "defs",
        {},
        s(
          "marker",
          { id: arrow, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" },
          s("path", { d: "M0 0L8 4L0 8z", class: "arrow" }),
        ),
      ),
    );
    for (const { group, place } of this.picture.frames) this.drawFrame(group, place);
    for (const route of this.picture.routes) this.drawWire(route, arrow);
    this.last = this.drawStub(arrow);
    for (const route of this.picture.routes) this.labels.push(this.drawLabel(route));
    for (const box of view.boxes) this.drawBox(box);
  }

  // --- drawing ---

  private drawFrame(group: number, place: Place): void {
    const { label } = at(this.data.groups, group);
    const [left, top] = [place.x - place.width / 2 - 2, place.y - place.height / 2 - FRAME];
    const toggle = () => this.handlers.toggle(group);
    const text = `▾ ${label}`;
    const { sideways } = this.picture;
    const extra = sideways ? 0 : 26;
    const width = text.length * 7 + 12;
    const [tag, line] = sideways
      ? [left + 6, top]
      : [left - extra + 6, top + place.height + FRAME + 4];
    this.svg.append(
      s("rect", { x: left - extra, y: top, width: place.width + 4 + extra, height: place.height + FRAME + 4, rx: 10, class: "frame" }),
      s(
        "g",
        {
          class: "fold",
          role: "button",
          tabindex: 0,
          "data-group": group,
          "aria-expanded": "true",
          "aria-label": `Fold the gates of ${label} into one`,
          click: toggle,
          keydown: (event) => pressed(event, toggle),
        },
        s("rect", { x: tag, y: line - 9, width, height: 18, rx: 9 }),
        s("text", { x: tag + 6, y: line + 4 }, text),
      ),
    );
  }

  private drawWire(route: Route, arrow: string): void {
    const path = s("path", { d: curve(route.points), class: "wire", "marker-end": `url(#${arrow})` });
    this.wires.push({ route, path });
    this.svg.append(path);
  }

  private drawStub(arrow: string): Label {
    const from = at2(this.picture.boxes, this.view.boxOf(this.view.output));
    const to = this.picture.stub;
    const start = this.picture.sideways
      ? { x: from.x + from.width / 2, y: from.y }
      : { x: from.x, y: from.y + from.height / 2 };
    this.svg.append(
      s("path", { d: curve([start, to]), class: "wire", "marker-end": `url(#${arrow})` }),
    );
    const gate = at(this.data.gates, this.view.output);
    const aside = this.picture.sideways ? 0 : 26;
    const middle = { x: (start.x + to.x) / 2 + aside, y: (start.y + to.y) / 2, width: 46, height: 2 * LINE };
    return this.labelAt(middle, gate.shape, null, false);
  }

  private drawLabel(route: Route): Label {
    const link = at(route.edge.links, 0);
    const shape = at(this.data.gates, link.source).shape;
    const folded = isPart(route.edge.from) || isPart(route.edge.to);
    return this.labelAt(route.label, shape, route, this.detailed && !folded && !shape.length);
  }

  private labelAt(place: Place, shape: number[], route: Route | null, detailed: boolean): Label {
    const found = labelGrid(shape) ?? { rows: 1, columns: 1 };
    const group = s("g", { class: "label" });
    const { sideways } = this.picture;
    const [x, anchor] = sideways ? [place.x, "middle"] : [place.x - place.width / 2 + 5, "start"];
    const row = (kind: string, top: number, k: number) =>
      s("text", { x, y: top + k * LINE, class: kind, "text-anchor": anchor });
    const over = (found.rows - 1) * LINE + (sideways ? 5 : 3);
    const values = Array.from({ length: found.rows }, (_, k) => row("value", place.y - over, k));
    const under = sideways ? 0 : -1;
    const products = Array.from({ length: found.rows }, (_, k) => row("grad", place.y + LINE + under, k));
    const below = place.y + LINE * (found.rows + 1) - 2;
    const detail = detailed ? row("detail", below, 0) : null;
    group.append(...values, ...products);
    if (detail) group.append(detail);
    this.svg.append(group);
    return { route, group, values, products, detail };
  }

  private drawBox(box: Box): void {
    const place = at2(this.picture.boxes, box);
    const group = s("g", {
      class: `box ${this.kind(box)}`,
      role: "button",
      tabindex: this.boxes.size ? -1 : 0,
      "data-box": box,
      mouseenter: () => this.handlers.point(box),
      mouseleave: () => this.handlers.point(null),
      focus: () => this.handlers.point(box),
      click: () => this.handlers.choose(box),
    });
    group.append(...this.outline(box, place));
    const leaf = !isPart(box) && isLeaf(at(this.data.gates, box));
    const symbol = isPart(box) ? titleOf(this.data, box) : signOf(at(this.data.gates, box), leaf);
    const short = [...symbol].length > 18 ? `${[...symbol].slice(0, 17).join("")}…` : symbol;
    const y = place.y + (isPart(box) ? 0 : 5);
    group.append(s("text", { x: place.x, y, class: "symbol", "text-anchor": "middle" }, short));
    const beside = isPart(box) ? [this.count(box, place)] : this.captions(box, place, leaf);
    const captions = s("g", { class: "captions", "aria-hidden": "true" }, ...beside);
    this.boxes.set(box, group);
    this.captioned.set(box, captions);
    this.svg.append(group, captions);
  }

  private kind(box: Box): string {
    if (isPart(box)) return "part";
    const gate = at(this.data.gates, box);
    return gate.role ? `${gate.kind} ${gate.role}` : gate.kind;
  }

  private outline(box: Box, { x, y, width, height }: Place): SVGElement[] {
    const square = isPart(box) || isLeaf(at(this.data.gates, box));
    const rect = (inset: number, kind: string) =>
      s("rect", {
        x: x - width / 2 + inset,
        y: y - height / 2 + inset,
        width: width - 2 * inset,
        height: height - 2 * inset,
        rx: square ? 7 : (height - 2 * inset) / 2,
        class: kind,
      });
    const folded = isPart(box) || ["composite", "block", "loop"].includes(at(this.data.gates, box).kind);
    return folded ? [rect(0, "body"), rect(3.5, "inner")] : [rect(0, "body")];
  }

  private count(box: Box, place: Place): SVGElement {
    const count = countOf(this.data, -1 - box);
    const spot = { x: place.x, y: place.y + 16, class: "under", "text-anchor": "middle" };
    return s("text", spot, `${count} gates ▸`);
  }

  /** The label of an unnamed gate above it, its role beside it, the sum of a fork below it. */
  private captions(box: Box, place: Place, leaf: boolean): SVGElement[] {
    const gate = at(this.data.gates, box);
    const found: SVGElement[] = [];
    const top = place.y - place.height / 2 - 3;
    if (!leaf) {
      const label = [...gate.label].length > 14 ? `${[...gate.label].slice(0, 13).join("")}…` : gate.label;
      const { sideways } = this.picture;
      const spot = sideways
        ? { x: place.x, y: top, "text-anchor": "middle" }
        : { x: place.x - place.width / 2 - 3, y: place.y - 8, "text-anchor": "end" };
      found.push(s("text", { ...spot, class: "under" }, label));
    }
    if (gate.role) {
      const [x, y] = [place.x + place.width / 2 - 3, top + 8];
      found.push(s("text", { x, y, class: "role" }, ROLE_SIGNS[gate.role]));
    }
    if (this.view.readers[box]!.length > 1 && !gate.shape.length) {
      const below = this.picture.sideways
        ? { x: place.x, y: place.y + place.height / 2 + 12, "text-anchor": "middle" }
        : { x: place.x - place.width / 2 - 4, y: place.y + 16, "text-anchor": "end" };
      const sum = s("text", { ...below, class: "grad sum" });
      this.sums.set(box, sum);
      found.push(sum);
    }
    return found;
  }

  // --- numbers and marks ---

  update(scene: Scene, marks: Marks): void {
    const { numbers, ready } = scene;
    for (const label of this.labels) this.updateLabel(label, scene, marks);
    const output = this.view.output;
    const end = this.view.boxOf(output);
    write(this.last.values, ready ? numbers.values[output] : null, marks.valued(end));
    write(this.last.products, ready ? numbers.grads[output] : null, marks.graded(end));
    for (const [box, sum] of this.sums) {
      const known = marks.graded(box) && paths(scene, box).length > 1;
      const total = ready ? line(numbers.grads[box], 3) : DASH;
      sum.textContent = known ? `Σ ${total}` : "";
    }
    for (const [box, group] of this.boxes) {
      group.setAttribute("aria-label", this.spokenBox(scene, marks, box));
      group.classList.toggle("active", marks.active === box);
      group.classList.toggle("chosen", marks.chosen === box);
      const inside = marks.path && [...marks.path.gates].some((g) => this.view.boxOf(g) === box);
      group.classList.toggle("off", marks.path !== null && !inside);
      this.captioned.get(box)?.classList.toggle("off", marks.path !== null && !inside);
    }
    for (const { route, path } of this.wires) {
      const lit = route.edge.links.some((l) => marks.activeLinks.has(l));
      const inside = marks.path !== null && route.edge.links.some((l) => marks.path!.links.has(l));
      path.classList.toggle("active", lit);
      path.classList.toggle("along", inside);
      path.classList.toggle("off", marks.path !== null && !inside);
    }
  }

  private updateLabel(label: Label, scene: Scene, marks: Marks): void {
    const { edge } = label.route!;
    const link = at(edge.links, 0);
    const { numbers, ready } = scene;
    const folded = edge.links.length > 1;
    const value = marks.valued(edge.from);
    const graded = marks.graded(edge.from) && numbers.grads[link.reader] != null && link.pull !== null;
    const product = numbers.products[link.reader]?.[link.index];
    if (folded) {
      label.values[0]!.textContent = `${edge.links.length} wires`;
      return;
    }
    write(label.values, ready ? numbers.values[link.source] : null, value);
    write(label.products, ready ? product : null, graded);
    if (label.detail) {
      label.detail.textContent = graded && ready ? this.detail(scene, link) : "";
    }
    const off = marks.path !== null && !edge.links.some((l) => marks.path!.links.has(l));
    label.group.classList.toggle("off", off);
    label.group.classList.toggle("active", edge.links.some((l) => marks.activeLinks.has(l)));
  }

  private detail(scene: Scene, link: Link): string {
    const local = scene.machine.local(link, scene.numbers.values);
    const upstream = scene.numbers.grads[link.reader];
    if (typeof local !== "number" || typeof upstream !== "number") return "";
    const wrapped = (x: number) => (x < 0 ? `(${number(x, 3)})` : number(x, 3));
    return `= ${wrapped(local)} × ${wrapped(upstream)}`;
  }

  private spokenBox(scene: Scene, marks: Marks, box: Box): string {
    if (isPart(box)) return `${titleOf(this.data, box)}, folded; press Enter to open`;
    const gate = at(this.data.gates, box);
    const { values, grads } = scene.numbers;
    const value = scene.ready && marks.valued(box) ? line(values[box]) : "not computed yet";
    const grad = scene.ready && marks.graded(box) ? line(grads[box]) : "not computed yet";
    const what = isLeaf(gate) ? gate.kind : `${gate.symbol} gate${gate.role ? `, ${gate.role}` : ""}`;
    return `${gate.label}, ${what}, value ${value}, gradient ${grad}`;
  }

  // --- moving about ---

  /** Return the box to which an arrow key leads: along the wires, or to a neighbour in the layer. */
  neighbour(box: Box, key: string): Box | null {
    const forward = this.picture.sideways ? "ArrowRight" : "ArrowDown";
    const back = this.picture.sideways ? "ArrowLeft" : "ArrowUp";
    const here = at2(this.picture.boxes, box);
    if (key === forward || key === back) {
      const next = this.view.edges
        .filter((e) => (key === forward ? e.from : e.to) === box)
        .map((e) => (key === forward ? e.to : e.from));
      return this.nearest(here, next);
    }
    const axis = this.picture.sideways ? "y" : "x";
    const along = axis === "y" ? "x" : "y";
    const sign = key === "ArrowDown" || key === "ArrowRight" ? 1 : -1;
    const rest = this.view.boxes.filter((other) => {
      const place = at2(this.picture.boxes, other);
      return (place[axis] - here[axis]) * sign > 4 && Math.abs(place[along] - here[along]) < 90;
    });
    return this.nearest(here, rest);
  }

  private nearest(here: Place, boxes: Box[]): Box | null {
    const far = (box: Box) => {
      const place = at2(this.picture.boxes, box);
      return Math.hypot(place.x - here.x, place.y - here.y);
    };
    return boxes.reduce<Box | null>((a, b) => (a === null || far(b) < far(a) ? b : a), null);
  }

  focus(box: Box): void {
    for (const [other, group] of this.boxes) group.setAttribute("tabindex", other === box ? "0" : "-1");
    this.boxes.get(box)?.focus();
  }

  element(box: Box): SVGGElement | undefined {
    return this.boxes.get(box);
  }
}

export function pressed(event: Event, act: () => void): void {
  const { key } = event as KeyboardEvent;
  if (key !== "Enter" && key !== " ") return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function write(rows: SVGTextElement[], value: Value | null | undefined, known: boolean): void {
  const texts = value == null ? [[DASH]] : padded(grid(value, 3, 16));
  rows.forEach((row, k) => {
    let text = known ? (texts?.[k]?.join("\u2002") ?? "") : "";
    if (known && !texts && k === 0 && value != null && typeof value !== "number") {
      text = value.shape.join("×");
    }
    if (row.textContent !== text) row.textContent = text;
  });
}

/** Return rows whose columns are equally wide, by spaces as wide as a digit. */
function padded(rows: string[][] | null): string[][] | null {
  if (!rows || rows[0]!.length < 2) return rows;
  const widths = rows[0]!.map((_, j) => Math.max(...rows.map((row) => row[j]!.length)));
  return rows.map((row) => row.map((x, j) => x.padStart(widths[j]!, "\u2007")));
}

/** Return what stands in a gate, with true minus signs; a leaf has its name as it is. */
function signOf(gate: Gate, leaf: boolean): string {
  return leaf ? gate.label : gate.symbol.replaceAll("-", "−");
}

function at2(places: Map<Box, Place>, box: Box): Place {
  const found = places.get(box);
  if (!found) throw new Error(`box ${box} is not drawn`);
  return found;
}

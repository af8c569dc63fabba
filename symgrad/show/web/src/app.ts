// The page: one state, and everything shown is made from it.

import { card } from "./card";
import { at, type PageData } from "./data";
import { h, ids, math } from "./dom";
import { download, json, latex, png, svgText } from "./export";
import { Inputs } from "./inputs";
import { Drawing, type Marks } from "./picture";
import { Machine, startInputs, type Link, type Numbers } from "./program";
import { freshState, read, TABS, written, type State, type Tab } from "./state";
import { paths, sentence, stepsOf, type Scene, type Step } from "./steps";
import { derivation, table } from "./tables";
import type { Value } from "./tensors";
import { groupOf, isPart, pathsFrom, viewOf, type Box, type View } from "./view";

const PACE = 1800; // milliseconds a step of Play
const NARROW = 640; // CSS pixels below which the graph runs from top to bottom

export interface Options {
  /** Whether the state lives in the URL's fragment. */
  hash: boolean;
}

export class App {
  readonly machine: Machine;
  private readonly first: Value[];
  private state: State;
  private view!: View;
  private steps!: Step[];
  private drawing!: Drawing;
  private numbers!: Numbers;
  private pointed: Box | null = null;
  private playing: number | null = null;
  private pending = false;
  private zoom: number | null = null;
  private sideways = true;
  private readonly id = ids();
  private readonly parts: ReturnType<App["skeleton"]>;
  private readonly inputs: Inputs;

  constructor(
    readonly root: HTMLElement,
    readonly data: PageData,
    readonly options: Options,
  ) {
    this.machine = new Machine(data);
    this.first = startInputs(data);
    this.state = this.fromHash();
    root.classList.add("sg");
    this.inputs = new Inputs(
      data,
      this.state.inputs,
      { change: (k, value) => this.change(k, value), path: (k) => this.highlight(k) },
      this.id,
    );
    this.parts = this.skeleton();
    root.replaceChildren(...this.parts.all);
    this.rebuild();
    this.fitted();
    if (options.hash) addEventListener("hashchange", this.follow);
    addEventListener("beforeprint", this.printed);
    if (typeof ResizeObserver !== "undefined") {
      new ResizeObserver(() => this.resized()).observe(this.parts.canvas);
    }
  }

  /** Stop everything that runs by itself. */
  close(): void {
    this.pause();
    removeEventListener("hashchange", this.follow);
    removeEventListener("beforeprint", this.printed);
  }

  /** Paper shows all tabs. */
  private readonly printed = () => this.fill(TABS);

  private readonly follow = () => {
    const wanted = location.hash.replace(/^#/, "");
    if (wanted === written(this.data, this.state, this.first)) return;
    this.state = this.fromHash();
    this.state.inputs.forEach((value, k) => this.inputs.set(k, value));
    this.rebuild();
  };

  private fromHash(): State {
    const fragment = this.options.hash ? location.hash : "";
    return fragment ? read(this.data, fragment, this.first) : freshState(this.data, this.first);
  }

  // --- the parts of the page ---

  private skeleton() {
    const button = (text: string, label: string, click: () => void, name: string) => {
      const made = h("button", { type: "button", click, "data-do": name, title: label }, text);
      if ([...text].length === 1) made.setAttribute("aria-label", label);
      return made;
    };
    const play = button("▶ Play", "Play all steps", () => this.toggle(), "play");
    const back = button("◀ Back", "Step backward", () => this.go(this.position() - 1), "back");
    const next = button("Next ▶", "Step forward", () => this.advance(), "next");
    const reset = button("⟲ Reset", "Reset: first step, first inputs, first view", () => this.reset(), "reset");
    const count = h("span", { class: "count" });
    const caption = h("p", { class: "caption", role: "status", "aria-live": "polite" });
    const tabs = TABS.map((tab) => this.tabButton(tab));
    const canvas = h("div", { class: "canvas", keydown: (event) => this.moved(event as KeyboardEvent) });
    const zooms = h(
      "div",
      { class: "zooms" },
      button("−", "Zoom out", () => this.zoomBy(0.8), "out"),
      button("+", "Zoom in", () => this.zoomBy(1.25), "in"),
      button("Fit", "Fit the graph to the page", () => this.fit(), "fit"),
      this.foldAll(),
    );
    const bodies = {
      graph: h("div", {}, zooms, canvas, legend()),
      table: h("div", {}),
      derivation: h("div", {}),
    };
    const panels = TABS.map((tab) => this.panel(tab, bodies[tab]));
    const cardBox = h("section", { class: "card", "aria-label": "Card of a gate" });
    const note = this.data.refusal && h("p", { class: "note" }, this.data.refusal);
    const inputs = h("section", { class: "given", "aria-label": "Inputs" }, h("h2", {}, "Inputs", h("small", {}, "value"), h("small", {}, "gradient")), note, this.inputs.element);
    const steps = h("div", { class: "steps", role: "toolbar", "aria-label": "Steps" }, reset, back, next, play, count);
    const header = h("header", {}, h("h1", {}, ...this.heading()), this.menu());
    const tablist = h("div", { class: "tabs", role: "tablist", "aria-label": "Views", keydown: (e) => this.tabKey(e as KeyboardEvent) }, ...tabs);
    const all = [
      header,
      h("div", { class: "story" }, steps, caption),
      tablist,
      ...panels,
      h("div", { class: "below" }, inputs, cardBox),
    ];
    return { all, play, back, next, count, caption, tabs, canvas, bodies, panels, cardBox };
  }

  private heading(): (Node | string)[] {
    const { title, formula } = this.data;
    const shown = formula.mathml.length < 6_000 ? math(formula) : h("code", {}, formula.text.slice(0, 200));
    return title ? [h("span", { class: "title" }, title), shown] : [shown];
  }

  private foldAll(): HTMLElement | null {
    if (!this.data.groups.length) return null;
    const parts = this.data.groups.some((g) => g.gate < 0);
    const set = (open: boolean) => {
      const keys = this.data.groups.map((_, k) => k).filter((k) => !parts || at(this.data.groups, k).gate >= 0 || !open);
      this.state.open = new Set(open ? keys : []);
      this.rebuild();
    };
    return h(
      "span",
      {},
      h("button", { type: "button", "data-do": "collapse", click: () => set(false) }, parts ? "Fold all parts" : "Collapse gates"),
      !parts && h("button", { type: "button", "data-do": "expand", click: () => set(true) }, "Expand gates"),
    );
  }

  private menu(): HTMLElement {
    const item = (name: string, act: () => void) =>
      h("button", { type: "button", "data-export": name.toLowerCase(), click: act }, name);
    const theme = h("button", { type: "button", class: "quiet", "data-do": "theme" }, "◐ Theme: auto");
    theme.addEventListener("click", () => {
      const order = ["auto", "light", "dark"];
      const now = order[(order.indexOf(this.root.dataset["theme"] ?? "auto") + 1) % 3]!;
      this.root.dataset["theme"] = now;
      theme.textContent = `◐ Theme: ${now}`;
    });
    return h(
      "div",
      { class: "menu", role: "group", "aria-label": "Export and theme" },
      h("span", {}, "Export"),
      item("SVG", () => download("graph.svg", this.svg(), "image/svg+xml")),
      item("PNG", () => void this.savePng()),
      item("LaTeX", () => download("derivation.tex", latex(this.scene()), "text/x-tex")),
      item("JSON", () => download("run.json", json(this.scene()), "application/json")),
      theme,
    );
  }

  private svg(): string {
    return svgText(this.drawing.svg, getComputedStyle(this.root).getPropertyValue("--paper").trim());
  }

  private async savePng(): Promise<void> {
    const { width, height } = this.drawing.svg.viewBox.baseVal;
    download("graph.png", await png(this.svg(), width, height), "image/png");
  }

  private tabButton(tab: Tab): HTMLButtonElement {
    const text = tab[0]!.toUpperCase() + tab.slice(1);
    const attributes = {
      type: "button",
      role: "tab",
      id: this.id(`tab-${tab}`),
      "data-tab": tab,
      "aria-controls": this.id(`panel-${tab}`),
      click: () => this.show(tab),
    };
    return h("button", attributes, text);
  }

  private panel(tab: Tab, body: HTMLElement): HTMLElement {
    const label = this.id(`tab-${tab}`);
    return h("div", { role: "tabpanel", id: this.id(`panel-${tab}`), "aria-labelledby": label, class: `panel ${tab}` }, body);
  }

  // --- what happens ---

  private tabKey(event: KeyboardEvent): void {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const k = (TABS.indexOf(this.state.tab) + move + TABS.length) % TABS.length;
    this.show(at(TABS, k));
    this.parts.tabs[k]!.focus();
  }

  private show(tab: Tab): void {
    this.state.tab = tab;
    this.refresh();
  }

  private change(index: number, value: Value): void {
    this.state.inputs[index] = value;
    this.inputs.set(index, value);
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.recompute();
      this.refresh();
    });
  }

  /** Compute everything anew; returns how long that took, in milliseconds. */
  recompute(): number {
    const started = performance.now();
    const values = this.machine.forward(this.state.inputs);
    if (this.data.refusal) this.numbers = this.given(values);
    else this.numbers = this.machine.backward(values, this.view.output, this.view.order, this.view.readers);
    return performance.now() - started;
  }

  /** Return Python's own numbers, for a page that does not compute. */
  private given(values: Value[]): Numbers {
    return this.machine.given(values);
  }

  private highlight(index: number): void {
    this.state.path = this.state.path === index ? null : index;
    this.refresh();
  }

  private position(): number {
    const last = this.steps.length - 1;
    return this.state.step < 0 ? last : Math.min(this.state.step, last);
  }

  private go(position: number): void {
    const last = this.steps.length - 1;
    const wanted = Math.max(0, Math.min(position, last));
    this.state.step = wanted === last ? -1 : wanted;
    this.refresh();
    this.reveal();
  }

  private advance(): void {
    this.go(this.position() === this.steps.length - 1 ? 0 : this.position() + 1);
  }

  private toggle(): void {
    if (this.playing !== null) return this.pause();
    this.advance();
    this.playing = window.setInterval(() => {
      if (this.position() >= this.steps.length - 1) return this.pause();
      this.advance();
    }, PACE);
    this.parts.play.textContent = "❚❚ Pause";
  }

  private pause(): void {
    if (this.playing !== null) clearInterval(this.playing);
    this.playing = null;
    this.parts.play.textContent = "▶ Play";
  }

  private reset(): void {
    this.pause();
    const { tab } = this.state;
    this.state = { ...freshState(this.data, this.first), tab, step: 0 };
    this.state.inputs.forEach((value, k) => this.inputs.set(k, value));
    this.rebuild();
  }

  private fold(group: number): void {
    const { open } = this.state;
    const { gate, root } = at(this.data.groups, group);
    if (!open.delete(group)) open.add(group);
    this.state.chosen = null;
    this.pointed = null;
    this.state.step = -1;
    this.rebuild();
    const box = open.has(group) ? this.view.boxOf(root) : gate < 0 ? -1 - group : gate;
    this.drawing.focus(this.view.boxes.includes(box) ? box : at(this.view.boxes, 0));
  }

  private choose(box: Box): void {
    if (isPart(box)) return this.fold(-1 - box);
    this.state.chosen = this.state.chosen === box ? null : box;
    this.refresh();
  }

  private moved(event: KeyboardEvent): void {
    const group = (event.target as Element).closest("[data-box]");
    if (!group) return;
    const box = Number(group.getAttribute("data-box"));
    const act: Record<string, () => void> = {
      Enter: () => this.enter(box),
      " ": () => this.choose(box),
      Escape: () => this.choose(this.state.chosen ?? box),
      ".": () => this.advance(),
      ",": () => this.go(this.position() - 1),
      Home: () => this.go(0),
      End: () => this.go(this.steps.length - 1),
    };
    const known = act[event.key];
    if (known) known();
    else if (event.key.startsWith("Arrow")) {
      const next = this.drawing.neighbour(box, event.key);
      if (next !== null) this.drawing.focus(next);
    } else return;
    event.preventDefault();
  }

  /** Enter opens what is folded and chooses what is not. */
  private enter(box: Box): void {
    const group = isPart(box) ? -1 - box : groupOf(this.data, box);
    const opens = isPart(box) || (group >= 0 && at(this.data.groups, group).gate === box);
    if (opens) this.fold(group);
    else this.choose(box);
  }

  // --- showing ---

  scene(): Scene {
    const { data, machine, view, numbers } = this;
    const ready = this.state.inputs.every((v) => typeof v !== "number" || !Number.isNaN(v));
    return { data, machine, view, numbers, ready };
  }

  private rebuild(): void {
    this.view = viewOf(this.machine, this.state.open);
    this.steps = stepsOf(this.data, this.view);
    this.recompute();
    this.redraw();
  }

  private redraw(): void {
    this.sideways = (this.parts.canvas.clientWidth || 1000) >= NARROW;
    this.drawing = new Drawing(this.data, this.view, this.sideways, this.handlers(), this.id);
    this.parts.canvas.replaceChildren(this.drawing.svg);
    this.scaled();
    this.refresh();
  }

  private handlers() {
    return {
      point: (box: Box | null) => {
        if (box === null) return;
        this.pointed = box;
        this.refreshMarks();
      },
      choose: (box: Box) => this.choose(box),
      toggle: (group: number) => this.fold(group),
    };
  }

  private marks(): Marks {
    const position = this.position();
    const done = this.steps.slice(0, position + 1);
    const valued = new Set(done.filter((s) => s.phase === "forward").map((s) => s.box));
    const graded = new Set(done.filter((s) => s.phase === "backward").map((s) => s.box));
    const inner = new Set(this.steps.filter((s) => s.phase === "forward").map((s) => s.box));
    const active = at(this.steps, position).box;
    const input = this.state.path === null ? null : at(this.data.inputs, this.state.path).gate;
    return {
      valued: (box) => valued.has(box) || !inner.has(box),
      graded: (box) => graded.has(box),
      active,
      activeLinks: this.activeLinks(position),
      chosen: this.state.chosen ?? this.pointed,
      path: input === null ? null : pathsFrom(this.view, input),
    };
  }

  private activeLinks(position: number): Set<Link> {
    const { phase, box } = at(this.steps, position);
    if (box === null || isPart(box)) return new Set();
    if (phase === "backward") return new Set(paths(this.scene(), box));
    return new Set(this.view.edges.filter((e) => e.to === box).flatMap((e) => e.links));
  }

  /** Show the state: captions, marks, tables, the fragment. */
  private refresh(): void {
    const { parts, state } = this;
    const position = this.position();
    const scene = this.scene();
    const text = this.story(scene, position);
    if (parts.caption.textContent !== text) parts.caption.textContent = text;
    parts.count.textContent = `${position} / ${this.steps.length - 1}`;
    parts.back.disabled = position === 0;
    TABS.forEach((tab, k) => {
      const on = tab === state.tab;
      parts.tabs[k]!.setAttribute("aria-selected", String(on));
      parts.tabs[k]!.tabIndex = on ? 0 : -1;
      parts.panels[k]!.hidden = !on;
    });
    const shown = this.refreshMarks();
    this.inputs.update(scene, (gate) => shown.graded(this.view.boxOf(gate)), state.path);
    this.fill([state.tab]);
    this.remember();
  }

  /** Write the tabs that are made of text. */
  private fill(tabs: Tab[]): void {
    const { bodies } = this.parts;
    const label = (gate: number) => at(this.data.gates, gate).label;
    if (tabs.includes("table")) bodies.table.replaceChildren(table(this.scene(), label));
    if (tabs.includes("derivation")) bodies.derivation.replaceChildren(derivation(this.scene()));
  }

  private story(scene: Scene, position: number): string {
    if (this.state.path === null || this.playing !== null) return sentence(scene, this.steps, position);
    const { gate, name } = at(this.data.inputs, this.state.path);
    const { count } = pathsFrom(this.view, gate);
    const ways = count === 1 ? "1 path" : `${count} paths`;
    return count ? `${name} reaches the output along ${ways}.` : `${name} does not move the output.`;
  }

  private refreshMarks(): Marks {
    const marks = this.marks();
    const scene = this.scene();
    this.drawing.update(scene, marks);
    const first = this.data.inputs[0];
    const box = this.state.chosen ?? this.pointed ?? marks.active ?? first?.gate ?? null;
    const known = box !== null && this.view.boxes.includes(box) ? box : null;
    const handlers = { toggle: (k: number) => this.fold(k), choose: (b: Box) => this.choose(b) };
    const hint = h("p", { class: "hint" }, "Point at a gate, focus it or tap it: this card says what it does.");
    this.parts.cardBox.replaceChildren(hint, ...card(scene, known, handlers));
    return marks;
  }

  private remember(): void {
    if (!this.options.hash) return;
    const fragment = written(this.data, this.state, this.first);
    if (location.hash.replace(/^#/, "") === fragment) return;
    history.replaceState(null, "", fragment ? `#${fragment}` : "#");
  }

  // --- size ---

  private resized(): void {
    const sideways = (this.parts.canvas.clientWidth || 1000) >= NARROW;
    if (sideways !== this.sideways) this.redraw();
    else if (this.zoom === null) this.scaled();
  }

  private fitted(): number {
    const space = this.parts.canvas.clientWidth - 2;
    return space > 0 ? Math.min(1.15, space / this.drawing.picture.width) : 1;
  }

  private scaled(): void {
    const least = this.sideways ? 0.62 : 0.72;
    const zoom = this.zoom ?? Math.max(least, this.fitted());
    const { width, height } = this.drawing.picture;
    this.drawing.svg.setAttribute("width", String(Math.round(width * zoom)));
    this.drawing.svg.setAttribute("height", String(Math.round(height * zoom)));
  }

  private zoomBy(factor: number): void {
    const now = Number(this.drawing.svg.getAttribute("width")) / this.drawing.picture.width;
    this.zoom = Math.min(4, Math.max(0.1, now * factor));
    this.scaled();
  }

  private fit(): void {
    this.zoom = this.fitted();
    this.scaled();
    this.zoom = null;
  }

  /** Bring the gate of the moment into view. */
  private reveal(): void {
    const { box } = at(this.steps, this.position());
    if (box === null || this.state.tab !== "graph") return;
    const { canvas } = this.parts;
    const found = this.drawing.element(box)?.getBoundingClientRect();
    const frame = canvas.getBoundingClientRect();
    if (!found || (found.left > frame.left + 20 && found.right < frame.right - 20)) return;
    canvas.scrollLeft += found.left - frame.left - frame.width / 2;
  }
}

function legend(): HTMLElement {
  return h(
    "p",
    { class: "legend" },
    h("span", { class: "value" }, "blue, above: value, forward →"),
    h("span", { class: "grad" }, "orange, below: ← gradient of the output"),
    h("span", {}, "= local gradient × upstream gradient"),
    h("span", {}, "⇉ distributor  ⇄ switcher  ⇝ router"),
  );
}

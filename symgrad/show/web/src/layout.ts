// Places for boxes, wires and their labels: layers from the inputs to the output, by dagre.

import { Graph, layout } from "@dagrejs/dagre";
import { at, type PageData } from "./data";
import { size } from "./tensors";
import { isLeaf, isPart, type Box, type Edge, type View } from "./view";

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Route {
  edge: Edge;
  points: { x: number; y: number }[];
  label: Place;
}

export interface Picture {
  width: number;
  height: number;
  boxes: Map<Box, Place>;
  routes: Route[];
  frames: { group: number; place: Place }[];
  stub: { x: number; y: number };
  sideways: boolean;
}

export const LINE = 14;
const RADIUS = 22;
const FRAMED = 120; // boxes up to which open groups have frames
const UNTANGLED = 160; // wires up to which crossings are undone

function wide(text: string, each = 9.6): number {
  return [...text].length * each;
}

function boxSize(data: PageData, box: Box): { width: number; height: number } {
  if (isPart(box)) {
    return { width: Math.max(96, wide(at(data.groups, -1 - box).label, 7) + 28), height: 48 };
  }
  const gate = at(data.gates, box);
  const text = isLeaf(gate) ? gate.label : gate.symbol;
  const width = Math.max(2 * RADIUS, wide(text.slice(0, 18)) + 18);
  return { width, height: 2 * RADIUS };
}

/** Rows and columns of numbers that a wire's label shows; null for a shape alone. */
export function labelGrid(shape: number[]): { rows: number; columns: number } | null {
  if (!shape.length) return { rows: 1, columns: 1 };
  if (shape.length > 2 || size(shape) > 12 || shape[0]! > 4 || (shape[1] ?? 1) > 4) return null;
  return { rows: shape[0]!, columns: shape[1] ?? 1 };
}

function labelSize(data: PageData, edge: Edge, detailed: boolean): { width: number; height: number } {
  const link = at(edge.links, 0);
  const source = at(data.gates, link.source);
  const found = labelGrid(source.shape);
  if (isPart(edge.from) || isPart(edge.to)) return { width: 60, height: 2 * LINE };
  if (!found) return { width: 64, height: 2 * LINE };
  const tensor = source.shape.length > 0;
  const width = found.columns * 50 + 12;
  const scalar = detailed ? 98 : 52;
  return {
    width: tensor ? width : scalar,
    height: (2 * found.rows + (detailed && !tensor ? 1 : 0)) * LINE + 6,
  };
}

/** Return where everything goes; sideways runs from left to right, else from top to bottom. */
export function placed(data: PageData, view: View, sideways: boolean, detailed: boolean): Picture {
  const graph = new Graph({ multigraph: true, compound: true });
  graph.setGraph({
    rankdir: sideways ? "LR" : "TB",
    nodesep: sideways ? 12 : 14,
    edgesep: 8,
    ranksep: sideways ? 14 : 16,
    marginx: 26,
    marginy: framed(data, view).length ? 34 : 16,
    ranker: view.boxes.length > 400 ? "longest-path" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of view.boxes) graph.setNode(`b${box}`, boxSize(data, box));
  nest(graph, data, view);
  view.edges.forEach((edge, k) => {
    const label = { ...labelSize(data, edge, detailed), labelpos: sideways ? "c" : "r", labeloffset: 2 };
    graph.setEdge(`b${edge.from}`, `b${edge.to}`, label, `e${k}`);
  });
  graph.setNode("out", { width: 2, height: 2 });
  graph.setEdge(`b${view.boxOf(view.output)}`, "out", { width: 46, height: 3 * LINE, labelpos: sideways ? "c" : "r", labeloffset: 2 });
  // Untangling costs seconds where wires are long: a large graph keeps its first order.
  layout(graph, { disableOptimalOrderHeuristic: view.edges.length > UNTANGLED });
  return read(graph, data, view, sideways);
}

/** Return the open groups whose gates stay together in a frame; parts before what is in them. */
function framed(data: PageData, view: View): number[] {
  if (view.boxes.length > FRAMED) return [];
  const shown = new Set(view.boxes);
  const found = data.groups.map((_, k) => k).filter((k) => view.open.has(k));
  const seen = found.filter((k) => at(data.groups, k).members.some((m) => shown.has(m)));
  return seen.sort((a, b) => at(data.groups, a).gate - at(data.groups, b).gate);
}

/** Put gates into the frames of their groups, and frames of composites into those of parts. */
function nest(graph: Graph, data: PageData, view: View): void {
  const frames = framed(data, view);
  for (const group of frames) {
    graph.setNode(`f${group}`, {});
    const { root, gate, members } = at(data.groups, group);
    const outer = frames.find((k) => at(data.groups, k).gate < 0 && at(data.groups, k).members.includes(root));
    if (gate >= 0 && outer !== undefined) graph.setParent(`f${group}`, `f${outer}`);
    for (const member of members) {
      if (graph.hasNode(`b${member}`)) graph.setParent(`b${member}`, `f${group}`);
    }
  }
}

function read(graph: Graph, data: PageData, view: View, sideways: boolean): Picture {
  const place = (name: string): Place => {
    const { x, y, width, height } = graph.node(name) as unknown as Place;
    return { x, y, width, height };
  };
  const routes = view.edges.map((edge, k): Route => {
    const found = graph.edge(`b${edge.from}`, `b${edge.to}`, `e${k}`);
    const label = found as unknown as Place;
    return {
      edge,
      points: found.points as { x: number; y: number }[],
      label: { x: label.x, y: label.y, width: label.width, height: label.height },
    };
  });
  const total = graph.graph() as { width: number; height: number };
  return {
    width: total.width,
    height: total.height,
    boxes: new Map(view.boxes.map((box) => [box, place(`b${box}`)])),
    routes,
    frames: framed(data, view)
      .filter((group) => graph.children(`f${group}`)?.length)
      .map((group) => ({ group, place: place(`f${group}`) })),
    stub: place("out"),
    sideways,
  };
}

/** Return a smooth path through points. */
export function curve(points: { x: number; y: number }[]): string {
  const n = (x: number) => String(Math.round(x * 10) / 10);
  const [first, ...rest] = points;
  if (!first) return "";
  let d = `M${n(first.x)} ${n(first.y)}`;
  rest.forEach((p, k) => {
    const next = rest[k + 1];
    if (!next) d += `L${n(p.x)} ${n(p.y)}`;
    else d += `Q${n(p.x)} ${n(p.y)} ${n((p.x + next.x) / 2)} ${n((p.y + next.y) / 2)}`;
  });
  return d;
}

// What the template runs, and what notebooks and tests take from it.

import { App } from "./app";
import { Explorer } from "./explore";
import { plain, Machine, startInputs, valueOf } from "./program";
import { recordOf } from "./record";
import { KERNELS } from "./kernels";
import { PLANNERS, type Value } from "./tensors";
import { viewOf } from "./view";
import type { Entries, PageData } from "./data";

export { App, Explorer, KERNELS, PLANNERS, recordOf };

/** Return all numbers of a record at a point, with no document: for tests and for timing. */
export function compute(data: PageData, given: Entries[] | null, open: number[] | null) {
  const machine = new Machine(data);
  const first = startInputs(data);
  const inputs = given
    ? given.map((x, k) => valueOf(x, data.gates[data.inputs[k]!.gate]!.shape))
    : first;
  const groups = open ?? data.groups.flatMap((g, k) => (g.open ? [k] : []));
  const view = viewOf(machine, new Set(groups));
  const values = machine.forward(inputs);
  const { grads } = machine.backward(values, view.output, view.order, view.readers);
  const labelled = view.order.map((k) => [
    data.gates[k]!.label,
    plain(values[k]!),
    grads[k] == null ? null : plain(grads[k]!),
  ]);
  return { output: plain(values[view.output]!), nodes: labelled };
}

/** Return milliseconds for one recomputation, the middle of several. */
export function timed(data: PageData, repeats: number): number {
  const machine = new Machine(data);
  const view = viewOf(machine, new Set(data.groups.map((_, k) => k)));
  const inputs: Value[] = startInputs(data);
  const times = Array.from({ length: repeats }, () => {
    const start = performance.now();
    const values = machine.forward(inputs);
    machine.backward(values, view.output, view.order, view.readers);
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[Math.floor(repeats / 2)]!;
}

function failed(root: HTMLElement, error: unknown): void {
  root.textContent = `This page cannot be shown: ${(error as Error).message}`;
  root.setAttribute("role", "alert");
}

/** Start the page that this script stands in. */
export async function boot(): Promise<void> {
  const root = document.getElementById("symgrad");
  const record = document.getElementById("symgrad-record");
  if (!root || !record) return;
  try {
    const text = record.textContent ?? "";
    if (record.dataset["kind"] === "explore") {
      const { address, first } = JSON.parse(text) as { address: string; first: never };
      new Explorer(root, address, first);
    } else {
      const app = new App(root, await recordOf(text), { hash: true });
      (globalThis as Record<string, unknown>)["symgradApp"] = app;
    }
  } catch (error) {
    failed(root, error);
  }
}

// The box of `symgrad explore`: a formula goes to the engine, its page comes back.

import { App } from "./app";
import { h } from "./dom";
import { recordOf } from "./record";

interface Asked {
  formula: string;
  shapes: string;
  at: string;
}

export class Explorer {
  private app: App | null = null;
  private waiting: AbortController | null = null;
  private readonly status = h("p", { class: "status", role: "status" });
  private readonly stage = h("main", {});
  private readonly fields: Record<keyof Asked, HTMLInputElement | HTMLTextAreaElement>;

  constructor(
    root: HTMLElement,
    private readonly address: string,
    first: Asked,
  ) {
    const field = (name: keyof Asked, label: string, hint: string) => {
      const id = `explore-${name}`;
      const area = name === "formula";
      const made = area
        ? h("textarea", { id, rows: 2, spellcheck: "false", placeholder: hint })
        : h("input", { id, type: "text", spellcheck: "false", placeholder: hint });
      made.value = first[name];
      return { made, row: h("div", { class: `field ${name}` }, h("label", { for: id }, label), made) };
    };
    const formula = field("formula", "Formula", "q = x + y; f = q*z");
    const shapes = field("shapes", "Shapes of matrices", "W=2,2 x=2");
    const point = field("at", "Values", "x=-2, y=5, z=-4");
    this.fields = { formula: formula.made, shapes: shapes.made, at: point.made };
    const form = h(
      "form",
      { class: "ask sg", "aria-label": "Formula to explore" },
      formula.row,
      h("div", { class: "pair" }, shapes.row, point.row, h("button", { type: "submit" }, "Derive")),
      this.status,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.derive();
    });
    formula.made.addEventListener("keydown", (event) => {
      const { key, shiftKey } = event as KeyboardEvent;
      if (key !== "Enter" || shiftKey) return;
      event.preventDefault();
      void this.derive();
    });
    root.replaceChildren(form, this.stage);
    if (first.formula) void this.derive();
  }

  private async derive(): Promise<void> {
    const asked = Object.fromEntries(
      Object.entries(this.fields).map(([name, box]) => [name, box.value]),
    );
    this.waiting?.abort();
    this.waiting = new AbortController();
    this.say("Deriving…", "");
    try {
      const answer = await fetch(this.address, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(asked),
        signal: this.waiting.signal,
      });
      const text = await answer.text();
      if (!answer.ok) return this.say(errorOf(text), "error");
      const record = await recordOf(text);
      this.app?.close();
      this.app = new App(this.stage, record, { hash: false });
      this.say("", "");
    } catch (error) {
      if ((error as Error).name !== "AbortError") this.say(`No answer: ${(error as Error).message}`, "error");
    }
  }

  private say(text: string, kind: string): void {
    this.status.textContent = text;
    this.status.className = `status ${kind}`;
  }
}

function errorOf(text: string): string {
  try {
    const found = (JSON.parse(text) as { error?: unknown }).error;
    return typeof found === "string" ? found : "The engine gave no answer.";
  } catch {
    return text.slice(0, 400) || "The engine gave no answer.";
  }
}

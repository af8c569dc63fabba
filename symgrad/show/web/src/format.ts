// Numbers and formulas as text. A number that is not there is a dash, never a zero.

import { size, type Value } from "./tensors";

export const DASH = "—";

/** Return a number with some significant digits, and a true minus sign. */
export function number(x: number, digits = 4): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const plain = size >= 1e-4 && size < 1e6;
  const text = plain ? String(Number(x.toPrecision(digits))) : x.toExponential(digits - 2);
  return text.replace("e+", "e").replaceAll("-", "−");
}

export function dims(shape: number[]): string {
  return shape.length === 1 ? `${shape[0]}` : shape.join("×");
}

/** Return the rows of a small tensor as texts; null where it is too large to show. */
export function grid(value: Value, digits = 4, most = 36): string[][] | null {
  if (typeof value === "number") return [[number(value, digits)]];
  const { shape, data } = value;
  if (shape.length > 2 || size(shape) > most) return null;
  const columns = shape.length === 2 ? shape[1]! : 1;
  const rows = shape.length ? shape[0]! : 1;
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => number(data[i * columns + j]!, digits)),
  );
}

/** Return any value on one line. */
export function line(value: Value | null | undefined, digits = 4): string {
  if (value == null) return DASH;
  if (typeof value === "number") return number(value, digits);
  const rows = grid(value, digits, 12);
  if (!rows) return `a ${dims(value.shape)} array`;
  if (value.shape.length === 1) return `[${rows.map((r) => r[0]).join(", ")}]`;
  return `[${rows.map((r) => `[${r.join(", ")}]`).join(", ")}]`;
}

/** Return a number for the inside of a formula: negative ones in brackets. */
export function bracketed(value: Value | null | undefined, digits = 4): string {
  const text = line(value, digits);
  return text.startsWith("−") ? `(${text})` : text;
}

const WORD = /[\p{L}\p{N}_]/u;

/** Return a formula's text with names replaced by numbers, as a whole word each. */
export function substituted(text: string, names: Map<string, string>): string {
  const known = [...names.keys()].filter(Boolean).sort((a, b) => b.length - a.length);
  let found = "";
  for (let k = 0; k < text.length; ) {
    const free = k === 0 || !WORD.test(text[k - 1]!);
    const name = free
      ? known.find((n) => text.startsWith(n, k) && !WORD.test(text[k + n.length] ?? " "))
      : undefined;
    const length = name === undefined ? 1 : name.length;
    const put = name === undefined ? text[k]! : names.get(name)!;
    const enclosed = text[k - 1] === "(" && text[k + length] === ")";
    found += name !== undefined && enclosed ? put.replace(/^\((.*)\)$/, "$1") : put;
    k += length;
  }
  return found;
}

/** Return a formula as people write it: × for *, ² for **2. */
export function pretty(text: string): string {
  return text
    .replaceAll("**2", "²")
    .replaceAll("**3", "³")
    .replaceAll("**", "^")
    .replaceAll(".*", "⊙")
    .replace(/\s*\*\s*/g, "·")
    .replaceAll("-", "−");
}

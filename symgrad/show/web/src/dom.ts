// The few things the page needs of the document. Text is always text: no HTML is ever parsed, and
// of MathML only elements on a list come through.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

function filled<T extends Element>(node: T, attributes: Attributes, children: Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  return node;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag) as SVGElementTagNameMap[K], attributes, children);
}

const ELEMENTS = new Set(
  "math mrow mi mn mo mtext ms mspace mfrac msqrt mroot msup msub msubsup mover munder munderover mstyle mpadded mphantom mtable mtr mtd mmultiscripts mprescripts none semantics".split(
    " ",
  ),
);
const ATTRIBUTES = new Set(
  "display mathvariant stretchy fence form separator lspace rspace accent linethickness largeop movablelimits symmetric minsize maxsize width columnalign".split(
    " ",
  ),
);

function copied(from: Element): Node {
  if (!ELEMENTS.has(from.localName)) return document.createTextNode(from.textContent ?? "");
  const made = document.createElementNS(MATHML, from.localName);
  for (const { name, value } of from.attributes) {
    if (ATTRIBUTES.has(name)) made.setAttribute(name, value);
  }
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) made.append(child.textContent ?? "");
    else if (child instanceof Element) made.append(copied(child));
  }
  return made;
}

/** Return a formula as MathML; where there is none, as code. */
export function math(formula: { text: string; mathml: string }): Element {
  if (formula.mathml) {
    const wrapped = formula.mathml.startsWith("<math")
      ? formula.mathml
      : `<math xmlns="${MATHML}">${formula.mathml}</math>`;
    const parsed = new DOMParser().parseFromString(wrapped, "application/xml").documentElement;
    if (parsed.localName === "math") {
      const made = copied(parsed) as Element;
      made.removeAttribute("display");
      return made;
    }
  }
  return h("code", {}, formula.text);
}

/** Return a table cell or a small grid for the entries of a tensor. */
export function numbers(rows: string[][]): Element {
  if (rows.length === 1 && rows[0]!.length === 1) return h("span", { class: "num" }, rows[0]![0]);
  return h(
    "table",
    { class: "grid" },
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((x) => h("td", {}, x))))),
  );
}

let prefix = 0;

/** Return ids that are different for every page in a document. */
export function ids(): (name: string) => string {
  const own = `sg${prefix++}-`;
  return (name) => own + name;
}

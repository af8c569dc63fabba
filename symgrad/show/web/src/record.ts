// Reading the record that stands in the page: plain JSON, or JSON packed with gzip in base64.

import type { PageData } from "./data";

async function unpacked(text: string): Promise<string> {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** Return a record; what is packed starts with no brace. */
export async function recordOf(text: string): Promise<PageData> {
  const plain = text.trim();
  const found = JSON.parse(plain.startsWith("{") ? plain : await unpacked(plain)) as PageData;
  if (found.schema !== 1) throw new Error(`a record of schema ${found.schema} is not known here`);
  return found;
}

// Build page.html: one template with the script and the style inside, and their hashes in its
// security policy. The same sources and packages give the same bytes.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build, transform } from "esbuild";

const here = new URL(".", import.meta.url);
const read = (name) => readFileSync(new URL(name, here), "utf8");
const policy = (text) => `sha256-${createHash("sha256").update(text, "utf8").digest("base64")}`;

const built = await build({
  absWorkingDir: here.pathname,
  entryPoints: ["src/main.ts"],
  bundle: true,
  write: false,
  format: "iife",
  globalName: "symgradPage",
  target: "es2022",
  minify: true,
  charset: "ascii",
  legalComments: "none",
});
const script = `${built.outputFiles[0].text.trim().replaceAll("</script", "<\\/script")}symgradPage.boot();`;
const style = (await transform(read("src/style.css"), { loader: "css", minify: true })).code.trim();

const tables = await build({
  absWorkingDir: here.pathname,
  stdin: {
    contents: 'export { KERNELS } from "./src/kernels"; export { PLANNERS } from "./src/tensors";',
    resolveDir: here.pathname,
    loader: "ts",
  },
  bundle: true,
  write: false,
  format: "esm",
});
const { KERNELS, PLANNERS } = await import(
  `data:text/javascript,${encodeURIComponent(tables.outputFiles[0].text)}`
);

const filled = {
  GATES: [...Object.keys(KERNELS), ...Object.keys(PLANNERS)].sort().join(" "),
  SCRIPT_HASH: policy(script),
  STYLE_HASH: policy(style),
  STYLE: style,
  SCRIPT: script,
};
const page = read("src/template.html").replace(
  /@(GATES|SCRIPT_HASH|STYLE_HASH|STYLE|SCRIPT)@/g,
  (_, name) => filled[name],
);
const notices = ["@dagrejs/dagre", "@dagrejs/graphlib"].map((name) => {
  const { version } = JSON.parse(read(`node_modules/${name}/package.json`));
  return `${name} ${version}`;
});
const licence = read("node_modules/@dagrejs/dagre/LICENSE").replaceAll("--", "- -").trim();
const notice = `<!-- Contains ${notices.join(" and ")}:\n\n${licence}\n-->`;
writeFileSync(new URL("page.html", here), page.replace("<head>", () => `<head>\n${notice}`));
console.log(`page.html: ${Math.round(page.length / 1024)} KiB`);

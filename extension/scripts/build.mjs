// Bundles the extension into dist/extension.js; with --tests, the unit tests into dist/test; with --browser, the browser test into dist/browser.
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const shared = { bundle: true, platform: "node", format: "cjs", target: "node20", external: ["vscode"], logLevel: "warning" };

if (process.argv.includes("--tests")) {
  rmSync("dist/test", { recursive: true, force: true });
  const files = readdirSync("test/unit").filter((name) => name.endsWith(".test.ts"));
  await build({ ...shared, entryPoints: files.map((name) => `test/unit/${name}`), outdir: "dist/test", sourcemap: "inline" });
} else if (process.argv.includes("--browser")) {
  const external = ["playwright-core"];
  await build({
    ...shared,
    format: "esm",
    external,
    entryPoints: ["test/browser/main.ts", "test/browser/bench.ts"],
    outdir: "dist/browser",
    outExtension: { ".js": ".mjs" },
  });
} else {
  await build({ ...shared, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js", minify: true });
}

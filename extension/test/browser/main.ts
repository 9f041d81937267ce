/**
 * Drives the extension in a real VS Code, as a person would, and leaves a picture of each step.
 *
 * main.mjs TOOLS PICTURES: the folder with code-server, and where pictures and figures go. The extension has to be packaged before.
 */

import { readFile, rm, writeFile, mkdtemp, mkdir, stat } from "node:fs/promises";
import { cpus, homedir, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startCodeServer } from "./codeServer";
import { Screen } from "./screen";
import * as steps from "./steps";
import { makeWorkspace } from "./workspace";

const [tools, pictures] = process.argv.slice(2);
if (tools === undefined || pictures === undefined) {
  throw new Error("main.mjs TOOLS PICTURES");
}
const project = resolve("..");
const home = await mkdtemp(join(tmpdir(), "llm4cov-vscode-"));
const settings = {
  "workbench.startupEditor": "none",
  "telemetry.telemetryLevel": "off",
  "remote.autoForwardPorts": false,
  "llm4cov.server.path": join(project, ".venv/bin/llm4cov-lsp"),
  "llm4cov.generate.budgetSeconds": 45,
  "llm4cov.background.maxLoad": 0,
};
const cache = process.env["LLM4COV_TEST_CACHE"] ?? join(tmpdir(), "llm4cov-test-cache");
const env = {
  ...process.env,
  LLM4COV_CACHE_DIR: cache,
  LLM4COV_STORE: join(home, "store.db"),
  XDG_STATE_HOME: join(home, "state"),
  PIP_CACHE_DIR: process.env["PIP_CACHE_DIR"] ?? join(homedir(), ".cache/pip"),
};
const vsix = join(project, "dist/llm4cov.vsix");
const figures: steps.Figures = { vsixBytes: (await stat(vsix)).size, loadAverage: loadavg()[0] ?? 0, processors: cpus().length };
const folders = { trusted: join(home, "project"), untrusted: join(home, "stranger"), bare: join(home, "bare") };
for (const folder of Object.values(folders)) {
  await makeWorkspace(folder, project);
}
await rm(pictures, { recursive: true, force: true });
await mkdir(pictures, { recursive: true });
const editor = await startCodeServer({ tools, home, vsix, settings, env });
const failures: string[] = [];
let number = 0;

/** Do steps in a window of their own. */
async function inWindow(folder: string, trust: boolean, todo: readonly steps.Step[]): Promise<void> {
  number += 1;
  const screen = await Screen.open(editor.urlOf(folder), pictures ?? "", number);
  const context: steps.Context = { screen, folder, home, project, settings, figures };
  try {
    await screen.picture("trust");
    await screen.trust(trust);
    for (const step of todo) {
      const began = Date.now();
      await step(context);
      console.log(`ok ${step.name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    }
  } catch (error) {
    const name = await screen.picture("failed");
    failures.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await screen.close();
  }
}

try {
  await inWindow(folders.trusted, true, [
    steps.opensWithLensAndHoles,
    steps.cancelsHalfWay,
    steps.generates,
    steps.accepts,
    steps.showsItsTestbenchAndCoverage,
    steps.rejectsWithAReason,
    steps.reloads,
    steps.tellsItsActivation,
  ]);
  await inWindow(folders.untrusted, false, [steps.runsNothingUntrusted]);
  if (!process.argv.includes("--no-bootstrap")) {
    await inWindow(folders.bare, true, [steps.installsItsServer]);
  }
} finally {
  await editor.stop();
}
await writeFile(join(pictures, "figures.json"), JSON.stringify(figures, undefined, 2) + "\n");
console.log(await readFile(join(pictures, "figures.json"), "utf8"));
if (failures.length > 0) {
  console.log(`${failures.join("\n\n")}\n\nWhat the editor wrote is in ${home}.`);
  process.exit(1);
}
await rm(home, { recursive: true, force: true });

/**
 * Measures the extension in a real VS Code: activation, the time to the first green line, memory and size.
 *
 * bench.mjs TOOLS PICTURES RESULT: as main.mjs, and the file for what was measured. Times and memory are those of a machine with so much else
 * to do, which is written beside them.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Machine } from "./machine";
import { EXTENSION_HOST, processesWith, residentBytes } from "./processes";
import { basePython, placesOf, Session, type StartOptions } from "./session";
import { BUILD_MS, type Context, type Step } from "./steps";
import { makeWorkspace } from "./workspace";

const TIMES = 5;
const FILES = 2000;
const places = await placesOf(process.argv.slice(2));
const result = process.argv[4];
assert.ok(result !== undefined, "bench.mjs TOOLS PICTURES RESULT");
const failures: string[] = [];
const loads = [loadavg()[0] ?? 0];
const activations: number[] = [];
const greens: number[] = [];
const installed = { ms: 0, bytes: 0 };

async function tellsItsActivation({ screen }: Context): Promise<void> {
  await screen.openFile("fifo_sync.sv");
  await screen.lens(/^Generate$/).waitFor({ timeout: BUILD_MS });
  await screen.command("Developer: Show Running Extensions");
  const row = screen.page.locator(".runtime-extensions-editor .extension").filter({ hasText: "LLM4Cov" });
  await row.waitFor();
  const found = /Activation[^\d]*(\d+) ?ms/.exec((await row.textContent()) ?? "");
  assert.ok(found, "the editor does not say how long activation took");
  activations.push(Number(found[1]));
  await screen.picture("activation");
  await screen.command("View: Close Editor");
}

/** From the click to the first green line; the first time compiles what is kept then. */
async function showsTheFirstGreenLine({ screen }: Context): Promise<void> {
  const hit = screen.page.locator(".coverage-deco-hit");
  for (let times = -1; times < TIMES; times++) {
    await screen.openFile("fifo_sync.sv");
    await screen.goToLine(1);
    await screen.lens(/^Generate$/).waitFor({ timeout: BUILD_MS });
    assert.equal(await hit.count(), 0);
    const began = Date.now();
    await screen.lens(/^Generate$/).click();
    await screen.goToLine(56);
    await hit.first().waitFor({ timeout: BUILD_MS });
    if (times >= 0) {
      greens.push(Date.now() - began);
    }
    await screen.answer(/Generating a testbench for fifo_sync/, "Cancel");
    await screen.toast(/Generating a testbench for fifo_sync/).waitFor({ state: "detached" });
    await hit.first().waitFor({ state: "detached" });
  }
}

/** The private environment, from the click to a server that runs. */
function installs(home: string): Step {
  return async ({ screen }) => {
    await screen.openFile("fifo_sync.sv");
    await screen.toast(/needs its server/).waitFor();
    const began = Date.now();
    await screen.answer(/needs its server/, "Install");
    await screen.lens(/^Generate$/).waitFor({ timeout: 2 * BUILD_MS });
    installed.ms = Date.now() - began;
    const asked = await promisify(execFile)("du", ["-sb", join(home, "data/User/globalStorage/llm4cov.llm4cov")]);
    installed.bytes = Number(asked.stdout.split("\t")[0]);
  };
}

/** What the extension host has in memory with a folder of many modules, each in a file of its own, once it has come to rest. */
function weighs(mark: string, seen: number[], has: boolean): Step {
  return async ({ screen }) => {
    await screen.openFile("unit_0001.sv");
    if (has) {
      await screen.lens(/^Generate$/).waitFor({ timeout: BUILD_MS });
      await screen.command("Testing: Focus on Test Explorer View");
      await screen.page.locator(".test-explorer .monaco-list-row").filter({ hasText: "unit_0001" }).first().waitFor({ timeout: BUILD_MS });
    }
    let before = 0;
    for (let quiet = 0, looks = 0; quiet < 10 && looks < 120; looks++) {
      const pids = await processesWith(mark, EXTENSION_HOST);
      const now = Math.max(...(await Promise.all(pids.map(residentBytes))));
      quiet = Math.abs(now - before) < 1_000_000 ? quiet + 1 : 0;
      before = now;
      await screen.rest();
    }
    seen.push(before);
    await screen.picture("many-files");
  };
}

async function makeManyFiles(folder: string): Promise<void> {
  for (let number = 0; number < FILES; number++) {
    const name = `unit_${String(number).padStart(4, "0")}`;
    const place = join(folder, `block_${Math.floor(number / 50)}`);
    await mkdir(place, { recursive: true });
    const text = `module ${name} (input logic clk, input logic d, output logic q);\n  always_ff @(posedge clk) q <= d;\nendmodule\n`;
    await writeFile(join(place, `${name}.sv`), text);
  }
}

async function inSession(name: string, options: StartOptions, work: (session: Session) => Promise<void>): Promise<void> {
  const settings = options.vsix === true ? { "llm4cov.server.path": places.server } : {};
  const session = await Session.start(places, name, settings, options);
  try {
    await work(session);
  } finally {
    await session.stop();
    failures.push(...session.failures);
    loads.push(loadavg()[0] ?? 0);
  }
}

const many = join(places.home, "many");
await makeManyFiles(many);
const [withIt, without]: [number[], number[]] = [[], []];
await inSession("measured", { vsix: true }, async (session) => {
  for (let times = 0; times < TIMES; times++) {
    const folder = join(places.home, `project-${times}`);
    await makeWorkspace(folder, places.project);
    await rm(join(folder, "tb_traffic_light.sv"));
    const green: (readonly [string, Step])[] = times === TIMES - 1 ? [["first green line", showsTheFirstGreenLine]] : [];
    await session.inWindow(`activation-${times}`, folder, true, [["tells its activation", tellsItsActivation], ...green]);
  }
});
await inSession("heavy", { vsix: true }, async (session) => {
  await session.inWindow("with", many, true, [["weighs", weighs(session.mark, withIt, true)]]);
});
await inSession("light", { vsix: false }, async (session) => {
  await session.inWindow("without", many, true, [["weighs", weighs(session.mark, without, false)]]);
});
const machine = await Machine.make(join(places.home, "bin"), process.env["PATH"] ?? "");
await machine.install("python3", await basePython(places.server));
await inSession("fresh", { path: machine.path }, async (session) => {
  const folder = join(places.home, "bare");
  await makeWorkspace(folder, places.project);
  await session.inWindow("fresh", folder, true, [["installs", installs(session.home)]]);
});
if (failures.length > 0) {
  console.log(failures.join("\n\n"));
  process.exit(1);
}
const figures = {
  vsix_bytes: (await stat(places.vsix)).size,
  activation_ms: activations,
  activation_ms_median: median(activations),
  first_green_ms: greens,
  first_green_ms_median: median(greens),
  files: FILES,
  extension_host_bytes: withIt[0],
  extension_host_bytes_without: without[0],
  extension_bytes: (withIt[0] ?? 0) - (without[0] ?? 0),
  environment_ms: installed.ms,
  environment_bytes: installed.bytes,
  load_average: loads.map((one) => Number(one.toFixed(1))),
  processors: cpus().length,
};
await writeFile(result, JSON.stringify(figures, undefined, 2) + "\n");
console.log(JSON.stringify(figures, undefined, 2));
await rm(places.home, { recursive: true, force: true });

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

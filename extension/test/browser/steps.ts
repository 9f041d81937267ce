/** The steps of the browser test, each with what has to be seen after it. */

import assert from "node:assert/strict";
import { access, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Screen } from "./screen";

/** What is worth writing down; times are those of a machine with so much else to do. */
export interface Figures {
  readonly vsixBytes: number;
  readonly loadAverage: number;
  readonly processors: number;
  activationMs?: number;
  firstGreenMs?: number;
}

export interface Context {
  readonly screen: Screen;
  readonly folder: string;
  readonly home: string;
  readonly project: string;
  readonly settings: Record<string, unknown>;
  readonly figures: Figures;
}

export type Step = (context: Context) => Promise<void>;

/** Long enough for a build on a machine that does other things too. */
const BUILD_MS = 180_000;

export async function opensWithLensAndHoles({ screen }: Context): Promise<void> {
  await screen.openFile("traffic_light.sv");
  await screen.lens(/\d+ holes/).waitFor({ timeout: BUILD_MS });
  await screen.lens(/^Generate$/).waitFor();
  await screen.command("LLM4Cov: Focus on Holes View");
  const rows = screen.page.locator(".pane-body .monaco-list-row");
  await rows.filter({ hasText: "State machines" }).click();
  const hole = rows.filter({ hasText: /SIDE_GO -> SIDE_STOPS/ }).first();
  await hole.click();
  await screen.picture("holes");
  await screen.page
    .locator(".statusbar-item")
    .filter({ hasText: /^Ln 74/ })
    .waitFor();
  await screen.pause(1000);
  await screen.picture("at-a-hole");
}

export async function cancelsHalfWay({ screen, folder }: Context): Promise<void> {
  await screen.openFile("fifo_sync.sv");
  await screen.lens(/^Generate$/).click();
  const toast = screen.toast(/Generating a testbench for fifo_sync/);
  await toast.waitFor();
  await screen.picture("generating");
  // A click on the button alone: the notification's own buttons come and go with the pointer.
  await toast.getByRole("button", { name: "Cancel" }).click({ force: true });
  await screen.lens(/^Generate$/).waitFor();
  await screen.pause(1000);
  await screen.picture("cancelled");
  assert.deepEqual((await readdir(folder)).sort(), ["fifo_sync.sv", "tb_traffic_light.sv", "traffic_light.sv"]);
}

export async function generates({ screen, figures }: Context): Promise<void> {
  await screen.openFile("fifo_sync.sv");
  await screen.goToLine(1);
  await screen.lens(/^Generate$/).waitFor();
  const hits = screen.page.locator(".coverage-deco-hit");
  const began = Date.now();
  await screen.lens(/^Generate$/).click();
  await screen.goToLine(70);
  await hits.first().waitFor({ timeout: BUILD_MS });
  figures.firstGreenMs = Date.now() - began;
  await screen.picture("first-green");
  await screen.toast(/tb_fifo_sync\.sv covers/).waitFor({ timeout: BUILD_MS });
  await screen.pause(1000);
  await screen.picture("proposed");
}

export async function accepts({ screen, folder }: Context): Promise<void> {
  await screen
    .toast(/tb_fifo_sync\.sv covers/)
    .getByRole("button", { name: "Accept" })
    .click();
  await screen.page.locator(".tab.active").filter({ hasText: "tb_fifo_sync.sv" }).waitFor();
  await screen.toast(/tb_fifo_sync\.sv is accepted/).waitFor();
  await screen.picture("accepted");
  assert.match(await readFile(join(folder, "tb_fifo_sync.sv"), "utf8"), /Testbench of fifo_sync/);
}

export async function showsItsTestbenchAndCoverage({ screen }: Context): Promise<void> {
  await screen.openFile("fifo_sync.sv");
  await screen.goToLine(1);
  await screen.lens(/line .* holes?/).waitFor({ timeout: BUILD_MS });
  await screen.command("Testing: Focus on Test Explorer View");
  const row = screen.page.locator(".test-explorer .monaco-list-row");
  await row.filter({ hasText: "fifo_sync" }).first().waitFor();
  await screen.command("Test: Run All Tests with Coverage");
  const covered = screen.page.locator(".pane").filter({ hasText: "Test Coverage" }).locator(".monaco-list-row");
  await covered.filter({ hasText: "fifo_sync.sv" }).first().waitFor({ timeout: BUILD_MS });
  await screen.pause(2000);
  await screen.picture("coverage");
}

export async function rejectsWithAReason({ screen, folder, home, settings }: Context): Promise<void> {
  await writeSettings(home, { ...settings, "llm4cov.simulation.seed": 7 });
  const before = await readFile(join(folder, "tb_fifo_sync.sv"), "utf8");
  await screen.openFile("fifo_sync.sv");
  await screen.goToLine(1);
  await screen.lens(/^Generate$/).click();
  const toast = screen.toast(/tb_fifo_sync\.sv covers/);
  await toast.waitFor({ timeout: BUILD_MS });
  await screen.page.locator(".diff-editor, .monaco-diff-editor").first().waitFor();
  await screen.pause(1500);
  await screen.picture("diff");
  await toast.getByRole("button", { name: "Reject…" }).click();
  await screen.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "Hard to read" }).click();
  await screen.page.locator(".monaco-diff-editor").first().waitFor({ state: "detached" });
  assert.equal(await readFile(join(folder, "tb_fifo_sync.sv"), "utf8"), before);
}

export async function reloads({ screen }: Context): Promise<void> {
  await screen.openFile("traffic_light.sv");
  await screen.goToLine(1);
  await screen.command("Developer: Reload Window");
  await screen.pause(3000);
  await screen.page.locator(".tab.active").filter({ hasText: "traffic_light.sv" }).waitFor();
  await screen.lens(/\d+ holes/).waitFor({ timeout: BUILD_MS });
  await screen.pause(1000);
  await screen.picture("reloaded");
}

export async function tellsItsActivation({ screen, figures }: Context): Promise<void> {
  await screen.command("Developer: Show Running Extensions");
  const row = screen.page.locator(".runtime-extensions-editor .extension").filter({ hasText: "LLM4Cov" });
  await row.waitFor();
  await screen.picture("activation");
  const found = /Activation[^\d]*(\d+) ?ms/.exec((await row.textContent()) ?? "");
  assert.ok(found, "the editor does not say how long activation took");
  figures.activationMs = Number(found[1]);
}

export async function runsNothingUntrusted({ screen, folder }: Context): Promise<void> {
  await screen.openFile("traffic_light.sv");
  await screen.pause(6000);
  assert.equal(await screen.lens(/holes|^Generate$/).count(), 0);
  await screen.command("LLM4Cov: Generate High-Coverage Testbench");
  await screen.toast(/not trusted: nothing is built or run/).waitFor();
  await screen.picture("untrusted");
  assert.deepEqual((await readdir(folder)).sort(), ["fifo_sync.sv", "tb_traffic_light.sv", "traffic_light.sv"]);
}

export async function installsItsServer({ screen, home, settings }: Context): Promise<void> {
  await writeSettings(home, { ...settings, "llm4cov.server.path": "" });
  await screen.openFile("traffic_light.sv");
  await screen.command("LLM4Cov: Restart Server");
  const ask = screen.toast(/needs its server/);
  await ask.waitFor();
  await screen.picture("no-server");
  await ask.getByRole("button", { name: "Install" }).click();
  await screen.toast(/Installing the LLM4Cov server/).waitFor();
  await screen.pause(4000);
  await screen.picture("installing");
  await screen.lens(/\d+ holes/).waitFor({ timeout: 2 * BUILD_MS });
  await screen.picture("installed");
  await access(join(home, "data/User/globalStorage/llm4cov.llm4cov"));
}

async function writeSettings(home: string, settings: Record<string, unknown>): Promise<void> {
  await writeFile(join(home, "data/User/settings.json"), JSON.stringify(settings, undefined, 2));
}

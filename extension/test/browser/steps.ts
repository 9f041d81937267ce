/** What a person does with a module, from opening it to its testbench being kept, each with what has to be seen after it. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Screen } from "./screen";
import { FILES } from "./workspace";

export interface Context {
  readonly screen: Screen;
  readonly folder: string;
  /** The file with the user's settings. */
  readonly settings: string;
}

export type Step = (context: Context) => Promise<void>;

/** Long enough for a build on a machine that does other things too. */
export const BUILD_MS = 180_000;
const PROPOSED = /tb_fifo_sync\.sv covers/;
const ACCEPTED = /tb_fifo_sync\.sv is accepted/;
const GENERATING = /Generating a testbench for fifo_sync/;

export async function opensWithLensAndHoles({ screen }: Context): Promise<void> {
  await screen.openFile("traffic_light.sv");
  await screen.lens(/\d+ holes/).waitFor({ timeout: BUILD_MS });
  await screen.lens(/^Generate$/).waitFor();
  await screen.command("LLM4Cov: Focus on Holes View");
  const hole = screen.rows(/SIDE_GO -> SIDE_STOPS/);
  await screen.until(async () => screen.rows("State machines").click(), hole);
  await screen.until(async () => hole.first().click(), screen.page.locator(".statusbar-item").filter({ hasText: /^Ln 74,/ }));
  await screen.page.locator(".coverage-deco-gutter.coverage-deco-hit, .coverage-deco-hit").first().waitFor();
  await screen.rest();
  await screen.picture("at-a-hole");
}

/** The report of what was measured; a click on a line of a hole leads there. */
export async function showsAReport({ screen }: Context): Promise<void> {
  const report = screen.page.frameLocator("iframe.webview").frameLocator("iframe");
  await screen.openFile("traffic_light.sv");
  await screen.goToLine(1);
  await screen.until(
    async () => screen.command("LLM4Cov: Show Report"),
    report.getByRole("heading", { name: "Coverage of traffic_light" }),
  );
  for (const name of ["Coverage", "Instances", "Bits of the ports", "Holes"]) {
    await report.getByRole("heading", { name, exact: true }).waitFor();
  }
  assert.equal(await report.getByRole("link", { name: "Export as HTML…" }).count(), 1);
  await screen.rest();
  await screen.picture("report");
  // So many holes are folded at first.
  const holes = report.locator('section[aria-labelledby="holes"]');
  const place = holes.locator("a").first();
  await screen.until(async () => holes.locator("summary").first().click(), place);
  const line = await place.textContent();
  const there = screen.page.locator(".statusbar-item").filter({ hasText: new RegExp(`^Ln ${line ?? ""},`) });
  await screen.until(async () => place.click(), there);
  await screen.command("View: Close All Editors");
}

/** Cancelled while it searches: nothing is left of it, and nothing is proposed. */
export async function cancelsHalfWay({ screen, folder }: Context): Promise<void> {
  await screen.openFile("fifo_sync.sv");
  await startGenerating(screen);
  await screen.toast(/Generating a testbench for fifo_sync.*(searching|proving)/).waitFor({ timeout: BUILD_MS });
  await screen.picture("generating");
  await screen.answer(GENERATING, "Cancel");
  await screen.toast(GENERATING).waitFor({ state: "detached" });
  await screen.lens(/^Generate$/).waitFor();
  await screen.rest();
  await screen.picture("cancelled");
  assert.equal(await screen.toast(PROPOSED).count(), 0);
  assert.equal(await screen.page.locator(".coverage-deco-hit").count(), 0, "what a cancelled search had hit is still shown");
  assert.deepEqual((await readdir(folder)).sort(), FILES);
}

export async function generates({ screen }: Context): Promise<void> {
  await startGenerating(screen);
  await screen.goToLine(70);
  await screen.page.locator(".coverage-deco-hit").first().waitFor({ timeout: BUILD_MS });
  await screen.picture("first-green");
  await screen.toast(PROPOSED).waitFor({ timeout: BUILD_MS });
  await screen.rest();
  await screen.picture("proposed");
}

export async function accepts({ screen, folder }: Context): Promise<void> {
  await screen.answer(PROPOSED, "Accept");
  await screen.page.locator(".tab.active").filter({ hasText: "tb_fifo_sync.sv" }).waitFor();
  await screen.toast(ACCEPTED).waitFor();
  await screen.picture("accepted");
  assert.match(await readFile(join(folder, "tb_fifo_sync.sv"), "utf8"), /Testbench of fifo_sync/);
  await screen.command("Notifications: Clear All Notifications");
}

export async function showsItsTrajectory({ screen }: Context): Promise<void> {
  await screen.command("LLM4Cov: Focus on Trajectories View");
  const row = screen.rows(/accepted/);
  await row.first().waitFor();
  const page = screen.page.locator(".tab.active").filter({ hasText: /^fifo_sync .*\.md/ });
  await screen.until(async () => row.first().click(), page);
  await screen.page.locator(".view-line").filter({ hasText: "| round | policy" }).waitFor();
  await screen.rest();
  await screen.picture("trajectory");
  await screen.command("View: Close Editor");
}

export async function showsItsTestbenchAndCoverage({ screen }: Context): Promise<void> {
  await screen.openFile("fifo_sync.sv");
  await screen.goToLine(1);
  await screen.lens(/line .* holes?/).waitFor({ timeout: BUILD_MS });
  await screen.command("Testing: Focus on Test Explorer View");
  await screen.page.locator(".test-explorer .monaco-list-row").filter({ hasText: "fifo_sync" }).first().waitFor();
  await screen.command("Test: Run All Tests with Coverage");
  const covered = screen.page.locator(".pane").filter({ hasText: "Test Coverage" }).locator(".monaco-list-row");
  await covered.filter({ hasText: "traffic_light.sv" }).first().waitFor({ timeout: BUILD_MS });
  await covered.filter({ hasText: "fifo_sync.sv" }).first().waitFor();
  await screen.rest();
  await screen.picture("coverage");
}

/** Another seed makes another testbench, shown beside the one that is there. */
export async function rejectsWithAReason({ screen, folder, settings }: Context): Promise<void> {
  await screen.setNumber("llm4cov.simulation.seed", 3, settings);
  const before = await readFile(join(folder, "tb_fifo_sync.sv"), "utf8");
  await screen.openFile("fifo_sync.sv");
  await screen.goToLine(1);
  await screen.command("View: Hide Panel");
  await startGenerating(screen);
  await screen.toast(PROPOSED).waitFor({ timeout: BUILD_MS });
  // The first difference may lie below what is in view.
  await screen.until(async () => screen.page.keyboard.press("Alt+F5"), screen.page.locator(".monaco-diff-editor .line-insert"));
  await screen.rest();
  await screen.picture("diff");
  await screen.until(async () => screen.answer(PROPOSED, "Reject…"), screen.pickable("Hard to read"));
  await screen.picture("reasons");
  await screen.pickable("Hard to read").click();
  await screen.page.locator(".monaco-diff-editor").first().waitFor({ state: "detached" });
  assert.equal(await readFile(join(folder, "tb_fifo_sync.sv"), "utf8"), before);
  await screen.command("LLM4Cov: Focus on Trajectories View");
  await screen
    .rows(/rejected/)
    .first()
    .waitFor();
  await screen.picture("rejected");
}

export async function acceptsAPart({ screen, folder }: Context): Promise<void> {
  const file = join(folder, "tb_fifo_sync.sv");
  const before = await readFile(file, "utf8");
  await screen.openFile("fifo_sync.sv");
  await screen.goToLine(1);
  await startGenerating(screen);
  await screen.toast(PROPOSED).waitFor({ timeout: BUILD_MS });
  await screen.until(async () => screen.command("LLM4Cov: Accept a Part of the Testbench…"), screen.pickable("By sequence"));
  await screen.pickable("By sequence").click();
  const list = screen.page.locator(".quick-input-list .monaco-list-row");
  await list.first().waitFor();
  const sequences = await list.count();
  assert.ok(sequences > 1, "there is nothing to choose");
  await list.first().locator(".quick-input-list-checkbox, input[type=checkbox], .monaco-custom-toggle").first().click();
  await screen.picture("parts");
  await screen.page.locator(".quick-input-widget:visible").getByRole("button", { name: "OK" }).click();
  await screen.toast(/tb_fifo_sync\.sv has what you chose/).waitFor();
  await screen.picture("part");
  const after = await readFile(file, "utf8");
  assert.notEqual(after, before);
  await screen.openFile("fifo_sync.sv");
  await screen.command("LLM4Cov: Undo Accepting the Testbench");
  const undone = screen.toast(/tb_fifo_sync\.sv: accepting it was undone/);
  await undone.waitFor();
  await screen.until(async () => {
    await screen.rest();
    assert.equal(await readFile(file, "utf8"), before);
  }, screen.page.locator(".tab.active"));
  await screen.picture("undone");
}

export async function reloads({ screen }: Context): Promise<void> {
  await screen.openFile("traffic_light.sv");
  await screen.goToLine(1);
  await screen.page.evaluate(() => {
    document.body.dataset["before"] = "reload";
  });
  await screen.command("Developer: Reload Window");
  await screen.page.locator("body:not([data-before]) .tab.active").filter({ hasText: "traffic_light.sv" }).waitFor();
  await screen.lens(/\d+ holes/).waitFor({ timeout: BUILD_MS });
  await screen.command("LLM4Cov: Focus on Holes View");
  await screen.rows("State machines").waitFor();
  await screen.command("LLM4Cov: Focus on Trajectories View");
  await screen
    .rows(/accepted/)
    .first()
    .waitFor();
  await screen.rest();
  await screen.picture("reloaded");
}

async function startGenerating(screen: Screen): Promise<void> {
  await screen.lens(/^Generate$/).waitFor({ timeout: BUILD_MS });
  await screen.until(async () => screen.lens(/^Generate$/).click(), screen.toast(/Generating a testbench for|covers/));
}

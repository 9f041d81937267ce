/** What goes wrong, each with the message that has to be seen and the button that helps. */

import assert from "node:assert/strict";
import { access, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processesWith, SERVER } from "./processes";
import { BUILD_MS, type Context, type Step } from "./steps";
import { FILES, makeWorkspace } from "./workspace";

/** The folder is not trusted; its own settings name a program to run, which has to stay as unborn as everything else. */
export function runsNothingUntrusted(witness: string): Step {
  return async ({ screen, folder }) => {
    await screen.openFile("traffic_light.sv");
    await screen.command("LLM4Cov: Generate High-Coverage Testbench");
    const said = screen.toast(/not trusted: nothing is built or run/);
    await said.waitFor();
    await said.getByRole("button", { name: "Manage Workspace Trust" }).waitFor();
    await screen.command("LLM4Cov: Focus on Holes View");
    await screen.page.locator(".pane-body").filter({ hasText: "In Restricted Mode nothing is built or run" }).first().waitFor();
    await screen.rest();
    await screen.picture("untrusted");
    assert.equal(await screen.lens(/holes|^Generate$/).count(), 0);
    await assert.rejects(access(witness), "a program that the workspace names was run");
    assert.deepEqual((await readdir(folder)).filter((name) => name !== ".vscode").sort(), FILES);
  };
}

/** The server is killed: it comes back by itself, and is left alone after the fifth time until somebody asks for it. */
export function survivesItsServer(variable: string): Step {
  return async ({ screen }) => {
    let last: number[] = [];
    const next = async (): Promise<void> => {
      const deadline = Date.now() + BUILD_MS;
      for (;;) {
        const [pid] = (await processesWith(variable, SERVER)).filter((one) => !last.includes(one));
        if (pid !== undefined) {
          last = [pid];
          return;
        }
        assert.ok(Date.now() < deadline, "the server was not started again");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    for (let times = 0; times < 5; times++) {
      await next();
      process.kill(last[0] ?? 0, "SIGKILL");
    }
    const said = screen.toast(/ended several times in a row/);
    await said.waitFor({ timeout: BUILD_MS });
    await said.getByRole("button", { name: "Show Log" }).waitFor();
    await screen.rest();
    await screen.picture("server-died");
    assert.equal(await screen.toast(/rejected|connection/).count(), 0, "the protocol's own words are shown");
    await screen.answer(/ended several times in a row/, "Restart Server");
    await next();
    await screen.openFile("fifo_sync.sv");
    await screen.lens(/line .* holes?/).waitFor({ timeout: BUILD_MS });
    await screen.picture("server-back");
  };
}

/** The workspace sets what it must not: the rest works, and a message says which value is to be mended. */
export async function saysWhichSettingIsWrong({ screen }: Context): Promise<void> {
  await screen.openFile("traffic_light.sv");
  const said = /llm4cov\.generate\.budgetSeconds .*should be/;
  await screen.toast(said).waitFor();
  await screen.rest();
  await screen.picture("wrong-setting");
  await screen.lens(/^Generate$/).waitFor();
  await screen.answer(said, "Open Setting");
  await screen.page.locator(".settings-editor .setting-item-contents").filter({ hasText: "Budget Seconds" }).waitFor();
  await screen.rest();
  await screen.picture("setting");
}

/** Where the testbench belongs nothing can be written: it stays proposed. */
export async function saysWhatCanNotBeWritten({ screen, folder }: Context): Promise<void> {
  await writeFile(join(folder, "sealed"), "a file where a folder would have to be\n");
  await screen.openFile("fifo_sync.sv");
  await screen.until(async () => screen.lens(/^Generate$/).click(), screen.toast(/Generating a testbench for|covers/));
  await screen.toast(/tb\.sv covers/).waitFor({ timeout: BUILD_MS });
  await screen.answer(/tb\.sv covers/, "Accept");
  const said = screen.toast(/tb\.sv can't be written/);
  await said.waitFor();
  await said.getByRole("button", { name: "Save As…" }).waitFor();
  await screen.rest();
  await screen.picture("not-writable");
}

/** A file of no folder of the workspace: the editor asks, and then it is measured like any other. */
export function worksOutsideTheWorkspace(elsewhere: string, project: string): Step {
  return async ({ screen }) => {
    await makeWorkspace(elsewhere, project);
    await screen.command("Notifications: Clear All Notifications");
    await screen.openPath(join(elsewhere, "traffic_light.sv"));
    await screen.dialogButton(/^Open$/);
    await screen.lens(/^Generate$/).waitFor();
    await screen.command("LLM4Cov: Generate High-Coverage Testbench");
    await screen.toast(/Generating a testbench for traffic_light/).waitFor();
    await screen.picture("elsewhere");
    await screen.answer(/Generating a testbench for traffic_light/, "Cancel");
    await screen.toast(/Generating a testbench for traffic_light/).waitFor({ state: "detached" });
  };
}

/** Opens an editor and leaves pictures: for whoever changes the extension and wants to look. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startCodeServer } from "./codeServer";
import { Screen } from "./screen";
import { makeWorkspace } from "./workspace";

const project = resolve(process.argv[2] ?? "..");
const home = await mkdtemp(join(tmpdir(), "llm4cov-vscode-"));
const workspace = join(home, "project");
await makeWorkspace(workspace, project);
const editor = await startCodeServer({
  tools: process.argv[3] ?? "",
  home,
  vsix: join(project, "dist/llm4cov.vsix"),
  workspace,
  settings: {
    "workbench.startupEditor": "none",
    "llm4cov.generate.budgetSeconds": 20,
    "llm4cov.server.path": join(project, ".venv/bin/llm4cov-lsp"),
    "telemetry.telemetryLevel": "off",
  },
  env: {
    ...process.env,
    PATH: `${join(project, ".venv/bin")}:${process.env["PATH"] ?? ""}`,
    LLM4COV_CACHE_DIR: "/tmp/vs-cache",
    LLM4COV_STORE: join(home, "store.db"),
  },
});
console.log(editor.url, home);
const screen = await Screen.open(editor.url, "/tmp/vs-pics");
screen.page.on("console", (message) => {
  if (["error", "warning"].includes(message.type()) && !message.text().includes("ERR_"))
    console.log(message.type(), message.text().slice(0, 400));
});
try {
  await screen.trust(true);
  await screen.openFile("traffic_light.sv");
  await screen.lens(/holes/).first().waitFor({ timeout: 30000 });
  await screen.pause(2500);
  await screen.picture("opened");
  await screen
    .lens(/^Generate$/)
    .first()
    .click();
  for (let n = 0; n < 10; n++) {
    await screen.pause(2000);
    await screen.picture("generating");
  }
  await screen.pause(20000);
  await screen.picture("done");
} catch (error) {
  console.log(error);
  await screen.picture("failed");
} finally {
  await screen.close();
  await editor.stop();
}

/** The command that shows what `llm4cov-lsp doctor` finds, with what this extension knows in front. */

import * as vscode from "vscode";
import type { App } from "../app";
import { run } from "../server/processes";

export async function doctor(app: App): Promise<void> {
  if (!(await app.setup.ready())) {
    return;
  }
  const state = app.server.state;
  if (state.kind !== "running") {
    return;
  }
  const ended = await run(state.command, ["doctor"]);
  const lines = [
    `extension    ${app.version}`,
    `server       ${state.version}`,
    `found        ${state.origin}: ${state.command}`,
    `VS Code      ${vscode.version}${vscode.env.remoteName ? ` (remote: ${vscode.env.remoteName})` : ""}`,
    `trusted      ${vscode.workspace.isTrusted ? "yes" : "no: nothing is built or run"}`,
    "",
    "$ llm4cov-lsp doctor",
    ended.failure === undefined ? ended.output.trimEnd() : `could not be started: ${ended.failure}`,
    "",
  ];
  await app.pages.show("LLM4Cov Doctor.txt", lines.join("\n"));
}

/** The command that generates a testbench, wherever it is called from. */

import * as vscode from "vscode";
import type { App, ModuleTarget } from "../app";
import { type GenerateAnswer, readProposal } from "../review/proposal";
import { pickTarget } from "./target";

/** Generate for the module that the user means. */
export async function generateTestbench(app: App, uri?: vscode.Uri): Promise<void> {
  if (await isTrusted()) {
    const target = await pickTarget(app, uri);
    if (target !== undefined) {
      await generateFor(app, target);
    }
  }
}

/** Generate for a module, and let the user look at what comes. */
export async function generateFor(app: App, target: ModuleTarget): Promise<unknown> {
  if (!(await isTrusted())) {
    return { error: "not trusted" };
  }
  if (!(await app.setup.ready())) {
    return { error: "no server" };
  }
  await vscode.workspace.openTextDocument(target.uri);
  try {
    const uri = target.uri.toString();
    const answer = await app.server.execute<GenerateAnswer>("llm4cov.generate", [uri, target.top, { apply: false }]);
    const proposal = readProposal(uri, target.top, answer);
    if (proposal !== undefined) {
      void app.review.show(proposal);
    }
    return answer;
  } finally {
    app.testing.live.end(target.uri, target.top);
  }
}

/** Say whether the workspace is trusted; if not, tell the user what that means. */
async function isTrusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) {
    return true;
  }
  const manage = "Manage Workspace Trust";
  const answer = await vscode.window.showWarningMessage("This workspace is not trusted: nothing is built or run.", manage);
  if (answer !== undefined) {
    await vscode.commands.executeCommand("workbench.trust.manage");
  }
  return false;
}

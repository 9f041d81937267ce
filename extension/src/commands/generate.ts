/** The command that generates a testbench, wherever it is called from. */

import * as vscode from "vscode";
import type { App, ModuleTarget } from "../app";
import { pickTarget } from "./target";

/** Generate for the module that the user means. */
export async function generateTestbench(app: App, uri?: vscode.Uri): Promise<void> {
  const target = await pickTarget(app, uri);
  if (target !== undefined) {
    await generateFor(app, target);
  }
}

/** Generate for a module, and let the user look at what comes. */
export async function generateFor(app: App, target: ModuleTarget): Promise<unknown> {
  if (!vscode.workspace.isTrusted) {
    const answer = await vscode.window.showWarningMessage(
      "This workspace is not trusted: nothing is built or run.",
      "Manage Workspace Trust",
    );
    if (answer !== undefined) {
      await vscode.commands.executeCommand("workbench.trust.manage");
    }
    return { error: "not trusted" };
  }
  if (!(await app.setup.ready())) {
    return { error: "no server" };
  }
  await vscode.workspace.openTextDocument(target.uri);
  try {
    return await app.server.execute("llm4cov.generate", [target.uri.toString(), target.top]);
  } finally {
    app.testing.live.end(target.uri, target.top);
  }
}

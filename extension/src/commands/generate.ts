/** The commands that propose a testbench, wherever they are called from: what comes of them is reviewed in one way. */

import * as vscode from "vscode";
import type { App, ModuleTarget } from "../app";
import { type ProposingAnswer, readProposal } from "../review/proposal";
import { pickTarget } from "./target";

/** The server's commands that answer with a testbench: a new one, one that covers more, one that runs, one that reaches a point. */
const PROPOSING: ReadonlySet<string> = new Set(["llm4cov.generate", "llm4cov.improve", "llm4cov.repair", "llm4cov.cover"]);

/** Do a command of the server's that proposes, in the way of this editor; undefined for any other. */
export function proposing(app: App, command: string, args: readonly unknown[]): Promise<unknown> | undefined {
  if (!PROPOSING.has(command)) {
    return undefined;
  }
  const target = { uri: vscode.Uri.parse(String(args[0])), top: String(args[1]) };
  return proposeFor(app, command, target, ...args.slice(2).filter((one) => typeof one === "string"));
}

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
  return proposeFor(app, "llm4cov.generate", target);
}

/** Let the server propose a testbench, and the user look at it; `target` names the file that declares the module, or one of its design. */
export async function proposeFor(app: App, command: string, target: ModuleTarget, ...more: string[]): Promise<unknown> {
  if (!(await isTrusted())) {
    return { error: "not trusted" };
  }
  if (!(await app.setup.ready())) {
    return { error: "no server" };
  }
  await vscode.workspace.openTextDocument(target.uri);
  try {
    const uri = target.uri.toString();
    const answer = await app.server.execute<ProposingAnswer>(command, [uri, target.top, ...more, { apply: false }]);
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

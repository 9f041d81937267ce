/** The commands about what is learned from what is stored: learn now, choose when, take the last result back. */

import * as vscode from "vscode";
import type { App } from "../app";
import type { AdapterMessage, LearningMessage } from "../protocol";
import { change, live } from "../trajectories/learning";

interface RolledBack {
  readonly error?: string;
  readonly was?: string;
  readonly live?: string | null;
  readonly base?: string;
}

/** Learn from what is stored, now. */
export async function retrain(app: App): Promise<void> {
  if (await app.setup.ready()) {
    try {
      await app.server.execute("llm4cov.retrain", []);
    } finally {
      app.trajectories.refresh();
    }
  }
}

/** Show the setting that says when learning begins by itself. */
export async function chooseSchedule(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openSettings", "llm4cov.retrain.schedule");
}

/** Take the last promotion back, after asking. */
export async function rollBack(app: App): Promise<void> {
  if (!(await app.setup.ready())) {
    return;
  }
  const learning = await app.server.execute<LearningMessage | RolledBack>("llm4cov.adapters", []);
  // The server has said what is wrong.
  if (learning === undefined || !("adapters" in learning)) {
    return;
  }
  const found = live(learning);
  if (found.length === 0) {
    void vscode.window.showInformationMessage("Nothing that was learned is live, so there is nothing to take back.");
    return;
  }
  const chosen = found.length === 1 ? found[0] : await pick(found);
  if (chosen === undefined) {
    return;
  }
  const detail = `${chosen.id} (${change(chosen)} on held-out designs) is no longer used for ${chosen.base}; what was live before it is. It is kept, and can be promoted again.`;
  const answer = await vscode.window.showWarningMessage(`Roll back ${chosen.id}?`, { modal: true, detail }, "Roll Back");
  if (answer === undefined) {
    return;
  }
  const rolled = await app.server.execute<RolledBack>("llm4cov.rollBack", [chosen.base]);
  app.trajectories.refresh();
  if (rolled?.error === undefined && rolled?.base !== undefined) {
    void vscode.window.showInformationMessage(`${rolled.live ?? "The model itself"} is live for ${rolled.base}.`);
  }
}

async function pick(found: readonly AdapterMessage[]): Promise<AdapterMessage | undefined> {
  const items = found.map((adapter) => ({ label: adapter.id, description: adapter.base, detail: change(adapter), adapter }));
  return (await vscode.window.showQuickPick(items, { title: "Roll back which?" }))?.adapter;
}

/** The commands on what is stored: show, delete, export. */

import * as vscode from "vscode";
import type { App } from "../app";
import { run } from "../server/processes";
import { page, type TrajectoryTexts } from "../trajectories/model";
import type { TrajectoryNode } from "../trajectories/view";

interface Refused {
  readonly error?: string;
}

export async function showTrajectory(app: App, node?: TrajectoryNode): Promise<void> {
  if (node?.type !== "trajectory") {
    return;
  }
  const shown = await app.server.execute<TrajectoryTexts & Refused>("llm4cov.trajectory.show", [node.trajectory.id]);
  if (shown !== undefined && shown.error === undefined) {
    await app.pages.show(`${shown.top} ${shown.id}.md`, page(shown));
  }
}

/** Delete all that is stored of a design, after asking. */
export async function deleteTrajectories(app: App, node?: TrajectoryNode): Promise<void> {
  if (node?.type !== "design") {
    return;
  }
  const { top, design, trajectories } = node.group;
  const detail = `Everything stored of this design is erased for good: ${trajectories.length} trajectories with their testbenches. Your files stay.`;
  const answer = await vscode.window.showWarningMessage(`Delete the trajectories of ${top}?`, { modal: true, detail }, "Delete");
  if (answer !== undefined) {
    const deleted = await app.server.execute<{ problems?: readonly string[] }>("llm4cov.trajectory.delete", [design]);
    app.trajectories.refresh();
    for (const problem of deleted?.problems ?? []) {
      void vscode.window.showWarningMessage(problem);
    }
  }
}

/** Write what is stored, of one design or of all, as JSON lines. */
export async function exportTrajectories(app: App, node?: TrajectoryNode): Promise<void> {
  const state = app.server.state;
  const target = await vscode.window.showSaveDialog({ title: "Export trajectories", filters: { "JSON lines": ["jsonl"] } });
  if (target === undefined || state.kind !== "running") {
    return;
  }
  const only = node?.type === "design" ? ["--design", node.group.design] : [];
  const ended = await run(state.command, ["trajectories", "export", "-o", target.fsPath, "--force", ...only]);
  if (ended.status === 0) {
    const open = await vscode.window.showInformationMessage(`Trajectories are in ${target.fsPath}.`, "Open");
    if (open !== undefined) {
      await vscode.window.showTextDocument(target);
    }
  } else {
    void vscode.window.showErrorMessage(`The export failed: ${ended.failure ?? ended.output.trim()}`);
  }
}

export function refreshTrajectories(app: App): void {
  app.trajectories.refresh();
}

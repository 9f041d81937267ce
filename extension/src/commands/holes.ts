/** The commands on a hole of the view. */

import * as vscode from "vscode";
import type { App } from "../app";
import type { HolesNode } from "../holes/view";
import { generateFor, proposeFor } from "./generate";

/** Look for a testbench that reaches one more point; on a row above, generate for its module. */
export async function coverHole(app: App, node: HolesNode | undefined): Promise<void> {
  if (node?.type === "hole") {
    // The server knows the holes of open documents.
    await vscode.workspace.openTextDocument(vscode.Uri.parse(node.entry.file));
    await proposeFor(app, "llm4cov.cover", { uri: vscode.Uri.parse(node.entry.uri), top: node.entry.top }, node.entry.hole.id);
  } else if (node !== undefined) {
    await generateFor(app, { uri: vscode.Uri.parse(node.module.uri), top: node.module.top });
  }
}

/** Ask for a proof. */
export async function proveHole(app: App, node: HolesNode | undefined): Promise<void> {
  await aboutHole(app, "llm4cov.prove", node);
}

/** Say what has to hold for a hole. */
export async function explainHole(app: App, node: HolesNode | undefined): Promise<void> {
  await aboutHole(app, "llm4cov.explain", node);
}

/** Exclude a hole from what has to be covered: an entry in the waiver file, which the user reviews. */
export async function excludeHole(app: App, node: HolesNode | undefined): Promise<void> {
  if (node?.type !== "hole") {
    return;
  }
  const proved = node.entry.hole.verdict === "unreachable";
  const prompt = proved ? "Why is it left out? Empty takes the proof." : "Why need it not be covered?";
  const reason = await vscode.window.showInputBox({ title: "Exclude this point", prompt });
  if (reason !== undefined && (proved || reason !== "")) {
    await aboutHole(app, "llm4cov.exclude", node, ...(reason === "" ? [] : [reason]));
  }
}

async function aboutHole(app: App, command: string, node: HolesNode | undefined, ...more: string[]): Promise<void> {
  if (node?.type !== "hole" || !(await app.setup.ready())) {
    return;
  }
  // The server knows the holes of open documents.
  await vscode.workspace.openTextDocument(vscode.Uri.parse(node.entry.file));
  await app.server.execute(command, [node.entry.file, node.entry.top, node.entry.hole.id, ...more]);
}

export async function filterHoles(app: App): Promise<void> {
  await app.holes.chooseFilter();
}

export function clearHolesFilter(app: App): void {
  app.holes.clearFilter();
}

/** The commands about reports, from the palette, the view of holes and the pages themselves. */

import * as vscode from "vscode";
import type { App, ModuleTarget } from "../app";
import type { HolesNode } from "../holes/view";
import { pickTarget } from "./target";

/** What the command is about: a file, a row of the view of holes, or a page's own words for its module. */
type From = vscode.Uri | HolesNode | string | undefined;

export async function showReport(app: App, from?: From, top?: string): Promise<void> {
  const target = await targetFrom(app, from, top);
  if (target !== undefined) {
    await app.reports.show(target);
  }
}

export async function exportReport(app: App, from?: From, top?: string): Promise<void> {
  const target = await targetFrom(app, from, top);
  if (target !== undefined) {
    await app.reports.export(target);
  }
}

async function targetFrom(app: App, from: From, top: string | undefined): Promise<ModuleTarget | undefined> {
  if (typeof from === "string") {
    return top === undefined ? undefined : { uri: vscode.Uri.parse(from), top };
  }
  if (from === undefined || from instanceof vscode.Uri) {
    const measured = app.holes.modules();
    // From the view's title there is no file; what was measured is what can be told of.
    return from === undefined && vscode.window.activeTextEditor === undefined && measured.length > 0
      ? pickMeasured(measured)
      : pickTarget(app, from);
  }
  const { uri, top: name } = from.type === "hole" ? from.entry : from.module;
  return { uri: vscode.Uri.parse(uri), top: name };
}

async function pickMeasured(measured: readonly ModuleTarget[]): Promise<ModuleTarget | undefined> {
  if (measured.length === 1) {
    return measured[0];
  }
  const picked = await vscode.window.showQuickPick(
    measured.map((target) => ({ label: target.top, description: vscode.workspace.asRelativePath(target.uri), target })),
    { title: "Which module?" },
  );
  return picked?.target;
}

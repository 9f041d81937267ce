/** Finds out which module a command is about: the one at the cursor, the only one of the file, or the one that the user picks. */

import * as vscode from "vscode";
import type { App, ModuleTarget } from "../app";

/** Undefined if there is none, which is said, or the user picks none. */
export async function pickTarget(app: App, uri: vscode.Uri | undefined): Promise<ModuleTarget | undefined> {
  const editor = vscode.window.activeTextEditor;
  const file = uri ?? editor?.document.uri;
  if (file === undefined) {
    void vscode.window.showInformationMessage("Open a Verilog or SystemVerilog file first.");
    return undefined;
  }
  if (!(await app.setup.ready())) {
    return undefined;
  }
  // The server looks at what is open; an explorer's menu comes for files that are not.
  await vscode.workspace.openTextDocument(file);
  const modules = (await app.server.modules([file]))[0]?.modules ?? [];
  const line = editor?.document.uri.toString() === file.toString() ? editor.selection.active.line + 1 : 0;
  const here = modules.find((one) => one.firstLine <= line && line <= one.lastLine) ?? (modules.length === 1 ? modules[0] : undefined);
  const top =
    here?.name ??
    (await pick(
      modules.map((one) => one.name),
      file,
    ));
  return top === undefined ? undefined : { uri: file, top };
}

async function pick(names: readonly string[], file: vscode.Uri): Promise<string | undefined> {
  if (names.length === 0) {
    const name = file.path.split("/").at(-1) ?? file.path;
    void vscode.window.showInformationMessage(`${name} has no module with ports, so there is nothing to generate a testbench for.`);
    return undefined;
  }
  return vscode.window.showQuickPick([...names], { title: "Which module?" });
}

/** The command that opens a line that was measured, where it stands now. */

import * as vscode from "vscode";
import type { App } from "../app";

interface Placed {
  readonly line: number | null;
}

/** Open a file at a line and column (both from 1) of the bytes that were measured for a module. */
export async function openMeasured(app: App, uri: string, top: string, line: number, column = 1): Promise<void> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
  // The server follows the edits of open documents.
  const placed = await app.server.execute<Placed>("llm4cov.place", [uri, top, line]);
  const now = placed?.line ?? line;
  const place = document.validatePosition(new vscode.Position(Math.max(0, now - 1), Math.max(0, column - 1)));
  const shown = vscode.window.visibleTextEditors.find((editor) => editor.document === document);
  // Not over a report.
  const besides = vscode.window.activeTextEditor === undefined ? vscode.ViewColumn.One : vscode.ViewColumn.Active;
  const selection = new vscode.Range(place, place);
  await vscode.window.showTextDocument(document, { viewColumn: shown?.viewColumn ?? besides, selection });
}

/** The commands that answer a proposed testbench. */

import type * as vscode from "vscode";
import type { App } from "../app";
import { pickTarget } from "./target";

export async function acceptTestbench(app: App, uri?: vscode.Uri): Promise<void> {
  await app.review.accept(uri);
}

export async function acceptPart(app: App, uri?: vscode.Uri): Promise<void> {
  await app.review.acceptPart(uri);
}

export async function rejectTestbench(app: App, uri?: vscode.Uri): Promise<void> {
  await app.review.reject(uri);
}

export async function undoAccept(app: App, uri?: vscode.Uri): Promise<void> {
  const target = await pickTarget(app, uri);
  if (target !== undefined) {
    await app.review.undo({ uri: target.uri.toString(), top: target.top });
  }
}

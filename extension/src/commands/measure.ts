/** The command that measures a module's testbench now. */

import type * as vscode from "vscode";
import type { App } from "../app";
import { pickTarget } from "./target";

export async function measureModule(app: App, uri?: vscode.Uri): Promise<void> {
  const target = await pickTarget(app, uri);
  if (target !== undefined) {
    await app.server.execute("llm4cov.measure", [target.uri.toString(), target.top]);
  }
}

/** Shows reports as pages beside the code, and writes them as files. The page holds no script: what can be clicked are links that call commands. */

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { ModuleTarget } from "../app";
import type { ReportMessage } from "../protocol";
import type { Server } from "../server/client";
import { editorPage, exportedPage } from "./page";

/** Commands that a page may call. */
export const PAGE_COMMANDS = {
  refresh: "llm4cov.editor.refreshReport",
  export: "llm4cov.editor.exportReport",
  open: "llm4cov.editor.openMeasured",
} as const;

/** The reports that are open, one for a module. */
export class Reports implements vscode.Disposable {
  private readonly panels = new Map<string, vscode.WebviewPanel>();
  private readonly listening: vscode.Disposable;

  constructor(private readonly server: Server) {
    this.listening = server.onCoverage((message) => {
      const target = { uri: vscode.Uri.parse(message.uri), top: message.top };
      if (!message.interim && this.panels.has(keyOf(target))) {
        void this.fill(target);
      }
    });
  }

  /** Open a module's report, or bring it to the front; brings it up to date in any case. */
  async show(target: ModuleTarget): Promise<void> {
    const open = this.panels.get(keyOf(target));
    if (open !== undefined) {
      open.reveal();
    } else {
      const panel = vscode.window.createWebviewPanel("llm4cov.report", `Coverage of ${target.top}`, vscode.ViewColumn.Beside, {
        enableScripts: false,
        enableFindWidget: true,
        enableCommandUris: Object.values(PAGE_COMMANDS),
        localResourceRoots: [],
      });
      this.panels.set(keyOf(target), panel);
      panel.onDidDispose(() => this.panels.delete(keyOf(target)));
    }
    await this.fill(target);
  }

  /** Write a module's report as one file that needs nothing else. */
  async export(target: ModuleTarget): Promise<void> {
    const folder = vscode.workspace.getWorkspaceFolder(target.uri)?.uri ?? vscode.Uri.joinPath(target.uri, "..");
    const file = await vscode.window.showSaveDialog({
      title: "Export the report",
      defaultUri: vscode.Uri.joinPath(folder, `coverage_${target.top.replace(/\W/g, "_")}.html`),
      filters: { HTML: ["html"] },
    });
    const report = file === undefined ? undefined : await this.ask(target);
    if (file === undefined || report === undefined) {
      return;
    }
    const text = exportedPage(report, new Date().toISOString(), nonce());
    try {
      await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(text));
    } catch (error) {
      void vscode.window.showErrorMessage(`The report could not be written: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    const open = await vscode.window.showInformationMessage(`The report is in ${file.fsPath}.`, "Open");
    if (open !== undefined) {
      await vscode.env.openExternal(file);
    }
  }

  dispose(): void {
    this.listening.dispose();
    for (const panel of this.panels.values()) {
      panel.dispose();
    }
  }

  private async fill(target: ModuleTarget): Promise<void> {
    const report = await this.ask(target);
    const panel = this.panels.get(keyOf(target));
    if (report !== undefined && panel !== undefined) {
      const call = (command: string, ...args: unknown[]): string => `command:${command}?${encodeURIComponent(JSON.stringify(args))}`;
      const links = {
        refresh: call(PAGE_COMMANDS.refresh, target.uri.toString(), target.top),
        export: call(PAGE_COMMANDS.export, target.uri.toString(), target.top),
        open: (uri: string, line: number) => call(PAGE_COMMANDS.open, uri, target.top, line),
      };
      panel.webview.html = editorPage(report, links, nonce());
    }
  }

  private async ask(target: ModuleTarget): Promise<ReportMessage | undefined> {
    const answer = await this.server.execute<ReportMessage | { error: string }>("llm4cov.report", [target.uri.toString(), target.top]);
    if (answer !== undefined && "error" in answer) {
      void vscode.window.showWarningMessage(answer.error);
      return undefined;
    }
    return answer;
  }
}

function keyOf(target: ModuleTarget): string {
  return `${target.uri.toString()}\n${target.top}`;
}

function nonce(): string {
  return randomBytes(18).toString("base64url");
}

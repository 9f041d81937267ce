import * as vscode from "vscode";
import type { App } from "./app";
import { doctor } from "./commands/doctor";
import { generateFor, generateTestbench } from "./commands/generate";
import { measureModule } from "./commands/measure";
import { installServer, restartServer, showLog } from "./commands/server";
import { settingKeys, versionOf } from "./manifest";
import { Server } from "./server/client";
import { Setup } from "./server/setup";
import { showStatus } from "./status";
import { Testing } from "./testing/runs";

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("LLM4Cov", { log: true });
  const version = versionOf(context);
  const server = new Server(log, settingKeys(context));
  const setup = new Setup(context, server, log, version);
  const testing = new Testing(server, async (uri, top) => generateFor(app, { uri, top }));
  const app: App = { context, version, log, server, setup, testing };
  server.intercept = (command, args) => (command === "llm4cov.generate" ? generateFor(app, targetOf(args)) : undefined);

  const commands: Record<string, (app: App, uri?: vscode.Uri) => unknown> = {
    "llm4cov.generateTestbench": generateTestbench,
    "llm4cov.measureModule": measureModule,
    "llm4cov.doctor": doctor,
    "llm4cov.restartServer": restartServer,
    "llm4cov.installServer": installServer,
    "llm4cov.showLog": showLog,
  };
  for (const [name, command] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(name, (uri?: vscode.Uri) => command(app, uri)));
  }
  context.subscriptions.push(log, server, testing, showStatus(server, version));
  context.subscriptions.push(
    // The server is told of trust when it starts.
    vscode.workspace.onDidGrantWorkspaceTrust(() => restartServer(app)),
    vscode.workspace.onDidChangeConfiguration((event) => (event.affectsConfiguration("llm4cov.server") ? restartServer(app) : undefined)),
  );
  void setup.start();
}

function targetOf(args: readonly unknown[]): { uri: vscode.Uri; top: string } {
  return { uri: vscode.Uri.parse(String(args[0])), top: String(args[1]) };
}
